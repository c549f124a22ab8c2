/**
 * Masks secrets with a known format. Every pattern takes linear time on any text: repetitions are bounded, or a match
 * starts only where no other match could start, and no pattern backtracks.
 */

import * as Secretlint from "./generated/SecretlintPatterns.ts"
import * as ChosenPassword from "./ChosenPassword.ts"
import * as PrivateKeys from "./PrivateKeys.ts"
import * as RandomTokens from "./RandomTokens.ts"

import { mask } from "./mask.ts"

// The starts of the installed rules that end with this sign, and ours, without the sign.
const signed = (sign: string, own: string): string =>
  [
    own,
    ...Secretlint.prefixes
      .filter((prefix) => prefix.endsWith(sign))
      .map((prefix) => prefix.slice(0, prefix.endsWith(`\\${sign}`) ? -2 : -1))
  ].join("|")

const tokens = new RegExp(
  [
    // OpenAI and Anthropic
    "(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{16,}",
    // Stripe
    "(?<![A-Za-z0-9])[srp]k_(?:live|test)_[A-Za-z0-9]{10,}",
    "(?<![A-Za-z0-9])whsec_[A-Za-z0-9+/=]{20,}",
    // GitHub, GitLab, npm, Hugging Face
    "(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{16,}",
    "github_pat_[A-Za-z0-9_]{16,}",
    "gl(?:pat|dt|rt|ptt|cbt|soat|agent|ft|imt)-[A-Za-z0-9_-]{16,}",
    "(?<![A-Za-z0-9])npm_[A-Za-z0-9]{30,}",
    "(?<![A-Za-z0-9])hf_[A-Za-z0-9]{20,}",
    // AWS
    "(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16,}",
    // SendGrid, Slack
    "SG\\.[A-Za-z0-9_-]{16,}\\.[A-Za-z0-9_-]{16,}",
    "xox[a-z]-[A-Za-z0-9-]{10,}",
    "xapp-[A-Za-z0-9-]{10,}",
    "hooks\\.slack\\.com/(?:services|workflows)/[A-Za-z0-9/_-]{10,}",
    // Google
    "AIza[A-Za-z0-9_-]{30,}",
    "ya29\\.[A-Za-z0-9_.-]{16,}",
    "GOCSPX-[A-Za-z0-9_-]{16,}",
    "1//0[A-Za-z0-9_-]{20,}",
    // Vault, DigitalOcean, Docker, Shopify, PyPI, Linear, Supabase, Figma
    "(?<![A-Za-z0-9])hv[sbr]\\.[A-Za-z0-9_-]{20,}",
    "do[opr]_v1_[A-Za-z0-9]{32,}",
    "dckr_(?:pat|oat)_[A-Za-z0-9_-]{16,}",
    "(?<![A-Za-z0-9])shp(?:at|ss|ca|pa|tka)_[A-Za-z0-9]{24,}",
    "pypi-[A-Za-z0-9_-]{50,}",
    "lin_(?:api|oauth)_[A-Za-z0-9]{24,}",
    "(?<![A-Za-z0-9])sbp_[A-Za-z0-9]{32,}",
    "figd_[A-Za-z0-9_-]{24,}",
    // crates.io
    "(?<![A-Za-z0-9])cio[A-Za-z0-9]{32}(?![A-Za-z0-9])",
    // age
    "AGE-SECRET-KEY-1[A-Z0-9]{40,}",
    // Telegram
    "(?<!\\d)\\d{8,10}:AA[A-Za-z0-9_-]{32,}",
    // Vendors whose format has a fixed part
    "(?<![A-Za-z0-9])ABSK[A-Za-z0-9+/]{100,}={0,2}",
    "(?<![A-Za-z0-9])FLWSECK(?:_TEST)?-[A-Za-z0-9-]{12,}",
    "(?<![A-Za-z0-9])GR1348941[A-Za-z0-9_-]{16,}",
    "(?<![A-Za-z0-9])sntry[su]_[A-Za-z0-9_=+/-]{20,}",
    "(?<![A-Za-z0-9])oy2[a-z0-9]{43}(?![a-z0-9])",
    "(?<![A-Za-z0-9])[0-9a-f]{36}NRAL(?![A-Za-z0-9])",
    "(?<![A-Za-z0-9])CCI(?:PAT|PRJ)_[A-Za-z0-9]{16,}_[0-9a-f]{40}",
    "(?<![A-Za-z0-9])HRKU-[A-Za-z0-9_-]{30,}",
    "(?<![A-Za-z0-9])v1\\.(?:0-[0-9a-f]{24}-[0-9a-f]{100,}|[0-9a-f]{40}(?![0-9a-f]))",
    "(?<![A-Za-z0-9])sha256~[A-Za-z0-9_-]{43}",
    "(?<![A-Za-z0-9])s-s4t2(?:ud|af)-[0-9a-f]{64}",
    "(?<![A-Za-z0-9])endr\\+[A-Za-z0-9-]{16}",
    "(?<![A-Za-z0-9])K10[0-9a-f]{64}(?:::\\w+:\\w+)?",
    "(?<![A-Za-z0-9])dnkey-[a-z0-9=_-]{26}-[a-z0-9=_-]{52}",
    "(?<![A-Za-z0-9])lsv2_[a-z]{2}_[0-9a-f]{32}_[0-9a-f]{8,}",
    "amzn\\.mws\\.[0-9a-f-]{36}",
    "(?<![A-Za-z0-9])sq0[a-z]{3}-[A-Za-z0-9_-]{20,}",
    "(?<![A-Za-z0-9])ATBB[A-Za-z0-9]{24,}",
    "(?<![A-Za-z0-9])hawk\\.[A-Za-z0-9_-]{16,}\\.[A-Za-z0-9_-]{16,}",
    "(?<![A-Za-z0-9])r8_[A-Za-z0-9]{30,}",
    "(?<![A-Za-z0-9])tvly-[A-Za-z0-9-]{24,}",
    "(?<![A-Za-z0-9.])dp\\.(?:st|pt|ct|sa|scim|audit)\\.[A-Za-z0-9_.-]{32,}",
    "(?<![A-Za-z0-9])dt0[a-z]\\d\\d\\.[A-Z0-9]{24}\\.[A-Z0-9]{40,}",
    "(?<![A-Za-z0-9])[A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{30,}",
    "(?<![A-Za-z0-9])A{20}[A-Za-z0-9%]{40,}",
    "(?<![\\w/:])\\d{1,2}/\\d{14,18}:[0-9a-f]{32}(?![0-9a-f])",
    "(?<![\\w/:])\\d{12,18}\\|[A-Za-z0-9_-]{27}(?![\\w-])",
    // Hashes of passwords, as in /etc/shadow, htpasswd files and databases
    "(?<![\\w$])\\$(?:2[abxy]?|1|5|6|7|y|gy|md5|sha1|apr1|argon2(?:id|i|d)|pbkdf2[\\w-]{0,16}|scrypt|bcrypt[\\w-]{0,16})\\$[A-Za-z0-9./=,+$_-]{20,}",
    "(?<![A-Za-z0-9])(?:pbkdf2_sha(?:1|256|512)|argon2|bcrypt(?:_sha256)?|scrypt)\\$[A-Za-z0-9./=,+$_-]{20,}",
    "\\{(?:S?SHA(?:256|384|512)?|S?MD5|CRYPT)\\}[A-Za-z0-9./=+$]{20,}",
    // JWT. A match starts only at the beginning of a run of its characters: otherwise each start in the run would scan
    // to the end of the run.
    "(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]{4,}(?:\\.[A-Za-z0-9_-]*)*",
    // The rules above are wider where both know a format: a token that is cut, or of another length, is still a secret.
    ...Secretlint.patterns
  ].join("|"),
  "g"
)

