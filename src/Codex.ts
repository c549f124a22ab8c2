/** The `Codex` service: opens conversations with the agent, and manages the stored ones. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Tool from "effect/ai/Tool"
import * as Nodepath from "node:path"
import * as Policy from "./approval/Policy.ts"
import * as AgentRoots from "./approval/AgentRoots.ts"
import * as SessionGrants from "./approval/SessionGrants.ts"
import { validate } from "./domain/Budget.ts"
import * as Prices from "./domain/Prices.ts"
import * as CodexError from "./domain/CodexError.ts"
import type * as CodexProtocol from "./engine/CodexProtocol.ts"
import * as Engine from "./engine/Engine.ts"
import * as HostFiles from "./engine/HostFiles.ts"
import * as ExecHandle from "./engine/ExecHandle.ts"
import type * as Exec from "./domain/Exec.ts"
import type { ThreadId, TurnId } from "./domain/Ids.ts"
import * as SettingsOptions from "./domain/SettingsOptions.ts"
import * as ThreadAccess from "./domain/ThreadAccess.ts"
import * as ContentCapture from "./instrumentation/ContentCapture.ts"
import * as Convention from "./semconv/Convention.ts"
import * as UserHash from "./instrumentation/UserHash.ts"
import * as Redaction from "./redaction/Redaction.ts"
import * as SafeSpan from "./instrumentation/SafeSpan.ts"
import * as ExecTelemetry from "./instrumentation/ExecTelemetry.ts"
import * as StartTelemetry from "./instrumentation/StartTelemetry.ts"
import * as TurnTelemetry from "./instrumentation/TurnTelemetry.ts"
import * as Thread from "./Thread.ts"
import type * as ThreadInfo from "./domain/ThreadInfo.ts"
import * as SharedThreads from "./turn/SharedThreads.ts"
import * as TurnObservation from "./turn/TurnObservation.ts"
import type { ThreadOptions } from "./turn/ThreadOptions.ts"
import * as AccountLimits from "./engine/app-server/AccountLimits.ts"
import * as LimitTelemetry from "./instrumentation/LimitTelemetry.ts"
import * as NotificationHub from "./engine/NotificationHub.ts"
import * as NotificationStream from "./turn/NotificationStream.ts"
import * as McpServers from "./tool/McpServers.ts"
import * as ToolHost from "./tool/ToolHost.ts"

export type { ThreadOptions } from "./turn/ThreadOptions.ts"

/**
 * Opens a thread. Closing the scope closes the thread and interrupts its turns. Tools run with the services of the caller
 * that opens the thread.
 */
type Opened<Tools extends Record<string, Tool.Any>> = Effect.Effect<
  Thread.Thread,
  CodexError.StartError,
  Scope.Scope | Tool.HandlerServices<Tools[keyof Tools]>
>

/** Leaves a request to another program. */
const leaveToOthers: Policy.Policy = () => Effect.never

/**
 * Opens threads and manages stored ones. Starts the engine on demand.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Console, Effect } from "effect"
 * import { Codex } from "effect-codex"
 *
 * const program = Effect.gen(function* () {
 *   const codex = yield* Codex
 *   const thread = yield* codex.startThread({ cwd: ".", sandbox: "read-only" })
 *   const turn = yield* thread.run("What does this repository do?")
 *   yield* Console.log(turn.message)
 * }).pipe(Effect.scoped)
 * ```
 */
