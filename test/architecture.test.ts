/** The rules of the house, as docs/internals/design.md has them: who may know whom. */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../src", import.meta.url))

const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"))

/** What a file imports of the house, as paths below src. */
const importsOf = (file: string): ReadonlyArray<string> =>
  [...readFileSync(join(root, file), "utf8").matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)].map(
    ([, path = ""]) => relative(root, join(root, dirname(file), path))
  )

const offenders = (from: (file: string) => boolean, to: (file: string) => boolean): ReadonlyArray<string> =>
  files.filter(from).flatMap((file) =>
    importsOf(file)
      .filter(to)
      .map((path) => `${file} imports ${path}`)
  )

const within = (folder: string) => (file: string) => file.startsWith(`${folder}/`)

describe("the house", () => {
  it("has files, and they know each other", () => {
    assert.isAbove(files.length, 100)
    assert.include(importsOf("Codex.ts"), "engine/Engine.ts")
  })

  it("keeps engines from telemetry, and telemetry from engines", () => {
    assert.deepStrictEqual(offenders(within("engine"), within("telemetry")), [])
    assert.deepStrictEqual(offenders(within("telemetry"), within("engine")), [])
  })

  it("keeps wire types where the wire is", () => {
    const wire = (file: string) => file === "engine/app-server/Protocol.ts"
    assert.deepStrictEqual(
      offenders((file) => !within("engine/app-server")(file) && file !== "engine/AppServer.ts", wire),
      []
    )
  })

  it("has nothing for tests, and nothing of the command line, behind its front door", () => {
    const inner = (file: string) => !within("testing")(file) && !within("cli")(file)
    assert.deepStrictEqual(offenders(inner, within("cli")), [])
    assert.deepStrictEqual(offenders(inner, within("testing")), [])
  })

  it("has pure parts that ask nobody: no Effect is run or made in them", () => {
    const pure = [
      "domain/TurnState.ts",
      "domain/TurnTiming.ts",
      "domain/Budget.ts",
      "engine/app-server/TurnLifecycle.ts",
      "instrumentation/TurnSignals.ts"
    ]
    for (const file of pure)
      assert.notMatch(readFileSync(join(root, file), "utf8"), /from "effect\/Effect"/, file)
  })
})
