/** Who watches: any number of observers of what happens in turns. None of them can change or delay a turn. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type * as Signal from "./Signal.ts"

/** A signal, and where it belongs. */
export interface SignalEvent {
  readonly signal: Signal.Signal
  /** Nothing for what belongs to no conversation: an engine that does not come up. */
  readonly threadId: string | undefined
  readonly turnId: string | undefined
  readonly model: string | undefined
  readonly provider: string | undefined
  /** What commands of the thread may reach; nothing where Codex's own configuration says it. */
  readonly sandbox: string | undefined
  /** What every span of the turn carries too: originator, source, workflow, group. */
  readonly attributes: Readonly<Record<string, unknown>>
  /** The span that the signal is about or happened in; nothing where nothing is traced. */
  readonly span: { readonly traceId: string; readonly spanId: string; readonly sampled: boolean } | undefined
}

/** A handler for the library's own use: synchronous, in the context of the turn. */
export type SignalListener = (observed: SignalEvent, context: Context.Context<never>) => void

/** The listeners in force where a turn runs. */
export const Listeners = Context.Reference<{ readonly all: ReadonlyArray<SignalListener> }>(
  "effect-codex/telemetry/Listeners",
  { defaultValue: () => ({ all: [] }) }
)

/** Tells all of them, for the library's own use: one that throws is not heard of. */
export const emit = (
  listeners: { readonly all: ReadonlyArray<SignalListener> },
  observed: SignalEvent,
  context: Context.Context<never>
): void => {
  for (const listener of listeners.all) {
    try {
      listener(observed, context)
    } catch {
      // Who watches a turn cannot break it.
    }
  }
}

/** Where listeners are put and taken. */
export class SignalBus extends Context.Service<
  SignalBus,
  { readonly add: (listener: SignalListener) => Effect.Effect<void, never, Scope.Scope> }
>()("effect-codex/telemetry/SignalBus") {}

/**
 * The bus and the reference that turns read it from. A constant, for layers are shared by identity: observers built on
 * it hear the same turns whether they are merged or provided to each other.
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

/** The layer of a listener: it hears every turn that runs while the layer is in use. */
export const layerListener = <E, R>(
  make: Effect.Effect<SignalListener, E, R>
): Layer.Layer<SignalBus, E, Exclude<Exclude<R, Scope.Scope>, SignalBus>> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const bus = yield* SignalBus
      yield* bus.add(yield* make)
    })
  ).pipe(Layer.provideMerge(layer))

/** What may wait for a handler that is slow; what comes beyond it pushes out the oldest. */
const queueCapacity = 4096

/**
 * Runs `handler` for every signal of every turn, in order, apart from the turns: one that is slow, fails or dies
 * changes nothing in them. When the layer closes, what waits is still handled, for a second at most.
 *
 * ```ts
 * const SlowCommands = Telemetry.layerObserver(({ signal, threadId }) =>
 *   signal._tag === "CommandStop" && signal.duration > 60_000 ? notify(threadId) : Effect.void)
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
      // Nothing is told after this: the worker ends when it has come so far, or with its scope.
      yield* Effect.addFinalizer(() => {
        Queue.offerUnsafe(queue, undefined)
        return Effect.timeoutOption(Fiber.await(worker), "1 second")
      })
      return (observed) => Queue.offerUnsafe(queue, observed)
    })
  )
