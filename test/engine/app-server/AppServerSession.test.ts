import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { Codex } from "../../../src/Codex.ts"
import * as AppServer from "../../../src/engine/AppServer.ts"
import * as Fake from "../../support/fakeCodex.ts"
import { advancing, onTestClock, test } from "../../support/live.ts"

const run = Effect.flatMap(Fake.startThread, (thread) => thread.run("hello"))
const on = (options: AppServer.AppServerOptions) =>
  Layer.fresh(Codex.layer).pipe(Layer.provide(AppServer.layerOptions(options)))

const withVariable = (name: string, value: string | undefined) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = process.env[name]
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
      return before
    }),
    (before) =>
      Effect.sync(() => {
        if (before === undefined) delete process.env[name]
        else process.env[name] = before
      })
  )

describe.concurrent("starting the engine", () => {
  test("F05 fails with a typed timeout when Codex never answers initialize, and ends the process", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        boot: [{ stderr: "thinking\n" }],
        on: { initialize: [[]] },
        stubborn: true
      })
      const error = yield* onTestClock(
        Effect.gen(function* () {
          const failing = yield* Fake.startThread.pipe(
            Effect.flip,
            Effect.provide(fake.layer({ startTimeout: "3 seconds" })),
            Effect.forkScoped
          )
          yield* fake.waitFor("initialize")
          yield* TestClock.adjust("2900 millis")
          assert.isUndefined(failing.pollUnsafe())
          const [, error] = yield* advancing(Fiber.join(failing), "100 millis")
          return error
        })
      )
      assert.deepInclude(error, {
        _tag: "EngineStartFailed",
        reason: "Timeout",
        errorType: "EngineStartFailed.Timeout"
      })
      assert.isTrue("detail" in error && error.detail.includes("thinking"))
      assert.deepStrictEqual((yield* fake.pids).map(Fake.isAlive), [false])
    }))

  test("F05 fails with the stderr of a Codex that exits while starting", () =>
    Effect.gen(function* () {
      const boot = [{ stderr: "error loading config.toml: invalid type\n" }, { exit: 1 }]
      const fake = yield* Fake.make({ on: { initialize: [boot] } })
      const error = yield* Fake.startThread.pipe(Effect.flip, Effect.provide(fake.layer()))
      assert.deepInclude(error, { _tag: "EngineStartFailed", reason: "BadConfig", class: "config" })
      assert.isTrue("detail" in error && error.detail.includes("error loading config.toml"))
    }))

  test("fails before the deadline when Codex exits without reading its input", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ boot: [{ stderr: "no" }, { exit: 2 }] })
      // Nothing advances the clock, so the deadline cannot pass.
      const error = yield* onTestClock(Fake.startThread.pipe(Effect.flip, Effect.provide(fake.layer())))
      assert.deepInclude(error, { _tag: "EngineStartFailed", reason: "Exited", detail: "no" })
    }))

  test("gives the handshake its own timeout instead of that of a request", () =>
    Effect.gen(function* () {
      const hello = [{ wait: 1500 }, { reply: { userAgent: "fake/0.169.0" } }]
      const fake = yield* Fake.make({ on: { initialize: [hello] } })
      const turn = yield* run.pipe(Effect.provide(fake.layer({ requestTimeout: "1 second" })))
      assert.strictEqual(turn.message, "fine")
    }))

  test("fails with Codex's reason when Codex refuses the handshake", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: { initialize: [[{ refuse: { code: -32600, message: "who are you" } }]] }
      })
      const error = yield* Fake.startThread.pipe(Effect.flip, Effect.provide(fake.layer()))
      assert.deepInclude(error, { _tag: "EngineStartFailed", reason: "Rejected", detail: "who are you" })
    }))

  test("refuses an older Codex by its version, and ends it", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { initialize: [[{ reply: { userAgent: "x/0.100.0 (linux)" } }]] } })
      const error = yield* Fake.startThread.pipe(Effect.flip, Effect.provide(fake.layer()))
      assert.deepInclude(error, { _tag: "CodexVersionUnsupported", version: "0.100.0", path: fake.codexPath })
      assert.deepStrictEqual((yield* fake.pids).map(Fake.isAlive), [false])
    }))

  for (const userAgent of ["codex/0.170.1-alpha.3 (x)", "something else entirely"]) {
    test(`accepts a Codex with the user agent "${userAgent}"`, () =>
      Effect.gen(function* () {
        const fake = yield* Fake.make({ on: { initialize: [[{ reply: { userAgent } }]] } })
        const turn = yield* run.pipe(Effect.provide(fake.layer()))
        assert.strictEqual(turn.message, "fine")
      }))
  }

  test("retries a failed start with the next thread", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const fake = yield* Fake.make({ boot: [{ exit: 1 }] })
      yield* Effect.gen(function* () {
        assert.strictEqual((yield* Effect.flip(Fake.startThread))._tag, "EngineStartFailed")
        yield* fs.writeFileString(`${fake.folder}/scenario.json`, "{}")
        assert.strictEqual((yield* run).message, "fine")
      }).pipe(Effect.provide(fake.layer()))
      assert.lengthOf(yield* fake.pids, 2)
    }))

  test("F05 does not affect a running engine when another one hangs while starting", () =>
    Effect.gen(function* () {
      const healthy = yield* Fake.make({})
      const hung = yield* Fake.make({ on: { initialize: [[]] } })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        yield* onTestClock(
          Effect.gen(function* () {
            const failing = yield* Fake.startThread.pipe(
              Effect.flip,
              Effect.provide(hung.layer({ startTimeout: "1500 millis" })),
              Effect.forkScoped
            )
            yield* hung.waitFor("initialize")
            assert.strictEqual((yield* thread.run("meanwhile")).message, "fine")
            assert.isUndefined(failing.pollUnsafe())
            const [, error] = yield* advancing(Fiber.join(failing))
            assert.strictEqual(error._tag, "EngineStartFailed")
          })
        )
      }).pipe(Effect.provide(healthy.layer()))
    }))

  test("leaves no process after an interrupted start", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { initialize: [[]] } })
      yield* Effect.gen(function* () {
        const starting = yield* Effect.forkScoped(Effect.exit(Fake.startThread))
        yield* fake.waitFor("initialize")
        yield* Fiber.interrupt(starting)
        assert.deepStrictEqual((yield* fake.pids).map(Fake.isAlive), [false])
      }).pipe(Effect.provide(fake.layer()))
    }))

  test("starts one process for many concurrent threads", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({})
      yield* Effect.forEach(Array.from({ length: 20 }), () => run, { concurrency: "unbounded" }).pipe(
        Effect.provide(fake.layer())
      )
      assert.lengthOf(yield* fake.pids, 1)
      assert.lengthOf(yield* fake.of("initialize"), 1)
    }))

  test("starts nothing before the first thread, and sends initialized after initialize", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({})
      yield* Effect.gen(function* () {
        assert.lengthOf(yield* fake.pids, 0)
        yield* Fake.startThread
      }).pipe(Effect.provide(fake.layer({ clientName: "me" })))
      const received = yield* fake.received
      assert.deepStrictEqual(
        received.slice(0, 3).map((message) => message.method),
        ["initialize", "initialized", "thread/start"]
      )
      const hello = received[0]?.params
      assert.deepInclude(hello?.["clientInfo"], { name: "me" })
      assert.deepInclude(hello?.["capabilities"], { experimentalApi: true })
      // Codex sends every notification: the program may subscribe at any time.
      assert.notInclude(JSON.stringify(hello), "optOutNotificationMethods")
    }))
})

