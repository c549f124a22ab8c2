import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import manifest from "../package.json" with { type: "json" }

const [, patterns = ""] = manifest.scripts.soak.split("vitest run ")
const tests = globSync("{test,examples}/**/*.test.ts")

describe("npm run soak", () => {
  it("runs every file whose tests are longer then", () => {
    const files = tests.filter((file) => /\bisSoak [?|]/.test(readFileSync(file, "utf8")))
    assert.isAbove(files.length, 10)
    const missing = files.filter((file) => !patterns.split(" ").some((pattern) => file.includes(pattern)))
    assert.deepStrictEqual(missing, [])
  })

  for (const pattern of patterns.split(" "))
    it(`finds files by "${pattern}"`, () => assert.isTrue(tests.some((file) => file.includes(pattern))))
})
