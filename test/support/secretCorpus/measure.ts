/** Measures redaction on the corpus. `node scripts/redactionRates.ts` prints the rates. */
import * as Redaction from "../../../src/redaction/Redaction.ts"
import * as Fresh from "./Fresh.ts"
import { ordinaryLines } from "./ordinary.ts"
import type { Shape } from "./Shape.ts"

/** Whether eight characters in a row of the secret are left. The fixed part of its format is in `other` too. */
const leaks = (shown: string, secret: string, other: string): boolean => {
  if (secret.length <= 8) return shown.includes(secret)
  for (let at = 0; at + 8 <= secret.length; at++) {
    const part = secret.slice(at, at + 8)
    if (!other.includes(part) && shown.includes(part)) return true
  }
  return false
}

/** Whether every way of scrubbing the sample masks all of its secrets. */
const isMasked = (shape: Shape, seed: number): boolean => {
  const { input, known = [], secrets } = shape.make(Fresh.make(seed, shape.title))
  const other = shape.make(Fresh.make(seed + 1_000_000, shape.title)).secrets.join(" ")
  const redaction = Redaction.make({ rules: known }, {})
  const shown =
    typeof input === "string"
      ? [redaction.text(input), JSON.stringify(redaction.value({ note: input }))]
      : [redaction.text(JSON.stringify(input)), JSON.stringify(redaction.value(input))]
  if (Array.isArray(input) && input.every((item) => typeof item === "string")) {
    shown.push(JSON.stringify(redaction.attributes({ list: input })))
  }
  return shown.every((text) => secrets.every((secret) => !leaks(text, secret, other)))
}

/** Returns the titles of the shapes of which a sample is not masked. Five samples each: a token is not always lucky. */
export const missed = (all: ReadonlyArray<Shape>, seed: number): ReadonlyArray<string> =>
  all
    .filter((shape) => ![0, 1, 2, 3, 4].every((offset) => isMasked(shape, seed + offset)))
    .map(({ title }) => title)

/** Returns the ordinary lines, of 10,000, that redaction changes. */
export const changedLines = (seed: number): ReadonlyArray<string> => {
  const { text } = Redaction.make({}, {})
  return ordinaryLines(seed).filter((line) => text(line) !== line)
}
