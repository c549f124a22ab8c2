/** The input and the options of a turn. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type * as Schema from "effect/Schema"
import type { Attachment } from "./Attachment.ts"
import type { Budget } from "./Budget.ts"
import type { RetryPlan, RetrySchedule } from "./Retry.ts"
import type { SettingsOptions } from "./SettingsOptions.ts"
import type * as Review from "./Review.ts"
import type { Turn } from "./Turn.ts"

/**
 * The input of a turn: text, or parts. The provider fetches the `url` of an image or a sound, which may be a `data:` URL.
 * Codex reads a `LocalImage` or a `LocalAudio`; a model that cannot hear receives a note instead of a sound. A `Skill` gives
 * the model the instructions of a skill, named by the path of its `SKILL.md`. A `Mention` refers to an app or a plugin. A staged attachment with an image type is sent as an image; for any other attachment the model receives
 * the path of the file.
 * @since 0.1.0
 * @category models
 */
export type TurnInput = string | ReadonlyArray<InputPart>
/**
 * A part of the input of a turn: text, an image, an attachment, or a reference to something that Codex knows.
 * @since 0.1.0
 * @category models
 */
export type InputPart =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Image"; readonly url: string; readonly detail?: ImageDetail }
  | { readonly _tag: "LocalImage"; readonly path: string; readonly detail?: ImageDetail }
  | { readonly _tag: "Audio"; readonly url: string }
  | { readonly _tag: "LocalAudio"; readonly path: string }
  | { readonly _tag: "Skill"; readonly name: string; readonly path: string }
  | { readonly _tag: "Mention"; readonly name: string; readonly path: string }
  | { readonly _tag: "Attachment"; readonly attachment: Attachment }

/**
 * How much of an image the model sees: fewer pixels cost fewer tokens. Default: the choice of Codex.
 * @since 0.1.0
 * @category models
 */
export type ImageDetail = "auto" | "low" | "high" | "original"

/**
 * Options for one turn. Its settings and `mode` also hold for later turns of the handle.
 * @since 0.1.0
 * @category models
 */
export interface TurnOptions extends SettingsOptions {
  /**
   * The maximum duration of each attempt at the turn. A number is milliseconds. A turn that takes longer is interrupted and
   * fails with `TurnTimedOut`. Default: `DefaultTimeout`.
   */
  readonly timeout?: Duration.Input | undefined
  /**
   * How the agent works with its user. Codex keeps the mode for later turns of the thread. Default: the option `mode` of the
   * thread.
   */
  readonly mode?: Mode | undefined
  /**
   * The schema of the agent's last message, or an object with the schema and `repair`. The agent receives it as JSON Schema.
   * A message whose JSON is in a Markdown code block is accepted too. If the message does not match, the turn fails with
   * `OutputInvalid`, which contains the message.
   */
  readonly output?: Schema.Codec<unknown, unknown> | OutputOptions<unknown, unknown> | JsonOutput | undefined
  /** The limit for all attempts at the turn together. A turn that exceeds it is interrupted and fails with `BudgetExceeded`. */
  readonly budget?: Budget | undefined
  /**
   * When to run a failed turn again. Only retryable errors are retried, and only if no command, edit or tool ran that may
   * have side effects. The wait is at least the provider's `retryAfter`. Another attempt does not repeat input that Codex
   * has recorded. A usage limit is retried only by `Retry.untilReset`, or on another model (`Retry.withModels`). Default: no retries.
   */
  readonly retry?: RetrySchedule | RetryPlan | undefined
  /**
   * What happens to the commands that still run when the turn ends. An interrupted turn always ends its commands. Default:
   * the option `terminals` of the thread.
   */
  readonly terminals?: TerminalPolicy | undefined
  /**
   * What happens to sub-agents that still work when the turn completes: `interrupt` ends them, `await` waits for them, and
   * their events belong to the turn. A turn that fails or is interrupted always ends its sub-agents. Default: the setting of
   * the thread, or else `interrupt`.
   */
  readonly subAgents?: SubAgents | undefined
  /**
   * A key of the caller for the turn, at most 512 characters, without content. Codex stores it with the input. A turn that
   * the thread already has under this key is not started again: `run` and `stream` observe it if it runs, and return or fail
   * with its outcome if it has ended, from the history and without a model request. A turn whose engine ended while it ran
   * fails with `EngineExited`. Use it where a program may ask twice for the same turn, for example after it was restarted.
   *
   * The turn that is found keeps the input and the settings with which it was started. The tokens and the model requests of
   * an ended one are not known.
   */
  readonly key?: string | undefined
  /** Whether the turn emits telemetry. Default: `Sampling.Enabled`, which is true unless it is set. */
  readonly telemetry?: boolean | undefined
}

