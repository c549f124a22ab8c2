import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Stream from "effect/Stream"
import { readdirSync } from "node:fs"
import { Codex } from "../../src/Codex.ts"
import * as CodexError from "../../src/domain/CodexError.ts"
import * as Real from "../support/realEngine.ts"
import { test, until } from "../support/live.ts"
import { running } from "../support/processes.ts"

const isRunning = (text: string) =>
  until(
    `"${text}" runs`,
    Effect.sync(() => running(text).length > 0)
  )

/** Returns the processes that appear in two seconds. The kernel may need a moment to end a killed process. */
const observe = (text: string) =>
  Effect.gen(function* () {
    const seen = new Set<string>()
    for (let round = 0; round < 20; round++) {
      yield* Effect.sleep("100 millis")
      for (const pid of running(text)) seen.add(pid)
    }
    return [...seen]
  })

const shell = (script: string): ReadonlyArray<string> => ["sh", "-c", script]

describe.concurrent("a command in the sandbox of the real Codex", () => {
  test("has its exit code and output, writes where its sandbox allows, and does not see credentials", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([])
      const fs = yield* FileSystem.FileSystem
      const cwd = yield* Effect.flatMap(fs.makeTempDirectoryScoped({ directory: "/var/tmp" }), fs.realPath)
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const result = (command: ReadonlyArray<string>, options = {}) =>
          Effect.scoped(Effect.flatMap(codex.exec(command, { cwd, ...options }), ({ result }) => result))

        const both = yield* result(shell("echo out; echo err >&2; pwd; exit 3"))
        assert.deepStrictEqual(both, {
          exitCode: 3,
          stdout: `out\n${cwd}\n`,
          stderr: "err\n",
          omittedBytes: 0
        })

        // `/tmp` and `TMPDIR` belong to what `workspace-write` may write, `/var/tmp` does not.
        const outside = yield* Effect.flatMap(
          fs.makeTempDirectoryScoped({ directory: "/var/tmp" }),
          fs.realPath
        )
        const write = shell(
          `mkdir -p .git; for f in ok .git/config ${outside}/exec-test; do echo x > $f && echo wrote $f && rm $f; done; true`
        )
        assert.strictEqual((yield* result(write)).stdout, "")
        assert.strictEqual((yield* result(write, { sandbox: "workspace-write" })).stdout, "wrote ok\n")
        assert.strictEqual(
          (yield* result(write, { sandbox: "danger-full-access" })).stdout,
          `wrote ok\nwrote .git/config\nwrote ${outside}/exec-test\n`
        )

        const { stdout: env } = yield* result(["env"], { env: { GIVEN: "yes", LANG: undefined } })
        assert.include(env, "GIVEN=yes")
        assert.notMatch(env, /LANG=|_API_KEY=|CODEX_\w*TOKEN/)

        const closed = yield* result(["cat"])
        assert.deepInclude(closed, { exitCode: 0, stdout: "" })

        const killed = yield* result(shell("kill -9 $$"))
        assert.strictEqual(killed.exitCode, 137)
      }).pipe(
        Effect.provide(real.layer),
        Effect.ensuring(Effect.sync(() => assert.notInclude(readdirSync("."), "exec-test")))
      )
    }))

  for (const sandbox of ["read-only", "danger-full-access"] as const) {
    test(`F42 has no deadline, and ends with its scope, its caller or its timeout (${sandbox})`, () =>
      Effect.gen(function* () {
        const real = yield* Real.make([], { engine: { requestTimeout: "500 millis" } })
        const text = `sleep 47${sandbox.length}.5`
        yield* Effect.gen(function* () {
          const codex = yield* Codex
          const exec = (script: string, options = {}) => codex.exec(shell(script), { sandbox, ...options })
          const slow = yield* Effect.scoped(
            Effect.flatMap(exec("sleep 1; exit 5"), ({ exitCode }) => exitCode)
          )
          assert.strictEqual(slow, 5)

          yield* Effect.scoped(Effect.andThen(exec(`${text}1; true`), isRunning(`${text}1`)))

          const waiting = yield* exec(`${text}2; true`).pipe(
            Effect.flatMap(({ result }) => result),
            Effect.scoped,
            Effect.forkScoped({ startImmediately: true })
          )
          yield* isRunning(`${text}2`)
          yield* Fiber.interrupt(waiting)

          const late = yield* Effect.scoped(
            Effect.gen(function* () {
              const { exitCode, result } = yield* exec(`echo first; ${text}3; true`, {
                timeout: "300 millis"
              })
              return [yield* Effect.flip(exitCode), yield* Effect.flip(result)] as const
            })
          )
          for (const error of late) {
            assert.instanceOf(error, CodexError.CommandTimedOut)
            assert.deepInclude(error, { timeoutMillis: 300 })
          }

          yield* Effect.scoped(
            Effect.gen(function* () {
              const command = yield* exec(`trap "" TERM HUP INT; ${text}4; true`)
              yield* isRunning(`${text}4`)
              assert.isTrue(yield* command.isRunning)
              yield* command.kill
              assert.isFalse(yield* command.isRunning)
            })
          )
          assert.deepStrictEqual(yield* observe(text), [])
        }).pipe(Effect.provide(real.layer))
      }))
  }

  test("reads its input from a stream or a sink, and has a terminal that can be resized", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([])
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const stdin = Stream.make("one\n", "two\n").pipe(Stream.encodeText)
        const sorted = yield* codex.exec(["sort", "-r"], { stdin })
        assert.deepInclude(yield* sorted.result, { exitCode: 0, stdout: "two\none\n" })

        const cat = yield* codex.exec(["cat"], { stdin: "pipe" })
        yield* Stream.run(Stream.encodeText(Stream.make("a".repeat(200_000), "b")), cat.stdin)
        const { stdout } = yield* cat.result
        assert.lengthOf(stdout, 200_001)

        const tty = yield* codex.exec(
          ["bash", "-c", "stty size; read line; echo got $line; stty size; tty"],
          {
            tty: { rows: 30, columns: 100 }
          }
        )
        const first = yield* tty.stdout.pipe(Stream.decodeText(), Stream.take(1), Stream.runCollect)
        assert.deepStrictEqual(first, ["30 100\r\n"])
        yield* tty.resize({ rows: 10, columns: 40 })
        yield* Stream.run(Stream.encodeText(Stream.make("hello\n")), tty.stdin)
        const rest = yield* tty.stdout.pipe(Stream.decodeText(), Stream.mkString)
        assert.match(rest, /got hello\r\n10 40\r\n\/dev\/\S+\r\n$/)
        assert.strictEqual(yield* tty.exitCode, 0)
      }).pipe(Effect.scoped, Effect.provide(real.layer))
    }))

  test("keeps a bounded part of the output that nothing reads, streams all of what is read, and fails with its process", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([])
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const script = "head -c 3000000 /dev/zero | tr '\\0' x; echo END"
        const unread = yield* codex.exec(shell(script), { maxOutputBytes: 1000 })
        const { exitCode, omittedBytes, stdout } = yield* unread.result
        assert.strictEqual(exitCode, 0)
        assert.isAbove(omittedBytes, 2_000_000)
        assert.isBelow(stdout.length, 1100)
        assert.match(stdout, /^x+\n\[effect-codex omitted \d+ bytes\]\nx+END\n$/)

        const read = yield* codex.exec(shell(script))
        const size = yield* Stream.runFold(
          read.stdout,
          () => 0,
          (sum, chunk) => sum + chunk.length
        )
        assert.strictEqual(size, 3_000_004)

        const missing = yield* Effect.exit(codex.exec(["true"], { cwd: "/no/such/directory" }))
        assert.isTrue(Exit.isFailure(missing))
        assert.deepInclude(yield* Effect.flip(codex.exec([])), {
          _tag: "InvalidRequest",
          reason: "BadParams"
        })

        const interrupted = yield* codex.exec(shell("echo up; sleep 478.5; true"))
        yield* interrupted.stdout.pipe(Stream.take(1), Stream.runDrain)
        for (const { parent, pid } of yield* real.processes)
          if (parent === process.pid) process.kill(pid, "SIGKILL")
        assert.strictEqual((yield* Effect.flip(interrupted.exitCode))._tag, "EngineExited")
        assert.deepStrictEqual(yield* observe("sleep 478.5"), [])
      }).pipe(Effect.scoped, Effect.provide(real.layer))
    }))
})
