/** The real Codex: one `codex app-server` over stdio that serves many threads. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as CodexError from "../domain/CodexError.ts"
import type { ThreadId } from "../domain/Ids.ts"
import { engineStart } from "../semconv/Names.ts"
import type { RpcRequestError } from "./app-server/JsonRpcConnection.ts"
import * as ThreadManagement from "./app-server/ThreadManagement.ts"
import * as MessageRouter from "./app-server/MessageRouter.ts"
import * as ErrorMapping from "./app-server/ErrorMapping.ts"
import * as AppServerProcess from "./app-server/AppServerProcess.ts"
import * as Protocol from "./app-server/Protocol.ts"
import * as TurnDriver from "./app-server/TurnDriver.ts"
import * as AppServerSession from "./app-server/AppServerSession.ts"
import type * as RunningTurn from "./app-server/RunningTurn.ts"
import * as Translate from "./app-server/Translate.ts"
import * as Engine from "./Engine.ts"

export type AppServerOptions = AppServerProcess.ProcessOptions

const decodeOpened = Schema.decodeUnknownOption(Protocol.ThreadOpened)

const make = Effect.fnUntraced(function* (options: AppServerOptions) {
  const context = yield* Effect.context<
    ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | Path.Path
  >()
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const layerScope = yield* Effect.scope
  const starting = Semaphore.makeUnsafe(1)
  let session: AppServerSession.Session | undefined

  const open = Effect.fnUntraced(
    function* () {
      const scope = yield* Scope.fork(layerScope)
      const slots = new Map<string, RunningTurn.RunningTurn>()
      let started: AppServerProcess.Process | undefined
      const totals = new Map<string, string>()
      const listener = MessageRouter.make(slots, totals, (slot) => {
        if (started !== undefined) TurnDriver.settle(started, slot)
      })
      const process = yield* AppServerProcess.start(options, listener).pipe(
        Scope.provide(scope),
        Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void)),
        Effect.withSpan(engineStart, {}, { captureStackTrace: false })
      )
      started = process
      return { process, slots, totals, conversations: new Map(), scope } satisfies AppServerSession.Session
    },
    // The span is the child of whoever needs the engine now, not of whoever built the layer.
    Effect.updateContext((current: Context.Context<never>) => Context.merge(context, current))
  )

  /** The session that runs, or a new one: a process that died is replaced for the next thread. */
  const ready = starting.withPermits(1)(
    Effect.gen(function* () {
      if (session !== undefined && session.process.isUsable()) return session
      // Nothing is started on an engine that is being closed.
      if (layerScope.state._tag === "Closed")
        return yield* session?.process.end() ?? new CodexError.EngineExited({ stderr: "" })
      if (session !== undefined) yield* Scope.close(session.scope, Exit.void)
      session = undefined
      session = yield* open()
      return session
    })
  )

  const checkFolder = Effect.fnUntraced(function* (cwd: string | undefined, method: string) {
    if (cwd === undefined) return process.cwd()
    const absolute = path.resolve(cwd)
    const info = yield* Effect.option(fs.stat(absolute))
    // Codex takes a folder that does not exist, and every command in it then fails.
    if (Option.isSome(info) && info.value.type === "Directory") return absolute
    return yield* new CodexError.InvalidRequest({
      reason: "BadParams",
      method,
      detail: `cwd "${absolute}" is not a directory`
    })
  })

  const request: ThreadManagement.SendRequest = (method, params) =>
    Effect.flatMap(ready, ({ process }) =>
      Effect.mapError(process.connection.request(method, params), (error) =>
        ErrorMapping.ofRequest(method, error, process.end)
      )
    )

  /** Opens a thread on the process that runs, for as long as the scope lives. */
  const opening = Effect.fnUntraced(function* (
    method: "thread/start" | "thread/resume" | "thread/fork",
    params: Readonly<Record<string, unknown>>,
    resumed: ThreadId | undefined
  ) {
    const session = yield* ready
    // Before Codex is asked: whoever lets go of the thread at this moment must see that it is still held.
    if (resumed !== undefined) yield* AppServerSession.acquire(session, resumed)
    const { connection, end, kill } = session.process
    const result = yield* connection.request(method, params).pipe(
      // Whoever runs a turn on it finds out for himself; nobody else would.
      Effect.tapError((error) =>
        error._tag === "RequestTimeout" && session.slots.size === 0 ? kill : Effect.void
      ),
      Effect.mapError((error) => ErrorMapping.ofRequest(method, error, end))
    )
    const opened = decodeOpened(result)
    if (Option.isNone(opened))
      return yield* new CodexError.ProtocolError({ detail: `the answer to ${method} has no thread` })
    if (resumed !== opened.value.thread.id) yield* AppServerSession.acquire(session, opened.value.thread.id)
    return { session, opened: opened.value }
  })

  const openThread = Effect.fnUntraced(function* (
    method: "thread/start" | "thread/resume" | "thread/fork",
    options: Engine.EngineThreadOptions,
    more: Readonly<Record<string, unknown>>,
    resumed?: ThreadId
  ) {
    const cwd =
      options.cwd === undefined && method !== "thread/start"
        ? undefined
        : yield* checkFolder(options.cwd, method)
    const settings = {
      cwd: cwd ?? null,
      sandbox: options.sandbox ?? null,
      approvalPolicy: options.approvalMode ?? null,
      model: options.model ?? null,
      developerInstructions: options.instructions ?? null,
      config: options.config ?? null
    }
    const { opened, session } = yield* opening(method, { ...more, ...settings }, resumed)
    const again = (threadId: ThreadId, { effort, ...kept }: Kept) => {
      const config =
        effort === undefined ? settings.config : { ...settings.config, model_reasoning_effort: effort }
      return opening("thread/resume", { threadId, ...settings, ...kept, config }, threadId)
    }
    return yield* hold(session, opened, checkFolder, options.ephemeral === true ? undefined : again)
  })

  return Engine.Engine.of({
    ...ThreadManagement.make(request),
    environment: options.env,
    request,
    ready: Effect.asVoid(ready),
    startThread: (options) =>
      openThread("thread/start", options, {
        ephemeral: options.ephemeral ?? null,
        dynamicTools: options.tools.map((tool) => ({ type: "function", ...tool })),
        experimentalRawEvents: true
      }),
    resumeThread: (threadId, options) =>
      // A resumed thread is offered its tools again by Codex itself.
      openThread("thread/resume", options, { threadId }, threadId),
    forkThread: (threadId, { through, ...options }) =>
      openThread("thread/fork", options, {
        threadId,
        lastTurnId: through ?? null,
        ephemeral: options.ephemeral ?? false
      })
  })
})