// Every token has one of these. Most text has none, so one test is enough for it. The test looks for a sign and then for
// the letters before the sign: signs are rarer than letters.
const tokenHint = new RegExp(
  [
    `_(?<=(?:${signed("_", "[srp]k|whsec|gh[pousr]|github_pat|npm|hf|do[opr]_v1|dckr|shp[a-z]+|lin|sbp|figd|sntry[su]|lsv2|r8")})_)`,
    `-(?<=(?:${signed("-", "sk|gl[a-z]+|xox[a-z]|xapp|GOCSPX|pypi|AGE|HRKU|dnkey|tvly|sq0[a-z]{3}")})-)`,
    `\\.(?<=(?:${signed(".", "SG|hooks|ya29|hv[sbr]|v1|amzn\\.mws|hawk|dp\\.[a-z]{2,5}|dt0[a-z]\\d\\d")})\\.)`,
    "\\$(?<=(?:\\$[a-z0-9][\\w-]{0,31}|sha\\d+|argon2|bcrypt|scrypt)\\$)",
    "[|:](?:[A-Za-z0-9_-]{27}|AA)|\\/\\/0|~(?<=sha256~)|\\+(?<=endr\\+)|\\{(?:S?(?:SHA|MD5)|CRYPT)",
    "A(?:KIA|SIA|Iza|BSK|TBB)|8Q~|A{20}|eyJ|cio|FLWSECK|GR1348941|oy2|NRAL|CCIP|K10|s-s4t2",
    ...Secretlint.prefixes.filter((prefix) => !/[_.-]$/.test(prefix))
  ].join("|"),
  "g"
)
// The shortest token has so many characters after each other.
const run = /(?<![\w-])[\w-]{11}|\$\w{1,16}\$|\}[\w+]{10}|SG\.|\.AA|:AA|ya29|hv[sbr]\./
const schemeHint = /bearer(?:\s|%20|\+)|basic(?:\s|%20|\+)/i

