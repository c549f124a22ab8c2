/** One complete trace without violations for each kind of turn of the real Codex. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import * as Golden from "../../src/testing/Golden.ts"
import * as Check from "../../src/trace/Check.ts"
import { scenarios } from "../golden/scenarios.ts"
import { test } from "../support/live.ts"
import { fileOf, run } from "./run.ts"

describe("the trace of a real turn", () => {
  for (const [name, make] of Object.entries(scenarios)) {
    test(`equals the recorded trace and violates no convention: ${name}`, () =>
      Effect.gen(function* () {
        const { findings, text } = yield* run(make())
        assert.deepStrictEqual(Check.lines(Check.filterByLevel(findings, "violation")), [])
        assert.isTrue(existsSync(fileOf(name)), "record it: node test/golden-traces/record.ts")
        const expected = readFileSync(fileOf(name), "utf8")
        if (text !== expected)
          assert.fail(`node test/golden-traces/record.ts ${name}\n${Golden.diff(expected, text)}`)
      }))
  }

  it("is recorded for exactly the scenarios, and names nothing of the recording machine", () => {
    const files = readdirSync(new URL(".", import.meta.url)).filter((file) => file.endsWith(".trace"))
    assert.sameMembers(
      files,
      Object.keys(scenarios).map((name) => `${name}.trace`)
    )
    for (const file of files) {
      const text = readFileSync(new URL(file, import.meta.url), "utf8")
      assert.notMatch(
        text,
        /\/tmp\/|\/root|\/home\/|127\.0\.0\.1:\d|[0-9a-f]{8}-[0-9a-f]{4}-|\bresp_|\bcall_/,
        file
      )
    }
  })
})
