/** Signals that come too often, thinned out: so many a second, and the last of each kind always. */
import * as Context from "effect/Context"
import * as TurnState from "../domain/TurnState.ts"
import { Environment, Variables } from "../internal/EnvironmentVariables.ts"
import type * as Signal from "./Signal.ts"

/** How many updates of a kind are told in any second of a turn; it wins over `CODEX_OTEL_UPDATES_PER_SECOND`. */
export const PerSecond = Context.Reference<number | undefined>("effect-codex/telemetry/Throttle/PerSecond", {
  defaultValue: () => undefined
})

/** The rate that the environment asks for: 10 updates a second by default. */
export const updatesPerSecond = (variables: Variables): number =>
  variables.wholeNumber(0, "CODEX_OTEL_UPDATES_PER_SECOND") ?? 10

/** The rate in force where a turn runs. */
export const rateOf = (context: Context.Context<never>): number =>
  Context.get(context, PerSecond) ?? updatesPerSecond(new Variables(Context.get(context, Environment)))

/** What may come at a high rate. */
type Throttled = Signal.UsageUpdated | Signal.DiffUpdated

export interface ThrottleState {
  /** The least time between two of a kind, in milliseconds. */
  readonly interval: number
  readonly kinds: Readonly<Partial<Record<Throttled["_tag"], Kind>>>
}

interface Kind {
  readonly sentAt: number
  /** What came since and was not sent. */
  readonly held: Throttled | undefined
}

/** Nothing was sent yet, and at most `perSecond` of a kind will be within any second: with 0, the first and the last. */
export const initial = (perSecond = 10): ThrottleState => ({
  interval: perSecond > 0 ? 1000 / perSecond : Infinity,
  kinds: {}
})

const none: ReadonlyArray<Signal.Signal> = []

/** What is to be told when `signal` happens: itself, unless it is too soon; before the end of the turn what was held. */
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

/** What was held, for when there will be no end. */
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

// Usage is that of one request and has to add up; the size of a diff is that of everything so far.
const merge = (held: Throttled, signal: Throttled): Throttled =>
  held._tag === "UsageUpdated" && signal._tag === "UsageUpdated"
    ? { ...signal, usage: TurnState.addUsage(held.usage, signal.usage) }
    : signal
