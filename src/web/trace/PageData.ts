/** The data in a page of traces. The program that writes the page and the page itself share this type. */
import type { TurnTrace } from "../../trace/reader/TraceModel.ts"

export interface PageData {
  /** The names of the files that were read. */
  readonly files: ReadonlyArray<string>
  readonly turns: ReadonlyArray<TurnTrace>
  /** The number of turns that the page leaves out, to stay small enough for a browser. */
  readonly omittedTurns: number
  /** The number of lines that could not be read. */
  readonly badLines: number
}
