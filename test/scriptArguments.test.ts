import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const run = (script: string, ...args: ReadonlyArray<string>) =>
  spawnSync(process.execPath, [fileURLToPath(new URL(`../${script}`, import.meta.url)), ...args], {
    encoding: "utf8"
  })

describe("the command line of a script", () => {
  it.each(["scripts/simulate.ts", "bench/main.ts"])(
    "prints help for %s --help and exits with 0",
    (script) => {
      const { status, stderr, stdout } = run(script, "--help")
      assert.strictEqual(status, 0, stderr)
      assert.match(stdout, /^Usage: npm run /m)
    }
  )

  it("names an unknown option, shows the help and exits with 2", () => {
    const { status, stderr, stdout } = run("scripts/simulate.ts", "--sedes", "5")
    assert.strictEqual(status, 2)
    assert.strictEqual(stdout, "")
    assert.match(stderr, /^Unknown option '--sedes'/)
    assert.match(stderr, /^ {2}--seeds N/m)
    assert.notMatch(stderr, /^\s+at /m)
  })
})
