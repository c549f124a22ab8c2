/** Masks secrets that the form of a text gives away: markup, commands, `netrc` files, and sentences with a code. */
import * as SecretNames from "./SecretNames.ts"
import * as CodeSecrets from "./CodeSecrets.ts"
import * as CommandSecrets from "./CommandSecrets.ts"
import * as KubernetesSecrets from "./KubernetesSecrets.ts"
import * as SentenceSecrets from "./SentenceSecrets.ts"
import * as TableSecrets from "./TableSecrets.ts"
import { mask } from "./mask.ts"
import * as Randomness from "./Randomness.ts"

const element =
  /<((?:[\w-]{1,64}:)?([A-Za-z_][\w.-]{0,127}))((?:\s[^<>]{0,512})?)>(\s{0,256})((?:<!\[CDATA\[)?[^<]{1,8192}?)(\s{0,256})(?=<\/\1\s{0,8}>)/g
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
const valueHint = /val(?:ue)?\\{0,4}["']?\s{0,16}[:=]/i
const plainValue = /[^\s"'`,;<>\\}\]]{1,4096}/y
const quotedValue = /(?:(?!["'])[^\r\n\\]){1,4096}/y

/** Masks the value in `name: SECRET_NAME, value: …`, in code, YAML or markup. */
const pairs = (text: string): string => {
  if (!valueHint.test(text)) return text
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

// A password on the standard input of a program.
const piped =
  /(\becho\s{1,16}(?:-n\s{1,16})?["']?)(?!\[redacted\]|\$)([^\s"'|]{1,512})(["']?\s{0,16}\|\s{0,16}(?:sudo\s{1,16}-S\b|[^\n|]{1,256}--(?:password-)?stdin\b))/g
const sql =
  /(\bidentified\s{1,16}(?:with\s{1,16}\S{1,64}\s{1,16})?(?:by|as)\s{1,16}(?:password\s{1,16})?\\{0,4}["'])(?!\[redacted\])[^"'\r\n\\]{1,512}/gi
const secureString =
  /(\bConvertTo-SecureString\s{1,16}(?:-String\s{1,16})?\\{0,4}["'])(?!\[redacted\])[^"'\r\n\\]{1,512}/gi
// The name of a user and a password on the standard input of a program.
const pipedPair =
  /(\becho\s{1,16}["']?[\w.-]{1,64}:)(?!\[redacted\]|\$)([^\s"'|]{1,512})(?=["']?\s{0,16}\|\s{0,16}(?:sudo\s{1,16})?chpasswd\b)/g
const hereString = /(\bsudo\s[^\n<]{0,256}-S\b[^\n<]{0,256}<<<\s{0,8}["']?)(?!\[redacted\]|\$)[^\s"']{1,512}/g
const redis =
  /((?:^|>[ \t]{1,4})AUTH[ \t]{1,8}(?:[\w-]{1,64}[ \t]{1,8})?|\bSETUSER[ \t]{1,8}[\w-]{1,64}[ \t][^\r\n>]{0,128}>)(?!\[redacted\])[^\s"']{6,512}(?=[ \t]|$)/gm
// host:port:database:user:password
const pgpass =
  /(^[\w.*-]{1,255}:(?:\d{2,5}|\*):[\w.*-]{1,128}:(?!\d{1,9}:)[\w.*-]{1,128}:)(?!\[redacted\])(?=[^\s:]{0,64}\d)[^\s:]{6,512}$/gm
const netrc =
  /(\b(?:login|machine)\s{1,64}\S{1,256}\s{1,64}(?:account\s{1,64}\S{1,256}\s{1,64})?password\s{1,64})(?!\[redacted\])\S{1,512}/g
const dockerfile = /(\b(?:ENV|ARG|setenv)\s{1,16}([A-Za-z_]\w{0,128})[ \t]{1,16})(?![=[])[^\s=]{1,512}/g
const prompt = /(\bpass(?:word|phrase) for ["']?[^\s"']{1,256}["']?:\s{1,16})(?!\[redacted\])[^\s"']{1,512}/gi

const commands = (text: string): string => {
  let out = CommandSecrets.scrub(text)
  if (out.includes("echo")) out = out.replace(piped, `$1${mask}$3`).replace(pipedPair, `$1${mask}`)
  if (out.includes("<<<")) out = out.replace(hereString, `$1${mask}`)
  if (/AUTH[ \t]|SETUSER[ \t]/.test(out)) out = out.replace(redis, `$1${mask}`)
  if (/identified|securestring/i.test(out)) {
    out = out.replace(sql, `$1${mask}`).replace(secureString, `$1${mask}`)
  }
  if (pgpass.test(out)) out = out.replace(pgpass, `$1${mask}`)
  if (/\bpassword\s/.test(out) && /\b(?:login|machine)\s/.test(out)) out = out.replace(netrc, `$1${mask}`)
  if (/(?:ENV|ARG|setenv)\s/.test(out)) {
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
// "the SECRET_NAME VALUE": a random value after any name of a secret.
const random =
  /((?<![\w.-])[A-Za-z][\w.-]{0,127}["')\]]?[ \t]{1,16}(?:(?:is|was|to|by|for|as|of)[ \t]{1,4}){0,2}["'`(]?)([A-Za-z0-9+/_=.~$-]{16,1024})/g

// A random value has a digit.
const randomHint = /[ \t]["'`(]?(?=[A-Za-z+/_=.~$-]{0,1023}\d)[A-Za-z0-9+/_=.~$-]{16}/

// Words between a name and a value, also over a line break: "the password to proceed:\n\nVALUE".
const distance = 48
const near =
  /(?<![\w.-])(?:password|passwd|passphrase|secret|token|credentials?|(?:api|access|private|secret|auth)[ _-]?key)(?![\w.-])/gi
const standalone = /(?<![\w\-/+=.@\\])[A-Za-z0-9+_.=~-]{20,1024}(?![\w\-/+=@])/g
const afterNear = /[^]{0,48}?(?<![\w\-/+=.@\\])[A-Za-z0-9+_.=~-]{20}/y
const beforeHash =
  /(?:commit|sha-?\d*|digest|hash|checksum|fingerprint|\bid|uuid|etag|revision|rev|sum)["']?[ :=(]{0,4}$/i

const hasNear = (text: string, place: number): boolean => {
  afterNear.lastIndex = place
  return afterNear.test(text)
}

/** Masks a random value a few words after the name of a secret. */
const nearby = (text: string): string => {
  const places = [...text.matchAll(near)].map(({ 0: word, index }) => index + word.length)
  if (!places.some((place) => hasNear(text, place))) return text
  let place = 0
  return text.replace(standalone, (value, at: number) => {
    while (place + 1 < places.length && (places[place + 1] ?? 0) <= at) place++
    const from = places[place] ?? 0
    if (from > at || at - from > distance || !isKey(value)) return value
    return beforeHash.test(text.slice(Math.max(from, at - 24), at)) ? value : mask
  })
}

const isKey = (value: string): boolean => /[0-9a-f]{32}|[A-Z]/.test(value) && Randomness.isValue(value)

const sentences = (text: string): string => {
  if (!/pass|secret|token|key|cred|auth|api/i.test(text)) return text
  const out = nearby(text).replace(sentence, `$1${mask}`)
  if (!randomHint.test(out)) return out
  return out.replace(random, (all, before: string, value: string) => {
    const name = /^[\w.-]+/.exec(before)?.[0] ?? ""
    return (SecretNames.isSecret(name) || SecretNames.mayBeSecret(name)) && Randomness.isValue(value)
      ? before + mask
      : all
  })
}

// Every rule of this file needs one of these. Most text has none, so one test is enough for it.
const hint =
  /<\/|val|kind["']?:|phrase|mnemonic|psk|getConnection|unseal|unlock|obscure|community|\bnet use|sqlplus|ENV|ARG|setenv|pass|secret|token|key|cred|auth|api|code|otp|pin(?![a-z])|identified|securestring|echo| --?[a-z]|\/p:|:\S{1,128}:\S{1,128}:\S{1,128}:/i

/** Masks secrets in markup, commands, `netrc` files, prompts and sentences. */
export const scrub = (text: string): string => (hint.test(text) ? forms(text) : text)

const forms = (text: string): string => {
  const structured = TableSecrets.scrub(KubernetesSecrets.scrub(pairs(markup(text))))
  return sentences(SentenceSecrets.scrub(codes(CodeSecrets.scrub(commands(structured)))))
}
