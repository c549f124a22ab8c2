/**
 * Codex as a provider of `effect/ai`: programs written against `LanguageModel` and `Chat` run on the real Codex.
 *
 * ```ts
 * const Model = CodexLanguageModel.layer().pipe(
 *   Layer.provide(CodexSessions.layer),
 *   Layer.provide(Codex.layer),
 *   Layer.provide(AppServer.layer)
 * )
 * LanguageModel.generateText({ prompt: "What is Effect?" }).pipe(Effect.provide(Model))
 * ```
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as AiModel from "effect/ai/Model"
import * as OpenAiStructuredOutput from "effect/ai/OpenAiStructuredOutput"
import * as Tool from "effect/ai/Tool"
import type { ThreadOptions } from "../Codex.ts"
import type * as TurnOptions from "../domain/TurnOptions.ts"
import * as Convention from "../semconv/Convention.ts"
import * as AiErrors from "./AiErrors.ts"
import { CodexSessions, type SessionRequest } from "./CodexSessions.ts"
import * as ResponseParts from "./ResponseParts.ts"
import type { SessionSpec } from "./ModelSession.ts"

/**
 * Options for the threads and turns of a model. Each is an option of `Codex.startThread` or of a turn; the defaults differ:
 *
 * - `cwd`: an empty directory of this process, which ends with `CodexSessions`. Codex reads the `AGENTS.md` of its directory,
 *   and its commands start there.
 * - `sandbox`: `read-only`. Codex may run commands of its own, which can read every file that this process can read, and
 *   can write nothing and use no network.
 * - `approvalMode`: `on-request`. The approval policy decides what Codex asks for. Without one, everything is declined.
 * - `webSearch`: `disabled`.
 * @since 0.1.0
 * @category options
 */
export interface CodexModelOptions
  extends
    Omit<ThreadOptions, "budget" | "ephemeral" | "goals" | "instructions" | "mode" | "tools">,
    Pick<TurnOptions.TurnOptions, "budget" | "retry" | "timeout"> {
  /** Whether Codex may run commands of its own. Default: true. */
  readonly commands?: boolean | undefined
}

/**
 * Options for the requests of a part of a program: they override the options of the layer.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { LanguageModel } from "effect/ai"
 * import { CodexLanguageModel } from "effect-codex/ai"
 *
 * export const quick = LanguageModel.generateText({ prompt: "What is Effect?" }).pipe(
 *   Effect.provideService(CodexLanguageModel.Config, { effort: "low" })
 * )
 * ```
 */
export class Config extends Context.Service<Config, CodexModelOptions>()(
  "effect-codex/ai/CodexLanguageModel/Config"
) {}

/**
 * Runs an effect whose requests have these options. They override the options of the layer and of outer overrides.
 * @since 0.1.0
 * @category configuration
 * @example
 * ```ts
 * import { LanguageModel } from "effect/ai"
 * import { CodexLanguageModel } from "effect-codex/ai"
 *
 * export const quick = LanguageModel.generateText({ prompt: "What is Effect?" }).pipe(
 *   CodexLanguageModel.withConfigOverride({ effort: "low", timeout: "1 minute" })
 * )
 * ```
 */
export const withConfigOverride: {
  (
    overrides: CodexModelOptions
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, Config>>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    overrides: CodexModelOptions
  ): Effect.Effect<A, E, Exclude<R, Config>>
} = dual(
  2,
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    overrides: CodexModelOptions
  ): Effect.Effect<A, E, Exclude<R, Config>> =>
    Effect.flatMap(Effect.serviceOption(Config), (config) =>
      Effect.provideService(self, Config, {
        ...(config._tag === "Some" ? config.value : {}),
        ...overrides
      })
    )
)

/**
 * Options for a language model.
 * @since 0.1.0
 * @category options
 */
export interface CodexLanguageModelOptions {
  /** The model, for example `gpt-5.5`. Default: the model of Codex's configuration. */
  readonly model?: string | undefined
  readonly config?: Omit<CodexModelOptions, "model"> | undefined
}

