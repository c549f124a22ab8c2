/** The engine for the real Codex: one `codex app-server` process over stdio that serves many threads. */
import * as NodeChildProcessSpawner from "@effect/platform-node/NodeChildProcessSpawner"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as CodexError from "../domain/CodexError.ts"
import type { ThreadId } from "../domain/Ids.ts"
import * as Redaction from "../redaction/Redaction.ts"
import * as Convention from "../semconv/Convention.ts"
import * as RawRequests from "./app-server/RawRequests.ts"
import * as CommandExec from "./app-server/CommandExec.ts"
import * as BackgroundTerminals from "./app-server/BackgroundTerminals.ts"
import * as AdoptedTurns from "./app-server/AdoptedTurns.ts"
import * as Goals from "./app-server/Goals.ts"
import * as ThreadHandle from "./app-server/ThreadHandle.ts"
import * as CodexWarnings from "./app-server/CodexWarnings.ts"
import * as ThreadManagement from "./app-server/ThreadManagement.ts"
import * as MessageRouter from "./app-server/MessageRouter.ts"
import * as ErrorMapping from "./app-server/ErrorMapping.ts"
import * as HostDirectories from "../internal/HostDirectories.ts"
import * as AppServerProcess from "./app-server/AppServerProcess.ts"
import * as AppServerSocket from "./app-server/AppServerSocket.ts"
import type * as SocketLink from "./app-server/SocketLink.ts"
import * as ProcessTransport from "./app-server/ProcessTransport.ts"
import type * as Transport from "./app-server/Transport.ts"
import * as Protocol from "./app-server/Protocol.ts"
import * as TurnDriver from "./app-server/TurnDriver.ts"
import * as AppServerSession from "./app-server/AppServerSession.ts"
import type * as RunningTurn from "./app-server/RunningTurn.ts"
import * as GivenInstructions from "./app-server/GivenInstructions.ts"
import type * as HandleSettings from "./app-server/HandleSettings.ts"
import * as LoadSettings from "./app-server/LoadSettings.ts"
import * as OpenParams from "./app-server/OpenParams.ts"
import * as WireSettings from "./app-server/WireSettings.ts"
import { optionalField } from "./app-server/Translate.ts"
import * as Engine from "./Engine.ts"
import * as NotificationHub from "./NotificationHub.ts"

/**
 * How to find, start and talk to `codex app-server`.
 * @since 0.1.0
 * @category models
 */
export type AppServerOptions = AppServerProcess.ProcessOptions

/**
 * Options for a `codex app-server` that listens on a socket.
 * @since 0.1.0
 * @category models
 */
export type SocketOptions = SocketLink.SocketLinkOptions

const decodeOpened = Schema.decodeUnknownOption(Protocol.ThreadResumed)

