import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs")
const reporter = fileURLToPath(new URL("../scripts/flakyReporter.ts", import.meta.url))

const source = `
let tries = 0
describe("a group", () => {
  it("passes", () => {})
  it("passes at the second try", () => { if (++tries === 1) throw new Error("too slow\\nand more") })
  it("always fails", () => { throw new Error("wrong") })
})
`

const args = (directory: string) =>
  `run --globals --pool threads --retry 1 --root ${directory} --reporter ${reporter}`.split(" ")

describe("the reporter of flaky tests", () => {
  it("lists what passed at the second try, and what fails twice fails the run", async () => {
    const directory = await mkdtemp(join(tmpdir(), "effect-codex-flaky-"))
    try {
      await writeFile(join(directory, "some.test.js"), source)
      const [code, output] = await new Promise<readonly [unknown, string]>((resolve) =>
        execFile(process.execPath, ["--no-warnings", vitest, ...args(directory)], (error, stdout) =>
          resolve([error?.code ?? 0, stdout])
        )
      )
      assert.strictEqual(code, 1)
      assert.deepStrictEqual(
        output.split("\n").filter((line) => line.includes("flaky")),
        ["flaky: some.test.js › a group > passes at the second try (too slow)"]
      )
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })
})
