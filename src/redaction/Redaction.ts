/**
 * What must not get out is masked before every sink: in names, attributes, events and states of spans, in logs, and in
 * labels of metrics. What stays has the shape it had: JSON stays JSON, a list a list, a number a number.
 */
import type { Attributes, AttributeValue } from "@opentelemetry/api"
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as KeyValueSecrets from "./KeyValueSecrets.ts"
import * as CopySpan from "./CopySpan.ts"
import * as CutAttributes from "./CutAttributes.ts"
import { UniqueNames } from "./UniqueNames.ts"
import * as HomeDirectory from "../internal/HomeDirectory.ts"
import * as JsonStrings from "./JsonStrings.ts"
import * as SecretNames from "./SecretNames.ts"
import * as KnownSecrets from "./KnownSecrets.ts"
import * as JsonValues from "./JsonValues.ts"
import * as TokenPatterns from "./TokenPatterns.ts"
import { Environment } from "../internal/EnvironmentVariables.ts"

/**
 * What else must not be seen: a text in whatever encoding, what a pattern matches, or a function that gives back the
 * text as it may be seen. A function is told the name of what it is given, where there is one; one that throws has
 * everything masked.
 */
export type RedactionRule = string | RegExp | ((text: string, name: string | undefined) => string)

/** How telemetry is scrubbed. Nothing here ever throws, and doing it twice changes no more than doing it once. */
export interface Redaction {
  readonly text: (text: string, name?: string) => string
  /** Any value of JSON, by the names in it; what is no such value becomes one. */
  readonly value: (value: unknown, name?: string) => unknown
  /** The same object where there is nothing to mask. */
  readonly attributes: (attributes: Attributes) => Attributes
  /** Its texts are cut at `limit` characters, after that: of a secret that was cut before, a part would be left. */
  readonly span: (span: ReadableSpan, limit?: number) => ReadableSpan
}

/** What stands in the place of a secret. */
export const mask = TokenPatterns.mask

/** The longest text that is kept where nobody says otherwise, in characters. */
export const defaultLimit = 16_384

export interface RedactionOptions {
  readonly rules?: ReadonlyArray<RedactionRule>
  /** Longer texts are cut, in characters. */
  readonly limit?: number
}

interface MutableRedaction extends Redaction {
  readonly add: (options: RedactionOptions) => void
}

const isMutable = (redaction: Redaction): redaction is MutableRedaction => "add" in redaction

/** The scrubbing that is in force; provide another one to replace all of it. */
export const Current = Context.Reference<Redaction>("effect-codex/telemetry/Redaction/Current", {
  defaultValue: () => make({}, process.env)
})

class Registry extends Context.Service<Registry, { readonly add: (options: RedactionOptions) => void }>()(
  "effect-codex/telemetry/Redaction/Registry"
) {}

/**
 * What every sink is built on: the usual rules, and the secrets that the environment holds. A constant, for layers are
 * shared by identity: `layer` adds to it wherever it stands.
 */
export const layerDefault: Layer.Layer<Registry> = Layer.effectContext(
  Effect.gen(function* () {
    const context = yield* Effect.context<never>()
    const own = make({}, yield* Environment)
    // One that is in force already may have been added to, and is what sinks further out use.
    const current = context.mapUnsafe.has(Current.key) ? Context.get(context, Current) : own
    const add = isMutable(current) ? current.add : own.add
    return Context.make(Registry, { add }).pipe(Context.add(Current, current))
  })
)

/**
 * Adds to what is masked, in everything that is emitted from then on.
 *
 * ```ts
 * Layer.mergeAll(OtlpLayer, Redaction.layer({ rules: [/\bCUST-\d{8}\b/] }))
 * ```
 */
export const layer = (options: RedactionOptions): Layer.Layer<never> =>
  // What is taken for a secret once stays one: spans that end while layers close are scrubbed by the same rules.
  Layer.effectDiscard(Effect.map(Registry, ({ add }) => add(options))).pipe(Layer.provideMerge(layerDefault))

/**
 * Adds the secrets among these variables to what is masked where this runs, from then on: an engine may be given an
 * environment that this process does not have.
 */
export const addSecretsFrom = (environment: Environment): Effect.Effect<void> =>
  Effect.map(Current, (current) => {
    const rules = KnownSecrets.fromEnvironment(environment)
    if (rules.length > 0 && isMutable(current)) current.add({ rules })
  })

// Ids, names and the like come again and again; longer texts hardly ever do.
const cacheLimits = { length: 96, count: 4096 }

