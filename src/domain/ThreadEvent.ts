/** What happens on an open thread, whichever handle or Codex itself caused it. */
import * as Schema from "effect/Schema"
import { TurnId } from "./Ids.ts"
import * as Goal from "./Goal.ts"
import * as Turn from "./Turn.ts"

const at = Schema.Finite

/** Whether a handle of this program requested the turn. If not, Codex started the turn by itself, for example for a goal. */
const requested = Schema.Boolean

/**
 * The events of a thread, in order. `at` is in milliseconds since the epoch, with fractions.
 *
 * `TurnProgress` has the events of a turn as `Thread.stream` returns them. `turnId` is empty before the turn has an id.
 * @since 0.1.0
 * @category schemas
 */
export const ThreadEvent = Schema.TaggedUnion({
  TurnProgress: { turnId: TurnId, requested, event: Turn.TurnEvent, at },
  /** A turn has ended. `errorType` is the class of its error, and absent if the turn has completed. */
  TurnEnded: { turn: Turn.Turn, requested, errorType: Schema.optionalKey(Schema.String), at },
  /** Codex or a caller sets, changes or ends the goal of the thread. */
  GoalUpdated: { goal: Goal.Goal, at },
  GoalCleared: { at }
})
export type ThreadEvent = typeof ThreadEvent.Type