/**
 * Makes a `LanguageModel` whose requests run on Codex.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { CodexLanguageModel } from "effect-codex/ai"
 *
 * export const answer = Effect.gen(function* () {
 *   const model = yield* CodexLanguageModel.make({ model: "gpt-5.5" })
 *   const { text } = yield* model.generateText({ prompt: "What is Effect?" })
 *   return text
 * })
 * ```
 */
export const make = Effect.fnUntraced(function* ({
  config: ownConfig,
  model
}: CodexLanguageModelOptions = {}): Effect.fn.Return<LanguageModel.LanguageModel, never, CodexSessions> {
  const sessions = yield* CodexSessions

  const toSpec = Effect.fnUntraced(function* (
    method: AiErrors.ModelMethod,
    { responseFormat, toolChoice, tools }: LanguageModel.ProviderOptions
  ): Effect.fn.Return<SessionSpec, AiError.AiError> {
    const override = yield* Effect.serviceOption(Config)
    const { budget, commands, retry, timeout, ...thread } = {
      ...ownConfig,
      ...(model === undefined ? {} : { model }),
      ...(override._tag === "Some" ? override.value : {})
    }
    const given = yield* chooseTools(method, tools, toolChoice)
    const outputSchema =
      responseFormat.type === "text"
        ? undefined
        : yield* Effect.try({
            try: () => OpenAiStructuredOutput.toCodecOpenAI(responseFormat.schema).jsonSchema,
            catch: (error) =>
              AiErrors.make(
                method,
                new AiError.UnsupportedSchemaError({
                  description: error instanceof Error ? error.message : String(error)
                })
              )
          })
    return {
      thread: {
        approvalMode: "on-request",
        webSearch: "disabled",
        ...(thread.permissionProfile === undefined ? { sandbox: "read-only" } : {}),
        ...thread,
        ...(commands === false ? { config: { ...thread.config, "features.shell_tool": false } } : {}),
        cwd: thread.cwd ?? (yield* sessions.directory)
      },
      turn: { budget, retry, timeout },
      tools: given,
      outputSchema: outputSchema === undefined ? undefined : { ...outputSchema }
    }
  })

  const respond = (method: AiErrors.ModelMethod, options: LanguageModel.ProviderOptions) => {
    const { prompt, span, toolChoice } = options
    return Stream.unwrap(
      Effect.map(toSpec(method, options), (spec) => {
        const request: SessionRequest = {
          method,
          prompt,
          spec,
          requiresCall: isRequired(toolChoice),
          onTurn: (threadId, turnId) => {
            span.attribute(Convention.attribute.conversationId, threadId)
            if (turnId !== undefined) span.attribute(Convention.attribute.turnId, turnId)
          }
        }
        return sessions.respond(request)
      })
    )
  }

  return yield* LanguageModel.make({
    codecTransformer: OpenAiStructuredOutput.toCodecOpenAI,
    supportsSystemMessagesInHistory: Effect.succeed(true),
    generateText: (options) =>
      Effect.map(Stream.runCollect(respond("generateText", options)), ResponseParts.collect),
    streamText: (options) => respond("streamText", options)
  })
})

/**
 * Provides a `LanguageModel` whose requests run on Codex. `CodexSessions` runs the turns.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { AppServer, Codex } from "effect-codex"
 * import { CodexLanguageModel, CodexSessions } from "effect-codex/ai"
 *
 * export const Model = CodexLanguageModel.layer({ config: { effort: "low" } }).pipe(
 *   Layer.provide(CodexSessions.layer),
 *   Layer.provide(Codex.layer),
 *   Layer.provide(AppServer.layer)
 * )
 * ```
 */
export const layer = (
  options: CodexLanguageModelOptions = {}
): Layer.Layer<LanguageModel.LanguageModel, never, CodexSessions> =>
  Layer.effect(LanguageModel.LanguageModel, make(options))

/**
 * Provides a `LanguageModel` and the names of its provider (`codex`) and of its model, for example in an `ExecutionPlan`.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { LanguageModel } from "effect/ai"
 * import { CodexLanguageModel } from "effect-codex/ai"
 *
 * export const answer = LanguageModel.generateText({ prompt: "What is Effect?" }).pipe(
 *   Effect.provide(CodexLanguageModel.model("gpt-5.5"))
 * )
 * ```
 */