const schemes =
  /(?<![A-Za-z0-9])((?:bearer|basic)(?:\s|%20|\+){1,4})(?!HTTP\/)(?=[A-Za-z]{0,64}[0-9+/=_~]|[A-Za-z]{20})[A-Za-z0-9._~+/=-]{6,}/gi

const userinfo = /:\/\/([^\s/"']{1,768})@/g

const withoutPassword = (all: string, user: string): string => {
  const colon = user.indexOf(":")
  if (colon >= 0) return `://${user.slice(0, colon)}:${colon + 1 < user.length ? mask : ""}@`
  // A long user name without a password may be a token. Other rules handle a query.
  return user.length >= 16 && !/[?#]/.test(user) ? `://${mask}@` : all
}

const awsSecret = /(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/g

// The id of a key, then its secret: `new Client("LTAI…", "…")`.
const keyIds = ["A3T", "AKIA", "ASIA", "LTAI", "AKID"]
const hexId = /(?:AC|SK)[0-9a-f]{32}/
const secretAfterId =
  /((?<![A-Za-z0-9])(?:A3T[A-Z0-9]{13,20}|A(?:KIA|SIA)[A-Z0-9]{12,20}|LTAI[A-Za-z0-9]{12,24}|AKID[A-Za-z0-9]{12,40}|(?:AC|SK)[0-9a-f]{32})["'`]{0,2}[\s,:;|]{0,8}["'`]{0,2}(?<![A-Za-z0-9]))[A-Za-z0-9/+]{28,64}={0,2}(?![A-Za-z0-9/+=])/g

// Everything in the path after `webhooks` or `hooks` in the path or in the name of the host.
const webhook =
  /(:\/\/(?:[\w.-]{0,128}\.)?(?:[\w-]{0,32}hooks?\.[\w.-]{1,128}(?:\/(?:catch|incoming))?|[\w.:-]{1,256}(?:\/[\w.-]{1,64}){0,6}?\/(?:incoming-?)?(?:web)?-?hooks?b?\d?)\/)([\w@./-]{10,512})/gi

const withoutHook = (all: string, before: string, path: string): string =>
  path.split("/").some((part) => isHookPart(part)) ? before + mask : all

const isHookPart = (part: string): boolean =>
  /^[\w@-]{6,}$/.test(part) &&
  /\d/.test(part) &&
  ChosenPassword.isLikely(part.replace(/@.*/, "").replaceAll("-", ""))

const isBlank = (code: number): boolean => code === 32 || (code >= 9 && code <= 13)

/** Masks tokens in the words with a hint. No token holds a blank, so the pattern need not try the other words. */
const withoutTokens = (text: string): string => {
  tokenHint.lastIndex = 0
  let found = tokenHint.exec(text)
  if (found === null || !(run.test(text) || text.includes("hooks.slack"))) return text
  let out = ""
  let from = 0
  for (; found !== null; found = tokenHint.exec(text)) {
    let start = found.index
    while (start > from && !isBlank(text.charCodeAt(start - 1))) start--
    let end = tokenHint.lastIndex
    while (end < text.length && !isBlank(text.charCodeAt(end))) end++
    out += text.slice(from, start) + text.slice(start, end).replace(tokens, mask)
    from = end
    tokenHint.lastIndex = end
  }
  return out + text.slice(from)
}

/** Masks tokens, keys and passwords with a known format, and long random tokens of any format. */
export const scrub = (text: string): string => {
  let out = PrivateKeys.scrub(text, mask)
  const aws = out.includes("AKIA") || out.includes("ASIA")
  out = withoutTokens(out)
  if (schemeHint.test(out)) out = out.replace(schemes, `$1${mask}`)
  if (out.includes("://")) out = out.replace(userinfo, withoutPassword)
  // Forty such characters alone may be anything; beside an AWS key id they are its secret.
  if (aws) out = out.replace(awsSecret, mask)
  if (out.length > 48 && (keyIds.some((id) => out.includes(id)) || hexId.test(out)))
    out = out.replace(secretAfterId, `$1${mask}`)
  if (out.includes("://") && /hook/i.test(out)) out = out.replace(webhook, withoutHook)
  return RandomTokens.scrub(out, mask)
}
