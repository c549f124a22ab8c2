/** Ids of threads, turns and items, as distinct types, so that the compiler rejects one in place of another. */
import * as Schema from "effect/Schema"

/**
 * The id of a thread: Codex's UUID. `ThreadId.make(text)` makes one from a stored string.
 * @since 0.1.0
 * @category schemas
 */
export const ThreadId = Schema.String.pipe(Schema.brand("effect-codex/ThreadId"))
export type ThreadId = typeof ThreadId.Type

/**
 * The id of a turn. Empty if the turn ended before Codex assigned an id.
 * @since 0.1.0
 * @category schemas
 */
export const TurnId = Schema.String.pipe(Schema.brand("effect-codex/TurnId"))
export type TurnId = typeof TurnId.Type

/**
 * The id of an item. The id of a command or a tool call is the model's call id.
 * @since 0.1.0
 * @category schemas
 */
export const ItemId = Schema.String.pipe(Schema.brand("effect-codex/ItemId"))
export type ItemId = typeof ItemId.Type