export class Codex extends Context.Service<
  Codex,
  {
    /** Starts a thread. */
    readonly startThread: <Tools extends Record<string, Tool.Any> = {}>(
      options?: ThreadOptions<Tools>
    ) => Opened<Tools>
    /**
     * Opens a stored thread by its id, also a thread of an earlier process. Pass its tools again: Codex does not store
     * them. Fails with `InvalidRequest.ThreadNotFound` if there is no such thread.
     */
    readonly resumeThread: <Tools extends Record<string, Tool.Any> = {}>(
      threadId: ThreadId,
      options?: ThreadOptions<Tools>
    ) => Opened<Tools>
    /**
     * Opens the thread and returns its running turn, which any program may have started: what the turn has done so far, its
     * events from now on, and its end. The approval policy of the caller is asked from now on, also for a request that waits already, and its
     * tools are called; what it has no policy or tool for is left to the program that has them. With several programs, the first answer counts.
     *
     * When the scope closes, a turn behind a socket goes on; without one, it goes on while another handle of this process
     * has its thread open. Fails with `InvalidRequest.NoTurnRunning` if no turn is running.
     *
     * ```ts
     * const turn = yield* codex.attach(threadId)
     * yield* Console.log((yield* turn.snapshot).message)
     * yield* Stream.runForEach(turn.events, (event) => Console.log(event._tag))
     * ```
     */
    readonly attach: <Tools extends Record<string, Tool.Any> = {}>(
      threadId: ThreadId,
      options?: ThreadOptions<Tools>
    ) => Effect.Effect<
      Thread.AttachedTurn,
      CodexError.StartError,
      Scope.Scope | Tool.HandlerServices<Tools[keyof Tools]>
    >
    /**
     * Opens the most recently used thread of the working directory `cwd`. Default: the working directory of this process.
     * Fails with `InvalidRequest.ThreadNotFound` if there is no thread.
     */
    readonly resumeLast: <Tools extends Record<string, Tool.Any> = {}>(
      options?: ThreadOptions<Tools>
    ) => Opened<Tools>
    /**
     * Starts a thread from a copy of another thread's history, up to and including turn `through`. Default: the whole
     * history.
     */
    readonly forkThread: <Tools extends Record<string, Tool.Any> = {}>(
      threadId: ThreadId,
      options?: ThreadOptions<Tools> & { readonly through?: TurnId | undefined }
    ) => Opened<Tools>
    /** Lists the stored threads, newest first. Requests each page when the consumer needs it. */
    readonly listThreads: (
      filter?: ThreadInfo.Filter
    ) => Stream.Stream<ThreadInfo.ThreadInfo, CodexError.StartError>
    /** Reads a stored thread with its turns and their items, without opening it. */
    readonly readThread: (
      threadId: ThreadId
    ) => Effect.Effect<ThreadInfo.ThreadHistory, CodexError.StartError>
    /** Changes the name of a stored thread. */
    readonly renameThread: (threadId: ThreadId, name: string) => Effect.Effect<void, CodexError.StartError>
    /** Removes a thread from the list. `unarchiveThread` restores it. */
    readonly archiveThread: (threadId: ThreadId) => Effect.Effect<void, CodexError.StartError>
    /** Returns an archived thread to the list. */
    readonly unarchiveThread: (threadId: ThreadId) => Effect.Effect<void, CodexError.StartError>
    /** Deletes a thread permanently. */
    readonly deleteThread: (threadId: ThreadId) => Effect.Effect<void, CodexError.StartError>
    /** Lists the models that Codex offers. */
    readonly listModels: Stream.Stream<ThreadInfo.Model, CodexError.StartError>
    /**
     * Runs a command in Codex's sandbox, without a thread and without a model. The first word is the program, which no shell
     * interprets: for a shell, run `["bash", "-c", script]`. Codex's approvals do not apply: the caller decides what runs,
     * and `sandbox` limits it.
     *
     * The command ends with the scope of the handle: interrupting the effect that holds it ends the command, and its
     * processes. In `danger-full-access`, a process that starts a session of its own (`setsid`) survives.
     *
     * ```ts
     * const { exitCode, stdout } = yield* Effect.scoped(
     *   Effect.flatMap(codex.exec(["npm", "test"], { sandbox: "workspace-write" }), ({ result }) => result)
     * )
     * ```
     */
    readonly exec: (
      command: ReadonlyArray<string>,
      options?: Exec.ExecOptions
    ) => Effect.Effect<Exec.ExecHandle, Exec.ExecError, Scope.Scope>
    /**
     * Sends any other request to `codex app-server`. Use it for methods that have no function here.
     *
     * The types of the parameters and of the reply are those of the Codex version that this library is tested with. They
     * are not checked at run time: only that the reply is a JSON object. Where the library itself relies on a reply, it
     * decodes the reply.
     *
     * `timeout` limits the wait for the reply. Without it, a request that a command, a tool, a model or a person answers,
     * such as `command/exec` or `mcpServer/tool/call`, has no deadline, and any other has the `requestTimeout` of the
     * engine. Interruption and `timeout` end what the request started where Codex can end it: a command, a turn, a login,
     * a subscription.
     */
    readonly request: CodexProtocol.SendProtocolRequest
    /**
     * The notifications of Codex, in its own protocol, from the moment at which the stream runs. They include what has no
     * event of a turn: logins, rate limits, the start of MCP servers, warnings, and the output of `command/exec`.
     *
     * The stream continues when Codex is restarted, ends when the layer closes, and does not start Codex. Its elements are
     * typed by their method, and not checked at run time. A slow consumer delays nothing: the oldest waiting notifications
     * are dropped beyond `ContentLimits.bufferBytes`, and a `NotificationsOmitted` counts them.
     */
    readonly notifications: Stream.Stream<CodexProtocol.Notification>
    /**
     * The limits of the account that Codex is logged in with. `read` requests them; it fails with `InvalidRequest` if Codex
     * is not logged in. `updates` has them after each change that Codex reports, usually with each model request, and ends
     * when the layer closes. A slow consumer gets only the latest ones.
     */
    readonly limits: AccountLimits.AccountLimits
    /** The home directory of Codex, on its machine: its configuration and the stored threads. `undefined` if the engine has none. */
    readonly home: Effect.Effect<string | undefined, CodexError.StartError>
  }