export const model = (
  model: string,
  config?: Omit<CodexModelOptions, "model">
): AiModel.Model<"codex", LanguageModel.LanguageModel, CodexSessions> =>
  AiModel.make("codex", model, layer({ model, config }))

const isRequired = (toolChoice: LanguageModel.ToolChoice<string>): boolean =>
  toolChoice === "required" ||
  (typeof toolChoice === "object" && ("tool" in toolChoice || toolChoice.mode === "required"))

/** Returns the tools that the model may call. Fails for tools that Codex cannot offer. */
const chooseTools = (
  method: AiErrors.ModelMethod,
  tools: ReadonlyArray<Tool.Any>,
  toolChoice: LanguageModel.ToolChoice<string>
): Effect.Effect<ReadonlyArray<Tool.Any>, AiError.AiError> => {
  if (toolChoice === "none") return Effect.succeed([])
  const chosen =
    typeof toolChoice === "object" && "tool" in toolChoice
      ? tools.filter(({ name }) => name === toolChoice.tool)
      : tools
  if (chosen.length === 0 && isRequired(toolChoice))
    return Effect.fail(
      AiErrors.invalidRequest(method, "toolChoice", "it requires a call, and the toolkit has no such tool")
    )
  return Effect.as(
    Effect.forEach(chosen, (tool) => checkTool(method, tool), { discard: true }),
    chosen
  )
}

const checkTool = (method: AiErrors.ModelMethod, tool: Tool.Any): Effect.Effect<void, AiError.AiError> => {
  const fail = (description: string) =>
    Effect.fail(
      AiErrors.make(method, new AiError.ToolConfigurationError({ toolName: tool.name, description }))
    )
  if (Tool.isProviderDefined(tool))
    return fail("another provider defines it; Codex offers only tools with handlers of the program")
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(tool.name))
    return fail(`Codex accepts only names of at most 64 letters, digits, "_" and "-"`)
  return Effect.void
}

declare module "effect/ai/Prompt" {
  export interface FilePartOptions extends ProviderOptions {
    /** Options of Codex for a file. */
    readonly codex?: {
      /** How much of an image the model sees. Default: the choice of Codex. */
      readonly imageDetail?: TurnOptions.ImageDetail | null
    } | null
  }
}

/**
 * Where a part of a response comes from.
 * @since 0.1.0
 * @category models
 */
export type CodexPartMetadata = {
  readonly threadId?: string
  readonly turnId?: string
}

declare module "effect/ai/Response" {
  export interface ResponseMetadataPartMetadata extends ProviderMetadata {
    readonly codex?: CodexPartMetadata | null
  }
  export interface ToolCallPartMetadata extends ProviderMetadata {
    /** `callId` is the id that the model has given the call. The id of the part is unique in this process. */
    readonly codex?: (CodexPartMetadata & { readonly callId?: string }) | null
  }
  export interface FinishPartMetadata extends ProviderMetadata {
    /** `responseId` is the id of the last response of the provider. */
    readonly codex?: (CodexPartMetadata & { readonly responseId?: string }) | null
  }
}

declare module "effect/ai/AiError" {
  export interface RateLimitErrorMetadata extends ProviderMetadata {
    readonly codex?: AiErrors.CodexErrorMetadata | null
  }
  export interface QuotaExhaustedErrorMetadata extends ProviderMetadata {
    readonly codex?: AiErrors.CodexErrorMetadata | null
  }
  export interface AuthenticationErrorMetadata extends ProviderMetadata {
    readonly codex?: AiErrors.CodexErrorMetadata | null
  }
  export interface ContentPolicyErrorMetadata extends ProviderMetadata {
    readonly codex?: AiErrors.CodexErrorMetadata | null
  }
  export interface InvalidRequestErrorMetadata extends ProviderMetadata {
    readonly codex?: AiErrors.CodexErrorMetadata | null
  }
  export interface InternalProviderErrorMetadata extends ProviderMetadata {
    readonly codex?: AiErrors.CodexErrorMetadata | null
  }
  export interface StructuredOutputErrorMetadata extends ProviderMetadata {
    readonly codex?: AiErrors.CodexErrorMetadata | null
  }
  export interface UnknownErrorMetadata extends ProviderMetadata {
    readonly codex?: AiErrors.CodexErrorMetadata | null
  }
}
