/** Waiting approval requests as the API sends them, of live turns and of durable ones. */
import * as Schema from "effect/Schema"
import { ThreadId } from "../domain/Ids.ts"

const { optionalKey } = Schema

/**
 * A waiting request as the inbox lists it. `title` completes "The agent asks to …". It is no basis for an answer. A request of a
 * durable turn has the key of that turn, and no deadline if it waits without a limit. Times are milliseconds since the epoch.
 */
export class InboxEntry extends Schema.Opaque<InboxEntry>()(
  Schema.Struct({
    id: Schema.String,
    threadId: optionalKey(ThreadId),
    turnKey: optionalKey(Schema.String),
    title: Schema.String,
    at: Schema.Finite,
    deadline: optionalKey(Schema.Finite),
    hash: Schema.String
  })
) {}

/** A question of a request, or a field of a form. Texts are visible text; `value` is what an answer contains. */
export class AnswerField extends Schema.Opaque<AnswerField>()(
  Schema.Struct({
    id: Schema.String,
    label: Schema.String,
    kind: Schema.Literals(["text", "secret", "number", "boolean", "choice", "choices"]),
    required: Schema.Boolean,
    /** Whether text may be given in place of a choice. */
    other: Schema.Boolean,
    options: Schema.Array(Schema.Struct({ label: Schema.String, value: Schema.String }))
  })
) {}

/**
 * Lines of a waiting request, as `Approval.render` gives them. A request can be accepted only after all `total` lines were shown.
 */
export class RequestPage extends Schema.Opaque<RequestPage>()(
  Schema.Struct({
    ...InboxEntry.fields,
    from: Schema.Natural,
    lines: Schema.Array(Schema.String),
    total: Schema.Natural,
    /** How the request is answered: by a decision alone, or with answers to these fields. */
    answer: Schema.Literals(["decision", "answers", "content", "decline"]),
    fields: Schema.Array(AnswerField)
  })
) {}

/** The number of the first line of a `RequestPage`. */
export const pageQuery = { from: optionalKey(Schema.Natural) }

/** The maximum number of lines in one `RequestPage`. */
export const maxLines = 200