>()("effect-codex/Codex") {
  /**
   * Provides `Codex` on an engine: `AppServer.layer`, or a scripted engine in tests.
   * @since 0.1.0
   * @category layers
   * @example
   * ```ts
   * import { Layer } from "effect"
   * import { AppServer, Codex } from "effect-codex"
   *
   * const CodexLive = Codex.layer.pipe(Layer.provide(AppServer.layer))
   * ```
   */
  static readonly layer: Layer.Layer<Codex, never, Engine.Engine> = Layer.effect(
    Codex,
    Effect.gen(function* () {
      const engine = yield* Engine.Engine
      const layerPolicy = yield* Policy.Current
      const hasLayerPolicy = (yield* Effect.context()).mapUnsafe.has(Policy.Current.key)
      const layerPrices = yield* Prices.Current
      yield* ContentCapture.warn
      const userAttributes = yield* UserHash.makeUser
      const openThreads = SharedThreads.make()
      const { attribute, span } = Convention
      const notifications = yield* NotificationStream.make(engine)
      const limits = yield* AccountLimits.make(engine, yield* LimitTelemetry.makeReporter)

      const withOriginator = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
        Effect.flatMap(TurnTelemetry.Originator, (originator) =>
          Effect.annotateSpans(effect, { [attribute.originator]: originator })
        )

      const open = Effect.fnUntraced(function* <Tools extends Record<string, Tool.Any>>(
        name: string,
        options: ThreadOptions<Tools>,
        start: (
          options: Engine.EngineThreadOptions
        ) => Effect.Effect<Engine.EngineThread, CodexError.StartError, Scope.Scope>,
        attaches = false
      ) {
        const detail = validate(options.budget ?? {}) ?? SettingsOptions.validateThread(options)
        if (detail !== undefined)
          return yield* new CodexError.InvalidRequest({ reason: "BadParams", method: "thread/start", detail })
        const tools = options.tools === undefined ? ToolHost.empty : yield* ToolHost.make(options.tools)
        const servers =
          options.mcpServers === undefined
            ? undefined
            : yield* Effect.fromResult(McpServers.toConfig(options.mcpServers))
        const context = yield* Effect.context()
        const hasPolicy = context.mapUnsafe.has(Policy.Current.key) || hasLayerPolicy
        // A policy that the caller provides overrides the policy of the layer.
        const policy = context.mapUnsafe.has(Policy.Current.key)
          ? Context.get(context, Policy.Current)
          : layerPolicy
        const prices = context.mapUnsafe.has(Prices.Current.key)
          ? Context.get(context, Prices.Current)
          : layerPrices
        const annotations: Record<string, unknown> = { ...(yield* userAttributes(options.user)) }
        if (options.source !== undefined) annotations[attribute.source] = options.source
        if (options.workflow !== undefined) annotations[attribute.workflow] = options.workflow
        if (options.group !== undefined) annotations[attribute.group] = options.group
        const annotated = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
          Effect.annotateSpans(withOriginator(effect), annotations)
        yield* Redaction.addSecretsFrom(engine.environment ?? {})
        yield* SafeSpan.withSafeTracer(annotated(StartTelemetry.starting("engine")(engine.ready)))
        const leavesTurns =
          attaches || options.onScopeClose === "detach" || (yield* SharedThreads.LeavesTurns)
        const detaches = (thread: Engine.EngineThread) => leavesTurns && thread.detach !== undefined
        const opening = SharedThreads.opening(openThreads, detaches)
        const { approvalMode, cwd, model, sandbox } = options
        const thread = yield* start({
          ...SettingsOptions.pickThread(options),
          cwd,
          sandbox,
          approvalMode,
          model,
          instructions: options.instructions,
          ephemeral: options.ephemeral,
          tools: tools.specs,
          goals: options.goals,
          observer: opening.observer,
          leavesTurns: leavesTurns ? true : undefined,
          config: servers === undefined ? options.config : { ...options.config, ...servers }
        }).pipe(
          Effect.tap((thread) => Effect.annotateCurrentSpan(attribute.conversationId, thread.id)),
          StartTelemetry.starting("thread"),
          Effect.withSpan(name, {}, { captureStackTrace: false }),
          annotated,
          SafeSpan.withSafeTracer
        )
        // Codex would remember the path of a patch and the name of an MCP tool, so the library remembers what was accepted.
        const rememberingPolicy = SessionGrants.rememberForThread(policy)
        AgentRoots.open(engine, thread)
        yield* Effect.addFinalizer(() =>
          Effect.suspend(() => SessionGrants.forget(thread, AgentRoots.close(thread)))
        )
        const threadNotifications = yield* NotificationStream.make(
          engine,
          ({ params }) => NotificationHub.threadIdOf(params) === thread.id
        )
        const threadContext = {
          // The program that has started the turn may answer what this one has no answer to.
          tools: attaches ? ToolHost.leavingUnknown(tools) : tools,
          policy: attaches && !hasPolicy ? leaveToOthers : rememberingPolicy,
          sandbox: options.sandbox,
          instructions: options.instructions,
          mode: options.mode,
          prices,
          terminals: options.terminals,
          subAgents: options.subAgents,
          annotations
        }
        const handle = yield* opening.open(thread, threadContext, options.budget ?? {})
        if (options.onScopeClose === "detach" || detaches(thread)) yield* SharedThreads.detach(handle)
        return { handle, thread: Thread.make(handle, threadNotifications) }
      })

      const openThread: <Tools extends Record<string, Tool.Any>>(
        ...args: Parameters<typeof open<Tools>>
      ) => Opened<Tools> = (...args) => Effect.map(open(...args), ({ thread }) => thread)

      const attach = Effect.fnUntraced(function* <Tools extends Record<string, Tool.Any>>(
        threadId: ThreadId,
        options: ThreadOptions<Tools>
      ) {
        const start = (options: Engine.EngineThreadOptions) => engine.resumeThread(threadId, options)
        const { handle, thread } = yield* open(span.threadResume, options, start, true)
        return { ...(yield* TurnObservation.make(handle)), thread }
      })

      const resumeThread = <Tools extends Record<string, Tool.Any>>(
        threadId: ThreadId,
        options: ThreadOptions<Tools> = {}
      ) => openThread(span.threadResume, options, (options) => engine.resumeThread(threadId, options))

      /** Annotates outside the span, so that the span and an engine that starts within it have the originator. */
      const traced =
        (name: string, attributes: Readonly<Record<string, unknown>> = {}) =>
        <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
          SafeSpan.withSafeTracer(
            withOriginator(effect.pipe(Effect.withSpan(name, { attributes }, { captureStackTrace: false })))
          )

      const tracedThread = (name: string, threadId: ThreadId) =>
        traced(name, { [attribute.conversationId]: threadId })

      const listThreads = (filter: ThreadInfo.Filter, cursor: string | undefined) =>
        traced(span.listThreads)(engine.listThreads(filter, cursor))

      const findLastThread = (cwd: string) =>
        Effect.flatMap(listThreads({ cwd, sort: "updated" }, undefined), ({ data: [newest] }) =>
          newest === undefined
            ? Effect.fail(
                new CodexError.InvalidRequest({
                  reason: "ThreadNotFound",
                  method: "thread/list",
                  detail: `there is no thread in ${cwd}`
                })
              )
            : Effect.succeed(newest.id)
        )

      /** Requests each page in its own span: a span of the whole stream would include the time of its consumer. */
      const paged = <A>(
        readPage: (cursor: string | undefined) => Effect.Effect<Engine.Page<A>, CodexError.StartError>
      ) =>
        Stream.paginate<string | undefined, A, CodexError.StartError>(undefined, (cursor) =>
          Effect.map(readPage(cursor), ({ data, next }) => [data, Option.fromUndefinedOr(next)])
        )

      const exec = Effect.fnUntraced(function* (
        command: ReadonlyArray<string>,
        options: Exec.ExecOptions = {}
      ) {
        if (engine.exec === undefined)
          return yield* new CodexError.InvalidRequest({
            reason: "Rejected",
            method: "command/exec",
            detail: "this engine runs no commands"
          })
        const start = engine.exec
        yield* Redaction.addSecretsFrom({ ...engine.environment, ...options.env })
        const { cwd, sandbox = "read-only" } = options
        // The command may run code that the agent has written. Nothing protects files under `danger-full-access`.
        if (sandbox === "workspace-write")
          yield* HostFiles.protect("command/exec", () => ({
            sandbox: ThreadAccess.make(cwd ?? ".", sandbox, { tmpdir: engine.environment?.["TMPDIR"] })
              .writableRoots
          }))
        const { end, span } = yield* ExecTelemetry.start({ command, cwd, sandbox })
        return yield* ExecHandle.make(start, command, options, end).pipe(
          // A command that has not started has no end of its own.
          Effect.tapCause((cause) => end(Exit.failCause(cause))),
          Effect.withParentSpan(span, { captureStackTrace: false })
        )
      }, withOriginator)

      function request<M extends CodexProtocol.RequestMethod>(
        method: M,
        ...args: CodexProtocol.RequestArguments<M>
      ): Effect.Effect<CodexProtocol.RequestResult<M>, CodexError.StartError>
      function request(
        method: string,
        params?: unknown,
        options?: Engine.EngineRequestOptions
      ): Effect.Effect<unknown, CodexError.StartError>
      function request(method: string, params: unknown = {}, options?: Engine.EngineRequestOptions) {
        return engine.request(method, params, options).pipe(
          Effect.filterOrFail(
            Predicate.isObject,
            () =>
              new CodexError.ProtocolError({ detail: `the reply of codex to ${method} is not a JSON object` })
          ),
          traced(span.request, { [attribute.rpcMethod]: method })
        )
      }

      return Codex.of({
        startThread: (options) => openThread(span.threadStart, options ?? {}, engine.startThread),
        resumeThread,
        attach: (threadId, options = {}) => attach(threadId, options),
        resumeLast: (options) =>
          Effect.flatMap(findLastThread(Nodepath.resolve(options?.cwd ?? ".")), (threadId) =>
            resumeThread(threadId, options)
          ),
        forkThread: (threadId, options) =>
          openThread(span.threadFork, options ?? {}, (more) =>
            engine.forkThread(threadId, { ...more, through: options?.through })
          ),
        listThreads: (filter = {}) => paged((cursor) => listThreads(filter, cursor)),
        readThread: (threadId) => tracedThread(span.readThread, threadId)(engine.readThread(threadId)),
        renameThread: (threadId, name) =>
          tracedThread(span.renameThread, threadId)(engine.renameThread(threadId, name)),
        archiveThread: (threadId) =>
          tracedThread(span.archiveThread, threadId)(engine.archiveThread(threadId)),
        unarchiveThread: (threadId) =>
          tracedThread(span.unarchiveThread, threadId)(engine.unarchiveThread(threadId)),
        deleteThread: (threadId) => tracedThread(span.deleteThread, threadId)(engine.deleteThread(threadId)),
        listModels: paged((cursor) => traced(span.listModels)(engine.listModels(cursor))),
        exec,
        request,
        notifications,
        home: engine.home ?? Effect.undefined,
        limits: {
          ...limits,
          read: traced(span.request, { [attribute.rpcMethod]: "account/rateLimits/read" })(limits.read)
        }
      })
    })
  )
}
