/**
 * Finds tokens of unknown formats by their randomness: a long run of letters in both cases and digits that alternate as
 * only random text does; or a prefix and a shorter run. Hashes, UUIDs and trace ids have no prefix, or one that names an
 * id, and are kept.
 */
import * as Randomness from "./Randomness.ts"

const hint = /(?<![A-Za-z0-9_-])[A-Za-z0-9_.~-]{22}/
// Not beside a slash or a plus: there the text is part of a path or of base64.
const candidate = /(?<![\w\-/+,@\\.~%])[A-Za-z0-9_.~%-]{22,1024}(?:=[0-9A-F]{8}|={0,2})(?![\w\-/+@~=])/g
// A part of the path of an address, as in the addresses of webhooks and in links that reset a password.
const address = /:\/\/[^\s"'<>]{32,2048}/g
const inPath = /(?<=[a-z0-9]\/)[A-Za-z0-9_-]{32,256}(?=[/?#),]|$)/gi
const minLength = 32
const minPrefixed = 20
const minDigits = 2
// Of random text 62 of 100 neighbours differ in kind, of names in camel case fewer than 36.
const minChanges = 0.42
const minChangesOfLong = 0.36

const isRandom = (text: string, digitsNeeded = minDigits): boolean => {
  const { changes, digits, lower, upper } = Randomness.count(text)
  if (lower === 0 || upper === 0 || digits < digitsNeeded) return false
  return changes >= (digits >= 3 || text.length >= minLength ? minChangesOfLong : minChanges)
}

/** Whether a part is random in capitals and digits, as in `dt0c01.ST2EY72KQINMH574WMNVI7YN`. */
const isRandomCapitals = (text: string): boolean => {
  const { changes, digits, lower, upper } = Randomness.count(text)
  return lower === 0 && digits >= minDigits && upper >= 4 && changes >= 0.28 && !text.includes("_")
}

// Ids of APIs and names of hashes: 32 hexadecimal digits after one of these are no secret.
const idPrefix =
  /^(?:resp|msg|rs|fc|ws|ig|call|req|request|thread|run|item|turn|step|conv|file|image|img|layer|cache|build|commit|rev|trace|span|sha\d*|md5|blake\w*|hash|digest|etag|id|uid|uuid|cid|h|chunk|asset|page|job|task|event|evt|user|org|account|acc|cus|session|node|pod|volume|vol|snap|ami|vpc|subnet|i|npm|pip|go|yarn|v\d+|chatcmpl|cmpl|batch|index|web|app|main|vendor|client|server|static|styles?|bundle|temp|tmp|test|report|artifact|release|version|container|network|deployment|replica|project|team|group|tag|branch|pr|issue|ticket|order|invoice|payment|pi|ch|in|sub|price|prod|evt|seti|cs|txn)$/i
const hashPrefix = /^(?:sha\d*|md5|blake\w*|hash|digest|etag|integrity)$/i
const prefixedHex =
  /(?<![\w\-/+=,@\\.:])([A-Za-z][A-Za-z0-9]{1,15})[-_](?:[a-z]\w{0,8}[-_])?[0-9a-f]{24,128}(?:-[0-9a-f]{16,64}|-[A-Za-z0-9]{12,32})?(?![\w\-/+=@.])/g
const prefixedCapitals =
  /(?<![\w\-/+=,@\\.:])[A-Z]{2,8}[-_](?=[A-Z]{0,24}\d)(?=\d{0,12}[A-Z])[A-Z0-9]{24,64}(?![\w\-/+=@])/g
// Capitals attached to hexadecimal text, and such text with the name of a region after it.
const attachedHex =
  /(?<![\w\-/+=,@\\.:])(?:[A-Z]{2,4}[0-9a-f]{32,64}|[0-9a-f]{32}-(?:us|eu|ap|na)\d{1,2})(?![\w\-/+=@.])/g
// A UUID after words of which one says that it is a secret.
const prefixedUuid =
  /(?<![\w\-/+=,@\\.:])(?:[A-Za-z0-9]{1,12}[-_]){0,3}(?:pat|key|api|tok|token|sec|secret|auth|sk|pw|access|dep|deploy|sdk|mob)[-_](?:[A-Za-z0-9]{1,12}[-_]){0,3}[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![\w\-/+=@.])/gi

// Small letters and digits after a prefix and an underscore.
const prefixedLower =
  /(?<![\w\-/+=,@\\.:])([A-Za-z]{2,16})_(?=[a-z]{0,31}\d)(?=\d{0,31}[a-z])(?![0-9a-f]{32})[a-z0-9]{32,128}(?![\w\-/+=@.])/g
// Hexadecimal digits in two parts after a prefix.
const twoParts = /(?<![\w\-/+=,@\\.:])([a-z]{2,12})_[0-9a-f]{16,32}_[0-9a-f]{8,64}(?![\w\-/+=@.])/g

// What the patterns above need. Each test starts at a rare character, so it is cheaper than its pattern.
const afterSign = /[-_](?:[0-9a-f]{24}|[0-9A-Z]{24})/
const attachedHint = /[A-Z][0-9a-f]{32}|-(?:us|eu|ap|na)\d/
const afterUnderscore = /_[a-z0-9]{16}/
const endOfUuid = /-(?<=[0-9A-Fa-f]{4}-)[0-9A-Fa-f]{12}/

// A whole text that is an id. Most short texts of telemetry are, so this test saves all others.
const wholeId =
  /^(?:([a-z]{1,16})_)?(?:[0-9a-f]{16,64}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/

const isId = (text: string): boolean => {
  const found = text.length > 96 ? null : wholeId.exec(text)
  return found !== null && (found[1] === undefined || idPrefix.test(found[1]))
}

/** Replaces each token that is random by its form. */
export const scrub = (text: string, mask: string): string => {
  if (!hint.test(text) || isId(text)) return text
  let named = text
  if (afterSign.test(named)) {
    named = named
      .replace(prefixedHex, (token, prefix: string) =>
        idPrefix.test(prefix) || !/[0-9a-f]{32}|-[0-9a-f]{24}/.test(token) ? token : mask
      )
      .replace(prefixedCapitals, mask)
  }
  if (attachedHint.test(named)) named = named.replace(attachedHex, mask)
  if (afterUnderscore.test(named)) named = replaceUnderscored(named, mask)
  if (endOfUuid.test(named)) named = named.replace(prefixedUuid, mask)
  const plain = named.replace(candidate, (token, at: number) => (isToken(token, named, at) ? mask : token))
  return plain.includes("://")
    ? plain.replace(address, (url) => url.replace(inPath, (part) => (isRandom(part) ? mask : part)))
    : plain
}

const replaceUnderscored = (text: string, mask: string): string => {
  const withoutId = (token: string, prefix: string) => (idPrefix.test(prefix) ? token : mask)
  return text.replace(prefixedLower, withoutId).replace(twoParts, withoutId)
}

const isToken = (candidate: string, text: string, at: number): boolean => {
  const token = candidate.replace(/=[0-9A-F]{0,8}$|[.=]+$/, "").replace(/%[0-9A-F]{2}/g, "_")
  if (token.includes("%")) return false
  // Mangled names of C++ and Rust, and the fingerprint of a public key.
  if (/^(?:_ZN|_R|__)/.test(token) || text.slice(Math.max(0, at - 8), at).endsWith("SHA256:")) return false
  return token.includes(".") || token.includes("~")
    ? isDotted(token)
    : isPlain(token, candidate.endsWith("=") && candidate.length % 4 === 0, text, at)
}

const isPlain = (token: string, padded: boolean, text: string, at: number): boolean => {
  // A prefix names the kind of the token or of an id; an id is shorter than a token.
  const first = /^([A-Za-z][A-Za-z0-9]{0,11})[-_]/.exec(token)?.[1] ?? ""
  if (hashPrefix.test(first) || /[0-9a-f]{32}$/.test(token)) return false
  const isId = idPrefix.test(first)
  // The prefix has one to three parts; the body may hold signs too.
  let prefix = isId ? "" : first
  for (let parts = 0; prefix !== "" && parts < 3; parts++) {
    const body = token.slice(prefix.length + 1)
    if (body.length >= minPrefixed && isRandom(body, 1)) return true
    const next = /^[A-Za-z][A-Za-z0-9]{0,11}(?=[-_])/.exec(body)?.[0]
    prefix = next === undefined ? "" : `${prefix}-${next}`
  }
  // Base64 of any text, such as an image, is as random as a token.
  if (padded) return false
  const whole = isId ? token.slice(first.length + 1) : token
  if (whole.length < minLength || !isRandom(whole)) return false
  // A line of base64 has one of two widths; a key of the narrow one may be alone.
  const line = (at === 0 || text[at - 1] === "\n") && (text[at + token.length] ?? "\n") === "\n"
  return !(line && (token.length === 76 || (token.length === 64 && text.includes("\n"))))
}

/** Whether a token has parts between dots or tildes, of which one is random. Names of files and hosts are not random. */
const isDotted = (token: string): boolean => {
  const parts = token.split(/[.~]/)
  if (parts.length > 4 || idPrefix.test(parts[0] ?? "")) return false
  const long = parts.filter((part) => part.length >= minPrefixed)
  const body = long.join("")
  // One part of that length may be the name of a function: `JsonSchema.fromSchemaOpenApi3_1`.
  if (long.length === 1 && body.length < minLength) return false
  const random = isRandom(body) || long.some((part) => part.length >= 24 && isRandomCapitals(part))
  // The name of a file may hold a hash, and its last part is short then.
  return random && (parts.at(-1) ?? "").length >= minPrefixed
}
