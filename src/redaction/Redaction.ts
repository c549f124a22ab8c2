/**
 * Masks secrets before every sink: in names, attributes, events and statuses of spans, in logs, and in labels of metrics.
 * Shapes do not change: JSON stays JSON, a list stays a list, a number stays a number.
 */
import type { Attributes, AttributeValue as Value } from "@opentelemetry/api"
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as KeyValueSecrets from "./KeyValueSecrets.ts"
import * as CopySpan from "./CopySpan.ts"
import * as AttributeValue from "./AttributeValue.ts"
import { UniqueNames } from "./UniqueNames.ts"
import * as HomeDirectory from "../internal/HomeDirectory.ts"
import * as JsonStrings from "./JsonStrings.ts"
import * as SecretNames from "./SecretNames.ts"
import * as KnownSecrets from "./KnownSecrets.ts"
import * as JsonValues from "./JsonValues.ts"
import { mask as secretMask } from "./mask.ts"
import * as NamedValues from "./NamedValues.ts"
import * as Randomness from "./Randomness.ts"
import * as TextForms from "./TextForms.ts"
import * as TokenPatterns from "./TokenPatterns.ts"
import { Environment } from "../internal/EnvironmentVariables.ts"

/**
 * An additional rule: a string to mask in every usual encoding, a pattern to mask, or a function that returns the text
 * to show. A function also receives the name of the value, if it has one. If it throws, the whole text is masked.
 * @since 0.1.0
 * @category models
 */
export type RedactionRule = string | RegExp | ((text: string, name: string | undefined) => string)

/**
 * Scrubs telemetry. No function throws, and each is idempotent.
 * @since 0.1.0
 * @category models
 */
export interface Redaction {
  /** Scrubs text. With the name of a secret, the whole text is masked. */
  readonly text: (text: string, name?: string) => string
  /** Converts any value to a JSON value and scrubs it, by its property names too. */
  readonly value: (value: unknown, name?: string) => unknown
  /** Scrubs attributes. Returns the same object if there is nothing to mask. */
  readonly attributes: (attributes: Attributes) => Attributes
  /**
   * Scrubs a span, then cuts its attribute values at `limit` characters. The order matters: a rule does not recognise a
   * secret that was cut before.
   */
  readonly span: (span: ReadableSpan, limit?: number) => ReadableSpan
}

/**
 * Replaces a secret.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Redaction } from "effect-codex"
 *
 * const isMasked = (text: string) => text.includes(Redaction.mask)
 * ```
 */
export const mask = secretMask

/**
 * The default of `limit`, in characters.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Redaction } from "effect-codex"
 *
 * const Shorter = Redaction.layer({ limit: Redaction.defaultLimit / 4 })
 * ```
 */
export const defaultLimit = 16_384

/**
 * Options for {@link layer} and {@link make}.
 * @since 0.1.0
 * @category models
 */
export interface RedactionOptions {
  /** Rules in addition to the built-in ones. */
  readonly rules?: ReadonlyArray<RedactionRule>
  /** Maximum length of a text, in characters; longer texts are cut. */
  readonly limit?: number
}

interface MutableRedaction extends Redaction {
  readonly add: (options: RedactionOptions) => void
}

const isMutable = (redaction: Redaction): redaction is MutableRedaction => "add" in redaction

/**
 * The redaction in effect. Provide another value to replace the built-in rules too.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Redaction } from "effect-codex"
 *
 * // Masks a text as telemetry does, for example before a program stores it.
 * const scrubbed = (text: string) => Effect.map(Redaction.Current, (redaction) => redaction.text(text))
 * ```
 */
export const Current = Context.Reference<Redaction>("effect-codex/telemetry/Redaction/Current", {
  defaultValue: () => make({}, process.env)
})

class Registry extends Context.Service<Registry, { readonly add: (options: RedactionOptions) => void }>()(
  "effect-codex/telemetry/Redaction/Registry"
) {}

/**
 * The built-in rules and the secrets of the environment. Every exporting layer uses it. It is a constant because Effect
 * shares layers by identity: {@link layer} adds rules to the same instance from anywhere in the program.
 *
 * @internal
 */
export const layerDefault: Layer.Layer<Registry> = Layer.effectContext(
  Effect.gen(function* () {
    const context = yield* Effect.context<never>()
    const initial = make({}, yield* Environment)
    // Outer sinks use the redaction of the context, which may have more rules: keep that one.
    const current = context.mapUnsafe.has(Current.key) ? Context.get(context, Current) : initial
    const add = isMutable(current) ? current.add : initial.add
    return Context.make(Registry, { add }).pipe(Context.add(Current, current))
  })
)

