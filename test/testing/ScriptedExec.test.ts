import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Codex, ContentCapture } from "effect-codex"
import * as HostDirectories from "../../src/internal/HostDirectories.ts"
import { Captured, Scripted, TestLayer } from "effect-codex/testing"

const run = (command: ReadonlyArray<string>, options = {}) =>
  Codex.use((codex) => Effect.scoped(Effect.flatMap(codex.exec(command, options), ({ result }) => result)))

describe("commands on the scripted engine", () => {
  it.effect("have the answer of the script, with its input and its outputs", () =>
    Effect.gen(function* () {
      yield* Scripted.exec(({ command, sandbox }, input) => ({
        exitCode: 2,
        stdout: `${command.join(" ")} in ${sandbox}`,
        stderr: input.toUpperCase()
      }))
      const stdin = Stream.encodeText(Stream.make("a", "b"))
      assert.deepStrictEqual(yield* run(["npm", "test"], { stdin }), {
        exitCode: 2,
        stdout: "npm test in read-only",
        stderr: "AB",
        omittedBytes: 0
      })
      assert.strictEqual((yield* run(["ls"], { sandbox: "workspace-write" })).stdout, "ls in workspace-write")
      assert.deepStrictEqual(
        (yield* Scripted.commands).map(({ command }) => command),
        [["npm", "test"], ["ls"]]
      )
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("are rejected without an answer, and if they cannot run", () =>
    Effect.gen(function* () {
      assert.deepInclude(yield* Effect.flip(run(["ls"])), { _tag: "InvalidRequest", reason: "Rejected" })
      yield* Scripted.exec(() => ({}))
      for (const [command, options] of [
        [[], {}],
        [[""], {}],
        [["a\0b"], {}],
        [["ls"], { maxOutputBytes: Number.NaN }],
        [["ls"], { tty: { rows: 0, columns: 80 } }]
      ] as const)
        assert.deepInclude(yield* Effect.flip(run(command, options)), { reason: "BadParams" })
      const handle = yield* Codex.use((codex) => codex.exec(["ls"]))
      const write = Stream.run(Stream.encodeText(Stream.make("x")), handle.stdin)
      assert.deepInclude(yield* Effect.flip(write), { reason: "BadParams" })
      assert.deepInclude(yield* Effect.flip(handle.resize({ rows: 1, columns: 1 })), { reason: "BadParams" })
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )

  it.effect("are refused if they could write the files of this process", () =>
    Effect.gen(function* () {
      yield* Scripted.exec(() => ({}))
      const { add } = yield* HostDirectories.Current
      yield* add({ path: "/srv/spool", content: "the spool", setting: "CODEX_OTLP_SPOOL_DIR", isTree: false })
      const error = yield* Effect.flip(run(["make"], { cwd: "/srv", sandbox: "workspace-write" }))
      assert.deepInclude(error, { _tag: "InvalidRequest", reason: "AgentWritable", method: "command/exec" })
      assert.deepStrictEqual(yield* Scripted.commands, [])
      for (const options of [
        { cwd: "/srv" },
        { cwd: "/usr", sandbox: "workspace-write" },
        { cwd: "/srv", sandbox: "danger-full-access" }
      ])
        assert.strictEqual((yield* run(["make"], options)).exitCode, 0)
    }).pipe(
      Effect.scoped,
      Effect.provide(TestLayer),
      Effect.provideService(HostDirectories.Current, HostDirectories.make())
    )
  )

  it.effect("end at their timeout, with kill, or with their scope", () =>
    Effect.gen(function* () {
      yield* Scripted.exec(() => ({ takes: "1 hour" }))
      const late = yield* Effect.forkChild(Effect.flip(run(["sleep"], { timeout: "1 minute" })), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(late)
      assert.deepInclude(error, { _tag: "CommandTimedOut", timeoutMillis: 60_000 })
      assert.match(error.message, /did not end within 1m/)

      const handle = yield* Codex.use((codex) => codex.exec(["sleep"]))
      yield* handle.kill
      assert.strictEqual(yield* handle.exitCode, 137)

      const interrupted = yield* Effect.forkChild(run(["sleep"]), { startImmediately: true })
      yield* Fiber.interrupt(interrupted)
      const spans = yield* Captured.spans
      assert.deepStrictEqual(
        spans.map(({ attributes, name, status }) => [
          name,
          status,
          attributes["error.type"],
          attributes["process.exit.code"]
        ]),
        [
          ["codex.exec", "error", "CommandTimedOut", undefined],
          ["codex.exec", "error", "CommandFailed", 137],
          ["codex.exec", "unset", undefined, undefined]
        ]
      )
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )

  it.effect("have a span and a duration, with content only on request and without secrets", () =>
    Effect.gen(function* () {
      yield* Scripted.exec(() => ({ stdout: "sk-proj-4f9c2b7a1d8e6f3a5b0c9d8e7f6a5b4c" }))
      const command = ["/usr/bin/deploy", "--token", "hunter2-hunter2-hunter2"]
      const env = { DEPLOY_TOKEN: "hunter2-hunter2-hunter2" }
      yield* run(command, { env, cwd: "/srv" })
      yield* Effect.provide(
        run(command, { env, cwd: "/srv" }),
        ContentCapture.layer({ commands: true, paths: true })
      )
      const [plain, full] = (yield* Captured.spans).map(({ attributes }) => attributes)
      assert.deepStrictEqual(plain, {
        "codex.originator": "sdk",
        "process.executable.name": "deploy",
        "codex.sandbox": "read-only",
        "process.exit.code": 0
      })
      assert.strictEqual(full?.["process.working_directory"], "/srv")
      assert.include(full?.["process.command_line"], "/usr/bin/deploy --token")
      assert.notInclude(JSON.stringify(full), "hunter2")
      const [state] = yield* Captured.metrics.pipe(
        Effect.map((metrics) => metrics.filter(({ id }) => id === "codex.exec.duration"))
      )
      assert.deepInclude(state?.state, { count: 2 })
    }).pipe(Effect.provide(TestLayer))
  )
})
