/** `effect-codex exec --tty` on a real pseudo-terminal, with the real Codex. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import * as CommandLine from "../support/commandLine.ts"
import * as Live from "../support/live.ts"
import * as Pty from "../support/pty.ts"
import * as Real from "../support/realEngine.ts"

type RealCodex = Effect.Success<ReturnType<typeof Real.make>>

/** Runs a script of bash on a terminal, which shows its settings when the command line has ended. */
const start = (real: RealCodex, script: string, sandbox = "read-only") =>
  Pty.start({
    args: ["exec", "--tty", "--sandbox", sandbox, "--", "bash", "-c", script],
    cwd: real.workspace,
    env: real.env,
    after: "stty -a"
  })

/** The terminal has the settings again that it had before: it edits and shows lines, and Ctrl-C is a signal. */
const assertRestored = (pty: Pty.Pty) => {
  for (const setting of ["icanon", "echo", "isig"])
    assert.match(pty.output(), new RegExp(`[^-]\\b${setting}\\b`), setting)
  assert.notInclude(pty.output(), "-icanon")
}

const isAppServer = (pid: number) => {
  const [program = "", argument] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")
  return program.endsWith("codex") && argument === "app-server"
}

const test = (name: string, body: Parameters<typeof Live.test>[1]) => Live.test(name, body, 180_000)

describe.concurrent("effect-codex exec --tty", () => {
  test("passes keys and the size of the terminal, and returns the exit code", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([])
      const pty = yield* start(
        real,
        `echo first $(stty size) $TERM; read -p 'name? ' name; echo hello $name
         until [ "$(stty size)" = "30 100" ]; do sleep 0.1; done; echo now $(stty size); exit 7`
      )
      assert.isTrue(yield* pty.waitFor("first 24 80 xterm"))
      assert.isTrue(yield* pty.waitFor("name? "))
      yield* pty.type("Ada\r")
      assert.isTrue(yield* pty.waitFor("hello Ada"))
      const [terminal = ""] = /\/dev\/pts\/\d+/.exec(pty.output()) ?? []
      execFileSync("stty", ["-F", terminal, "cols", "100", "rows", "30"])
      assert.isTrue(yield* pty.waitFor("now 30 100"))
      assert.strictEqual(yield* pty.exit, 7)
      // Only the terminal of the command shows what is typed.
      assert.lengthOf(pty.output().match(/Ada/g) ?? [], 2)
      assertRestored(pty)
      assert.deepStrictEqual(yield* real.processes, [])
    }))

  test("passes Ctrl-C to the command, and restores the terminal", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([])
      const pty = yield* start(
        real,
        "trap 'echo interrupted; exit 3' INT; echo ready; while :; do sleep 0.1; done",
        // In a sandbox the signal ends the sandbox, and with it the command.
        "danger-full-access"
      )
      assert.isTrue(yield* pty.waitFor("ready"))
      yield* pty.type("\u0003")
      assert.isTrue(yield* pty.waitFor("interrupted"))
      assert.strictEqual(yield* pty.exit, 3)
      assertRestored(pty)
    }))

  /** Starts a command that does not end, and returns the processes of Codex and of the command line. */
  const startEndless = Effect.fnUntraced(function* () {
    const real = yield* Real.make([])
    const pty = yield* start(real, "echo ready; sleep 1000")
    assert.isTrue(yield* pty.waitFor("ready"))
    const codex = (yield* real.processes).find(({ pid }) => isAppServer(pid))
    assert.isDefined(codex)
    return { pty, codex: codex?.pid ?? 0, commandLine: codex?.parent ?? 0 }
  })

  test("restores the terminal when Codex dies, and says so", () =>
    Effect.gen(function* () {
      const { codex, pty } = yield* startEndless()
      process.kill(codex, "SIGKILL")
      assert.strictEqual(yield* pty.exit, 1)
      assert.include(pty.output(), "EngineExited")
      assertRestored(pty)
    }))

  test("restores the terminal when a signal ends the command line", () =>
    Effect.gen(function* () {
      const { commandLine, pty } = yield* startEndless()
      process.kill(commandLine, "SIGTERM")
      assert.strictEqual(yield* pty.exit, 130)
      assertRestored(pty)
    }))

  test("needs a terminal, and prints no JSON", () =>
    Effect.gen(function* () {
      const env = { CODEX_PATH: "/nowhere" }
      const piped = yield* CommandLine.runHere({ args: ["exec", "--tty", "--", "true"], env })
      assert.strictEqual(piped.code, 2)
      assert.include(piped.stderr, "--tty needs a terminal")
      const json = yield* CommandLine.runHere({ args: ["exec", "--tty", "--json", "--", "true"], env })
      assert.strictEqual(json.code, 2)
      assert.include(json.stderr, "--json")
    }))
})
