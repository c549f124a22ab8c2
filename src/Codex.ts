/** The way in: opens conversations with the agent. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as Nodepath from "node:path"
import * as Policy from "./approval/Policy.ts"
import * as SessionGrants from "./approval/SessionGrants.ts"
import { type Budget, validate } from "./domain/Budget.ts"
import * as CodexError from "./domain/CodexError.ts"
import * as Engine from "./engine/Engine.ts"
import type { ThreadId, TurnId } from "./domain/Ids.ts"
import type * as TurnOptions from "./domain/TurnOptions.ts"
import * as ContentCapture from "./instrumentation/ContentCapture.ts"
import * as Convention from "./semconv/Convention.ts"
import * as UserHash from "./instrumentation/UserHash.ts"
import * as Redaction from "./redaction/Redaction.ts"
import * as StartTelemetry from "./instrumentation/StartTelemetry.ts"
import * as TurnTelemetry from "./instrumentation/TurnTelemetry.ts"
import * as Thread from "./Thread.ts"
import type * as ThreadInfo from "./domain/ThreadInfo.ts"
import * as McpServers from "./tool/McpServers.ts"
import * as ToolHost from "./tool/ToolHost.ts"

/** How a conversation is held. What is left out is as Codex's own configuration has it. */
export interface ThreadOptions<Tools extends Record<string, Tool.Any> = {}> {
  /** The folder to work in; default: the one this process is in. It must exist. */
  readonly cwd?: string | undefined
  /** What commands may reach without asking. */
  readonly sandbox?: TurnOptions.Sandbox | undefined
  /** When the agent asks. `on-request` runs sandboxed commands unasked. */
  readonly approvalMode?: Engine.ApprovalMode | undefined
  readonly model?: string | undefined
  /** Instructions for the agent beside its own. */
  readonly instructions?: string | undefined
  /** Keep nothing of the conversation on disk. */
  readonly ephemeral?: boolean | undefined
  /** Tools of yours that the agent may call: `yield* MyToolkit`. */
  readonly tools?: Toolkit.WithHandler<Tools> | undefined
  /** MCP servers that the agent may use, beside those of Codex's own configuration. */
  readonly mcpServers?: McpServers.McpServers | undefined
  /** What all turns of this handle may use together; beyond it they fail with `BudgetExceeded`. */
  readonly budget?: Budget | undefined
  /** Overrides of Codex's own configuration for this thread: `{ "model_reasoning_effort": "high" }`. */
  readonly config?: Readonly<Record<string, unknown>> | undefined
  /** What part of your program this is for, for telemetry: low in cardinality, no content. */
  readonly source?: string | undefined
  readonly workflow?: string | undefined
  readonly group?: string | undefined
  /** Whom it is for; telemetry shows a keyed hash, and nothing without a key: `CODEX_OTEL_USER_HASH_KEY`. */
  readonly user?: string | undefined
}

/** Opens a conversation; it is closed with the scope. Its tools run with the services that are here now. */
type Opened<Tools extends Record<string, Tool.Any>> = Effect.Effect<
  Thread.Thread,
  CodexError.StartError,
  Scope.Scope | Tool.HandlerServices<Tools[keyof Tools]>
>