const make = Effect.fnUntraced(function* (transport: Transport.Transport) {
  const context = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const layerScope = yield* Effect.scope
  // Codex runs without a request what the rules in its home directory allow.
  const hostDirectories = yield* HostDirectories.Current
  if (transport.home !== undefined)
    yield* hostDirectories.add({
      path: transport.home,
      content: "the home directory of Codex",
      setting: "CODEX_HOME",
      isTree: true,
      allowsTurns: true
    })
  const starting = Semaphore.makeUnsafe(1)
  const notifications = NotificationHub.make()
  let session: AppServerSession.Session | undefined
  const restarted: ThreadHandle.RestartedThreads = new Map()

  const startSession = Effect.fnUntraced(
    function* () {
      const scope = yield* Scope.fork(layerScope)
      const runningTurns = new Map<string, RunningTurn.RunningTurn>()
      let started: AppServerSession.Session | undefined
      const usageTotals = new Map<string, string>()
      const terminals = BackgroundTerminals.makeRegistry()
      const commands = CommandExec.makeRunning()
      const loadedThreads = new Map<string, AppServerSession.LoadedThread>()
      const clock = yield* Clock.Clock
      const { text: mask } = yield* Redaction.Current
      const fork = Effect.runForkWith(yield* Effect.context())
      const router = MessageRouter.make(
        runningTurns,
        usageTotals,
        (runningTurn) => {
          if (started !== undefined) TurnDriver.confirmEnd(started.process, runningTurn)
        },
        terminals,
        AdoptedTurns.hooks(() => started, fork, clock),
        { timeZone: transport.env?.["TZ"], mask }
      )
      const logWarning = yield* CodexWarnings.makeLog((threadId) => runningTurns.get(threadId)?.fork)
      const listener: AppServerProcess.ProcessListener = {
        ...router,
        onNotification: (method, params, emittedAtMs) => {
          notifications.publish(method, params, () => emittedAtMs ?? clock.currentTimeMillisUnsafe())
          logWarning(method, params)
          if (method === CommandExec.outputMethod && commands.receive(params)) return
          if (method === "thread/settings/updated") AppServerSession.recordSettings(loadedThreads, params)
          router.onNotification(method, params, emittedAtMs)
        }
      }
      const process = yield* transport.connect(listener).pipe(
        Scope.provide(scope),
        Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void)),
        Effect.withSpan(Convention.span.engineStart, {}, { captureStackTrace: false })
      )
      started = {
        process,
        rawRequests: RawRequests.make(process.connection, transport.requestTimeout, scope),
        runningTurns,
        usageTotals,
        terminals,
        commands,
        loadedThreads,
        scope
      }
      return started
    },
    // The start span becomes a child of the caller that needs the engine now, not of the fiber that built the layer.
    Effect.updateContext((current: Context.Context<never>) => Context.merge(context, current))
  )

  /** Returns the current session, or starts a new one if its process has died. */
  const ready = starting.withPermits(1)(
    Effect.gen(function* () {
      if (session !== undefined && session.process.isUsable()) return session
      // Do not start a process while the layer closes.
      if (layerScope.state._tag === "Closed")
        return yield* session?.process.end() ?? new CodexError.EngineExited({ stderr: "" })
      if (session !== undefined) yield* Scope.close(session.scope, Exit.void)
      session = undefined
      session = yield* startSession()
      return session
    })
  )

  const resolveDirectory = Effect.fnUntraced(function* (name: string, directory: string, method: string) {
    const absolute = path.resolve(directory)
    const info = yield* Effect.option(fs.stat(absolute))
    // Codex accepts a directory that does not exist; every command in it then fails.
    if (Option.isSome(info) && info.value.type === "Directory") return absolute
    return yield* new CodexError.InvalidRequest({
      reason: "BadParams",
      method,
      detail: `${name} "${absolute}" is not a directory`
    })
  })

  const resolveDirectories: ThreadHandle.ResolveDirectories = Effect.fnUntraced(function* (options, method) {
    const all = (name: string, directories: ReadonlyArray<string> | undefined) =>
      directories === undefined
        ? Effect.undefined
        : Effect.forEach(directories, (directory) => resolveDirectory(name, directory, method))
    return {
      cwd: options.cwd === undefined ? undefined : yield* resolveDirectory("cwd", options.cwd, method),
      writableRoots: yield* all("writableRoots:", options.writableRoots),
      additionalDirectories: yield* all("additionalDirectories:", options.additionalDirectories)
    }
  })

  const request: ThreadManagement.SendRequest = (method, params) =>
    Effect.flatMap(ready, ({ process }) =>
      Effect.mapError(process.connection.request(method, params), (error) =>
        ErrorMapping.fromRpcError(method, error, process.end)
      )
    )

  /** Opens a thread on the current process. The thread is released when the scope closes. */
  const openOnProcess = Effect.fnUntraced(function* (
    method: "thread/start" | "thread/resume" | "thread/fork",
    params: Readonly<Record<string, unknown>>,
    holder: AppServerSession.ThreadHolder,
    resumed: ThreadId | undefined
  ) {
    const session = yield* ready
    // Acquire before the request: a holder that releases the thread at this moment must not unsubscribe it.
    if (resumed !== undefined) yield* AppServerSession.acquire(session, resumed, holder)
    const { connection, end, kill } = session.process
    const result = yield* connection.request(method, params).pipe(
      // A running turn detects a silent process itself. Without one, nothing else would, so kill the process here.
      Effect.tapError((error) =>
        error._tag === "RequestTimeout" && session.runningTurns.size === 0 ? kill : Effect.void
      ),
      Effect.mapError((error) => ErrorMapping.fromRpcError(method, error, end, resumed))
    )
    const opened = decodeOpened(result)
    if (Option.isNone(opened))
      return yield* new CodexError.ProtocolError({
        detail: `the reply of codex app-server to ${method} has no thread`
      })
    if (resumed !== opened.value.thread.id)
      yield* AppServerSession.acquire(session, opened.value.thread.id, holder)
    return { session, opened: opened.value, isNew: method === "thread/start" }
  })

  /**
   * Returns the settings that a handle requested and Codex has yet to apply. Codex ignores the settings of a request that
   * opens a thread which another handle holds. Fails if Codex cannot change one of them while the thread is loaded.
   */
  const reconcile = Effect.fnUntraced(function* (
    { opened, session }: HandleSettings.ThreadOnSession,
    options: Engine.EngineThreadOptions,
    method: string
  ) {
    const loaded = AppServerSession.loadedThread(session, opened.thread.id)
    const requested = LoadSettings.make(options)
    const before = loaded.loadSettings
    const provider = opened.modelProvider ?? undefined
    loaded.loadSettings ??= { ...requested, ...optionalField("provider", provider) }
    const conflict = before === undefined ? undefined : LoadSettings.conflict(requested, before)
    if (conflict !== undefined)
      return yield* new CodexError.InvalidRequest({
        reason: "Rejected",
        method,
        detail: `another handle holds the thread with another ${conflict}, which Codex cannot change while the thread is open; close that handle first`
      })
    const change = WireSettings.fromOptions(options, opened.cwd)
    if (before === undefined || options.sandbox !== "workspace-write") return change
    // Codex fills in its configuration only when it loads a thread.
    const config = yield* Effect.option(request("config/read", { cwd: options.cwd ?? opened.cwd }))
    return { ...change, sandboxPolicy: WireSettings.withConfiguredSandbox(change.sandboxPolicy, config) }
  })

  const openThread = Effect.fnUntraced(function* (
    method: "thread/start" | "thread/resume" | "thread/fork",
    options: Engine.EngineThreadOptions,
    more: Readonly<Record<string, unknown>>,
    resumed?: ThreadId
  ) {
    const resolved = { ...options, ...(yield* resolveDirectories(options, method)) }
    const cwd = resolved.cwd ?? (method === "thread/start" ? process.cwd() : undefined)
    const settings = OpenParams.make(resolved, cwd)
    const holder: AppServerSession.ThreadHolder = {
      observer: options.observer,
      goals: Goals.isEnabled(options),
      unclaimed: new Map(),
      isDetached: options.leavesTurns === true && transport.turnsOutlive === true,
      cwd: () => cwd ?? "/"
    }
    const first = yield* openOnProcess(method, { ...more, ...settings }, holder, resumed)
    const requested = yield* reconcile(first, { ...resolved, cwd }, method)
    const resume = (
      threadId: ThreadId,
      { sandbox, permissionProfile, ...sticky }: ThreadHandle.StickyOptions
    ) => {
      const named = sandbox !== undefined || permissionProfile !== undefined
      const params = OpenParams.make(
        { ...resolved, ...sticky, ...(named ? { sandbox, permissionProfile } : {}) },
        sticky.cwd ?? cwd
      )
      return openOnProcess("thread/resume", { threadId, ...params }, holder, threadId)
    }
    return yield* ThreadHandle.make(
      first,
      {
        settings: requested,
        instructions: options.instructions,
        hasInstructions: ({ thread }) => GivenInstructions.isLast(fs, thread.path, options.instructions),
        tmpdir: transport.temporaryDirectory
      },
      transport.turnsOutlive === true,
      resolveDirectories,
      {
        restarted,
        resume: options.ephemeral === true ? undefined : resume,
        restart:
          method === "thread/resume"
            ? undefined
            : openOnProcess(method, { ...more, ...settings }, holder, undefined)
      },
      holder
    )
  })

  return Engine.Engine.of({
    ...ThreadManagement.make(request),
    environment: transport.env,
    exec: (command, onOutput) =>
      Effect.flatMap(resolveDirectory("cwd", command.cwd ?? ".", "command/exec"), (cwd) =>
        Effect.flatMap(ready, ({ commands, process }) =>
          CommandExec.start(process, commands, command, cwd, onOutput)
        )
      ),
    request: (method, params, { timeout } = {}) =>
      Effect.flatMap(ready, ({ process, rawRequests }) =>
        Effect.mapError(rawRequests.send(method, params, timeout), (error) =>
          ErrorMapping.fromRpcError(method, error, process.end)
        )
      ),
    subscribe: notifications.subscribe,
    ready: Effect.asVoid(ready),
    home: Effect.map(ready, ({ process }) => process.home),
    startThread: (options) =>
      openThread("thread/start", options, {
        ephemeral: options.ephemeral ?? null,
        dynamicTools: options.tools.map((tool) => ({ type: "function", ...tool })),
        experimentalRawEvents: true
      }),
    resumeThread: (id, options) => {
      const threadId = ThreadHandle.latestId(restarted, id)
      // Codex stores the tools of a thread and offers them again when the thread is resumed.
      return openThread("thread/resume", options, { threadId }, threadId)
    },
    forkThread: (id, { through, ...options }) =>
      openThread("thread/fork", options, {
        threadId: ThreadHandle.latestId(restarted, id),
        lastTurnId: through ?? null,
        ephemeral: options.ephemeral ?? false
      })
  })
})

