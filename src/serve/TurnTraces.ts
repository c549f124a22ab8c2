/** The traces of turns for the page: of the turns that this process has run last, and of files of telemetry. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type * as Prices from "../domain/Prices.ts"
import * as PageContent from "../trace-page/PageContent.ts"
import type { TurnTrace } from "../trace/reader/TraceModel.ts"
import type { RecentTurns } from "../trace/reader/RecentTurns.ts"
import * as TraceReader from "../trace/reader/TraceReader.ts"

export interface TurnTracesOptions {
  readonly recent: Pick<RecentTurns, "read">
  /** Files of telemetry, for turns that this process has not run or no longer keeps. */
  readonly files: ReadonlyArray<string>
  readonly prices: Prices.PriceOf
}

export interface TurnTraces {
  /** Returns the trace of a turn, or `undefined` if no span of the turn is known. */
  readonly read: (turnId: string) => Effect.Effect<TurnTrace | undefined>
}

export const make = ({ files, prices, recent }: TurnTracesOptions): Effect.Effect<TurnTraces> =>
  Effect.map(Semaphore.make(1), (one): TurnTraces => {
    /** The files that the log has a warning for. */
    const unreadable = new Set<string>()
    const warn = (error: TraceReader.UnreadableTrace) =>
      Effect.suspend(() => {
        const isKnown = unreadable.has(error.path)
        unreadable.add(error.path)
        return isKnown ? Effect.void : Effect.logWarning("a file of --traces cannot be read", error)
      })
    /** Reads the files without those that cannot be read, such as one that its writer has not made yet. */
    const scan = (paths: ReadonlyArray<string>): ReturnType<typeof TraceReader.scan> =>
      Effect.catch(TraceReader.scan(paths), (error) =>
        Effect.andThen(
          warn(error),
          Effect.suspend(() => scan(paths.filter((path) => path !== error.path)))
        )
      )
    const readFiles = (turnId: string) =>
      Effect.gen(function* () {
        if (files.length === 0) return undefined
        const { read, turns } = yield* scan(files)
        const turn = turns.find((each) => each.turnId === turnId)
        return turn === undefined ? undefined : (yield* read([turn.key]))[0]
      }).pipe(
        // A file can be large: one request at a time reads it.
        one.withPermit,
        Effect.catch((error) => Effect.as(warn(error), undefined))
      )
    return {
      read: (turnId) =>
        Effect.map(
          Effect.suspend(() => {
            const found = recent.read(turnId)
            return found === undefined ? readFiles(turnId) : Effect.succeed(found)
          }),
          (trace) => (trace === undefined ? undefined : PageContent.withCosts(trace, prices))
        )
    }
  })
