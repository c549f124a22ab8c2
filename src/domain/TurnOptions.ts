/** What a turn is given, and how it is run. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import type { Attachment } from "./Attachment.ts"
import type { Budget } from "./Budget.ts"
import type { TurnError } from "./CodexError.ts"
import type { Turn } from "./Turn.ts"

/**
 * What the caller sends: text as it is, or parts. An image by its `url` is fetched by the provider, or is a `data:` URL;
 * a local image is read by Codex. A staged attachment is an image to the model if its type is one, and else a file
 * that the model is told the path of.
 */
export type TurnInput = string | ReadonlyArray<InputPart>
export type InputPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly url: string }
  | { readonly type: "local_image"; readonly path: string }
  | { readonly type: "attachment"; readonly attachment: Attachment }

/**
 * How one turn is run. `model`, `effort`, `sandbox` and `cwd` are kept by Codex for the later turns of the thread too.
 */
export interface TurnOptions {
  /**
   * The longest that the turn may take, each attempt at it for itself; at its end the turn is interrupted and fails with
   * `TurnTimedOut`.
   */
  readonly timeout?: Duration.Input | undefined
  readonly model?: string | undefined
  readonly effort?: string | undefined
  readonly sandbox?: Sandbox | undefined
  /** The folder to work in. */
  readonly cwd?: string | undefined
  /**
   * What the last message has to be: the agent is told the schema, and its answer is decoded. An answer that does not
   * fit fails the turn with `OutputInvalid`, which carries it.
   */
  readonly output?: Schema.Codec<unknown, unknown> | undefined
  /** What the turn may use, all attempts at it together; beyond it the turn is interrupted and fails with `BudgetExceeded`. */
  readonly budget?: Budget | undefined
  /**
   * When to try again by itself: only errors that are retryable, and only while no command, edit or tool that is more
   * than reading has run; a wait that the provider asked for is kept. What the agent has heard it is not told again.
   */
  readonly retry?: Schedule.Schedule<unknown, TurnError> | undefined
  /** Whether the turn is seen by telemetry; default: as `Sampling.Enabled` says, which is yes. */
  readonly telemetry?: boolean | undefined
}

/** What commands may reach without asking. */
export type Sandbox = "read-only" | "workspace-write" | "danger-full-access"

/** A turn whose last message was asked to be of a schema, and what it said. */
export type TurnWithOutput<A> = Turn & { readonly output: A }

/** The timeout of a turn that names none: 30 minutes. */
export const DefaultTimeout = Context.Reference<Duration.Duration>("effect-codex/Turn/DefaultTimeout", {
  defaultValue: () => Duration.minutes(30)
})

/** The text of an input, without what is no text. */
export const text = (input: TurnInput): string =>
  typeof input === "string"
    ? input
    : input.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n")
