/** Capture of content in telemetry: prompts, answers, arguments and so on. Off by default; enabled per kind. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { LogRecord } from "./LogRecord.ts"
import { Environment, Variables } from "../internal/EnvironmentVariables.ts"

/**
 * The kinds of content. `errors` are the messages and stacks of logged causes and of failed spans, including those of
 * your own program; `paths` are the paths of files and the working directories of commands.
 * @since 0.1.0
 * @category models
 */
export interface Kinds {
  readonly prompts: boolean
  readonly responses: boolean
  readonly toolArguments: boolean
  readonly toolResults: boolean
  readonly commands: boolean
  readonly paths: boolean
  readonly diffs: boolean
  readonly errors: boolean
}

/**
 * Which content is captured, and whether it goes to span attributes, log records or both.
 * @since 0.1.0
 * @category models
 */
export interface Capture {
  readonly kinds: Kinds
  readonly spans: boolean
  readonly records: boolean
}

const none: Kinds = {
  prompts: false,
  responses: false,
  toolArguments: false,
  toolResults: false,
  commands: false,
  paths: false,
  diffs: false,
  errors: false
}

const all: Kinds = {
  prompts: true,
  responses: true,
  toolArguments: true,
  toolResults: true,
  commands: true,
  paths: true,
  diffs: true,
  errors: true
}

/**
 * The kinds that code selects; they override the environment.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codex, ContentCapture } from "effect-codex"
 *
 * // This conversation stays out of the telemetry, whatever the environment says.
 * const confidential = Codex.use(({ startThread }) => startThread()).pipe(
 *   Effect.flatMap((thread) => thread.run("Summarise the contract")),
 *   Effect.scoped,
 *   Effect.provideService(ContentCapture.Current, {})
 * )
 * ```
 */
export const Current = Context.Reference<Partial<Kinds> | undefined>(
  "effect-codex/telemetry/Content/Current",
  {
    defaultValue: () => undefined
  }
)

/** @internal Receives records with content. The default drops them, for programs that export no logs. */
export const Records = Context.Reference<(record: LogRecord) => void>(
  "effect-codex/telemetry/Content/Records",
  {
    defaultValue: () => () => {}
  }
)

const modes = ["no_content", "span_only", "event_only", "span_and_event"] as const

/** @internal Reads the capture mode from the environment, with warnings about invalid values. */
export const fromEnvironment = (
  environment: Environment
): { readonly mode: (typeof modes)[number] | undefined; readonly warnings: ReadonlyArray<string> } => {
  const variables = new Variables(environment)
  const mode = variables.word(modes, "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT")
  return { mode, warnings: variables.warnings }
}

/** @internal Logs a warning for each invalid value in the environment. */
export const warn: Effect.Effect<void> = Effect.flatMap(Environment, (environment) =>
  Effect.forEach(fromEnvironment(environment).warnings, (warning) => Effect.logWarning(warning), {
    discard: true
  })
)

/** @internal Returns what is captured in this context. */
export const captureOf = (context: Context.Context<never>): Capture => {
  const requested = Context.get(context, Current)
  const { mode } = fromEnvironment(Context.get(context, Environment))
  const kinds =
    requested === undefined
      ? mode === undefined || mode === "no_content"
        ? none
        : all
      : { ...none, ...requested }
  return {
    kinds,
    spans: mode !== "event_only",
    records: mode === "event_only" || mode === "span_and_event"
  }
}

/** @internal Whether log records may contain this kind of content. */
export const inRecords = (context: Context.Context<never>, kind: keyof Kinds): boolean => {
  const { kinds, records } = captureOf(context)
  return kinds[kind] && (records || Context.get(context, Current) !== undefined)
}

/**
 * Captures exactly these kinds of content and overrides the kinds that the environment selects. The environment still
 * selects where the content goes; the default is spans. Secrets in content are masked as everywhere.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { ContentCapture, OtlpLayer } from "effect-codex"
 *
 * const Telemetry = Layer.merge(OtlpLayer, ContentCapture.layer({ prompts: true, responses: true }))
 * ```
 */
export const layer = (kinds: Partial<Kinds>): Layer.Layer<never> => Layer.succeed(Current, kinds)
