/** Reports the state of an engine host that a program uses, for the gauges of the host. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as EmitSignal from "../instrumentation/EmitSignal.ts"
import * as GaugeInterval from "../instrumentation/GaugeInterval.ts"
import type * as Signal from "../instrumentation/Signal.ts"
import * as SignalBus from "../instrumentation/SignalBus.ts"
import type { HostStatus } from "./HostStatus.ts"

type Update = Omit<Signal.HostUpdate, "_tag" | "at">

const stopped: Update = {
  processes: { running: 0, draining: 0, restarting: 0 },
  clients: undefined,
  restarts: 0
}

const updateOf = ({ clients, generations, restarts, retryAt }: HostStatus): Update => {
  const draining = generations.filter((generation) => generation.draining).length
  return {
    processes: {
      running: generations.length - draining,
      draining,
      restarting: retryAt === undefined ? 0 : 1
    },
    clients,
    restarts
  }
}

/**
 * Reports what `status` returns at the interval of the metrics until the scope closes, and then 0, because a gauge keeps its
 * last value. Asks the host only if telemetry is on, and starts no host.
 */
export const report = Effect.fnUntraced(function* (
  status: Effect.Effect<Option.Option<HostStatus>, unknown>
): Effect.fn.Return<void, never, Scope.Scope> {
  const listeners = yield* SignalBus.Listeners
  const emit = (update: Update) =>
    Effect.flatMap(EmitSignal.now, (at) => EmitSignal.emit({ _tag: "HostUpdate", at, ...update }))
  const read = Effect.suspend(() =>
    listeners.all.length === 0
      ? Effect.void
      : Effect.flatMap(status, (found) =>
          emit(Option.match(found, { onNone: () => stopped, onSome: updateOf }))
        )
  )
  yield* Effect.addFinalizer(() => emit({ ...stopped, clients: 0 }))
  yield* Effect.ignore(read).pipe(
    Effect.repeat(Schedule.spaced(yield* GaugeInterval.current)),
    Effect.forkScoped
  )
})
