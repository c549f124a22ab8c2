/** Limits the rate of frequent signals per kind. The last signal of each kind is always emitted. */
import * as Context from "effect/Context"
import * as TurnState from "../domain/TurnState.ts"
import { Environment, Variables } from "../internal/EnvironmentVariables.ts"
import type * as Signal from "./Signal.ts"

/** The maximum number of updates of a kind per second of a turn; overrides `CODEX_OTEL_UPDATES_PER_SECOND`. */
export const PerSecond = Context.Reference<number | undefined>("effect-codex/telemetry/Throttle/PerSecond", {
  defaultValue: () => undefined
})

/** Reads the rate from the environment: 10 updates per second by default. */
export const updatesPerSecond = (variables: Variables): number =>
  variables.wholeNumber(0, "CODEX_OTEL_UPDATES_PER_SECOND") ?? 10

/** Returns the rate for turns in this context. */
export const rateOf = (context: Context.Context<never>): number =>
  Context.get(context, PerSecond) ?? updatesPerSecond(new Variables(Context.get(context, Environment)))

/** The signals that may occur at a high rate. */
type Throttled = Signal.UsageUpdated | Signal.DiffUpdated

export interface ThrottleState {
  /** The minimum time between two signals of a kind, in milliseconds. */
  readonly interval: number
  readonly kinds: Readonly<Partial<Record<Throttled["_tag"], Kind>>>
}

interface Kind {
  readonly sentAt: number
  /** The latest signal that was not emitted yet. */
  readonly held: Throttled | undefined
}

/** The state before the first signal. With a rate of 0, only the first and the last signal of a kind are emitted. */
export const initial = (perSecond = 10): ThrottleState => ({
  interval: perSecond > 0 ? 1000 / perSecond : Infinity,
  kinds: {}
})

const none: ReadonlyArray<Signal.Signal> = []

/** Returns the signals to emit: `signal` itself unless it comes too early, and held signals before the end of a turn. */
export const step = (
  state: ThrottleState,
  signal: Signal.Signal
): readonly [ThrottleState, ReadonlyArray<Signal.Signal>] => {
  switch (signal._tag) {
    case "UsageUpdated":
    case "DiffUpdated":
      return throttle(state, signal)
    case "TurnStop": {
      const [next, held] = flush(state)
      return [next, [...held, signal]]
    }
    default:
      return [state, [signal]]
  }
}

/** Returns the held signals, for a turn that has no end signal. */
export const flush = (state: ThrottleState): readonly [ThrottleState, ReadonlyArray<Signal.Signal>] => {
  const held = Object.values(state.kinds).flatMap((kind) => kind.held ?? [])
  return held.length === 0 ? [state, none] : [{ ...state, kinds: {} }, held]
}

const throttle = (
  state: ThrottleState,
  signal: Throttled
): readonly [ThrottleState, ReadonlyArray<Signal.Signal>] => {
  const kind = state.kinds[signal._tag]
  const latest = kind?.held === undefined ? signal : merge(kind.held, signal)
  const due = kind === undefined || signal.at - kind.sentAt >= state.interval
  const next: Kind = due ? { sentAt: signal.at, held: undefined } : { sentAt: kind.sentAt, held: latest }
  return [{ ...state, kinds: { ...state.kinds, [signal._tag]: next } }, due ? [latest] : none]
}

// Usage is per request, so it is summed; the size of a diff is cumulative, so the latest one counts.
const merge = (held: Throttled, signal: Throttled): Throttled =>
  held._tag === "UsageUpdated" && signal._tag === "UsageUpdated"
    ? { ...signal, usage: TurnState.addUsage(held.usage, signal.usage) }
    : signal
