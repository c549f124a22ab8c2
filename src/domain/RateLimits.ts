/** The limits of the account that Codex is logged in with. */
import * as Schema from "effect/Schema"

const optionalKey = Schema.optionalKey

/** The use of a limit in a time window, in percent. Times are in milliseconds, `resetsAt` since the epoch. */
export class LimitWindow extends Schema.Opaque<LimitWindow>()(
  Schema.Struct({
    usedPercent: Schema.Finite,
    windowMillis: optionalKey(Schema.Finite),
    resetsAt: optionalKey(Schema.Finite)
  })
) {}

/** One limit: its short window, `primary`, and its long one, `secondary`. `reached` is Codex's name for why it is reached. */
export class RateLimit extends Schema.Opaque<RateLimit>()(
  Schema.Struct({
    id: Schema.String,
    name: optionalKey(Schema.String),
    primary: optionalKey(LimitWindow),
    secondary: optionalKey(LimitWindow),
    plan: optionalKey(Schema.String),
    reached: optionalKey(Schema.String)
  })
) {}

/** All limits of the account, as far as Codex has reported them. */
export class RateLimits extends Schema.Opaque<RateLimits>()(
  Schema.Struct({ limits: Schema.Array(RateLimit), at: Schema.Finite })
) {}
