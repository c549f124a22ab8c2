/** The sizes that the documentation promises for whole programs. oxfmt formats them, so a line is a line. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"

const lines = (name: string): number =>
  readFileSync(`examples/${name}`, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "").length

describe("the programs in examples/", () => {
  for (const name of ["review.ts", "promiseReview.ts"])
    it(`has a review bot of at most 74 lines: ${name}`, () => assert.isAtMost(lines(name), 74))

  it("has a service of at most 120 lines", () => assert.isAtMost(lines("service.ts"), 120))
})
