/** The rate of secrets that are masked, and of ordinary lines that are changed, measured on a corpus made at run time. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { generate } from "../../scripts/secretPatterns.ts"
import { unreachable } from "../support/secretCorpus/collected.ts"
import { heldOut } from "../support/secretCorpus/heldOut.ts"
import { changedLines, missed } from "../support/secretCorpus/measure.ts"
import { shapes } from "../support/secretCorpus/shapes.ts"

const count = shapes.length + unreachable.length + heldOut.length

const seed = Number(process.env["CORPUS_SEED"] ?? Date.now() % 1_000_000)

describe(`Redaction of a corpus, CORPUS_SEED=${seed}`, () => {
  it("H16 holds at least 300 shapes with different titles, 50 of them held out", () => {
    const titles = new Set([...shapes, ...unreachable, ...heldOut].map(({ title }) => title))
    assert.strictEqual(titles.size, count)
    assert.isAtLeast(titles.size, 300)
    assert.strictEqual(heldOut.length, 50)
  })

  it("H16 masks every shape that the patterns are written for", () => {
    assert.deepStrictEqual(missed(shapes, 1), [])
  })

  // A few shapes have nothing but a random value, and some random values look like words.
  it("H16 masks 99 % of these shapes with any random values", () => {
    const titles = missed(shapes, seed)
    assert.isAtMost(titles.length, 3, titles.join(", "))
  })

  // The message does not name the shapes: a pattern that is written for one of them would end their independence.
  it("H16 masks at least 190 shapes, 95 % of all, and 70 % of the held-out ones", () => {
    const held = heldOut.length - missed(heldOut, seed).length
    const masked = shapes.length - missed(shapes, seed).length + held
    assert.isAtLeast(masked, 190)
    assert.isAtLeast(masked / count, 0.95)
    assert.isAtLeast(held, 35)
  })

  it("H16 changes less than one of 1,000 ordinary lines", () => {
    const changed = changedLines(seed)
    assert.isBelow(changed.length, 10, changed.join("\n"))
  })
})

it("H16 states the rates of the corpus in the guide", () => {
  const guide = readFileSync(new URL("../../docs/redaction.md", import.meta.url), "utf8")
  const held = heldOut.length - missed(heldOut, 1).length
  assert.include(guide, `all ${shapes.length} that the patterns are written for`)
  assert.include(guide, `${held} of 50 held-out shapes (${held * 2} %)`)
  assert.include(guide, `${(((shapes.length + held) / count) * 100).toFixed(1)} % of all`)
  assert.isBelow(changedLines(1).length, 5)
  assert.include(guide, "fewer than 5 of 10,000 ordinary lines")
})

it("H16 takes its patterns from the installed version of secretlint", async () => {
  const file = new URL("../../src/redaction/generated/SecretlintPatterns.ts", import.meta.url)
  const list = (text: string) => text.match(/"(?:[^"\\]|\\.)+"/g)
  assert.deepStrictEqual(list(readFileSync(file, "utf8")), list(await generate()))
})
