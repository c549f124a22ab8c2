/** Masks the values of secret names in text: `password=…`, `"apiKey": "…"`, `--token …`. */
import * as ChosenPassword from "./ChosenPassword.ts"
import * as SecretNames from "./SecretNames.ts"
import { mask } from "./mask.ts"
import * as Randomness from "./Randomness.ts"
import * as YamlBlocks from "./YamlBlocks.ts"

const hint =
  /pass|pwd|secret|token|auth|key|cookie|cred|jwt|bearer|dsn|sig|api|access|(?:pat|otp|pin|pw|psk)(?![a-z])/i

// Either an option and blanks; or a name, an optional quote (which may be escaped), and a sign; or a quoted name and a
// comma, as in a list of arguments. A match starts only where no longer name could start: this keeps the time linear.
const keyPattern =
  /(?<![\w.-])(?:(--?[A-Za-z][\w.-]{1,255})[ \t]{1,256}(?![=:])|(-{0,2}[A-Za-z_][\w.-]{0,255})(?:(?:\\{0,4}["']\]?)?\s{0,256}(?:=>|:=|:(?!:)|=(?!=)|(?:[!=]==?|\|\||\?\?|:-)\s{0,8}(?=\\{0,4}["']))[ \t]{0,256}|\\{0,4}["']\s{0,16}(,)\s{0,16}(?=\\{0,4}["'])))/g
const unquoted = /[^\s,;&"'`<>()[\]{}\\]+/y
const restOfLine = /[^\r\n"'`\\]+/y
const parameters = /[^\r\n\\]+/y
const openingQuote = /(\\{0,4})("""|'''|["'`])/y
const scheme = /(?:bearer|basic|token)(?:\s|%20|\+){1,4}/iy
const anyScheme = /[A-Za-z][\w-]{1,32}[ \t]{1,4}(?=\S)/y
// A value in parentheses, or one that a type wraps: `Some("…")`, `SecretString("…")`.
const wrapper = /(?!Symbol|Error|RegExp)(?:[A-Z]\w{0,63})?\(\s{0,64}(?=\\{0,4}["'])/y
// A default after the name of a variable: `getenv("…", "…")`.
const withDefault =
  /[\w.]{0,64}(?:env|environ\.get|fetch|config)\(\s{0,16}\\{0,4}["'][\w.-]{1,128}\\{0,4}["']\s{0,16},\s{0,16}(?=\\{0,4}["'])/iy
// The value after a type: `password: String = "…"`.
const afterType = /\??[>\])]{0,4}\s{0,8}=\s{0,8}(?=\\{0,4}["'])/y
// These schemes have parameters in quotes.
const withParameters = /^(?:digest|oauth|signature|hawk|aws4)/i
const allOfHeader = /(?:^|[-_])(?:authorization|cookie|cookies)$/i
// A value of these names may hold blanks, where a line holds nothing else.
const passphrase = /(?:password|passwd|passphrase|passcode|secret)$/i

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
export const valueAt = (
  text: string,
  from: number,
  name: string,
  before = ""
): readonly [from: number, to: number] => {
  const quoted = stickyAt(openingQuote, text, from)
  if (quoted !== null) {
    const [all, slashes = "", quote = '"'] = quoted
    return [from + all.length, closingQuoteAt(text, from + all.length, slashes, quote)]
  }
  if (text.startsWith(mask, from)) return [from, from + mask.length]
  // A cookie header is a list of names and values, and a scheme may have parameters: mask the rest of the line.
  if (allOfHeader.test(name) && !before.endsWith("=")) {
    const start = from + (/cookies?$/i.test(name) ? 0 : (stickyAt(anyScheme, text, from)?.[0].length ?? 0))
    const pattern = withParameters.test(text.slice(from, from + 16)) ? parameters : restOfLine
    return [start, start + (stickyAt(pattern, text, start)?.[0].length ?? 0)]
  }
  const wrapped = (stickyAt(wrapper, text, from) ?? stickyAt(withDefault, text, from))?.[0].length
  if (wrapped !== undefined) return valueAt(text, from + wrapped, name, before)
  const start = from + (stickyAt(scheme, text, from)?.[0].length ?? 0)
  return [start, start + (stickyAt(unquoted, text, start)?.[0].length ?? 0)]
}

const hasOwnLine = (text: string, at: number): boolean => {
  const start = text.lastIndexOf("\n", at - 1) + 1
  return at - start <= 256 && /^[ \t]*(?:- )?$/.test(text.slice(start, at))
}

// Words that follow a name in a sentence, or in code: `--smtp-auth to limit`, `secret = new Set()`.
const grammar =
  /^(?:to|the|and|or|is|are|was|be|for|with|of|in|on|if|when|as|a|an|at|by|from|not|that|which|its|it|this|all|any|each|new|await|must|can|will|has|have)$/
// These names also begin names of modules, packages and log lines: `auth:sign`, `python3-jwt:all`.
const prefixName = /(?:auth|jwt|cookie|sig|pat|pin)$/i

/** Whether an unquoted value is a word of a sentence or of a longer name. */
const isWord = (text: string, value: string, end: number, name: string, before: string): boolean =>
  grammar.test(value) ||
  (/^[a-z]{1,16}(?:32|64)?$/.test(value) && prefixName.test(name) && before.endsWith(":")) ||
  (name === "pass" && /^[a-z]{1,16}$/.test(value) && /^ [a-z]/i.test(text.slice(end, end + 2)))

// Code, not a secret: `token: Token`, `password: string`, `key = readKey(`, `secret = options.secret`.
const isCode = (text: string, value: string, end: number, name: string): boolean =>
  /^(?:string|number|boolean|unknown|any|void|never|object|str|int|bytes)$/.test(value) ||
  (/^[A-Za-z_$][A-Za-z_$.?!]*$/.test(value) &&
    ("(<[".includes(text[end] ?? " ") ||
      (/^(?:[A-Z][a-z]|[a-z]+[A-Z])/.test(value) && SecretNames.isSecret(value)) ||
      (/^[a-z]/i.test(name) && /^ [+*?-] /.test(text.slice(end, end + 3))) ||
      (value.includes(".") && /^[A-Za-z]/.test(name)))) ||
  (/^[A-Z][\w.]{0,63}$/.test(value) && stickyAt(afterType, text, end) !== null) ||
  // A version after a name such as `token-bucket:`.
  /^v?\d{1,5}(?:\.\d{1,5}){1,3}$/.test(value)

/** Whether a value is harmless although its name is that of a secret: empty, a flag, or a number of tokens. */
export const isHarmless = (value: string, name: string): boolean =>
  value === "" ||
  value === mask ||
  // The mask itself, cut by a length limit.
  (value.endsWith("…") && mask.startsWith(value.slice(0, -1))) ||
  /^(?:true|false|null|undefined|none|yes|no|infinity|nan)$/i.test(value) ||
  (/^\d[\d_]{0,11}$/.test(value) && /token/i.test(name))

/** Whether the value decides if the name is that of a secret. */
const isWeak = (name: string): boolean =>
  !SecretNames.isSecret(name) && (SecretNames.mayBeSecret(name) || name.toLowerCase() === "pwd")

/** Whether the value of `pwd` is a password: everywhere else the name means the working directory. */
const isPassword = (value: string): boolean =>
  value.length >= 4 && !/^(?:[~/.$%]|[A-Za-z]:[\\/])|[/\\]/.test(value)

/** Masks the value after each secret name in the text. */
export const scrub = (text: string): string => {
  if (!hint.test(text)) return text
  let out = ""
  let from = 0
  const replace = (start: number, end: number, replacement: string) => {
    if (start < from) return
    out += text.slice(from, start) + replacement
    from = end
  }
  keyPattern.lastIndex = 0
  for (let found = keyPattern.exec(text); found !== null; found = keyPattern.exec(text)) {
    const [all, option, name = option ?? "", comma] = found
    const valueStart = found.index + all.length
    if (isWeak(name) && (comma === undefined || isListedName(text, found.index, name))) {
      const [start, end] = valueAt(text, valueStart, name, all.trimEnd())
      const value = text.slice(start, end)
      if (name.toLowerCase() === "pwd" ? isPassword(value) : Randomness.isValue(value)) {
        replace(start, end, mask)
        keyPattern.lastIndex = Math.max(end, valueStart)
        continue
      }
    }
    if (!SecretNames.isSecret(name) || (comma !== undefined && !isListedName(text, found.index, name))) {
      // The value of this name may be a secret name itself: continue right after the name.
      keyPattern.lastIndex = found.index + name.length
      continue
    }
    if (/[=!]==?$/.test(all.trimEnd())) {
      // A comparison: `password === "…"`. The value is often a word of code.
      const [start, end] = valueAt(text, valueStart, name)
      const isPassword =
        SecretNames.isSecret(name.slice(name.lastIndexOf(".") + 1)) &&
        ChosenPassword.isLikely(text.slice(start, end))
      if (isPassword) replace(start, end, mask)
      keyPattern.lastIndex = Math.max(isPassword ? end : valueStart, found.index + name.length)
      continue
    }
    const block = option === undefined ? YamlBlocks.after(text, found.index, valueStart) : undefined
    if (block !== undefined) {
      replace(valueStart, block.end, block.masked(name))
      keyPattern.lastIndex = block.end
      continue
    }
    const [start, end] = valueOf(text, found.index, valueStart, name, all)
    keyPattern.lastIndex = Math.max(end, valueStart)
    const value = text.slice(start, end)
    const quoted = start > valueStart && /["'`]/.test(text[start - 1] ?? "")
    if (!quoted && isWord(text, value, end, name, all)) continue
    // A list of names: `["authorization", "cookie"]`.
    if (comma !== undefined && !name.startsWith("-") && /^[a-z]{1,16}(?:-[a-z]{1,16}){0,3}$/.test(value))
      continue
    if (/tokens$/i.test(name) && / \S+ /.test(value)) continue
    if (isHarmless(value, name) || (option !== undefined && value.startsWith("--"))) continue
    if (option === undefined && start === valueStart && isCode(text, value, end, name)) {
      const typed = stickyAt(afterType, text, end)
      if (typed === null) {
        // A default may follow: `password = process.env.DB_PASSWORD ?? "…"`.
        keyPattern.lastIndex = valueStart
        continue
      }
      const [from, to] = valueAt(text, end + typed[0].length, name)
      if (!isHarmless(text.slice(from, to), name)) replace(from, to, mask)
      keyPattern.lastIndex = to
      continue
    }
    replace(start, end, mask)
  }
  return from === 0 ? text : out + text.slice(from)
}

/** Whether the name is an option, or the first of a tuple: the text after the comma is its value. */
const isListedName = (text: string, at: number, name: string): boolean =>
  name.startsWith("-") || /[([]\s{0,16}\\{0,4}["']$/.test(text.slice(Math.max(0, at - 24), at))

const valueOf = (
  text: string,
  at: number,
  from: number,
  name: string,
  all: string
): readonly [from: number, to: number] => {
  const [start, end] = valueAt(text, from, name, all.trimEnd())
  const wholeLine =
    start === from &&
    passphrase.test(name) &&
    /: *$/.test(all) &&
    !/["'`]/.test(text[from] ?? "") &&
    hasOwnLine(text, at) &&
    !/^[\w.]{1,128} (?:\?\?|\|\|) /.test(text.slice(from, from + 144))
  if (!wholeLine || text.startsWith(mask, from)) return [start, end]
  const line = stickyAt(restOfLine, text, from)?.[0].replace(/\s(?:#.*)?$|,$/, "") ?? ""
  return [start, Math.max(end, start + line.trimEnd().length)]
}
