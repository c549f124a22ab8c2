/** The options of `effect-codex/promise`, in the names of `@openai/codex-sdk` where they mean the same. */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"
import * as Approval from "../Approval.ts"
import type { ThreadOptions } from "../Codex.ts"
import type { Budget } from "../domain/Budget.ts"
import type { RetryPlan, RetrySchedule } from "../domain/Retry.ts"
import type { ApprovalMode } from "../domain/ThreadSettings.ts"
import type * as TurnOptions from "../domain/TurnOptions.ts"
import type * as AppServer from "../engine/AppServer.ts"
import type { PromiseTool } from "./PromiseTool.ts"

/**
 * A value of Codex's configuration.
 * @since 0.1.0
 * @category models
 */
export type ConfigValue =
  | string
  | number
  | boolean
  | ReadonlyArray<ConfigValue>
  | { readonly [key: string]: ConfigValue }

/**
 * Decides about a request. A rejection or a missing decision declines it. The signal is aborted when the turn ends.
 * @since 0.1.0
 * @category models
 */
export type ApproveRequest = (
  request: Approval.ApprovalRequest,
  context: { readonly signal: AbortSignal }
) => Approval.ApprovalDecision | PromiseLike<Approval.ApprovalDecision>

/**
 * Options for all threads of a `Codex`.
 * @since 0.1.0
 * @category models
 */
export interface CodexOptions {
  /** The codex to run. Default: `CODEX_PATH`, then the package `@openai/codex`, then `PATH`. */
  readonly codexPathOverride?: string | undefined
  /** The base URL of OpenAI's API. Default: Codex's configuration. */
  readonly baseUrl?: string | undefined
  /** The API key, for this process only. Default: the login of Codex. The variable `OPENAI_API_KEY` is no login. */
  readonly apiKey?: string | undefined
  /** Overrides of Codex's configuration, for example `{ model_reasoning_effort: "high" }`. */
  readonly config?: Readonly<Record<string, ConfigValue>> | undefined
  /** Further overrides, in the form `key=value` of the flag `-c`, whose values are TOML. */
  readonly configOverrides?: ReadonlyArray<string> | undefined
  /** Environment variables for Codex, in addition to the variables that the library passes on. The value `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * Decides about commands, edits and whatever else Codex requests approval for: a function, or rules that decline what they
   * do not match. Default: everything is declined.
   */
  readonly approve?: ApproveRequest | ReadonlyArray<Approval.ApprovalRule> | undefined
  /**
   * After how many milliseconds without a call the process of Codex ends, so that Node can end. The next call starts a new
   * one, and threads continue. Default: 500. `Codex.close` ends it at once.
   */
  readonly idleMillis?: number | undefined
  /** An exporter of telemetry. Default: `OtlpLayer`, which exports what the environment configures. */
  readonly telemetry?: Layer.Layer<never> | undefined
}

/**
 * Options for a thread. Omitted settings are those of Codex's configuration, or of the resumed thread.
 * @since 0.1.0
 * @category models
 */
export interface PromiseThreadOptions extends Pick<
  ThreadOptions,
  | "baseInstructions"
  | "budget"
  | "config"
  | "ephemeral"
  | "goals"
  | "group"
  | "instructions"
  | "mcpServers"
  | "mode"
  | "provider"
  | "serviceTier"
  | "source"
  | "subAgents"
  | "summary"
  | "terminals"
  | "user"
  | "workflow"
  | "writableRoots"
> {
  readonly model?: string | undefined
  readonly sandboxMode?: TurnOptions.Sandbox | undefined
  /** The directory in which the agent works. Default: the working directory of this process. */
  readonly workingDirectory?: string | undefined
  readonly modelReasoningEffort?: string | undefined
  /** Whether sandboxed commands can use the network. Requires `sandboxMode`. */
  readonly networkAccessEnabled?: boolean | undefined
  readonly webSearchMode?: ThreadOptions["webSearch"]
  /** The same as the `webSearchMode` `live` or `disabled`, which takes precedence. */
  readonly webSearchEnabled?: boolean | undefined
  /** When Codex requests approval. `CodexOptions.approve` decides. */
  readonly approvalPolicy?: ApprovalMode | undefined
  readonly additionalDirectories?: ReadonlyArray<string> | undefined
  /** Functions of the script that the agent may call. */
  readonly tools?: ReadonlyArray<PromiseTool> | undefined
}

/**
 * Options for a turn.
 * @since 0.1.0
 * @category models
 */
export interface PromiseTurnOptions {
  /** The JSON Schema of the last message. The turn has the parsed value as `output`, which is not validated. */
  readonly outputSchema?: unknown
  /** The schema of the last message: the turn has the decoded value as `output`. Replaces `outputSchema`. */
  readonly output?: Schema.Codec<unknown, unknown> | TurnOptions.OutputOptions<unknown, unknown> | undefined
  /** Interrupts the turn in Codex. The promise rejects with the reason of the signal. */
  readonly signal?: AbortSignal | undefined
  /** The maximum duration of the turn in milliseconds. Default: 30 minutes. */
  readonly timeoutMillis?: number | undefined
  /** The limit of the turn: a turn that exceeds it is interrupted and fails with `BudgetExceeded`. */
  readonly budget?: Budget | undefined
  /** When to run a failed turn again. Default: never. */
  readonly retry?: RetrySchedule | RetryPlan | undefined
  /** In `plan` mode the agent proposes a plan. Holds for later turns too. */
  readonly mode?: TurnOptions.Mode | undefined
}