describe.concurrent("ending the engine", () => {
  for (const how of ["closes", "is interrupted"]) {
    test(`kills an unresponsive Codex soon after its scope ${how}`, () =>
      Effect.gen(function* () {
        const fake = yield* Fake.make({ stubborn: true, on: { "thread/unsubscribe": [[]] } })
        // Nothing answers thread/unsubscribe, so a scope that waits for the reply does not close within this test.
        const program = Effect.andThen(run, how === "closes" ? Effect.void : Effect.never).pipe(
          Effect.scoped,
          Effect.provide(fake.layer({ requestTimeout: "1 hour" }))
        )
        const fiber = yield* Effect.forkScoped(program, { startImmediately: true })
        if (how === "closes") yield* Fiber.join(fiber)
        else {
          yield* fake.waitFor("turn/start")
          yield* Fiber.interrupt(fiber)
        }
        assert.deepStrictEqual((yield* fake.pids).map(Fake.isAlive), [false])
      }))
  }

  test("closes the input of Codex, so that Codex exits by itself", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [Fake.begin] } })
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(fake.layer(), scope)
      const thread = yield* Effect.provideContext(Fake.startThread, context)
      const running = yield* Effect.forkScoped(Effect.flip(thread.run("for ever")), {
        startImmediately: true
      })
      yield* fake.waitFor("turn/start")
      yield* Scope.close(scope, Exit.void)
      // Without the end of its input, the engine gives Codex up before it has exited and reports no exit code.
      assert.deepInclude(yield* Fiber.join(running), { _tag: "EngineExited", code: 0 })
      const [pid] = yield* fake.pids
      assert.deepInclude(yield* fake.recorded, { _tag: "InputEnded", pid: pid ?? 0 })
    }))

  test("ends a running turn with EngineExited", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ stubborn: true, on: { "turn/start": [Fake.begin] } })
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(fake.layer(), scope)
      const thread = yield* Effect.provideContext(Fake.startThread, context)
      const running = yield* Effect.forkScoped(Effect.flip(thread.run("for ever")), {
        startImmediately: true
      })
      yield* fake.waitFor("turn/start")
      yield* Scope.close(scope, Exit.void)
      const error = yield* Fiber.join(running)
      assert.strictEqual(error._tag, "EngineExited")
      assert.strictEqual((yield* Effect.flip(thread.run("again")))._tag, "EngineExited")
    }))

  test("logs Codex's stderr and the messages that it skipped", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
        lines.push(`${logLevel} ${String(Array.isArray(message) ? message.join(" ") : message)}`)
      })
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            [
              { stderr: "\u001b[31mERROR\u001b[0m first\nsecond" },
              { bytes: Buffer.from("not JSON\n").toString("base64") },
              { send: { id: 4711, result: {} } },
              ...Fake.turn("fine")
            ]
          ]
        }
      })
      yield* run.pipe(
        Effect.scoped,
        Effect.provide(fake.layer()),
        Effect.provide(Logger.layer([logger])),
        Effect.provideService(References.MinimumLogLevel, "Debug")
      )
      assert.includeMembers(lines, ["Debug codex: ERROR first", "Debug codex: second"])
      assert.include(
        lines,
        "Warn codex app-server sent 1 malformed lines, 1 replies to unknown requests; they were skipped"
      )
    }))

  test("reports the signal of a killed process and the exit code of one that exits", () =>
    Effect.gen(function* () {
      for (const [step, expected] of [
        [{ signal: "SIGKILL" }, { signal: "SIGKILL" }],
        [{ exit: 7 }, { code: 7 }],
        [{ exit: 0 }, { code: 0 }]
      ] as const) {
        const fake = yield* Fake.make({
          on: { "turn/start": [[...Fake.begin, { stderr: "the last words" }, { wait: 30 }, step]] }
        })
        const error = yield* run.pipe(Effect.flip, Effect.provide(fake.layer()))
        assert.deepInclude(error, { _tag: "EngineExited", stderr: "the last words", ...expected })
      }
    }))
})

