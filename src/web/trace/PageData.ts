/** The data in a page of traces. The program that writes the page and the page itself share this type. */
import type { TurnTrace } from "../../trace/reader/TraceModel.ts"

/** A turn, with the costs that the program could compute from a price list. */
export interface PageTurn extends TurnTrace {
  /** US dollars of a model call, by the index of its span. */
  readonly callCosts: Readonly<Record<string, number>>
}

export interface PageData {
  /** The names of the files that were read. */
  readonly files: ReadonlyArray<string>
  readonly turns: ReadonlyArray<PageTurn>
  /** The number of turns that the page leaves out, to stay small enough for a browser. */
  readonly omittedTurns: number
  /** The number of lines that could not be read. */
  readonly badLines: number
}