/**
 * The input of a turn: text, or parts.
 * @since 0.1.0
 * @category models
 */
export type Input = string | ReadonlyArray<UserInput>
/**
 * A part of the input of a turn.
 * @since 0.1.0
 * @category models
 */
export type UserInput =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly url: string; readonly detail?: TurnOptions.ImageDetail }
  | { readonly type: "local_image"; readonly path: string; readonly detail?: TurnOptions.ImageDetail }
  | { readonly type: "audio"; readonly url: string }
  | { readonly type: "local_audio"; readonly path: string }
  | { readonly type: "skill"; readonly name: string; readonly path: string }
  | { readonly type: "mention"; readonly name: string; readonly path: string }

const toPart = (part: UserInput): TurnOptions.InputPart => {
  switch (part.type) {
    case "text":
      return { _tag: "Text", text: part.text }
    case "image": {
      const { type: _, ...rest } = part
      return { _tag: "Image", ...rest }
    }
    case "local_image": {
      const { type: _, ...rest } = part
      return { _tag: "LocalImage", ...rest }
    }
    case "audio":
      return { _tag: "Audio", url: part.url }
    case "local_audio":
      return { _tag: "LocalAudio", path: part.path }
    case "skill":
      return { _tag: "Skill", name: part.name, path: part.path }
    case "mention":
      return { _tag: "Mention", name: part.name, path: part.path }
  }
}

/** Converts the input of a turn. */
export const toInput = (input: Input): TurnOptions.TurnInput =>
  typeof input === "string" ? input : input.map(toPart)

/** Converts the options of a thread, except its tools. */
export const toThreadOptions = (options: PromiseThreadOptions): ThreadOptions => {
  const {
    additionalDirectories,
    approvalPolicy,
    model,
    modelReasoningEffort,
    networkAccessEnabled,
    sandboxMode,
    tools: _,
    webSearchEnabled,
    webSearchMode,
    workingDirectory,
    ...rest
  } = options
  const webSearch = webSearchEnabled === undefined ? undefined : webSearchEnabled ? "live" : "disabled"
  return {
    ...rest,
    model,
    sandbox: sandboxMode,
    cwd: workingDirectory,
    effort: modelReasoningEffort,
    network: networkAccessEnabled,
    webSearch: webSearchMode ?? webSearch,
    approvalMode: approvalPolicy,
    additionalDirectories
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Converts the options of a turn. Throws a `TypeError` if `outputSchema` is no JSON Schema of an object. */
export const toTurnOptions = (options: PromiseTurnOptions): TurnOptions.TurnOptions => {
  const { budget, mode, output, outputSchema, retry, timeoutMillis } = options
  if (outputSchema !== undefined && !isObject(outputSchema))
    throw new TypeError("outputSchema must be a JSON Schema: an object")
  return {
    budget,
    mode,
    retry,
    timeout: timeoutMillis,
    output: output ?? (outputSchema === undefined ? undefined : { jsonSchema: outputSchema })
  }
}

/** Returns the approval policy of the options. */
export const toPolicy = (approve: CodexOptions["approve"]): Approval.Policy => {
  if (approve === undefined) return Approval.deny
  if (typeof approve !== "function") return Approval.rules(approve, Approval.deny)
  return (request) => Effect.tryPromise(async (signal) => await approve(request, { signal }))
}

const isTable = (value: ConfigValue): value is { readonly [key: string]: ConfigValue } => isObject(value)

const toml = (value: ConfigValue): string => {
  if (Array.isArray(value)) return `[${value.map(toml).join(",")}]`
  if (isTable(value))
    return `{${Object.entries(value)
      .map(([key, each]) => `${JSON.stringify(key)}=${toml(each)}`)
      .join(",")}}`
  return JSON.stringify(value)
}

const bareKey = /^[A-Za-z0-9_-]+$/

/** Returns the overrides of a configuration. A table becomes one override for each of its values. */
const overrides = (config: Readonly<Record<string, ConfigValue>>, prefix = ""): ReadonlyArray<string> =>
  Object.entries(config).flatMap(([key, value]) => {
    const path = `${prefix}${bareKey.test(key) ? key : JSON.stringify(key)}`
    return isTable(value) && Object.keys(value).length > 0
      ? overrides(value, `${path}.`)
      : [`${path}=${toml(value)}`]
  })

/** Converts the options of the engine. */
export const toEngineOptions = (options: CodexOptions): AppServer.AppServerOptions => {
  const { apiKey, baseUrl, codexPathOverride, config = {}, configOverrides = [], env } = options
  return {
    codexPath: codexPathOverride,
    env,
    apiKey: apiKey === undefined ? undefined : Redacted.make(apiKey),
    config: [
      ...overrides(config),
      ...configOverrides,
      ...(baseUrl === undefined ? [] : [`openai_base_url=${JSON.stringify(baseUrl)}`])
    ]
  }
}
