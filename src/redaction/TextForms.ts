/** Masks secrets that the form of a text gives away: markup, commands, `netrc` files, and sentences with a code. */
import * as SecretNames from "./SecretNames.ts"
import { mask } from "./mask.ts"

const element =
  /<((?:[\w-]{1,64}:)?([A-Za-z_][\w.-]{0,127}))((?:\s[^<>]{0,512})?)>(\s{0,256})([^<]{1,8192}?)(\s{0,256})(?=<\/\1\s{0,8}>)/g
const named = /\s(?:name|key|id)\s{0,8}=\s{0,8}(["'])([\w.-]{1,128})\1/i

/** Masks the content of an XML element with a secret name, and of the element after a `key` element with one. */
const markup = (text: string): string => {
  if (!text.includes("</")) return text
  let after = ""
  return text.replace(
    element,
    (all, tag: string, name: string, attributes: string, start: string, content: string, end: string) => {
      const outer = after
      after = name === "key" && SecretNames.isSecret(content) ? content : ""
      const inner = named.exec(attributes)?.[2] ?? ""
      if (content === mask || after !== "") return all
      return SecretNames.isSecret(name) || SecretNames.isSecret(inner) || outer !== ""
        ? `<${tag}${attributes}>${start}${mask}${end}`
        : all
    }
  )
}

const attributePair =
  /(\\{0,4}["']?)(?<![\w.-])(?:[\w-]{0,32}name|key|field|header|variable)\1\s{0,16}[:=]\s{0,16}(\\{0,4}["']?)([\w.-]{1,128})\2\s{0,16}[,;]?\s{1,256}(\\{0,4}["']?)[\w-]{0,32}val(?:ue)?\4\s{0,16}[:=]\s{0,16}(\\{0,4}["'])?/gi
const plainValue = /[^\s"'`,;<>\\}\]]{1,4096}/y
const quotedValue = /(?:(?!["'])[^\r\n\\]){1,4096}/y

/** Masks the value in `name: SECRET_NAME, value: …`, in code, YAML or markup. */
const pairs = (text: string): string => {
  if (!/val/i.test(text)) return text
  let out = ""
  let from = 0
  for (const found of text.matchAll(attributePair)) {
    const [all, , , name = "", , quote] = found
    if (!SecretNames.isSecret(name)) continue
    const start = found.index + all.length
    const pattern = quote === undefined ? plainValue : quotedValue
    pattern.lastIndex = start
    const value = pattern.exec(text)?.[0] ?? ""
    if (value === "" || text.startsWith(mask, start) || start < from) continue
    out += text.slice(from, start) + mask
    from = start + value.length
  }
  return from === 0 ? text : out + text.slice(from)
}

const curlUser =
  /((?:^|\s)(?:(?:-u|-U)\s{0,16}|(?:--user|--proxy-user)(?:\s{1,16}|=))["']?[^\s:"'=/]{1,128}:)(?!\[redacted\])[^\s"']{1,512}/g
const sshpass = /(\bsshpass\s{1,16}-p\s{0,16}["']?)(?!\[redacted\])[^\s"']{1,512}/g
const netrc =
  /(\b(?:login|machine)\s{1,64}\S{1,256}\s{1,64}(?:account\s{1,64}\S{1,256}\s{1,64})?password\s{1,64})(?!\[redacted\])\S{1,512}/g
const dockerfile = /(\b(?:ENV|ARG|setenv)\s{1,16}([A-Za-z_]\w{0,128})[ \t]{1,16})(?![=[])[^\s=]{1,512}/g
const prompt = /(\bpass(?:word|phrase) for ["']?[^\s"']{1,256}["']?:\s{1,16})(?!\[redacted\])[^\s"']{1,512}/gi

const commands = (text: string): string => {
  let out = text
  if (out.includes("curl")) out = out.replace(curlUser, `$1${mask}`)
  if (out.includes("sshpass")) out = out.replace(sshpass, `$1${mask}`)
  if (/\bpassword\s/.test(out) && /\b(?:login|machine)\s/.test(out)) out = out.replace(netrc, `$1${mask}`)
  if (/ENV|ARG|setenv/.test(out)) {
    out = out.replace(dockerfile, (all, before: string, name: string) =>
      SecretNames.isSecret(name) ? before + mask : all
    )
  }
  return /pass(?:word|phrase) for/i.test(out) ? out.replace(prompt, `$1${mask}`) : out
}

const codeName =
  "(?:(?:verification|security|confirmation|login|log-in|sign-in|one[ -]time|authentication|authenticator|2fa|mfa|sms)[ -](?:pass)?codes?|one[ -]time (?:password|pin)|otp|passcode|\\bpin)"
const codeAfter = new RegExp(
  `(${codeName}(?: is| was)?\\s{0,16}[:=]?\\s{0,16})(\\d{3}[ -]\\d{3}|\\d{4,8})(?![\\w.])`,
  "gi"
)
const codeBefore = new RegExp(
  `(?<![\\w.])(\\d{3}[ -]\\d{3}|\\d{4,8})( is (?:your|the) (?:\\w{1,32} ){0,2}${codeName})`,
  "gi"
)

const codes = (text: string): string =>
  /code|otp|\bpin/i.test(text) && /\d{3}/.test(text)
    ? text.replace(codeAfter, `$1${mask}`).replace(codeBefore, `${mask}$2`)
    : text

// "NAME is VALUE", "NAME 'VALUE'": only values that cannot be words.
const sentence =
  /(\b(?:password|passwd|passphrase|passcode|secret|api key|access token)\s{1,16}(?:(?:is|was|to|by)\s{1,16}(?:now\s{1,16}|set to\s{1,16})?)?["'`]?)(?!\[redacted\])((?=[^\s"'`]{0,128}\d)(?=[^\s"'`]{0,128}[A-Za-z])[^\s"'`,;<>()]{6,256})/gi

const sentences = (text: string): string =>
  /pass|secret|key|token/i.test(text) ? text.replace(sentence, `$1${mask}`) : text

// Every rule of this file needs one of these. Most text has none, so one test is enough for it.
const hint = /<\/|val|curl|sshpass|ENV|ARG|setenv|pass|secret|token|key|code|otp|pin(?![a-z])/i

/** Masks secrets in markup, commands, `netrc` files, prompts and sentences. */
export const scrub = (text: string): string =>
  hint.test(text) ? sentences(codes(commands(pairs(markup(text))))) : text
