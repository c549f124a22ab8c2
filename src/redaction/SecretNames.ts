/** Decides by a name whether its value is a secret. */

const secretWords = new Set(
  "password passwd passphrase passcode passwords secret secrets credential credentials authorization cookie cookies jwt bearer apikey apikeys apitoken authtoken accesstoken accesskey secretkey privatekey pgpassword mysqlpwd dsn signature sig pat otp pin pw psk presharedkey masterauth".split(
    " "
  )
)
// `key` alone may be the key of a cache or a map; after one of these words it is a credential.
const secretKeyQualifiers = new Set(
  "api access private secret encryption signing master ssh deploy account auth hash hmac license license session client service subscription shared storage admin app webhook".split(
    " "
  )
)
// Names often attach such a word to another one without a sign: `MYSQLPASSWORD`, `storepass`, `mytoken`.
const attached =
  /(?:password|passwd|passphrase|secret|token|apikey|accesskey|secretkey|privatekey|authkey|credentials?)$|^(?:my|db|pg|sql|mysql|root|user|admin|login|ftp|smtp|ldap|bind|key|store|require|master|proxy|trust|wifi|http|https|imap|mail|redis|mongo)(?:pass|pwd)$/
// Tokens after one of these words are counted: `outputTokens`.
const countWords = new Set(
  "input output read write max min total prompt completion cached reasoning used num".split(" ")
)
// With one of these words a name may be that of a secret: then the value decides.
const weakWords = new Set(
  "key keys auth authentication oauth api apis cred creds access salt nonce".split(" ")
)
// A key with one of these words is part of a lookup or is meant for everyone.
const lookupWords = new Set(
  "public cache primary foreign partition sort idempotency routing dedupe lookup map group row index object sorted hot keyboard press code storage state query react i18n translation recv trusted authorized known host".split(
    " "
  )
)
// A name that ends with one of these words describes a secret and does not hold it: `token_count`, `password_file`.
const metadataWords = new Set(
  "type types count counts name names file files path paths dir url uri urls endpoint modality usage limit limits budget length size expiry expires expiration ttl id ids sock socket info mode method provider index window details status policy rotation hint required enabled updated bucket plugin module manager handler agent adapter middleware library version factory".split(
    " "
  )
)

// Every secret name, and every name that may be one, has one of these. Two letters beyond ASCII become ASCII in lower
// case: the Kelvin sign, and the capital I with a dot.
const hint =
  /pass|pw|secret|token|key|auth|cred|cookie|jwt|bearer|api|access|dsn|sig|pat|otp|pin|psk|salt|nonce|[\u0130\u212a]/i

const words = (name: string): ReadonlyArray<string> =>
  name
    .slice(0, 128)
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter((word) => word !== "")

/**
 * Whether the name of an attribute, an annotation or a JSON property is that of a secret: `password`, `apiKey`,
 * `x-auth-token`, but not `token.type`.
 */
export const isSecret = (name: string): boolean => {
  if (!hint.test(name)) return false
  const all = words(name)
  const last = all.length - 1
  for (const [at, word] of all.entries()) {
    if (at < last && metadataWords.has(all[last] ?? "")) return false
    if (secretWords.has(word) || attached.test(word)) return true
    if (word === "token" || word === "auth") return true
    if (word === "tokens" && at === last) return !countWords.has(all[at - 1] ?? "")
    if ((word === "key" || word === "keys") && at > 0 && secretKeyQualifiers.has(all[at - 1] ?? ""))
      return true
    if ((word === "pwd" || word === "pass") && (at > 0 || word === "pass")) return true
  }
  return false
}

/**
 * Whether a name may be that of a secret, such as `license_key`, `auth` or `api`: a random value under it is taken for a
 * secret, and any other value is not.
 */
export const mayBeSecret = (name: string): boolean => {
  if (!hint.test(name)) return false
  const all = words(name)
  const last = all[all.length - 1] ?? ""
  return (
    !metadataWords.has(last) &&
    all.some((word) => weakWords.has(word)) &&
    !all.some((word) => lookupWords.has(word))
  )
}

/**
 * Whether a number under this name is a secret: a password or a one-time code of at least four digits. Other secret
 * names also name counts and sizes.
 */
export const isSecretNumber = (name: string, value: number): boolean =>
  Number.isInteger(value) &&
  Math.abs(value) >= 1000 &&
  /^(?:password|passwd|passphrase|passcode|pwd|pass|pw|pin|otp)$/.test(words(name).at(-1) ?? "")

/** Whether the name of an environment variable is that of a secret. There every `KEY` is a credential. */
export const isSecretVariable = (name: string): boolean => {
  const all = words(name)
  const last = all[all.length - 1] ?? ""
  return last === "key" || last === "keys" || isSecret(name)
}
