/** The events of a durable turn as a stream: those so far, then the live ones, and the line with the outcome. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { InvalidRequest } from "../domain/EngineErrors.ts"
import * as EventJson from "../domain/EventJson.ts"
import { EventLine } from "../domain/EventLine.ts"
import { StorageUnavailable } from "../domain/StorageErrors.ts"
import type { TurnOutcome, TurnRow } from "./store/Rows.ts"
import type { StoreShape } from "./store/Store.ts"

const decodeLine = Schema.decodeUnknownEffect(EventLine)

const isLast = ({ type }: EventLine): boolean =>
  type === "turn.completed" || type === "turn.failed" || type === "turn.interrupted"

/** The last line of a turn, made from its outcome, for a turn that ended without one, such as in the queue. */
const lastLine = (row: TurnRow, outcome: TurnOutcome) => {
  const turn = outcome._tag === "Completed" ? outcome.turn : outcome.error.turn
  const failure = outcome._tag === "Completed" ? undefined : outcome.error
  const line = EventJson.last(turn, failure, { threadId: undefined, turnId: row.turnId ?? undefined })
  return Effect.mapError(
    decodeLine(line),
    (error) => new StorageUnavailable({ reason: "Corrupt", detail: error.message })
  )
}

interface Position {
  readonly seq: number
  readonly ended: boolean
}

/** Returns the lines of a turn after a position, and whether the turn ends with them. */
export const watch = (
  store: Pick<StoreShape, "changes" | "events" | "outcome" | "turn">,
  key: string,
  notFound: (key: string) => InvalidRequest
): Stream.Stream<EventLine, InvalidRequest | StorageUnavailable> => {
  const linesAfter = Effect.fnUntraced(function* (from: number) {
    // The turn is read first: its events are all stored before its outcome is.
    const row = (yield* store.turn(key)) ?? (yield* notFound(key))
    const lines: Array<EventLine> = []
    let seq = from
    while (true) {
      const page = yield* store.events.after(key, seq)
      lines.push(...page.map(({ event }) => event))
      const last = page.at(-1)
      if (last === undefined) break
      seq = last.seq
    }
    if (row.endedAt === null) return { lines, seq, ended: false }
    const final = lines.at(-1)
    if (final === undefined || !isLast(final)) {
      const outcome = yield* store.outcome(key)
      if (outcome !== undefined) lines.push(yield* lastLine(row, outcome))
    }
    return { lines, seq, ended: true }
  })

  return Stream.suspend(() => {
    let position: Position = { seq: 0, ended: false }
    return store.changes.pipe(
      Stream.mapEffect(() =>
        Effect.map(linesAfter(position.seq), ({ ended, lines, seq }) => {
          position = { seq, ended }
          return lines
        })
      ),
      Stream.takeUntil(() => position.ended),
      Stream.flatMap((lines) => Stream.fromIterable(lines))
    )
  })
}
