/**
 * Masks secrets with a known format. Every pattern takes linear time on any text: repetitions are bounded, or a match
 * starts only where no other match could start, and no pattern backtracks.
 */

/** Replaces a secret. No pattern here matches the mask, so scrubbing is idempotent. */
export const mask = "[redacted]"

// Every rule below needs one of these. Most text has none, so one test is enough for it.
const hint =
  /[:=]|[?&]|sk-|[srp]k_|gh[pousr]_|github_pat_|glpat-|npm_|hf_|AKIA|ASIA|SG\.|hooks\.slack|xox|xapp-|AIza|ya29\.|GOCSPX|1\/\/0|eyJ|-----BEGIN|bearer\s|basic\s/i

const tokens = new RegExp(
  [
    // OpenAI and Anthropic
    "(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{16,}",
    // Stripe
    "(?<![A-Za-z0-9])[srp]k_(?:live|test)_[A-Za-z0-9]{10,}",
    // GitHub, GitLab, npm, Hugging Face
    "(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{16,}",
    "github_pat_[A-Za-z0-9_]{16,}",
    "glpat-[A-Za-z0-9_-]{16,}",
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
    // JWT. A match starts only at the beginning of a run of its characters: otherwise each start in the run would scan
    // to the end of the run.
    "(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]{4,}(?:\\.[A-Za-z0-9_-]*)*"
  ].join("|"),
  "g"
)

const schemes =
  /(?<![A-Za-z0-9])((?:bearer|basic)(?:\s|%20|\+){1,4})(?=[A-Za-z]{0,64}[0-9+/=_~]|[A-Za-z]{20})[A-Za-z0-9._~+/=-]{6,}/gi

const userinfo = /:\/\/([^\s/"']{1,768})@/g

const withoutPassword = (all: string, user: string): string => {
  const colon = user.indexOf(":")
  if (colon >= 0) return `://${user.slice(0, colon)}:${colon + 1 < user.length ? mask : ""}@`
  // A long user name without a password may be a token. Other rules handle a query.
  return user.length >= 16 && !/[?#]/.test(user) ? `://${mask}@` : all
}

const awsSecret = /(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/g

const begin = "-----BEGIN "
const privateKey = /^-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/
const end = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g

// A search by hand, because a pattern for the whole key would scan to the end of the text from every BEGIN without END.
const withoutKeys = (text: string): string => {
  let at = text.indexOf(begin)
  if (at < 0) return text
  let out = ""
  let from = 0
  for (; at >= 0; at = text.indexOf(begin, Math.max(from, at + 1))) {
    if (!privateKey.test(text.slice(at, at + 80))) continue
    out += text.slice(from, at) + mask
    end.lastIndex = at
    const found = end.exec(text)
    if (found === null) return out
    from = found.index + found[0].length
  }
  return out + text.slice(from)
}

/** Masks tokens, keys and passwords with a known format. */
export const scrub = (text: string): string => {
  if (!hint.test(text)) return text
  const aws = text.includes("AKIA") || text.includes("ASIA")
  let out = withoutKeys(text)
    .replace(tokens, mask)
    .replace(schemes, `$1${mask}`)
    .replace(userinfo, withoutPassword)
  // Forty such characters alone may be anything; beside an AWS key id they are its secret.
  if (aws) out = out.replace(awsSecret, mask)
  return out
}
