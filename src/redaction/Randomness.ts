/** Decides whether text is random, as keys and tokens are, and not a word, a name, a number, a path or a version. */

const kindOf = (code: number): number =>
  code >= 97 && code <= 122 ? 1 : code >= 48 && code <= 57 ? 2 : code >= 65 && code <= 90 ? 3 : 4

interface Counts {
  readonly lower: number
  readonly digits: number
  readonly upper: number
  /** The share of neighbouring characters that differ in kind, from 0 to 1. */
  readonly changes: number
}

/** Counts the kinds of characters, and how often the kind changes. */
export const count = (text: string): Counts => {
  const counts = [0, 0, 0, 0, 0]
  let changes = 0
  let before = 0
  for (let at = 0; at < text.length; at++) {
    const kind = kindOf(text.charCodeAt(at))
    counts[kind] = (counts[kind] ?? 0) + 1
    // A sign joins the words of a name, so it does not count as a change.
    if (kind === 4 || kind === before) continue
    changes++
    before = kind
  }
  const [, lower = 0, digits = 0, upper = 0] = counts
  return { lower, digits, upper, changes: changes / Math.max(1, lower + digits + upper) }
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const characters = /^[A-Za-z0-9+/_=.~$-]{16,1024}$/
const maxWords = 2
const minRandom = 12
// The share is 0.47 in random hexadecimal text, 0.40 in random small letters and digits, and below 0.25 in names and
// dates.
const minChanges = 0.28
const minChangesWithDigits = 0.22

const isRandomPart = (part: string): boolean => {
  if (part.length < 8) return false
  const { changes, digits, lower, upper } = count(part)
  if (digits === 0 || lower + upper === 0) return false
  return changes >= (digits > 3 ? minChangesWithDigits : minChanges)
}

/**
 * Whether a value that a name may call a secret is random. A UUID is not: most of them are ids. The threshold is low,
 * because the name already suggests a secret.
 */
export const isValue = (value: string): boolean => {
  if (!characters.test(value) || uuid.test(value)) return false
  const parts = value.split(/[^A-Za-z0-9]+/)
  const words = parts.filter((part) => /^(?:[A-Za-z][a-z]{2,}|[A-Z]{3,})$/.test(part)).length
  if (words > maxWords) return false
  const random = parts.reduce((sum, part) => (isRandomPart(part) ? sum + part.length : sum), 0)
  return random >= minRandom
}