export class Codex extends Context.Service<
  Codex,
  {
    /** Opens a new conversation; it is closed with the scope. */
    readonly startThread: <Tools extends Record<string, Tool.Any> = {}>(
      options?: ThreadOptions<Tools>
    ) => Opened<Tools>
    /** Goes on with a conversation by its id, also one of an earlier process. It must be given its tools again. */
    readonly resumeThread: <Tools extends Record<string, Tool.Any> = {}>(
      threadId: ThreadId,
      options?: ThreadOptions<Tools>
    ) => Opened<Tools>
    /**
     * Goes on with the conversation that was last spoken in, of those in the same folder (`cwd`, default: this one);
     * `InvalidRequest.ThreadNotFound` where there is none.
     */
    readonly resumeLast: <Tools extends Record<string, Tool.Any> = {}>(
      options?: ThreadOptions<Tools>
    ) => Opened<Tools>
    /** Opens a new conversation in which all has been said that was said in another one, up to and with `through`. */
    readonly forkThread: <Tools extends Record<string, Tool.Any> = {}>(
      threadId: ThreadId,
      options?: ThreadOptions<Tools> & { readonly through?: TurnId | undefined }
    ) => Opened<Tools>
    /** The conversations that are kept, newest first; pages are asked for as they are needed. */
    readonly listThreads: (
      filter?: ThreadInfo.Filter
    ) => Stream.Stream<ThreadInfo.ThreadInfo, CodexError.StartError>
    /** A conversation with all its turns and what they produced, without opening it. */
    readonly readThread: (
      threadId: ThreadId
    ) => Effect.Effect<ThreadInfo.ThreadHistory, CodexError.StartError>
    readonly renameThread: (threadId: ThreadId, name: string) => Effect.Effect<void, CodexError.StartError>
    /** Takes a conversation out of the list; it can be taken back. */
    readonly archiveThread: (threadId: ThreadId) => Effect.Effect<void, CodexError.StartError>
    readonly unarchiveThread: (threadId: ThreadId) => Effect.Effect<void, CodexError.StartError>
    /** Removes a conversation for good. */
    readonly deleteThread: (threadId: ThreadId) => Effect.Effect<void, CodexError.StartError>
    /** The models that Codex offers. */
    readonly listModels: Stream.Stream<ThreadInfo.Model, CodexError.StartError>
    /**
     * Anything else that `codex app-server` can do, in its own terms: the method, its parameters, and its answer as it
     * came. It has the same deadline, trace and errors as everything here.
     */
    readonly request: (method: string, params?: unknown) => Effect.Effect<unknown, CodexError.StartError>
  }
