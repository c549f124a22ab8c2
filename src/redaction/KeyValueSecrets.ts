/** `password=…`, `"apiKey": "…"`, `--token …`, wherever they stand in a text. */
import * as SecretNames from "./SecretNames.ts"
import { mask } from "./TokenPatterns.ts"

const hint = /pass|pwd|secret|token|auth|key|cookie|credential|jwt|bearer|dsn|sig|pat|otp/i

// An option and a blank; or a name, quotes that may be escaped, and a sign. Names begin only where no other could.
const keyPattern =
  /(?<![\w.-])(?:(--[A-Za-z][\w.-]{0,255})\s{1,4}|(-{0,2}[A-Za-z_][\w.-]{0,255})(?:\\{0,4}["'])?\s{0,4}(?:=>|[:=])\s{0,4})/g
const unquoted = /[^\s,;&"'`<>()[\]{}\\]+/y
const restOfLine = /[^\r\n"'`\\]+/y
const openingQuote = /(\\{0,4})(["'`])/y
const scheme = /(?:bearer|basic|token)(?:\s|%20|\+){1,4}/iy

const stickyAt = (pattern: RegExp, text: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at
  return pattern.exec(text)
}

/** Whether an odd number of backslashes stands before. */
export const isEscaped = (text: string, at: number): boolean => {
  let slashes = 0
  while (text.charCodeAt(at - 1 - slashes) === 92) slashes++
  return slashes % 2 === 1
}

/** Where the quoted text that begins at `from` ends; at the end of all text if nobody closes it. */
const closingQuoteAt = (text: string, from: number, slashes: string, quote: string): number => {
  const close = slashes + quote
  for (let at = text.indexOf(close, from); at >= 0; at = text.indexOf(close, at + 1)) {
    if (slashes !== "" || !isEscaped(text, at)) return at
  }
  return text.length
}

/** Where the value that begins at `from` begins and ends. */
const valueAt = (text: string, from: number, name: string): readonly [from: number, to: number] => {
  const quoted = stickyAt(openingQuote, text, from)
  if (quoted !== null) {
    const [all, slashes = "", quote = '"'] = quoted
    return [from + all.length, closingQuoteAt(text, from + all.length, slashes, quote)]
  }
  if (text.startsWith(mask, from)) return [from, from + mask.length]
  const start = from + (stickyAt(scheme, text, from)?.[0].length ?? 0)
  // Cookies are a list of names and values: all of it opens something.
  const found = stickyAt(/cookies?$/i.test(name) ? restOfLine : unquoted, text, start)
  return [start, start + (found?.[0].length ?? 0)]
}

/** What has the name of a secret and is none: a flag, or a number of tokens. */
export const isHarmless = (value: string, name: string): boolean =>
  value === "" ||
  value === mask ||
  // A mask that was cut with the text around it.
  (value.endsWith("…") && mask.startsWith(value.slice(0, -1))) ||
  /^(?:true|false|null|undefined|none|yes|no)$/i.test(value) ||
  (/^\d{1,9}$/.test(value) && /token/i.test(name))

/** The text with the values of what has the name of a secret masked. */
export const scrub = (text: string): string => {
  if (!hint.test(text)) return text
  let out = ""
  let from = 0
  keyPattern.lastIndex = 0
  for (let found = keyPattern.exec(text); found !== null; found = keyPattern.exec(text)) {
    const [all, option, name = option ?? ""] = found
    if (!SecretNames.isSecret(name)) {
      // The value may be the next name.
      keyPattern.lastIndex = found.index + name.length
      continue
    }
    const [start, end] = valueAt(text, found.index + all.length, name)
    keyPattern.lastIndex = Math.max(end, found.index + all.length)
    if (isHarmless(text.slice(start, end), name)) continue
    out += text.slice(from, start) + mask
    from = end
  }
  return from === 0 ? text : out + text.slice(from)
}