/**
 * The schema of the agent's last message, and how often the agent may correct a message that does not match it.
 * @since 0.1.0
 * @category models
 */
export interface OutputOptions<A, E = unknown> {
  readonly schema: Schema.Codec<A, E>
  /**
   * The maximum number of corrections. In each, the agent receives the error of the schema and answers again, in one more
   * attempt at the turn: usage, time and budget count all attempts, and the last failure is `OutputInvalid`. Default: 0.
   */
  readonly repair?: number | undefined
}

/**
 * A JSON Schema of the agent's last message. The output is the value of the JSON, which is parsed and not validated.
 * @since 0.1.0
 * @category models
 */
export interface JsonOutput {
  readonly jsonSchema: Readonly<Record<string, unknown>>
  /** As in `OutputOptions`: the maximum number of corrections of a message that is not JSON. Default: 0. */
  readonly repair?: number | undefined
}

/**
 * What happens to the commands that still run when their turn ends: `keep` lets them continue as background terminals of the
 * thread, `end` ends them. They always end with the scope of the thread's last handle.
 * @since 0.1.0
 * @category models
 */
export type TerminalPolicy = "keep" | "end"

/**
 * How the agent works with its user. In `plan` mode it explores, may ask questions, and proposes a plan (an item, `Plan`)
 * instead of changing files. Only the instructions of the model say so: a sandbox of `read-only` enforces it.
 * @since 0.1.0
 * @category models
 */
export type Mode = "default" | "plan"

/**
 * Options for a code review. The model, the sandbox and the directory are those of the thread; `review_model` of Codex's configuration replaces the model.
 * @since 0.1.0
 * @category models
 */
export interface ReviewOptions extends Pick<TurnOptions, "budget" | "retry" | "telemetry" | "timeout"> {
  readonly target: Review.ReviewTarget
}

export type { Sandbox } from "./ThreadSettings.ts"

/**
 * What happens to sub-agents that still work when their turn completes.
 * @since 0.1.0
 * @category models
 */
export type SubAgents = "interrupt" | "await"

/**
 * A turn with its decoded output.
 * @since 0.1.0
 * @category models
 */
export type TurnWithOutput<A> = Turn & { readonly output: A }

/**
 * The turn of a code review with its result.
 * @since 0.1.0
 * @category models
 */
export type TurnWithReview = Turn & { readonly review: Review.Review }

/**
 * The timeout of a turn whose options have none. Default: 30 minutes.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Duration, Layer } from "effect"
 * import { Codex, Turn } from "effect-codex"
 *
 * const Patient = Codex.layer.pipe(
 *   Layer.provideMerge(Layer.succeed(Turn.DefaultTimeout, Duration.hours(2)))
 * )
 * ```
 */
export const DefaultTimeout = Context.Reference<Duration.Duration>("effect-codex/Turn/DefaultTimeout", {
  defaultValue: () => Duration.minutes(30)
})

/**
 * Returns the text parts of an input.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Turn } from "effect-codex"
 *
 * Turn.text("Fix the build") // "Fix the build"
 * Turn.text([{ _tag: "Text", text: "What is this?" }, { _tag: "LocalImage", path: "a.png" }]) // "What is this?"
 * ```
 */
export const text = (input: TurnInput): string =>
  typeof input === "string"
    ? input
    : input.flatMap((part) => (part._tag === "Text" ? [part.text] : [])).join("\n")