>()("effect-codex/Codex") {
  /** On whichever engine is provided: `AppServer.layer`, or a scripted one in tests. */
  static readonly layer: Layer.Layer<Codex, never, Engine.Engine> = Layer.effect(
    Codex,
    Effect.gen(function* () {
      const engine = yield* Engine.Engine
      const ofLayer = yield* Policy.Current
      yield* ContentCapture.warn
      const ofUser = yield* UserHash.makeUser
      const { attribute, span } = Convention

      const originated = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
        Effect.flatMap(TurnTelemetry.Originator, (originator) =>
          Effect.annotateSpans(effect, { [attribute.originator]: originator })
        )

      const open = Effect.fnUntraced(function* <Tools extends Record<string, Tool.Any>>(
        name: string,
        options: ThreadOptions<Tools>,
        start: (
          options: Engine.EngineThreadOptions
        ) => Effect.Effect<Engine.EngineThread, CodexError.StartError, Scope.Scope>
      ) {
        const detail = validate(options.budget ?? {})
        if (detail !== undefined)
          return yield* new CodexError.InvalidRequest({ reason: "BadParams", method: "thread/start", detail })
        const tools = options.tools === undefined ? ToolHost.empty : yield* ToolHost.make(options.tools)
        const servers =
          options.mcpServers === undefined
            ? undefined
            : yield* Effect.fromResult(McpServers.toConfig(options.mcpServers))
        const context = yield* Effect.context()
        // One provided around the program wins over one in the layer.
        const policy = context.mapUnsafe.has(Policy.Current.key)
          ? Context.get(context, Policy.Current)
          : ofLayer
        const annotations: Record<string, unknown> = { ...(yield* ofUser(options.user)) }
        if (options.source !== undefined) annotations[attribute.source] = options.source
        if (options.workflow !== undefined) annotations[attribute.workflow] = options.workflow
        if (options.group !== undefined) annotations[attribute.group] = options.group
        const annotated = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
          Effect.annotateSpans(originated(effect), annotations)
        yield* Redaction.addSecretsFrom(engine.environment ?? {})
        yield* annotated(StartTelemetry.starting("engine")(engine.ready))
        const thread = yield* start({
          cwd: options.cwd,
          sandbox: options.sandbox,
          approvalMode: options.approvalMode,
          model: options.model,
          instructions: options.instructions,
          ephemeral: options.ephemeral,
          tools: tools.specs,
          config: servers === undefined ? options.config : { ...options.config, ...servers }
        }).pipe(
          Effect.tap((thread) => Effect.annotateCurrentSpan(attribute.conversationId, thread.id)),
          StartTelemetry.starting("thread"),
          Effect.withSpan(name, {}, { captureStackTrace: false }),
          annotated
        )
        // Codex knows nothing of our tools: what was allowed for the session is kept here.
        const remembering = SessionGrants.remember(policy)
        return Thread.make(thread, {
          tools,
          policy: (request) => (request._tag === "tool" ? remembering : policy)(request),
          sandbox: options.sandbox,
          instructions: options.instructions,
          budget: options.budget ?? {},
          annotations
        })
      })

      const resumeThread = <Tools extends Record<string, Tool.Any>>(
        threadId: ThreadId,
        options: ThreadOptions<Tools> = {}
      ) => open(span.threadResume, options, (options) => engine.resumeThread(threadId, options))

      /** The span is inside the annotation, so it carries the originator, and so does an engine that starts in it. */
      const traced =
        (name: string, attributes: Readonly<Record<string, unknown>> = {}) =>
        <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
          originated(effect.pipe(Effect.withSpan(name, { attributes }, { captureStackTrace: false })))

      const ofThread = (name: string, threadId: ThreadId) =>
        traced(name, { [attribute.conversationId]: threadId })

      const listThreads = (filter: ThreadInfo.Filter, cursor: string | undefined) =>
        traced(span.listThreads)(engine.listThreads(filter, cursor))

      const last = (cwd: string) =>
        Effect.flatMap(listThreads({ cwd, sort: "updated" }, undefined), ({ data: [newest] }) =>
          newest === undefined
            ? Effect.fail(
                new CodexError.InvalidRequest({
                  reason: "ThreadNotFound",
                  method: "thread/list",
                  detail: `there is no conversation in ${cwd}`
                })
              )
            : Effect.succeed(newest.id)
        )

      /** Each page has its own span: a span of the whole stream would include the time of its consumer. */
      const paged = <A>(
        ask: (cursor: string | undefined) => Effect.Effect<Engine.Page<A>, CodexError.StartError>
      ) =>
        Stream.paginate<string | undefined, A, CodexError.StartError>(undefined, (cursor) =>
          Effect.map(ask(cursor), ({ data, next }) => [data, Option.fromUndefinedOr(next)])
        )

      return Codex.of({
        startThread: (options) => open(span.threadStart, options ?? {}, engine.startThread),
        resumeThread,
        resumeLast: (options) =>
          Effect.flatMap(last(Nodepath.resolve(options?.cwd ?? ".")), (threadId) =>
            resumeThread(threadId, options)
          ),
        forkThread: (threadId, options) =>
          open(span.threadFork, options ?? {}, (more) =>
            engine.forkThread(threadId, { ...more, through: options?.through })
          ),
        listThreads: (filter = {}) => paged((cursor) => listThreads(filter, cursor)),
        readThread: (threadId) => ofThread(span.readThread, threadId)(engine.readThread(threadId)),
        renameThread: (threadId, name) =>
          ofThread(span.renameThread, threadId)(engine.renameThread(threadId, name)),
        archiveThread: (threadId) => ofThread(span.archiveThread, threadId)(engine.archiveThread(threadId)),
        unarchiveThread: (threadId) =>
          ofThread(span.unarchiveThread, threadId)(engine.unarchiveThread(threadId)),
        deleteThread: (threadId) => ofThread(span.deleteThread, threadId)(engine.deleteThread(threadId)),
        listModels: paged((cursor) => traced(span.listModels)(engine.listModels(cursor))),
        request: (method, params = {}) =>
          traced(span.request, { [attribute.rpcMethod]: method })(engine.request(method, params))
      })
    })
  )
}
