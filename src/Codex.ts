/** The way in: opens conversations with the agent. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as Approval from "./Approval.ts"
import type { ThreadId } from "./Id.ts"
import type * as CodexError from "./CodexError.ts"
import * as Engine from "./engine/Engine.ts"
import * as Content from "./telemetry/Content.ts"
import * as Convention from "./telemetry/Convention.ts"
import * as Correlation from "./telemetry/Correlation.ts"
import * as TurnTelemetry from "./telemetry/TurnTelemetry.ts"
import * as Thread from "./Thread.ts"
import * as ToolHost from "./ToolHost.ts"

/** How a conversation is held. What is left out is as Codex's own configuration has it. */
export interface ThreadOptions<Tools extends Record<string, Tool.Any> = {}> {
  /** The folder to work in; default: the one this process is in. It must exist. */
  readonly cwd?: string | undefined
  /** What commands may reach without asking. */
  readonly sandbox?: Engine.Sandbox | undefined
  /** When the agent asks. `on-request` runs sandboxed commands unasked. */
  readonly approvalMode?: Engine.ApprovalMode | undefined
  readonly model?: string | undefined
  /** Instructions for the agent beside its own. */
  readonly instructions?: string | undefined
  /** Keep nothing of the conversation on disk. */
  readonly ephemeral?: boolean | undefined
  /** Tools of yours that the agent may call: `yield* MyToolkit`. */
  readonly tools?: Toolkit.WithHandler<Tools> | undefined
  /** What part of your program this is for, for telemetry: low in cardinality, no content. */
  readonly source?: string | undefined
  readonly workflow?: string | undefined
  readonly group?: string | undefined
  /** Whom it is for; telemetry shows a keyed hash, and nothing without a key: `CODEX_OTEL_USER_HASH_KEY`. */
  readonly user?: string | undefined
}

export class Codex extends Context.Service<
  Codex,
  {
    /** Opens a new conversation; it is closed with the scope. */
    readonly startThread: <Tools extends Record<string, Tool.Any> = {}>(
      options?: ThreadOptions<Tools>
    ) => Effect.Effect<
      Thread.Thread,
      CodexError.StartError,
      Scope.Scope | Tool.HandlerServices<Tools[keyof Tools]>
    >
    /** Goes on with a conversation by its id, also one of an earlier process. It must be given its tools again. */
    readonly resumeThread: <Tools extends Record<string, Tool.Any> = {}>(
      threadId: ThreadId,
      options?: ThreadOptions<Tools>
    ) => Effect.Effect<
      Thread.Thread,
      CodexError.StartError,
      Scope.Scope | Tool.HandlerServices<Tools[keyof Tools]>
    >
  }
>()("effect-codex/Codex") {
  /** On whichever engine is provided: `AppServer.layer`, or a scripted one in tests. */
  static readonly layer: Layer.Layer<Codex, never, Engine.Engine> = Layer.effect(
    Codex,
    Effect.gen(function* () {
      const engine = yield* Engine.Engine
      const ofLayer = yield* Approval.Current
      yield* Content.warn
      const ofUser = yield* Correlation.makeUser

      const open = Effect.fnUntraced(function* <Tools extends Record<string, Tool.Any>>(
        name: string,
        options: ThreadOptions<Tools>,
        start: (
          options: Engine.ThreadOptions
        ) => Effect.Effect<Engine.EngineThread, CodexError.StartError, Scope.Scope>
      ) {
        const tools = options.tools === undefined ? ToolHost.empty : yield* ToolHost.make(options.tools)
        const originator = yield* TurnTelemetry.Originator
        const context = yield* Effect.context()
        // One provided around the program wins over the one in the layer.
        const policy = context.mapUnsafe.has(Approval.Current.key)
          ? Context.get(context, Approval.Current)
          : ofLayer
        const { attribute } = Convention
        const annotations: Record<string, unknown> = { ...(yield* ofUser(options.user)) }
        if (options.source !== undefined) annotations[attribute.source] = options.source
        if (options.workflow !== undefined) annotations[attribute.workflow] = options.workflow
        if (options.group !== undefined) annotations[attribute.group] = options.group
        const annotated = Effect.annotateSpans({ ...annotations, [attribute.originator]: originator })
        yield* annotated(engine.ready)
        const thread = yield* start({
          cwd: options.cwd,
          sandbox: options.sandbox,
          approvalMode: options.approvalMode,
          model: options.model,
          instructions: options.instructions,
          ephemeral: options.ephemeral,
          tools: tools.specs
        }).pipe(
          Effect.tap((thread) => Effect.annotateCurrentSpan(attribute.conversationId, thread.id)),
          Effect.withSpan(name, {}, { captureStackTrace: false }),
          annotated
        )
        return Thread.make(thread, { tools, policy, sandbox: options.sandbox, annotations })
      })

      return Codex.of({
        startThread: (options) => open(Convention.span.threadStart, options ?? {}, engine.startThread),
        resumeThread: (threadId, options) =>
          open(Convention.span.threadResume, options ?? {}, (options) =>
            engine.resumeThread(threadId, options)
          )
      })
    })
  )
}