type Opened = typeof Protocol.ThreadOpened.Type

/** A thread where it is now: a process that died is replaced, and the thread resumed on the new one. */
interface At {
  readonly session: AppServerSession.Session
  readonly opened: Opened
}

/** What a turn may set for those that follow. */
type Kept = Pick<Engine.EngineTurnOptions, "cwd" | "effort" | "model" | "sandbox">

const keptOf = ({ cwd, effort, model, sandbox }: Engine.EngineTurnOptions): Kept => ({
  ...Translate.optionalField("cwd", cwd),
  ...Translate.optionalField("effort", effort),
  ...Translate.optionalField("model", model),
  ...Translate.optionalField("sandbox", sandbox)
})

/** A thread as one holder has it: his turns end with his scope. */
const hold = Effect.fnUntraced(function* (
  session: AppServerSession.Session,
  opened: Opened,
  folder: (cwd: string, method: string) => Effect.Effect<string, CodexError.InvalidRequest>,
  again:
    | ((threadId: ThreadId, kept: Kept) => Effect.Effect<At, CodexError.StartError, Scope.Scope>)
    | undefined
) {
  const threadId = opened.thread.id
  const scope = yield* Effect.scope
  const moving = Semaphore.makeUnsafe(1)
  let at: At = { session, opened }
  const closed = yield* Effect.acquireRelease(Deferred.make<never, CodexError.TurnInterrupted>(), (closed) =>
    Deferred.fail(closed, new CodexError.TurnInterrupted({ by: "caller" }))
  )
  const isClosed = new CodexError.InvalidRequest({
    reason: "ThreadNotFound",
    method: "turn/start",
    detail: "the scope that the thread was opened in is closed; resume it by its id"
  })

  const here: Effect.Effect<At, CodexError.StartError> = Effect.suspend(() => {
    if (Deferred.isDoneUnsafe(closed)) return Effect.fail(isClosed)
    if (at.session.process.isUsable()) return Effect.succeed(at)
    // Nothing of an ephemeral thread is left to resume it from.
    if (again === undefined) return Effect.fail(at.session.process.end())
    return Scope.provide(again(threadId, kept), scope).pipe(
      Effect.mapError((error) =>
        error._tag === "InvalidRequest" && error.reason === "ThreadNotFound" ? notKept(error) : error
      ),
      Effect.tap((moved) => Effect.sync(() => void (at = moved)))
    )
  }).pipe(moving.withPermits(1))

  /** What turns have set: Codex keeps it for those that follow, and a new process must be told. */
  let kept: Kept = {}

  const run = (
    method: TurnDriver.Method,
    params: Readonly<Record<string, unknown>>,
    handlers: Engine.Handlers,
    more: Kept
  ): Effect.Effect<void, CodexError.TurnError> =>
    Effect.flatMap(here, ({ opened, session }) => {
      const { process, slots } = session
      const failed = (error: RpcRequestError) => ErrorMapping.ofRequest(method, error, process.end)
      const turn = Effect.suspend(() => {
        // Whoever had the thread until now may have taken the process with him.
        if (!process.isUsable()) return Effect.succeed(false)
        kept = { ...kept, ...more }
        const place = { threadId, cwd: kept.cwd ?? opened.cwd, process, slots }
        return Effect.as(TurnDriver.run(place, method, params, handlers, failed), true)
      })
      return Effect.flatMap(
        AppServerSession.conversationOf(session, threadId).turns.withPermits(1)(turn),
        (ran) => (ran ? Effect.void : run(method, params, handlers, more))
      )
    })

  /** Ends with the scope of the thread, also while it waits for whoever else holds the thread. */
  const running = (...turn: Parameters<typeof run>) =>
    Effect.suspend(() =>
      Deferred.isDoneUnsafe(closed)
        ? Effect.fail(isClosed)
        : Effect.raceFirst(run(...turn), Deferred.await(closed))
    )

  return {
    id: threadId,
    model: opened.model,
    provider: opened.modelProvider ?? undefined,
    cwd: opened.cwd,
    turn: (input, options, handlers) =>
      Effect.flatMap(
        options.cwd === undefined ? Effect.undefined : folder(options.cwd, "turn/start"),
        (cwd) =>
          running(
            "turn/start",
            { threadId, input: Translate.input(input), ...Translate.turnOptions({ ...options, cwd }) },
            handlers,
            keptOf({ ...options, cwd })
          )
      ),
    compact: (handlers) => running("thread/compact/start", { threadId }, handlers, {}),
    steer: (input) =>
      Effect.suspend((): Effect.Effect<void, CodexError.RequestError> => {
        const { process, slots } = at.session
        const slot = slots.get(threadId)
        const failed = (error: RpcRequestError) => ErrorMapping.ofRequest("turn/steer", error, process.end)
        return slot === undefined
          ? Effect.fail(nothingRuns)
          : Effect.mapError(TurnDriver.steer(process, slot, Translate.input(input)), (error) =>
              error._tag === "InvalidRequest" ? error : failed(error)
            )
      })
  } satisfies Engine.EngineThread
})

/** Codex writes a thread down with its first turn. */
const notKept = ({ detail, method }: CodexError.InvalidRequest) =>
  new CodexError.InvalidRequest({
    reason: "ThreadNotFound",
    method,
    detail: `the process of the thread died, and nothing of the thread was kept, as before its first turn; start a new one (${detail})`
  })

const nothingRuns = new CodexError.InvalidRequest({
  reason: "Rejected",
  method: "turn/steer",
  detail: "no turn of the thread is running"
})

/** The real Codex with settings of your own. */
export const layerWith = (options: AppServerOptions): Layer.Layer<Engine.Engine> =>
  Layer.effect(Engine.Engine, make(options)).pipe(Layer.provide(NodeServices.layer))

/**
 * The real Codex: found by `CODEX_PATH`, the package `@openai/codex` or `PATH`, started with the first thread, ended
 * with the layer. Node's services are included.
 */
export const layer: Layer.Layer<Engine.Engine> = layerWith({})
