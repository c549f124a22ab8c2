/** Crashes of durable programs in tests. Only the test layer provides them. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

/**
 * A moment at which a test crashes a durable program.
 *
 * - `before-claim`, `after-claim`: around the write that makes the runner the owner of a turn
 * - `before-turn-start`, `after-turn-start`: around the request that starts the turn in Codex. After it, Codex runs the turn,
 *   and the runner has no reply yet
 * - `model-streams`, `command-runs`: from the start of a message or a command to its end
 * - `approval-waits`: a request is in the database and has no decision
 * - `tool-runs`: the start of a tool call is stored, and its result is not
 * - `before-tool-result`, `after-tool-result`: around the write of the result of a tool call
 * - `before-outcome`, `after-outcome`: around the write of the outcome of a turn
 * @since 0.1.0
 * @category models
 */
export type CrashStep =
  | "before-claim"
  | "after-claim"
  | "before-turn-start"
  | "after-turn-start"
  | "model-streams"
  | "command-runs"
  | "approval-waits"
  | "tool-runs"
  | "before-tool-result"
  | "after-tool-result"
  | "before-outcome"
  | "after-outcome"

/** @internal Every moment at which a test can crash a durable program. */
export const crashSteps = [
  "before-claim",
  "after-claim",
  "before-turn-start",
  "after-turn-start",
  "model-streams",
  "command-runs",
  "approval-waits",
  "tool-runs",
  "before-tool-result",
  "after-tool-result",
  "before-outcome",
  "after-outcome"
] as const satisfies ReadonlyArray<CrashStep>

/**
 * What crashes: the runner; the engine, whose stored threads survive; or the machine with both and with its disk. After
 * `takeOverAfter`, the runner of the next machine continues the threads from their copies in the database.
 * @since 0.1.0
 * @category models
 */
export type CrashTarget = "runner" | "engine" | "machine"

/**
 * Crashes the runner or the engine of a test, and starts the next one. `DurableTest.layer` provides it, and `Durable.crash`
 * uses it.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { DurableCrash } from "effect-codex/durable"
 *
 * const crashed = DurableCrash.use(({ crash }) => crash("tool-runs", "engine"))
 * ```
 */
export class DurableCrash extends Context.Service<
  DurableCrash,
  {
    readonly crash: (step?: CrashStep, target?: CrashTarget) => Effect.Effect<void>
    /** Stops the runner until the returned effect runs. Meanwhile the next runner takes its turns over. */
    readonly freeze: (step?: CrashStep) => Effect.Effect<Effect.Effect<void>>
  }
>()("effect-codex/durable/DurableCrash") {}