/**
 * The same as `layer`, with options, and with the platform services left for the caller to provide.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import * as NodeServices from "@effect/platform-node/NodeServices"
 * import { Layer } from "effect"
 * import { AppServer, Codex } from "effect-codex"
 *
 * const CodexLive = Codex.layer.pipe(
 *   Layer.provide(AppServer.layerNoDeps({ codexPath: "/opt/codex/bin/codex" })),
 *   Layer.provide(NodeServices.layer)
 * )
 * ```
 */
export const layerNoDeps = (
  options: AppServerOptions
): Layer.Layer<
  Engine.Engine,
  never,
  ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | Path.Path
> => Layer.effect(Engine.Engine, Effect.flatMap(ProcessTransport.make(options), make))

// Only what the engine needs: a layer with Node's terminal would add a listener to stdin for each engine.
const platform = NodeChildProcessSpawner.layer.pipe(
  Layer.provideMerge(Layer.merge(NodeFileSystem.layer, NodePath.layer))
)

/**
 * The same as `layer`, with options.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { AppServer, Codex } from "effect-codex"
 *
 * const CodexLive = Codex.layer.pipe(
 *   Layer.provide(AppServer.layerOptions({ env: { CODEX_HOME: "/srv/bot/codex" } }))
 * )
 * ```
 */