/**
 * Adds rules. They apply to everything that is emitted afterwards.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OtlpLayer, Redaction } from "effect-codex"
 *
 * const Telemetry = Layer.mergeAll(OtlpLayer, Redaction.layer({ rules: [/\bCUST-\d{8}\b/] }))
 * ```
 */
export const layer = (options: RedactionOptions): Layer.Layer<never> =>
  // Rules are never removed, so spans that end while layers close are scrubbed by the same rules.
  Layer.effectDiscard(Effect.map(Registry, ({ add }) => add(options))).pipe(Layer.provideMerge(layerDefault))

/**
 * Adds the secrets among these variables to the redaction in effect. An engine needs it when it gets an environment that
 * differs from the environment of this process.
 *
 * @internal
 */
export const addSecretsFrom = (environment: Environment): Effect.Effect<void> =>
  Effect.map(Current, (current) => {
    const rules = KnownSecrets.fromEnvironment(environment)
    if (rules.length > 0 && isMutable(current)) current.add({ rules })
  })

/** Whether a name is that of a secret; under a possible one, only a random value is a secret. */
type NameKind = "secret" | "possible" | "ordinary"

// Ids, names and paths repeat; longer texts rarely do. So only the results of short texts are remembered.
const cacheLimits = { length: 96, count: 4096 }

/**
 * Makes a redaction from the built-in rules and the given ones. `environment` holds secrets and the home directory.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Redaction } from "effect-codex"
 *
 * const redaction = Redaction.make({ rules: [/\bCUST-\d{8}\b/] }, process.env)
 * redaction.text("order of CUST-12345678")
 * ```
 */
