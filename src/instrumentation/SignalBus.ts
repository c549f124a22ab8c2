/** Delivers signals to any number of listeners and observers, which can neither change nor delay a turn. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type * as Signal from "./Signal.ts"

/**
 * A signal with its context.
 * @since 0.1.0
 * @category models
 */
export interface SignalEvent {
  readonly signal: Signal.Signal
  /** `undefined` for a signal without a thread, such as an engine that does not start. */
  readonly threadId: string | undefined
  readonly turnId: string | undefined
  readonly model: string | undefined
  readonly provider: string | undefined
  /** The sandbox of the thread; `undefined` if Codex's own configuration decides. */
  readonly sandbox: string | undefined
  /** The attributes of every span of the turn: originator, source, workflow, group. */
  readonly attributes: Readonly<Record<string, unknown>>
  /** The span of the signal, or the span in which it occurred; `undefined` without tracing. */
  readonly span: { readonly traceId: string; readonly spanId: string; readonly sampled: boolean } | undefined
}

/** A synchronous handler for internal use, called in the context of the turn. */
export type SignalListener = (observed: SignalEvent, context: Context.Context<never>) => void

/** The listeners of the current context. */
export const Listeners = Context.Reference<{ readonly all: ReadonlyArray<SignalListener> }>(
  "effect-codex/telemetry/Listeners",
  { defaultValue: () => ({ all: [] }) }
)

/** Calls all listeners and ignores what they throw. For internal use. */
export const emit = (
  listeners: { readonly all: ReadonlyArray<SignalListener> },
  observed: SignalEvent,
  context: Context.Context<never>
): void => {
  for (const listener of listeners.all) {
    try {
      listener(observed, context)
    } catch {
      // A listener must not break the turn.
    }
  }
}

/**
 * The service to which listeners are added.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Telemetry } from "effect-codex"
 *
 * let turns = 0
 * const Count = Telemetry.layerObserver(({ signal }) =>
 *   Effect.sync(() => (signal._tag === "TurnStart" ? turns++ : turns))
 * )
 * // Everything that provides the bus shares it, so several observers can be merged.
 * const Observers: Layer.Layer<Telemetry.SignalBus> = Count
 * ```
 */
export class SignalBus extends Context.Service<
  SignalBus,
  { readonly add: (listener: SignalListener) => Effect.Effect<void, never, Scope.Scope> }
>()("effect-codex/telemetry/SignalBus") {}

/**
 * Provides the bus, and the reference from which turns read its listeners. It is a constant because layers are shared by
 * identity: all observers built on it receive the same turns, whether they are merged or provided to each other.
 */
export const layer: Layer.Layer<SignalBus> = Layer.effectContext(
  Effect.sync(() => {
    const listeners: { all: ReadonlyArray<SignalListener> } = { all: [] }
    const add = (listener: SignalListener) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          listeners.all = [...listeners.all, listener]
        }),
        () =>
          Effect.sync(() => {
            listeners.all = listeners.all.filter((other) => other !== listener)
          })
      )
    return Context.make(SignalBus, SignalBus.of({ add })).pipe(Context.add(Listeners, listeners))
  })
)

/** Adds a listener, which receives the signals of every turn that runs while the layer is in use. */
export const layerListener = <E, R>(
  make: Effect.Effect<SignalListener, E, R>
): Layer.Layer<SignalBus, E, Exclude<Exclude<R, Scope.Scope>, SignalBus>> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const bus = yield* SignalBus
      yield* bus.add(yield* make)
    })
  ).pipe(Layer.provideMerge(layer))

/** The number of signals that wait for a slow handler. When the queue is full, the oldest signal is dropped. */
const queueCapacity = 4096

/**
 * Runs `handler` for every signal of every turn, in order, in a fiber of its own: a handler that is slow, fails or dies
 * does not affect the turns. When the layer closes, waiting signals are still handled, for at most a second.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Telemetry } from "effect-codex"
 *
 * const SlowCommands = Telemetry.layerObserver(({ signal, threadId }) =>
 *   signal._tag === "CommandStop" && signal.durationMillis > 60_000
 *     ? Effect.logWarning(`a command of the thread ${threadId} took more than a minute`)
 *     : Effect.void
 * )
 * ```
 */
export const layerObserver = <R = never>(
  handler: (observed: SignalEvent) => Effect.Effect<unknown, unknown, R>
): Layer.Layer<SignalBus, never, R> =>
  layerListener(
    Effect.gen(function* () {
      const queue = yield* Queue.sliding<SignalEvent | undefined>(queueCapacity)
      const handleSafely = Effect.fnUntraced(function* (observed: SignalEvent) {
        yield* Effect.suspend(() => handler(observed)).pipe(
          Effect.catchCause((cause) => Effect.logWarning("an observer of telemetry failed", cause))
        )
      })
      const drain: Effect.Effect<void, never, R> = Effect.flatMap(Queue.take(queue), (observed) =>
        observed === undefined ? Effect.void : Effect.andThen(handleSafely(observed), drain)
      )
      const worker = yield* Effect.forkScoped(drain)
      // The last item: the worker ends when it reaches it, or with its scope.
      yield* Effect.addFinalizer(() => {
        Queue.offerUnsafe(queue, undefined)
        return Effect.timeoutOption(Fiber.await(worker), "1 second")
      })
      return (observed) => Queue.offerUnsafe(queue, observed)
    })
  )
