/** A keyed hash of the user, which finds the turns of one person without identifying the person. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createHmac } from "node:crypto"
import { attribute } from "../semconv/Convention.ts"
import { Environment } from "../internal/EnvironmentVariables.ts"

/**
 * The key of the user hash; overrides `CODEX_OTEL_USER_HASH_KEY`. With the key one can check whether a hash belongs to a
 * name, so treat it as a secret.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Effect, Layer, Redacted } from "effect"
 * import { UserHash } from "effect-codex"
 *
 * const Key = Layer.effect(
 *   UserHash.UserHashKey,
 *   Effect.sync(() => Redacted.make(process.env["AGENTS_USER_KEY"] ?? ""))
 * )
 * ```
 */
export const UserHashKey = Context.Reference<Redacted.Redacted | undefined>(
  "effect-codex/telemetry/Correlation/UserHashKey",
  { defaultValue: () => undefined }
)

/**
 * Returns the hash of a user, 64 hexadecimal digits. It is stable for the same key.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Redacted } from "effect"
 * import { UserHash } from "effect-codex"
 *
 * // Finds the turns of a person: search for this value of the attribute `user.hash`.
 * const wanted = UserHash.hash("ada@example.com", Redacted.make("the key of the deployment"))
 * ```
 */
export const hash = (user: string, key: Redacted.Redacted): string =>
  createHmac("sha256", Redacted.value(key)).update(user).digest("hex")

const keyOf = (context: Context.Context<never>): Redacted.Redacted | undefined => {
  const value = Context.get(context, Environment)["CODEX_OTEL_USER_HASH_KEY"]?.trim() ?? ""
  const key = Context.get(context, UserHashKey) ?? Redacted.make(value)
  return Redacted.value(key) === "" ? undefined : key
}

/** @internal Makes a function that returns the attributes of a user. Without a key it returns none and warns once. */
export const makeUser: Effect.Effect<
  (user: string | undefined) => Effect.Effect<Readonly<Record<string, string>>>
> = Effect.map(Effect.context<never>(), (ofLayer) => {
  let warned = false
  return Effect.fnUntraced(function* (user) {
    if (user === undefined) return {}
    const key = keyOf(yield* Effect.context<never>()) ?? keyOf(ofLayer)
    if (key !== undefined) return { [attribute.userHash]: hash(user, key) }
    if (!warned) {
      warned = true
      yield* Effect.logWarning("CODEX_OTEL_USER_HASH_KEY is not set; telemetry omits the user of threads")
    }
    return {}
  })
})
