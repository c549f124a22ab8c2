/** The scripted engine behind something like a socket: a turn that its caller leaves goes on, and the next caller adopts it. */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as ApprovalRequest from "../../src/domain/ApprovalRequest.ts"
import type { TurnError } from "../../src/domain/CodexError.ts"
import type { ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type * as Turn from "../../src/domain/Turn.ts"
import * as Engine from "../../src/engine/Engine.ts"
import * as Scripted from "../../src/testing/Scripted.ts"

/** The caller that observes a turn, until `gone` completes. */
interface Caller {
  readonly handlers: Engine.Handlers
  readonly context: Context.Context<never>
  readonly gone: Deferred.Deferred<void>
}

/** Runs a turn in a fiber of its own, which asks the caller of the moment. */
const start = Effect.fnUntraced(function* (
  play: (handlers: Engine.Handlers) => Effect.Effect<void, TurnError>
) {
  let caller: Caller | undefined
  let arrived = Deferred.makeUnsafe<void>()
  const events: Array<Turn.EngineEvent> = []
  const asks = <A>(ask: (handlers: Engine.Handlers) => Effect.Effect<A>): Effect.Effect<A> =>
    Effect.suspend(() => {
      if (caller === undefined) return Effect.andThen(Deferred.await(arrived), asks(ask))
      const { context, gone, handlers } = caller
      return Effect.raceFirst(
        Effect.map(Effect.provideContext(ask(handlers), context), (answer) => Effect.succeed(answer)),
        Effect.as(
          Deferred.await(gone),
          Effect.suspend(() => asks(ask))
        )
      ).pipe(Effect.flatten)
    })
  const turn: { turnId: TurnId | undefined } = { turnId: undefined }
  const fiber = yield* play({
    emit: (event) => {
      if (event._tag === "TurnStarted") turn.turnId = event.turnId
      events.push(event)
      caller?.handlers.emit(event)
    },
    approve: (request: ApprovalRequest.ApprovalRequest) => asks(({ approve }) => approve(request)),
    callTool: (call) => asks(({ callTool }) => callTool(call))
  }).pipe(Effect.forkDetach)
  const observe = (handlers: Engine.Handlers, keepsRunning: () => boolean) =>
    Effect.contextWith((context: Context.Context<never>) =>
      Effect.suspend(() => {
        for (const event of events) handlers.emit(event)
        const mine: Caller = { handlers, context, gone: Deferred.makeUnsafe() }
        caller = mine
        Deferred.doneUnsafe(arrived, Exit.void)
        return Fiber.join(fiber).pipe(
          Effect.onInterrupt(() =>
            Effect.suspend(() => {
              caller = undefined
              arrived = Deferred.makeUnsafe()
              Deferred.doneUnsafe(mine.gone, Exit.void)
              return keepsRunning() ? Effect.void : Fiber.interrupt(fiber)
            })
          )
        )
      })
    )
  return Object.assign(turn, { events, fiber, observe })
})

type Lasting = Effect.Success<ReturnType<typeof start>>

/** The engine and its script. A thread has one handle at a time. */
export const layer: Layer.Layer<Engine.Engine | Scripted.Scripted> = Layer.effect(
  Engine.Engine,
  Effect.map(Engine.Engine, (engine) => {
    const running = new Map<ThreadId, Lasting>()
    const open = (
      thread: Engine.EngineThread,
      observer: Engine.ThreadObserver | undefined
    ): Engine.EngineThread => {
      const turn = running.get(thread.id)
      if (turn?.turnId !== undefined)
        observer?.onTurn({
          turnId: turn.turnId,
          run: ({ keepsRunning = () => true }, handlers) => turn.observe(handlers, keepsRunning)
        })
      return {
        ...thread,
        detach: Effect.void,
        turn: (input, options, handlers) =>
          Effect.gen(function* () {
            const started = yield* start((inner) => thread.turn(input, options, inner))
            running.set(thread.id, started)
            started.fiber.addObserver(() => running.delete(thread.id))
            yield* started.observe(handlers, options.keepsRunning ?? (() => false))
          })
      }
    }
    return Engine.Engine.of({
      ...engine,
      startThread: (options) =>
        Effect.map(engine.startThread(options), (thread) => open(thread, options.observer)),
      resumeThread: (id, options) =>
        Effect.map(engine.resumeThread(id, options), (thread) => open(thread, options.observer))
    })
  })
).pipe(Layer.provideMerge(Scripted.layer))
