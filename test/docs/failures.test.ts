/** docs/failures.md is what the real Codex gives. `npm run failures` plays every row; these tests play one of each group. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { groups } from "../../scripts/failures/index.ts"
import * as Table from "../../scripts/failures/table.ts"
import { test } from "../support/live.ts"

const cellsOf = (line: string): ReadonlyArray<string> =>
  line
    .slice(1, -1)
    .split(" | ")
    .map((cell) => cell.trim())

const rows = readFileSync(new URL(`../../${Table.file}`, import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .map(cellsOf)

describe("docs/failures.md", () => {
  it("has one row for each set-up", () => {
    const setups = groups.flatMap(({ failures }) => ["set-up", ...failures.map(({ setup }) => setup)])
    const found = rows.map(([setup]) => setup).filter((setup) => !/^-+$/.test(setup ?? ""))
    assert.deepStrictEqual(found, setups)
    assert.isAtLeast(setups.length - groups.length, 25)
  })

  for (const { failures, title } of groups)
    for (const failure of failures.filter(({ gate }) => gate === true))
      test(`has what Codex gives for a case of "${title}": ${failure.id}`, () =>
        Effect.gen(function* () {
          const outcome = yield* failure.run
          assert.deepStrictEqual(Table.problems(failure, outcome), [])
          assert.deepStrictEqual(
            rows.find(([setup]) => setup === failure.setup),
            Array.from(Table.row(failure, outcome))
          )
        }))

  it("has a case of each group in these tests", () => {
    for (const { failures, title } of groups)
      assert.isTrue(
        failures.some(({ gate }) => gate === true),
        title
      )
  })
})
