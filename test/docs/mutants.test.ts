/** The table of mutants must fit the code and the tests. `npm run mutants` tries the mutants themselves. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { apply, type Mutant } from "../../scripts/mutants/Mutant.ts"
import { mutants } from "../../scripts/mutants/index.ts"
import { testsInFile } from "../../scripts/testSources.ts"

const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")

/** Whether a test writes the title, or a template that makes it. */
const hasTitle = (file: string, title: string): boolean =>
  testsInFile(file).some((test) =>
    new RegExp(
      `^${test.title
        .split(/\$\{[^}]*\}/)
        .map(escape)
        .join(".*")}$`,
      "s"
    ).test(title)
  )

/** Returns why the error was thrown, or `undefined` if nothing was. */
const failure = (run: () => unknown): string | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const mutant: Mutant = {
  file: "src/a.ts",
  original: "a < b",
  mutated: "a <= $& b",
  test: { file: "test/a.test.ts", title: "counts" }
}

describe("a mutant", () => {
  it("replaces its text, and nothing in the new text has a special meaning", () => {
    assert.strictEqual(apply("if (a < b) return", mutant), "if (a <= $& b) return")
  })

  it("is refused when its text is missing, occurs twice or does not change", () => {
    assert.include(failure(() => apply("if (a > b) return", mutant)) ?? "", "occurs 0 times")
    assert.include(failure(() => apply("a < b || a < b", mutant)) ?? "", "occurs 2 times")
    assert.include(
      failure(() => apply("a < b", { ...mutant, mutated: mutant.original })) ?? "",
      "changes nothing"
    )
  })
})

describe("the table of mutants", () => {
  it("fits the code", () => {
    const problems = mutants.flatMap(
      (mutant) => failure(() => apply(readFileSync(mutant.file, "utf8"), mutant)) ?? []
    )
    assert.deepStrictEqual(problems, [])
  })

  it("names tests that exist", () => {
    const problems = mutants.flatMap(({ test: { file, title } }) =>
      hasTitle(file, title) ? [] : [`no test "${title}" in "${file}"`]
    )
    assert.deepStrictEqual(problems, [])
  })

  it("has no mutant twice, and at least a hundred", () => {
    const names = mutants.map(({ file, mutated, original }) => `${file}\n${original}\n${mutated}`)
    assert.strictEqual(new Set(names).size, names.length)
    assert.isAtLeast(names.length, 100)
  })
})