export const layerOptions = (options: AppServerOptions): Layer.Layer<Engine.Engine> =>
  layerNoDeps(options).pipe(Layer.provide(platform))

/**
 * Runs the engine over any transport. Includes Node's platform services.
 *
 * @internal
 */
export const layerTransport = (transport: Transport.Transport): Layer.Layer<Engine.Engine> =>
  Layer.effect(Engine.Engine, make(transport)).pipe(
    Layer.provide(Layer.merge(NodeFileSystem.layer, NodePath.layer))
  )

/**
 * Connects to a `codex app-server` that listens on a socket and that another program started. Its running turns, waiting
 * approvals and background commands outlive this process. A connection that breaks while threads are open is made again:
 * turns go on, requests that Codex repeats are not asked twice, and the events that were missed are restored, except
 * parts of texts. Fails with `EngineUnreachable` if there is no connection. Includes Node's platform services.
 *
 * Codex reads its configuration and environment where it was started, so there are no options for them.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { AppServer, Codex } from "effect-codex"
 *
 * // codex app-server --listen unix:///run/user/1000/codex.sock
 * const CodexLive = Codex.layer.pipe(
 *   Layer.provide(AppServer.layerSocket({ path: "/run/user/1000/codex.sock" }))
 * )
 *
 * const program = Effect.gen(function* () {
 *   const codex = yield* Codex
 *   const thread = yield* codex.startThread()
 *   return yield* thread.run("fix the failing test")
 * }).pipe(Effect.scoped, Effect.provide(CodexLive))
 * ```
 */
export const layerSocket = (options: SocketOptions): Layer.Layer<Engine.Engine> =>
  layerTransport(AppServerSocket.transport(options))

/**
 * Runs the real Codex. Finds the binary by `CODEX_PATH`, the package `@openai/codex` or `PATH`, starts it with the first
 * thread, and ends it with the layer. Includes Node's platform services.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { AppServer, Codex } from "effect-codex"
 *
 * const answer = Codex.use(({ startThread }) => startThread({ sandbox: "read-only" })).pipe(
 *   Effect.flatMap((thread) => thread.run("What does this repository do?")),
 *   Effect.scoped,
 *   Effect.provide(Codex.layer.pipe(Layer.provide(AppServer.layer)))
 * )
 * ```
 */
export const layer: Layer.Layer<Engine.Engine> = layerOptions({})