describe("finding Codex", () => {
  test("does not replace an explicit path that does not exist with another codex", () =>
    Effect.gen(function* () {
      const error = yield* Fake.startThread.pipe(
        Effect.flip,
        Effect.provide(on({ codexPath: "/nowhere/codex" }))
      )
      assert.strictEqual(error._tag, "CodexNotFound")
      assert.include(error.message, "/nowhere/codex")
      yield* withVariable("CODEX_PATH", "/nowhere/else")
      const other = yield* Fake.startThread.pipe(Effect.flip, Effect.provide(on({})))
      assert.strictEqual(other._tag, "CodexNotFound")
      assert.include(other.message, `CODEX_PATH "/nowhere/else"`)
    }))

  test("uses CODEX_PATH unless the option is set", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({})
      const other = yield* Fake.make({})
      yield* withVariable("CODEX_PATH", fake.codexPath)
      yield* run.pipe(Effect.provide(on({})))
      assert.lengthOf(yield* fake.pids, 1)
      yield* run.pipe(Effect.provide(other.layer()))
      assert.lengthOf(yield* fake.pids, 1)
      assert.lengthOf(yield* other.pids, 1)
    }))

  for (const what of ["a directory", "a file that cannot be run"]) {
    test(`fails with a typed error when the path is ${what}`, () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const directory = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-fake-" })
        yield* fs.writeFileString(`${directory}/codex`, "not a program")
        const codexPath = what === "a directory" ? directory : `${directory}/codex`
        const error = yield* Fake.startThread.pipe(Effect.flip, Effect.provide(on({ codexPath })))
        assert.deepInclude(error, { _tag: "EngineStartFailed", reason: "NotExecutable", class: "config" })
      }))
  }

  test("refuses a working directory that does not exist before it sends a request", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({})
      const error = yield* Effect.flatMap(Codex, (codex) =>
        codex.startThread({ cwd: "/no/such/folder" })
      ).pipe(Effect.flip, Effect.provide(fake.layer()))
      assert.deepInclude(error, { _tag: "InvalidRequest", reason: "BadParams" })
      assert.lengthOf(yield* fake.of("thread/start"), 0)
    }))
})
