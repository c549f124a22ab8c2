/** Counts the turns and the requests that wait in the database, for the gauges of the queue. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as EmitSignal from "../../instrumentation/EmitSignal.ts"
import * as GaugeInterval from "../../instrumentation/GaugeInterval.ts"
import type * as Signal from "../../instrumentation/Signal.ts"
import * as SignalBus from "../../instrumentation/SignalBus.ts"
import type { Store } from "../store/Store.ts"

const nothing: ReadonlyArray<Signal.DurableCount> = (
  ["submitted", "running", "waiting", undefined] as const
).map((status) => ({ status, team: undefined, count: 0, oldestMillis: 0 }))

const seriesOf = ({ status, team }: Signal.DurableCount): string => JSON.stringify([status, team])

/**
 * Reports the counts at the interval of the metrics until the scope closes, and then 0, because a gauge keeps its last value.
 * Reads the database with one query, and only if telemetry is on.
 */
export const report = Effect.fnUntraced(function* ({
  counts
}: Pick<Store["Service"], "counts">): Effect.fn.Return<void, never, Scope.Scope> {
  const listeners = yield* SignalBus.Listeners
  /** Each series that was reported, with the value 0. */
  const known = new Map(nothing.map((count) => [seriesOf(count), count]))
  const emit = (found: ReadonlyArray<Signal.DurableCount>) =>
    Effect.flatMap(EmitSignal.now, (at) => {
      const byId = new Map(found.map((count) => [seriesOf(count), count]))
      for (const [id, count] of byId) known.set(id, { ...count, count: 0, oldestMillis: 0 })
      return EmitSignal.emit({
        _tag: "QueueUpdate",
        at,
        counts: [...known].map(([id, zero]) => byId.get(id) ?? zero)
      })
    })
  const read = Effect.gen(function* () {
    if (listeners.all.length === 0) return
    const now = yield* Clock.currentTimeMillis
    const rows = yield* counts
    yield* emit(
      rows.map(({ n, since, status, team }) => ({
        status: status === "asked" ? undefined : status,
        team: team ?? undefined,
        count: n,
        oldestMillis: Math.max(0, now - since)
      }))
    )
  })
  yield* Effect.addFinalizer(() => emit([]))
  // A database that cannot be reached keeps the last values.
  yield* Effect.ignore(read).pipe(
    Effect.repeat(Schedule.spaced(yield* GaugeInterval.current)),
    Effect.forkScoped
  )
})