/** Scrubs by the usual rules and by these; `environment` is where secrets are looked for, and the home directory. */
export const make = (options: RedactionOptions, environment: Environment): MutableRedaction => {
  let limit = options.limit ?? defaultLimit
  const known = [...KnownSecrets.fromEnvironment(environment)]
  const patterns: Array<RegExp> = []
  const functions: Array<Exclude<RedactionRule, string | RegExp>> = []
  const home = HomeDirectory.of(environment)
  const homes = home === undefined || home.length < 4 ? undefined : homePattern(home)
  let literals = KnownSecrets.toPattern(known)
  const cleanTexts = new Set<string>()
  const secretNames = new Map<string, boolean>()

  const add = ({ limit: other, rules = [] }: RedactionOptions) => {
    for (const rule of rules) {
      if (typeof rule === "string") {
        if (!known.includes(rule)) known.push(rule)
      } else if (typeof rule === "function") functions.push(rule)
      else patterns.push(new RegExp(rule.source, `${rule.flags.replace(/[gy]/g, "")}g`))
    }
    if (other !== undefined) limit = other
    literals = KnownSecrets.toPattern(known)
    cleanTexts.clear()
  }
  add({ rules: options.rules ?? [] })

  const isSecretName = (name: string): boolean => {
    const found = secretNames.get(name)
    if (found !== undefined) return found
    if (secretNames.size >= cacheLimits.count) secretNames.clear()
    const secret = SecretNames.isSecret(name)
    secretNames.set(name, secret)
    return secret
  }

  const scrubText = (text: string, name: string | undefined): string => {
    let out = text
    if (literals !== undefined && out.length >= literals.shortest) out = out.replace(literals.pattern, mask)
    for (const pattern of patterns) out = out.replace(pattern, mask)
    for (const rule of functions) {
      const seen: unknown = rule(out, name)
      if (typeof seen !== "string") return mask
      out = seen
    }
    out = KeyValueSecrets.scrub(TokenPatterns.scrub(out))
    return homes === undefined ? out : out.replace(homes, "~")
  }

  const cut = (text: string): string =>
    (text.length <= limit ? text : `${text.slice(0, Math.max(0, limit - 1))}…`).toWellFormed()

  const scrubJsonText: JsonStrings.Visit = (text, name, isName, path) => {
    if (isName) return cut(scrubText(text, undefined))
    for (let at: JsonStrings.Path | undefined = path; at !== undefined; at = at.above) {
      if (at.name !== undefined && isSecretName(at.name)) {
        return KeyValueSecrets.isHarmless(text, at.name) ? text : mask
      }
    }
    return scrubbed(text, name)
  }

  const scrubbed = (text: string, name: string | undefined): string => {
    const json = JsonStrings.looksLikeJson(text) ? JsonStrings.map(text, scrubJsonText) : undefined
    return json === undefined ? cut(scrubText(text, name)) : JsonStrings.cut(json, limit)
  }

  const text = (text: string, name?: string): string => {
    if (name !== undefined && isSecretName(name)) return KeyValueSecrets.isHarmless(text, name) ? text : mask
    if (cleanTexts.has(text)) return text
    try {
      const seen = scrubbed(text, name)
      if (seen === text && text.length <= cacheLimits.length && functions.length === 0) {
        if (cleanTexts.size >= cacheLimits.count) cleanTexts.clear()
        cleanTexts.add(text)
      }
      return seen
    } catch {
      return mask
    }
  }

  const attributes = (all: Attributes): Attributes => {
    let changed: Attributes | undefined
    let renamed = false
    for (const name in all) {
      const value = all[name]
      const seen =
        typeof value === "string" ? text(value, name) : Array.isArray(value) ? list(value, name) : value
      if (!cleanTexts.has(name) && text(name) !== name) renamed = true
      if (seen === value) continue
      changed ??= { ...all }
      changed[name] = seen
    }
    if (!renamed) return changed ?? all
    const names = new UniqueNames()
    return Object.fromEntries(
      Object.entries(changed ?? all).map(([name, value]) => [names.of(name, text(name)), value])
    )
  }

  const list = (items: Extract<AttributeValue, ReadonlyArray<unknown>>, name: string): AttributeValue => {
    const texts = items.filter((item) => typeof item === "string")
    if (texts.length === 0) return items
    const seen = texts.map((item) => text(item, name))
    return seen.some((item, at) => item !== texts[at]) ? seen : items
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
        limit === Infinity ? attributes : (all) => CutAttributes.make(attributes(all), limit)
      )
  }
}

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
