/** Reads the limits of the account, and follows their changes. Codex sends only what has changed. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as CodexError from "../../domain/CodexError.ts"
import type { LimitWindow, RateLimit, RateLimits } from "../../domain/RateLimits.ts"
import type * as Engine from "../Engine.ts"
import { optionalField } from "./TranslateItem.ts"

const nullish = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))
const Window = Schema.Struct({
  usedPercent: Schema.Finite,
  windowDurationMins: nullish(Schema.Finite),
  /** Seconds since the epoch. */
  resetsAt: nullish(Schema.Finite)
})
const Snapshot = Schema.Struct({
  limitId: nullish(Schema.String),
  limitName: nullish(Schema.String),
  primary: nullish(Window),
  secondary: nullish(Window),
  planType: nullish(Schema.String),
  rateLimitReachedType: nullish(Schema.String)
})
const decodeUpdate = Schema.decodeUnknownOption(Schema.Struct({ rateLimits: Snapshot }))
const decodeReply = Schema.decodeUnknownOption(
  Schema.Struct({
    rateLimits: Snapshot,
    rateLimitsByLimitId: nullish(Schema.Record(Schema.String, Snapshot))
  })
)

const method = "account/rateLimits/updated"
/** The limit that Codex does not name. */
const defaultId = "codex"

/** The last millisecond that a date can have. */
const lastMillis = 8.64e15

/** Returns milliseconds, or `undefined` for a value that is no time and no length: 0, a negative one or one beyond all dates. */
const toMillis = (value: number | null | undefined, unit: number): number | undefined => {
  const millis = (value ?? 0) * unit
  return millis > 0 && millis <= lastMillis ? millis : undefined
}

const toWindow = (wire: typeof Window.Type): LimitWindow => ({
  usedPercent: wire.usedPercent,
  ...optionalField("windowMillis", toMillis(wire.windowDurationMins, 60_000)),
  ...optionalField("resetsAt", toMillis(wire.resetsAt, 1000))
})

const toLimit = (wire: typeof Snapshot.Type, id = wire.limitId ?? defaultId): RateLimit => ({
  id,
  ...optionalField("name", wire.limitName),
  ...optionalField("primary", wire.primary ? toWindow(wire.primary) : undefined),
  ...optionalField("secondary", wire.secondary ? toWindow(wire.secondary) : undefined),
  ...optionalField("plan", wire.planType),
  ...optionalField("reached", wire.rateLimitReachedType)
})

/** Merges an update. What it leaves out is unchanged, except `reached`: Codex repeats it as long as it holds. */
const merge = (known: RateLimit | undefined, update: RateLimit): RateLimit => {
  const { reached: _, ...rest } = known ?? { id: update.id }
  return { ...rest, ...update }
}

export interface AccountLimits {
  /** Requests all limits. Fails with `InvalidRequest` if Codex has no account with limits. */
  readonly read: Effect.Effect<RateLimits, CodexError.StartError>
  /** The limits after each change, from now on. A slow consumer gets only the latest ones. */
  readonly updates: Stream.Stream<RateLimits>
}

/** Follows the limits until the scope closes. `onUpdate` runs for each change, with the changed limit. */
export const make = Effect.fnUntraced(function* (
  engine: Pick<Engine.Engine["Service"], "request" | "subscribe">,
  onUpdate: (limit: RateLimit, at: number) => void
): Effect.fn.Return<AccountLimits, never, Scope.Scope> {
  const known = new Map<string, RateLimit>()
  const changes = yield* Effect.acquireRelease(PubSub.sliding<RateLimits>(16), PubSub.shutdown)
  const current = (at: number): RateLimits => ({ limits: [...known.values()], at })
  if (engine.subscribe !== undefined)
    yield* engine.subscribe(({ at, params }) => {
      const update = Option.getOrUndefined(decodeUpdate(params))
      if (update === undefined) return
      const changed = toLimit(update.rateLimits)
      const limit = merge(known.get(changed.id), changed)
      known.set(limit.id, limit)
      PubSub.publishUnsafe(changes, current(at))
      onUpdate(limit, at)
    }, method)
  return {
    read: Effect.gen(function* () {
      const reply = decodeReply(
        yield* engine.request("account/rateLimits/read", { excludeResetCreditDetails: true })
      )
      if (Option.isNone(reply))
        return yield* new CodexError.ProtocolError({
          detail: "the reply of codex app-server to account/rateLimits/read has no limits"
        })
      const { rateLimits, rateLimitsByLimitId } = reply.value
      const all = Object.entries(rateLimitsByLimitId ?? {}).map(([id, wire]) => toLimit(wire, id))
      known.clear()
      for (const limit of all.length === 0 ? [toLimit(rateLimits)] : all) known.set(limit.id, limit)
      return current(yield* Clock.currentTimeMillis)
    }),
    updates: Stream.fromPubSub(changes)
  }
})
