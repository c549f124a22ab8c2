/** Whether a thread of Codex runs a turn, from a reply to `thread/read`. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const decode = Schema.decodeUnknownOption(
  Schema.Struct({ thread: Schema.Struct({ status: Schema.Struct({ type: Schema.String }) }) })
)

/** Whether the reply shows a thread that is loaded and runs a turn. */
export const isActive = (reply: unknown): boolean =>
  Option.exists(decode(reply), ({ thread }) => thread.status.type === "active")