export const make = (options: RedactionOptions, environment: Environment): MutableRedaction => {
  let limit = options.limit ?? defaultLimit
  const known = [...KnownSecrets.fromEnvironment(environment)]
  const patterns: Array<RegExp> = []
  const functions: Array<Exclude<RedactionRule, string | RegExp>> = []
  const home = HomeDirectory.of(environment)
  const homes = home === undefined || home.length < 4 ? undefined : homePattern(home)
  let literals = KnownSecrets.toPattern(known)
  const results = new Map<string, string>()
  const nameKinds = new Map<string, NameKind>()

  const add = ({ limit: newLimit, rules = [] }: RedactionOptions) => {
    for (const rule of rules) {
      if (typeof rule === "string") {
        if (!known.includes(rule)) known.push(rule)
      } else if (typeof rule === "function") functions.push(rule)
      else patterns.push(new RegExp(rule.source, `${rule.flags.replace(/[gy]/g, "")}g`))
    }
    if (newLimit !== undefined) limit = newLimit
    literals = KnownSecrets.toPattern(known)
    results.clear()
  }
  add({ rules: options.rules ?? [] })

  const kindOfName = (name: string): NameKind => {
    const found = nameKinds.get(name)
    if (found !== undefined) return found
    if (nameKinds.size >= cacheLimits.count) nameKinds.clear()
    const kind = SecretNames.isSecret(name)
      ? "secret"
      : SecretNames.mayBeSecret(name)
        ? "possible"
        : "ordinary"
    nameKinds.set(name, kind)
    return kind
  }

  const isRandomUnder = (name: string, text: string): boolean =>
    kindOfName(name) === "possible" && Randomness.isValue(text)

  const scrubText = (text: string, name: string | undefined): string => {
    let out = text
    if (literals !== undefined && out.length >= literals.shortest) {
      out = out.replace(literals.pattern, mask)
      if (KnownSecrets.mayBeBytes(out)) out = out.replace(literals.bytes, mask)
      if (literals.wrapped !== undefined && KnownSecrets.mayBeWrapped(out))
        out = out.replace(literals.wrapped, mask)
    }
    for (const pattern of patterns) out = out.replace(pattern, mask)
    for (const rule of functions) {
      const result: unknown = rule(out, name)
      if (typeof result !== "string") return mask
      out = result
    }
    out = TokenPatterns.scrub(out)
    // A name and its value are apart.
    if (/[\s:=,<(]/.test(out)) out = TextForms.scrub(KeyValueSecrets.scrub(out))
    return homes === undefined ? out : out.replace(homes, "~")
  }

  const cut = (text: string): string =>
    (text.length <= limit ? text : `${text.slice(0, Math.max(0, limit - 1))}…`).toWellFormed()

  const visitJson =
    (named: ReadonlySet<string>): JsonStrings.Visit =>
    (text, name, isName, path) => {
      if (isName) return cut(scrubText(text, undefined))
      if (named.has(text)) return mask
      for (let at: JsonStrings.Path | undefined = path; at !== undefined; at = at.above) {
        if (at.name !== undefined && kindOfName(at.name) === "secret") {
          return KeyValueSecrets.isHarmless(text, at.name) ? text : mask
        }
      }
      if (name !== undefined && isRandomUnder(name, text)) return mask
      return remembered(text, name)
    }

  const scrubbed = (text: string, name: string | undefined): string => {
    const json = JsonStrings.looksLikeJson(text)
      ? JsonStrings.map(text, visitJson(NamedValues.inJson(text)), SecretNames.isSecretNumber)
      : undefined
    return json === undefined ? cut(scrubText(text, name)) : JsonStrings.cut(json, limit)
  }

  // The names of a function's texts matter, so with functions nothing is remembered.
  const remembered = (text: string, name: string | undefined): string => {
    const known = results.get(text)
    if (known !== undefined) return known
    const result = scrubbed(text, name)
    if (text.length <= cacheLimits.length && functions.length === 0) {
      if (results.size >= cacheLimits.count) results.clear()
      results.set(text, result)
    }
    return result
  }

  const text = (text: string, name?: string): string => {
    if (name !== undefined && kindOfName(name) !== "ordinary") {
      if (isRandomUnder(name, text)) return mask
      if (kindOfName(name) === "secret") return KeyValueSecrets.isHarmless(text, name) ? text : mask
    }
    try {
      return remembered(text, name)
    } catch {
      return mask
    }
  }

  const attributes = (all: Attributes): Attributes => {
    let changed: Attributes | undefined
    let renamed = false
    for (const name in all) {
      const result = scrubbedValue(all[name], name)
      if (text(name) !== name) renamed = true
      if (result === undefined) continue
      changed ??= { ...all }
      changed[name] = result
    }
    if (!renamed) return changed ?? all
    const names = new UniqueNames()
    return Object.fromEntries(
      Object.entries(changed ?? all).map(([name, value]) => [names.of(name, text(name)), value])
    )
  }

  /** Returns the scrubbed value of an attribute, or `undefined` if there is nothing to mask. */
  const scrubbedValue = (value: unknown, name: string): Value | undefined => {
    if (typeof value === "string") {
      const result = text(value, name)
      return result === value ? undefined : result
    }
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) return undefined
    return Array.isArray(value) && !value.some(isObject) ? list(value, name) : structure(value, name)
  }

  const list = (items: ReadonlyArray<unknown>, name: string): Array<string> | undefined => {
    const texts = items.filter((item) => typeof item === "string")
    if (texts.length === 0) return undefined
    const results = NamedValues.list(texts).map((item) => text(item, name))
    return results.some((item, at) => item !== texts[at]) ? results : undefined
  }

  /** Scrubs an object, which OpenTelemetry 3 allows as a value. With a secret it becomes JSON text. */
  const structure = (value: object, name: string): Value | undefined => {
    const result = JsonValues.map(value, name, text)
    try {
      if (JSON.stringify(result) === JSON.stringify(value)) return undefined
    } catch {
      // A value that refers to itself is shown without what cannot be read.
    }
    return AttributeValue.fromUnknown(result, Infinity)
  }

  return {
    add,
    text,
    attributes,
    value: (value, name) => JsonValues.map(value, name, text),
    span: (span, limit = Infinity) =>
      toScrubbed(
        span,
        text,
        limit === Infinity ? attributes : (all) => AttributeValue.truncateAttributes(attributes(all), limit)
      )
  }
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null

const homePattern = (home: string): RegExp =>
  new RegExp(`(?<![\\w.-])${home.replace(/\/+$/, "").replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")}(?![\\w.-])`, "g")

const toScrubbed = (
  span: ReadableSpan,
  text: Redaction["text"],
  attributes: Redaction["attributes"]
): ReadableSpan => {
  const name = text(span.name)
  const own = attributes(span.attributes)
  let same = name === span.name && own === span.attributes && span.status.message === undefined
  const events = span.events.map((event) => {
    const name = text(event.name)
    const own = event.attributes === undefined ? undefined : attributes(event.attributes)
    if (name === event.name && own === event.attributes) return event
    same = false
    return { ...event, name, ...(own === undefined ? {} : { attributes: own }) }
  })
  const links = span.links.map((link) => {
    const own = link.attributes === undefined ? undefined : attributes(link.attributes)
    if (own === undefined || own === link.attributes) return link
    same = false
    return { ...link, attributes: own }
  })
  if (same) return span
  const { message } = span.status
  const status = message === undefined ? span.status : { ...span.status, message: text(message) }
  return CopySpan.make(span, { name, status, attributes: own, links, events })
}
