/**
 * The engine of a host. New threads and turns run in the Codex that takes them; a thread whose turn runs in one that drains
 * is reached there.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Context from "effect/Context"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as CodexError from "../domain/CodexError.ts"
import type { ThreadId } from "../domain/Ids.ts"
import * as AppServer from "../engine/AppServer.ts"
import * as AppServerSocket from "../engine/app-server/AppServerSocket.ts"
import type * as Transport from "../engine/app-server/Transport.ts"
import * as Engine from "../engine/Engine.ts"
import * as NotificationHub from "../engine/NotificationHub.ts"
import * as ThreadActivity from "../engine/ThreadActivity.ts"
import * as HostClient from "./HostClient.ts"
import type { EngineHostOptions } from "./HostSettings.ts"

interface OpenedThread {
  readonly engine: EngineService
  readonly thread: Engine.EngineThread
  readonly scope: Scope.Closeable
}

type EngineService = Engine.Engine["Service"]

/** Whether a Codex that drains has refused a request, which has then done nothing. */
const isRefusedByDrain = (error: CodexError.CodexError): boolean =>
  error._tag === "InvalidRequest" && /^Server is draining\b/.test(error.detail)

export const make = Effect.fnUntraced(function* (
  options: EngineHostOptions
): Effect.fn.Return<EngineService, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const notifications = NotificationHub.make()
  const opening = Semaphore.makeUnsafe(1)
  const engines = new Map<number, EngineService>()
  /** The Codex that an engine is connected to, by the one that it was made for. */
  const generations = new Map<number, () => number>()
  let newest: number | undefined

  /** The transport of a Codex, or of the one that takes its place after it has ended. */
  const transport = (first: number): Transport.Transport => {
    let id = first
    generations.set(first, () => id)
    const locate = (mayStart: boolean) =>
      Effect.gen(function* () {
        const same = yield* HostClient.locateGeneration(options, id)
        if (same !== undefined) return same
        const located = yield* HostClient.locate(options, mayStart)
        id = located.generation.id
        return located.path
      })
    const connecting = (listener: Parameters<Transport.Transport["connect"]>[0]) => {
      // Only a request of the program starts a host. A connection that breaks because the host was stopped does not.
      let mayStart = true
      const once = Effect.suspend(() => {
        const isFirst = mayStart
        mayStart = false
        return locate(isFirst)
      })
      return AppServerSocket.transport({ path: options.dir, locate: once }).connect(listener)
    }
    return { ...AppServerSocket.transport({ path: options.dir }), connect: connecting }
  }

  const engineOf = (id: number): Effect.Effect<EngineService> =>
    Effect.suspend(() => {
      const known = engines.get(id)
      if (known !== undefined) return Effect.succeed(known)
      return Layer.buildWithScope(Layer.fresh(AppServer.layerTransport(transport(id))), scope).pipe(
        Effect.map(Context.get(Engine.Engine)),
        Effect.tap((engine) =>
          Scope.provide(
            engine.subscribe?.(({ at, method, params }) => notifications.publish(method, params, () => at)) ??
              Effect.void,
            scope
          )
        ),
        Effect.tap((engine) => Effect.sync(() => engines.set(id, engine))),
        Effect.provideContext(context)
      )
    })

  /** The engine of the Codex that takes new turns. Only a drain needs another engine: an engine survives a restart of Codex. */
  const current = opening.withPermits(1)(
    Effect.gen(function* () {
      if (newest !== undefined && !(yield* HostClient.isDraining(options, newest)))
        return yield* engineOf(newest)
      const located = yield* HostClient.locate(options)
      newest = located.generation.id
      return yield* engineOf(newest)
    })
  )

  /** The engine of the Codex that drains and in which a turn of the thread runs. */
  const draining = (threadId: ThreadId) =>
    Effect.gen(function* () {
      for (const id of yield* HostClient.draining(options)) {
        const engine = yield* opening.withPermits(1)(engineOf(id))
        const read = yield* Effect.option(engine.request("thread/read", { threadId }))
        if (Option.exists(read, ThreadActivity.isActive)) return engine
      }
      return undefined
    })

  const use = <A, E, R>(
    run: (engine: EngineService) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | Transport.ConnectError, R> => Effect.flatMap(current, run)

  type Open = (
    engine: EngineService
  ) => Effect.Effect<Engine.EngineThread, CodexError.StartError, Scope.Scope>

  /** Opens a thread. Its turns move to the next Codex when its Codex drains. */
  const openThread = (
    threadOptions: Engine.EngineThreadOptions,
    from: EngineService | undefined,
    resumed: boolean,
    open: Open
  ) =>
    Effect.gen(function* () {
      const threadScope = yield* Effect.scope
      const openIn = (engine: EngineService, open: Open) =>
        Effect.gen(function* () {
          const inner = yield* Scope.fork(threadScope)
          const thread = yield* open(engine).pipe(
            Scope.provide(inner),
            Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(inner, exit) : Effect.void))
          )
          return { engine, thread, scope: inner }
        })
      const openHere = (open: Open): Effect.Effect<OpenedThread, CodexError.StartError> =>
        Effect.flatMap(current, (engine) => openIn(engine, open))
      // A Codex that drains keeps its threads until it ends.
      const untilReleased = (effect: Effect.Effect<OpenedThread, CodexError.StartError>) =>
        effect.pipe(
          Effect.retry({
            schedule: Schedule.spaced("100 millis"),
            while: (error) =>
              error._tag === "ThreadBusy" || isRefusedByDrain(error)
                ? Effect.map(HostClient.draining(options), (ids) => ids.length > 0)
                : Effect.succeed(false)
          })
        )
      let opened: OpenedThread =
        from === undefined
          ? yield* Effect.catchIf(openHere(open), isRefusedByDrain, () => untilReleased(openHere(open)))
          : yield* Effect.catchIf(openIn(from, open), isRefusedByDrain, () => untilReleased(openHere(open)))
      const move = Effect.gen(function* () {
        yield* Scope.close(opened.scope, Exit.void)
        const { id } = opened.thread
        opened = yield* untilReleased(openHere(({ resumeThread }) => resumeThread(id, threadOptions)))
      })
      let isStored = resumed
      /** Moves the thread if its Codex drains, unless one of its turns runs there. */
      const moveOn = Effect.gen(function* () {
        // Codex stores a thread when its first turn starts. Before that, no other Codex can open it.
        if (!isStored || threadOptions.ephemeral === true) {
          isStored = true
          return
        }
        const made = [...engines].find(([, engine]) => engine === opened.engine)?.[0]
        const generation = made === undefined ? undefined : generations.get(made)?.()
        if (generation === undefined || !(yield* HostClient.isDraining(options, generation))) return
        const read = yield* Effect.option(
          opened.engine.request("thread/read", { threadId: opened.thread.id })
        )
        if (!Option.exists(read, ThreadActivity.isActive)) yield* move
      })
      const moving = <A, R>(
        run: (thread: Engine.EngineThread) => Effect.Effect<A, CodexError.TurnError, R>
      ) =>
        Effect.andThen(
          moveOn,
          Effect.suspend(() => run(opened.thread))
        ).pipe(
          Effect.catchIf(isRefusedByDrain, () =>
            Effect.andThen(
              move,
              Effect.suspend(() => run(opened.thread))
            )
          )
        )
      const turns: Pick<Engine.EngineThread, "turn" | "compact" | "review"> = {
        turn: (input, turnOptions, handlers) => moving((thread) => thread.turn(input, turnOptions, handlers)),
        compact: (handlers) => moving((thread) => thread.compact(handlers)),
        review: (target, handlers) => moving((thread) => thread.review?.(target, handlers) ?? Effect.void)
      }
      // Everything else is that of the thread where it is open now.
      return new Proxy(opened.thread, {
        get: (_, key) => (key in turns ? Reflect.get(turns, key) : Reflect.get(opened.thread, key))
      })
    })

  return Engine.Engine.of({
    environment: options.env,
    ready: use(({ ready }) => ready),
    home: use(({ home }) => home ?? Effect.undefined),
    startThread: (threadOptions) =>
      openThread(threadOptions, undefined, false, ({ startThread }) => startThread(threadOptions)),
    resumeThread: (id, threadOptions) =>
      Effect.flatMap(draining(id), (from) =>
        openThread(threadOptions, from, true, ({ resumeThread }) => resumeThread(id, threadOptions))
      ),
    forkThread: (id, threadOptions) =>
      openThread(threadOptions, undefined, true, ({ forkThread }) => forkThread(id, threadOptions)),
    listThreads: (filter, cursor) => use(({ listThreads }) => listThreads(filter, cursor)),
    readThread: (id) => use(({ readThread }) => readThread(id)),
    renameThread: (id, name) => use(({ renameThread }) => renameThread(id, name)),
    archiveThread: (id) => use(({ archiveThread }) => archiveThread(id)),
    unarchiveThread: (id) => use(({ unarchiveThread }) => unarchiveThread(id)),
    deleteThread: (id) => use(({ deleteThread }) => deleteThread(id)),
    listModels: (cursor) => use(({ listModels }) => listModels(cursor)),
    exec: (command, onOutput) => use(({ exec }) => exec?.(command, onOutput) ?? Effect.never),
    request: (method, params, requestOptions) =>
      use(({ request }) => request(method, params, requestOptions)),
    subscribe: notifications.subscribe
  })
})
