/**
 * Finds tokens of unknown formats by their randomness: at least 32 characters of letters in both cases and digits that
 * alternate as only random text does; or a short prefix and hexadecimal or capital random text. Hashes, UUIDs and trace
 * ids have no prefix, or one that names an id.
 */

const hint = /(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{26}/
// Not beside a slash, a plus or an equals sign: there the text is part of a path or of base64.
const candidate = /(?<![\w\-/+=,@\\])[A-Za-z0-9_-]{32,256}(?![\w\-/+=@])/g
const minLength = 32
const minDigits = 2
// Of random text 62 of 100 neighbours differ in kind, of names in camel case fewer than 40.
const minChanges = 0.42
// The usual widths of lines of base64.
const wrapped = new Set([64, 76])

const kindOf = (code: number): number =>
  code >= 97 ? 1 : code >= 48 && code <= 57 ? 2 : code >= 65 && code <= 90 && code !== 95 ? 3 : 4

const isRandom = (text: string): boolean => {
  const counts = [0, 0, 0, 0, 0]
  let changes = 0
  let before = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    const kind = code === 95 ? 4 : kindOf(code)
    counts[kind] = (counts[kind] ?? 0) + 1
    if (kind !== before) changes++
    before = kind
  }
  const [, lower = 0, digits = 0, upper = 0] = counts
  return lower > 0 && upper > 0 && digits >= minDigits && changes / text.length >= minChanges
}

// Ids of APIs and names of hashes: 32 hexadecimal digits after one of these are no secret.
const idPrefix =
  /^(?:resp|msg|rs|fc|ws|ig|call|req|request|thread|run|item|turn|step|conv|file|image|img|layer|cache|build|commit|rev|trace|span|sha\d*|md5|blake\w*|hash|digest|etag|id|uid|uuid|cid|h|chunk|asset|page|job|task|event|evt|user|org|account|acc|cus|session|node|pod|volume|vol|snap|ami|vpc|subnet|i|npm|pip|go|yarn|v\d+)$/i
const prefixedHex =
  /(?<![\w\-/+=,@\\.:])([A-Za-z][A-Za-z0-9]{1,15})[-_](?:[a-z]\w{0,8}[-_])?[0-9a-f]{32,128}(?![\w\-/+=@.])/g
const prefixedCapitals =
  /(?<![\w\-/+=,@\\.:])[A-Z]{2,8}[-_](?=[A-Z]{0,24}\d)(?=\d{0,12}[A-Z])[A-Z0-9]{24,64}(?![\w\-/+=@])/g

/** Replaces each token that is random by its form. */
export const scrub = (text: string, mask: string): string => {
  if (!hint.test(text)) return text
  const known = /[0-9a-f]{32}|[A-Z0-9]{24}/.test(text)
  const prefixed = known
    ? text
        .replace(prefixedHex, (token, prefix: string) => (idPrefix.test(prefix) ? token : mask))
        .replace(prefixedCapitals, mask)
    : text
  return prefixed.replace(candidate, (token, at: number) => {
    // A prefix names the kind of the token or of an id; an id is shorter than a token.
    const body = token.replace(/^[A-Za-z][A-Za-z0-9]{0,11}[-_]/, "")
    if (body.length < minLength || /[0-9a-f]{32}$/.test(body) || /^(?:_ZN|_R|__)/.test(token)) return token
    // The fingerprint of a public key.
    if (prefixed.slice(Math.max(0, at - 8), at).endsWith("SHA256:") || !isRandom(body)) return token
    const line = (at === 0 || prefixed[at - 1] === "\n") && (prefixed[at + token.length] ?? "\n") === "\n"
    return line && wrapped.has(token.length) ? token : mask
  })
}
