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

it.live(
  "F31 no fault of a receiver changes the result or the exit code of a program, or holds it up",
  () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* matrix("--engine", "scripted", "--exporter", "json")
      assert.match(stdout, /^14 of 14 cells passed in/m, stdout)
      assert.strictEqual(code, 0)
    }),
  60_000
)

it.live(
  "the matrix fails where a program is held up",
  () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* matrix("--engine", "scripted", "--exporter", "json", "--limit", "900")
      assert.match(stdout, /^scripted, json, hangs: held up for \d+ ms$/m)
      assert.notMatch(stdout, /^scripted, json, 400: /m)
      assert.strictEqual(code, 1)
    }),
  60_000
)

it.live("a matrix without cells is no success", () =>
  Effect.gen(function* () {
    assert.strictEqual((yield* matrix("--exporter", "carrier pigeon")).code, 1)
  })
)
