import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as M from "../../src/testing/ModelServer.ts"
import * as CommandLine from "../support/commandLine.ts"
import * as Host from "../support/engineHost.ts"
import { test, until } from "../support/live.ts"

/** The sources: a bundle has no program of the supervisor, which `run --host` starts. */
const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))

/** A reply that goes on with a message now and then until the test ends it, so that a program that comes later sees one. */
const ticking = Effect.map(Deferred.make<void>(), (gate) => ({
  release: Deferred.succeed(gate, undefined),
  reply: M.reply(
    ...Array.from({ length: 1200 }, (_, index) => [
      M.text(`tick ${index}`),
      M.until(Effect.race(Deferred.await(gate), Effect.sleep("100 millis")))
    ]).flat(),
    M.text("finished")
  )
}))

type TestHost = Effect.Success<ReturnType<typeof Host.make>>
type Environment = Readonly<Record<string, string | undefined>>

/** Starts a command, which ends with the scope. */
const start = Effect.fnUntraced(function* (host: TestHost, env: Environment, ...args: ReadonlyArray<string>) {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: host.workspace,
    env,
    stdio: ["ignore", "pipe", "inherit"]
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => child.kill("SIGKILL")))
  let output = ""
  child.stdout.on("data", (chunk) => (output += String(chunk)))
  const exited = once(child, "close")
  return {
    child,
    output: () => output,
    exited: Effect.promise(() => exited),
    ticks: until(
      "it shows the turn",
      Effect.sync(() => output.includes("tick"))
    )
  }
})

/** Runs `run --host`, which starts the host, and kills it in the middle of its turn. */
const killedRun = Effect.fnUntraced(function* (host: TestHost, env: Environment) {
  const flags = ["--sandbox", "read-only", "--approve", "never", "--json"]
  const { child, exited, ticks } = yield* start(host, env, "run", "--host", host.dir, ...flags, "go")
  yield* ticks
  child.kill("SIGKILL")
  yield* exited
})

describe.concurrent("a turn of run --host whose program is killed", () => {
  test("goes on, is left by Ctrl-C in attach, and is shown to its end by attach", () =>
    Effect.gen(function* () {
      const { release, reply } = yield* ticking
      const host = yield* Host.make([reply])
      // The provider of config.toml names MOCK_API_KEY with env_key. It does not name the other variable.
      const env = {
        PATH: process.env["PATH"],
        SSL_CERT_FILE: process.env["SSL_CERT_FILE"],
        SHOP_SECRET: "canary",
        ...host.env
      }
      yield* killedRun(host, env)
      const status = yield* host.status
      assert.strictEqual(status.runningTurns, 1)
      assert.strictEqual((yield* host.model.requests)[0]?.headers["authorization"], "Bearer dummy")
      for (const pid of [status.pid, ...status.generations.map(({ pid = 0 }) => pid)])
        assert.notInclude(readFileSync(`/proc/${pid}/environ`, "utf8"), "canary")
      const attach = (...args: ReadonlyArray<string>) => ["attach", "--host", host.dir, ...args]
      const left = yield* CommandLine.run({
        args: attach("last"),
        cwd: host.workspace,
        env,
        interruptAt: "tick"
      })
      assert.strictEqual(left.code, 130)
      assert.match(
        left.stderr,
        /The turn goes on\. Interrupt it with: effect-codex attach --host \S+ --interrupt [0-9a-f-]{36}/
      )
      const inJson = yield* CommandLine.run({
        args: attach("--json"),
        cwd: host.workspace,
        env,
        interruptAt: "tick"
      })
      // The turn so far, and not only what attach has seen.
      const last = JSON.parse(inJson.stdout.trim().split("\n").at(-1) ?? "")
      assert.strictEqual(last.type, "turn.interrupted")
      assert.match(last.turnId, /^[0-9a-f-]{36}$/)
      assert.strictEqual((yield* host.status).runningTurns, 1)
      const shown = yield* start(host, env, ...attach("--json"))
      yield* shown.ticks
      yield* release
      assert.deepStrictEqual(yield* shown.exited, [0, null])
      assert.match(shown.output(), /"finished"/)
      assert.strictEqual((yield* host.model.requests).length, 1)
    }))

  test("ends with attach --interrupt", () =>
    Effect.gen(function* () {
      const { reply } = yield* ticking
      const host = yield* Host.make([reply])
      const env = {
        PATH: process.env["PATH"],
        SSL_CERT_FILE: process.env["SSL_CERT_FILE"],
        ...host.env
      }
      yield* killedRun(host, env)
      const ended = yield* CommandLine.run({
        args: ["attach", "--host", host.dir, "--interrupt", "last"],
        cwd: host.workspace,
        env
      })
      assert.strictEqual(ended.code, 130, ended.stderr)
      assert.strictEqual((yield* host.status).runningTurns, 0)
    }))
})
