/** Masks the values of secret names in text: `password=…`, `"apiKey": "…"`, `--token …`. */
import * as SecretNames from "./SecretNames.ts"
import { mask } from "./TokenPatterns.ts"

const hint = /pass|pwd|secret|token|auth|key|cookie|credential|jwt|bearer|dsn|sig|pat|otp/i

// Either an option and a space, or a name, an optional quote (which may be escaped) and a sign. A match starts only
// where no longer name could start: this keeps the time linear.
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

/** Whether an odd number of backslashes precedes the position. */
export const isEscaped = (text: string, at: number): boolean => {
  let slashes = 0
  while (text.charCodeAt(at - 1 - slashes) === 92) slashes++
  return slashes % 2 === 1
}

/** Returns the position of the closing quote, or the end of the text if the quote is not closed. */
const closingQuoteAt = (text: string, from: number, slashes: string, quote: string): number => {
  const close = slashes + quote
  for (let at = text.indexOf(close, from); at >= 0; at = text.indexOf(close, at + 1)) {
    if (slashes !== "" || !isEscaped(text, at)) return at
  }
  return text.length
}

/** Returns the range of the value at `from`, without quotes and without an authentication scheme before it. */
const valueAt = (text: string, from: number, name: string): readonly [from: number, to: number] => {
  const quoted = stickyAt(openingQuote, text, from)
  if (quoted !== null) {
    const [all, slashes = "", quote = '"'] = quoted
    return [from + all.length, closingQuoteAt(text, from + all.length, slashes, quote)]
  }
  if (text.startsWith(mask, from)) return [from, from + mask.length]
  const start = from + (stickyAt(scheme, text, from)?.[0].length ?? 0)
  // A cookie header is a list of names and values, all of them secret: mask the rest of the line.
  const found = stickyAt(/cookies?$/i.test(name) ? restOfLine : unquoted, text, start)
  return [start, start + (found?.[0].length ?? 0)]
}

/** Whether a value is harmless although its name is that of a secret: empty, a flag, or a number of tokens. */
export const isHarmless = (value: string, name: string): boolean =>
  value === "" ||
  value === mask ||
  // The mask itself, cut by a length limit.
  (value.endsWith("…") && mask.startsWith(value.slice(0, -1))) ||
  /^(?:true|false|null|undefined|none|yes|no)$/i.test(value) ||
  (/^\d{1,9}$/.test(value) && /token/i.test(name))

/** Masks the value after each secret name in the text. */
export const scrub = (text: string): string => {
  if (!hint.test(text)) return text
  let out = ""
  let from = 0
  keyPattern.lastIndex = 0
  for (let found = keyPattern.exec(text); found !== null; found = keyPattern.exec(text)) {
    const [all, option, name = option ?? ""] = found
    if (!SecretNames.isSecret(name)) {
      // The value of this name may be a secret name itself: continue right after the name.
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
