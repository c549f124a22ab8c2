/** What `effect-codex serve` refuses before it starts: places that the agent can write, and flags that make no sense. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as CommandLine from "../support/commandLine.ts"
import { test } from "../support/live.ts"

describe("effect-codex serve", () => {
  test("refuses tokens, a database, rules and prices that the agent could write, also through a link", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const outside = yield* fs.makeTempDirectoryScoped({
        directory: "/var/tmp",
        prefix: "effect-codex-serve-"
      })
      const project = `${outside}/project`
      const added = `${outside}/added`
      for (const directory of [project, added]) yield* fs.makeDirectory(directory)
      for (const name of ["turns.db", "rules.json", "prices.json"])
        yield* fs.writeFileString(`${project}/${name}`, "[]")
      yield* fs.symlink(`${project}/turns.db`, `${outside}/link.db`)
      const answers = "so it could answer its own requests; keep the database where it cannot write"
      const tokens = "so it could make tokens of its own; choose a directory that it cannot write"
      for (const [args, expected] of [
        [["--db", `sqlite:${project}/turns.db`], `--db: the agent can write "${project}"`],
        [["--db", "sqlite:turns.db"], answers],
        [["--db", `sqlite:${outside}/link.db`], answers],
        [["--db", `sqlite:${added}/new/turns.db`, "--add-dir", added], answers],
        [["--db", "sqlite:/tmp/turns.db"], answers],
        [["--state", "state"], tokens],
        [["--state", `${added}/state`, "--add-dir", added], tokens],
        [["--rules", "rules.json"], `--rules: the agent can write "${project}"`],
        [["--rules", "gone.json"], '--rules: cannot read "gone.json"; pass the path of a rules file'],
        [["--prices", "prices.json"], `--prices: the agent can write "${project}"`]
      ] as const) {
        const state = args[0] === "--state" ? [] : ["--state", `${outside}/state`]
        const ran = yield* CommandLine.runHere({
          args: ["serve", "--port", "0", "--cd", project, ...state, ...args],
          cwd: project,
          env: { HOME: outside, CODEX_PATH: "/nowhere/codex" }
        })
        assert.deepStrictEqual([ran.code, ran.stdout], [2, ""], args.join(" "))
        assert.include(ran.stderr, expected, args.join(" "))
      }
    }))
})
