/** The durable turns and their waiting requests, read once for all pages that are open. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Durable } from "../durable/Durable.ts"
import type { DurableApproval, DurableTurnRecord } from "../durable/DurableRecords.ts"

export interface DurableSnapshot {
  readonly available: boolean
  readonly approvals: ReadonlyArray<DurableApproval>
  readonly turns: ReadonlyArray<DurableTurnRecord>
}

/** How many turns the page lists that have ended, and how many that have not. */
const maxTurns = 50
const maxActive = 200

/** A worker stores many events at a time; the page needs no list for each of them. */
const collecting = "100 millis"
/** How long the server waits before it asks a database again that it could not reach. */
const pause = "500 millis"

const listTurns = ({ turns }: Durable["Service"]) =>
  Effect.gen(function* () {
    const active = yield* turns({ status: ["submitted", "running", "waiting"], limit: maxActive })
    const newest = yield* turns({ limit: maxTurns })
    const keys = new Set(active.map(({ key }) => key))
    return [...active, ...newest.filter(({ key }) => !keys.has(key))].toSorted(
      (left, right) => right.submittedAt - left.submittedAt
    )
  })

/** Returns the latest snapshot, and a stream that reads it and emits after every change, also of other processes. */
export const make = Effect.fnUntraced(function* (durable: Durable["Service"]) {
  let latest: DurableSnapshot | undefined
  const set = (next: DurableSnapshot) => Effect.sync(() => void (latest = next))
  const read = durable.approvals.pending.pipe(
    Stream.mapEffect((approvals) =>
      Effect.map(listTurns(durable), (turns): DurableSnapshot => ({ available: true, approvals, turns }))
    ),
    Stream.catch((error) =>
      Stream.fromEffect(
        Effect.as(
          // Once for each time that the database goes away.
          latest?.available === false
            ? Effect.void
            : Effect.logWarning("the database of durable turns cannot be read", error),
          { approvals: [], turns: latest?.turns ?? [], available: false }
        )
      )
    ),
    Stream.mapEffect((next) => Effect.andThen(set(next), Effect.sleep(collecting))),
    Stream.concat(Stream.drain(Stream.fromEffect(Effect.sleep(pause)))),
    Stream.forever
  )
  return {
    changes: yield* Stream.share(read, { capacity: 1, strategy: "sliding", replay: 1 }),
    /** Returns the snapshot without the requests whose time is over. */
    latest: Effect.map(Clock.currentTimeMillis, (now): DurableSnapshot | undefined =>
      latest === undefined
        ? undefined
        : {
            ...latest,
            approvals: latest.approvals.filter(({ expiresAt }) => expiresAt === null || expiresAt > now)
          }
    )
  }
})
