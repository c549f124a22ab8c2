/** What names a conversation, a turn and what a turn produces: strings that cannot be taken for one another. */
import * as Schema from "effect/Schema"

/** A conversation, as Codex names it: a UUID. `ThreadId.make(text)` for one that was kept elsewhere. */
export const ThreadId = Schema.String.pipe(Schema.brand("effect-codex/ThreadId"))
export type ThreadId = typeof ThreadId.Type

/** A turn of a conversation; empty for one that ended before Codex had named it. */
export const TurnId = Schema.String.pipe(Schema.brand("effect-codex/TurnId"))
export type TurnId = typeof TurnId.Type

/** Something that a turn produced; that of a command or a tool call is the call id that the model gave it. */
export const ItemId = Schema.String.pipe(Schema.brand("effect-codex/ItemId"))
export type ItemId = typeof ItemId.Type
