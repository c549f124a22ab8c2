import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"

const matrix = (...args: ReadonlyArray<string>) =>
  Effect.callback<{ readonly code: number | null; readonly stdout: string }>((resume) => {
    const child = spawn(process.execPath, ["--no-warnings", "scripts/telemetryMatrix.ts", ...args], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    let stdout = ""
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()))
    child.on("close", (code) => resume(Effect.succeed({ code, stdout })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const scripted = ["--engine", "scripted", "--exporter", "json"]

// An exit that waits for the receiver takes 10 seconds, the timeout of an export. The gate runs all cells with the usual limit.
it.live(
  "F31 a receiver that hangs changes neither the result nor the exit code of a program, nor delays its end",
  () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* matrix(...scripted, "--fault", "hangs", "--limit", "6000")
      assert.match(stdout, /^1 of 1 cells passed in/m, stdout)
      assert.strictEqual(code, 0)
    }),
  60_000
)

it.live(
  "the matrix fails when a program is delayed",
  () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* matrix(
        ...scripted,
        "--fault",
        "hangs",
        "--fault",
        "400",
        "--limit",
        "1400"
      )
      assert.match(stdout, /^scripted, json, hangs: delayed by \d+ ms$/m)
      assert.notMatch(stdout, /^scripted, json, 400: /m)
      assert.strictEqual(code, 1)
    }),
  60_000
)

it.live("the matrix fails when it has no cells", () =>
  Effect.gen(function* () {
    assert.strictEqual((yield* matrix("--exporter", "carrier pigeon")).code, 1)
  })
)
