/** The rate of secrets that are masked, and of ordinary lines that are changed, measured on a corpus made at run time. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { generate } from "../../scripts/secretPatterns.ts"
import * as Redaction from "../../src/redaction/Redaction.ts"
import * as Fresh from "../support/secretCorpus/Fresh.ts"
import { heldOut } from "../support/secretCorpus/heldOut.ts"
import { ordinaryLines } from "../support/secretCorpus/ordinary.ts"
import type { Shape } from "../support/secretCorpus/Shape.ts"
import { shapes } from "../support/secretCorpus/shapes.ts"

const seed = Number(process.env["CORPUS_SEED"] ?? Date.now() % 1_000_000)

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

/** The titles of the shapes of which a sample is not masked. Five samples each: a token is not always lucky. */
const missed = (all: ReadonlyArray<Shape>): ReadonlyArray<string> =>
  all
    .filter((shape) => ![0, 1, 2, 3, 4].every((offset) => isMasked(shape, seed + offset)))
    .map(({ title }) => title)

describe(`Redaction of a corpus, CORPUS_SEED=${seed}`, () => {
  it("H16 holds at least 200 shapes with different titles, 50 of them held out", () => {
    const titles = new Set([...shapes, ...heldOut].map(({ title }) => title))
    assert.strictEqual(titles.size, shapes.length + heldOut.length)
    assert.isAtLeast(titles.size, 200)
    assert.strictEqual(heldOut.length, 50)
  })

  it("H16 masks every shape that the patterns are written for", () => {
    assert.deepStrictEqual(missed(shapes), [])
  })

  // No rule names the format of a held-out shape, so their floor is low.
  it("H16 masks at least 190 shapes, and half of the held-out ones", () => {
    const left = missed(heldOut)
    const masked = shapes.length - missed(shapes).length + heldOut.length - left.length
    assert.isAtLeast(masked, 190, left.join(", "))
    assert.isAtMost(left.length, heldOut.length / 2, left.join(", "))
  })

  it("H16 changes less than one of 1,000 ordinary lines", () => {
    const { text } = Redaction.make({}, {})
    const changed = ordinaryLines(seed).filter((line) => text(line) !== line)
    assert.isBelow(changed.length, 10, changed.join("\n"))
  })
})

it("H16 takes its patterns from the installed version of secretlint", async () => {
  const file = new URL("../../src/redaction/generated/SecretlintPatterns.ts", import.meta.url)
  const list = (text: string) => text.match(/"(?:[^"\\]|\\.)+"/g)
  assert.deepStrictEqual(list(readFileSync(file, "utf8")), list(await generate()))
})
