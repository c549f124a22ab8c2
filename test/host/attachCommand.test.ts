import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as CommandLine from "../support/commandLine.ts"
import * as Host from "../support/engineHost.ts"
import * as HostFiles from "../support/hostFiles.ts"
import { test } from "../support/live.ts"
import * as ProcessIdentity from "../../src/internal/ProcessIdentity.ts"

describe("effect-codex attach to a directory without a host", () => {
  test("says that no turn is running, and starts and creates nothing", () =>
    Effect.gen(function* () {
      const base = yield* Host.directory
      const me = yield* ProcessIdentity.self
      const dir = `${base}/host`
      for (const prepare of [
        () => {},
        () => Fs.mkdirSync(dir, { mode: 0o700 }),
        // The processes of a host that was killed.
        () => HostFiles.write(dir, HostFiles.state({ ...me, started: "1" }, { ...me, started: "1" }))
      ]) {
        prepare()
        const before = Fs.readdirSync(base, { recursive: true })
        const args = ["attach", "--host", dir]
        const ran = yield* CommandLine.runHere({ args, cwd: base, env: { HOME: base } })
        assert.strictEqual(ran.code, 1)
        assert.include(ran.stderr, "no turn is running")
        const json = yield* CommandLine.runHere({ args: [...args, "--json"], cwd: base, env: { HOME: base } })
        assert.include(json.stdout, '"NoTurnRunning"')
        assert.deepStrictEqual(Fs.readdirSync(base, { recursive: true }), before)
      }
    }))
})
