/** What a runner of durable turns reports about its work. */
import * as Schema from "effect/Schema"
import { TurnId } from "../../domain/Ids.ts"

const key = { key: Schema.String, thread: Schema.String, at: Schema.Finite }

/**
 * What happens to the turns of a runner. `at` is in milliseconds since the epoch.
 *
 * `Claimed`: the runner takes the turn. `Started`: Codex runs the turn, also if it has already run before this runner found
 * it. `Waiting`: the turn waits for an approval or an answer. `Retrying`: the engine or the database cannot be reached.
 * `Recovering`: the engine died, and the turn continues with a message. `Left`: the runner stops, and another one takes the
 * turn. `Ended`: the outcome is stored; `errorType` is that of the error.
 * @since 0.1.0
 * @category schemas
 */
export const RunnerEvent = Schema.TaggedUnion({
  Claimed: key,
  Started: { ...key, turnId: TurnId },
  Waiting: key,
  Retrying: { ...key, errorType: Schema.String },
  Recovering: key,
  Left: key,
  Ended: {
    ...key,
    status: Schema.Literals(["completed", "failed", "interrupted"]),
    errorType: Schema.optionalKey(Schema.String)
  }
})
/**
 * What happens to the turns of a runner.
 * @since 0.1.0
 * @category models
 */
export type RunnerEvent = typeof RunnerEvent.Type
