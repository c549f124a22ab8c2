/** The documented faults, the faults that run and the tests agree. */
import { assert, it } from "@effect/vitest"
import { readFileSync, readdirSync } from "node:fs"
import { idsOf, rows } from "../../scripts/faults/rows.ts"

const cells = readFileSync("docs/internals/faults.md", "utf8")
  .split("\n")
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .filter(([, id = ""]) => /^F\d\d$/.test(id))

it("docs/internals/faults.md lists every fault that tests cover, by its name", () => {
  assert.deepStrictEqual(
    cells.map(([, id, name]) => [id, name]),
    Object.entries(rows)
  )
  for (const [, id = "", , happens = ""] of cells) assert.notStrictEqual(happens, "", id)
})

it("every fault that a test names is in the table", () => {
  const strange = readdirSync("test", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .flatMap((name) =>
      [...readFileSync(`test/${name}`, "utf8").matchAll(/["'`]((?:F\d\d )+)/g)]
        .flatMap(([, ids = ""]) => idsOf(ids))
        .filter((id) => rows[id] === undefined)
        .map((id) => `${id} in ${name}`)
    )
  assert.deepStrictEqual(strange, [])
})

it("a title names the faults at its start", () => {
  assert.deepStrictEqual(idsOf("F13 F42 a command"), ["F13", "F42"])
  assert.deepStrictEqual(idsOf("a command F13"), [])
  assert.deepStrictEqual(idsOf("F13"), ["F13"])
  assert.deepStrictEqual(idsOf("F130 x"), [])
})
