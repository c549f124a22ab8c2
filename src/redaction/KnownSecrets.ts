/** Finds secrets in the environment, and builds one pattern that matches known secrets in every usual encoding. */
import { isSecretVariable } from "./SecretNames.ts"
import { toDecoded, toPairs } from "../internal/EnvironmentVariables.ts"

type Environment = Readonly<Record<string, string | undefined>>

/** Shorter values are too likely to be ordinary words. */
const minLength = 6

// Values that a variable with a secret name may hold as a setting. To mask these words would damage every other text.
const commonValues =
  /^(?:true|false|none|null|undefined|default|auto|enabled|disabled|required|optional|always|never|production|development|staging|localhost|\d{1,6}|\[redacted\])$/i

const isDistinctive = (value: string): boolean => value.length >= minLength && !commonValues.test(value)

/** Returns the password of an address. The address of a proxy needs no scheme: `http_proxy=user:password@host`. */
const passwordOf = (name: string, value: string): ReadonlyArray<string> => {
  const address = /_proxy$/i.test(name) && !value.includes("://") ? `http://${value}` : value
  const raw = /:\/\/[^\s/?#:@]{0,256}:([^\s/]{1,512})@/.exec(address)?.[1]
  return raw === undefined ? [] : [raw, toDecoded(raw) ?? raw]
}

const headersOf = (value: string): ReadonlyArray<string> =>
  toPairs(value, /[,;]/).flatMap((pair) => {
    if (pair === undefined) return []
    const decoded = toDecoded(pair[1]) ?? pair[1]
    return [pair[1], decoded, decoded.replace(/^(?:Bearer|Basic)\s+/i, "")]
  })

/** Returns the secrets in an environment: values of variables with secret names, header values, passwords in URLs. */
export const fromEnvironment = (environment: Environment): ReadonlyArray<string> =>
  Object.entries(environment).flatMap(([name, value = ""]) => {
    const trimmed = value.trim()
    if (trimmed.length < minLength) return []
    const found = [...passwordOf(name, trimmed)]
    if (/HEADERS$/i.test(name)) found.push(...headersOf(trimmed))
    else if (isSecretVariable(name)) found.push(trimmed, ...trimmed.split("\n").map((line) => line.trim()))
    return found.filter(isDistinctive)
  })

// Base64 encodes bytes in groups of three, so a secret has three encodings, by its offset in the group. Only the
// characters that do not depend on the bytes around the secret are part of the pattern.
const base64 = (secret: string): ReadonlyArray<string> => {
  if (secret.length < 9) return []
  const bytes = Buffer.from(secret)
  return [0, 1, 2].flatMap((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString("base64")
      .replace(/=+$/, "")
    const whole = text.slice(shift === 0 ? 0 : shift + 1, (shift + bytes.length) % 3 === 0 ? undefined : -1)
    return [whole, whole.replaceAll("+", "-").replaceAll("/", "_")]
  })
}

const unicodeEscapes = (secret: string): string =>
  Array.from(
    { length: secret.length },
    (_, at) => `\\u${secret.charCodeAt(at).toString(16).padStart(4, "0")}`
  ).join("")

const upperEscapes = (text: string): string =>
  text.replace(/\\u[0-9a-f]{4}/g, (escape) => `\\u${escape.slice(2).toUpperCase()}`)

const encodedForms = (secret: string): ReadonlyArray<string> => {
  const escaped = JSON.stringify(secret).slice(1, -1)
  const inUrl = encodeURIComponent(secret.toWellFormed())
  return [
    secret,
    escaped,
    JSON.stringify(escaped).slice(1, -1),
    inUrl,
    inUrl.replace(/%../g, (escape) => escape.toLowerCase()),
    inUrl.replaceAll("%20", "+"),
    ...base64(secret)
  ]
}

/** The forms in which every character is encoded. */
const byteForms = (secret: string): ReadonlyArray<string> => {
  const hex = Buffer.from(secret).toString("hex")
  const unicode = unicodeEscapes(secret)
  // The hex of a short word may be part of any hash.
  return [unicode, upperEscapes(unicode), ...(hex.length < 12 ? [] : [hex, hex.toUpperCase()])]
}

const escape = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")

// A short word is masked only as a whole word, not as part of a longer one.
const standaloneLength = 12
const pattern = (form: string): string =>
  form.length < standaloneLength && /^\w+$/.test(form)
    ? `(?<![A-Za-z0-9])${form}(?![A-Za-z0-9])`
    : escape(form)

export interface KnownPattern {
  readonly pattern: RegExp
  /** The length of the shortest text that the pattern can match. */
  readonly shortest: number
  /** Matches base64 of a secret that is broken into lines, for text that has line breaks. */
  readonly wrapped: RegExp | undefined
  /** Matches a secret in hex and in `\\u` escapes, for text that has either. */
  readonly bytes: RegExp
}

/** Whether a text may hold hex or `\\u` escapes: only then it needs {@link KnownPattern.bytes}. */
export const mayBeBytes = (text: string): boolean => /\\u00|[0-9a-f]{12}|[0-9A-F]{12}/.test(text)

/** Whether a text may hold base64 in lines: only then it needs {@link KnownPattern.wrapped}. */
export const mayBeWrapped = (text: string): boolean =>
  (text.includes("\n") || text.includes("\\n")) &&
  /[A-Za-z0-9+/]{4}(?:\r?\n|\\r\\n|\\n)[ \t]{0,16}[A-Za-z0-9+/=]/.test(text)

const lineBreak = "(?:(?:\\r?\\n|\\\\r\\\\n|\\\\n)[ \\t]{0,16})?"
const wrappedPattern = (secrets: ReadonlyArray<string>): RegExp | undefined => {
  const forms = [...new Set(secrets.flatMap(base64))].filter((form) => form.length >= standaloneLength)
  return forms.length === 0
    ? undefined
    : new RegExp(forms.map((form) => Array.from(form, escape).join(lineBreak)).join("|"), "g")
}

/** Returns one pattern for all secrets, the longest first, or `undefined` if there are no secrets. */
export const toPattern = (all: ReadonlyArray<string>): KnownPattern | undefined => {
  const secrets = all.filter((secret) => secret.length >= 4)
  const forms = [...new Set(secrets.flatMap(encodedForms))].toSorted((a, b) => b.length - a.length)
  if (forms.length === 0) return undefined
  return {
    pattern: new RegExp(forms.map(pattern).join("|"), "g"),
    shortest: forms[forms.length - 1]?.length ?? 0,
    wrapped: wrappedPattern(secrets),
    bytes: new RegExp(
      [...new Set(secrets.flatMap(byteForms))]
        .toSorted((a, b) => b.length - a.length)
        .map(escape)
        .join("|"),
      "g"
    )
  }
}
