/** Makes fresh secrets from a seed, so that no file holds one. A failing test prints the seed. */
import * as SeededRandom from "../../../src/testing/simulation/SeededRandom.ts"

const lower = "abcdefghijklmnopqrstuvwxyz"
const upper = lower.toUpperCase()
const digit = "0123456789"

export interface Fresh extends SeededRandom.Random {
  readonly from: (alphabet: string, length: number) => string
  readonly lower: (length: number) => string
  readonly lowerDigits: (length: number) => string
  readonly upperDigits: (length: number) => string
  readonly alnum: (length: number) => string
  readonly base64: (length: number) => string
  readonly base64url: (length: number) => string
  readonly hex: (length: number) => string
  readonly digits: (length: number) => string
  readonly uuid: () => string
  /** Returns a password as people choose them: a word, a number, sometimes a sign. */
  readonly password: () => string
}

export const make = (seed: number, name: string): Fresh => {
  const random = SeededRandom.make(seed, name)
  const from = (alphabet: string, length: number) =>
    Array.from({ length }, () => alphabet.charAt(random.below(alphabet.length))).join("")
  const hex = (length: number) => from(digit + "abcdef", length)
  return {
    ...random,
    from,
    hex,
    lower: (length) => from(lower, length),
    lowerDigits: (length) => from(lower + digit, length),
    upperDigits: (length) => from(upper + digit, length),
    // A letter, a digit and a letter first, so that no token is by chance a word or a number.
    alnum: (length) =>
      (from(lower, 1) + from("23456789", 1) + from(upper, 1) + from(lower + upper + digit, length)).slice(
        0,
        length
      ),
    base64: (length) => from(lower, 1) + from(lower + upper + digit + "+/", length - 2) + from("23456789", 1),
    base64url: (length) =>
      from(lower, 1) + from(lower + upper + digit + "-_", length - 2) + from("23456789", 1),
    digits: (length) => from("123456789", 1) + from(digit, length - 1),
    uuid: () => [hex(8), hex(4), `4${hex(3)}`, `a${hex(3)}`, hex(12)].join("-"),
    password: () =>
      from(lower, 6) + from("23456789", 2) + random.oneOf(["", "!", "-", "#", "_"]) + from(upper, 2)
  }
}
