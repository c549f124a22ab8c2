import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as M from "../../src/testing/ModelServer.ts"
import * as Host from "../support/host.ts"
import * as RealCodex from "../support/realCodex.ts"
import * as Real from "../support/realEngine.ts"
import { inRealTime, onSlowClock, test, until } from "../support/live.ts"

describe.concurrent("interrupting a turn of the real Codex", () => {
  for (const delay of [0, 1, 3, 10, 30, 60]) {
    test(`after ${delay} ms ends the turn, and the thread runs the next one`, () =>
      Effect.gen(function* () {
        const real = yield* Real.make((request) =>
          request.lastUserText === "next"
            ? M.reply(M.text("fine"))
            : M.reply(M.text("half", { deltas: true }), M.never)
        )
        const children = Effect.map(real.processes, (all) =>
          all.flatMap(({ parent, pid }) => (parent === process.pid ? [pid] : []))
        )
        yield* Effect.gen(function* () {
          const thread = yield* real.start()
          const before = yield* children
          assert.lengthOf(before, 1)
          for (let round = 0; round < 3; round++) {
            const running = yield* Effect.forkScoped(thread.run("hang"), { startImmediately: true })
            yield* inRealTime(Effect.sleep(delay))
            yield* Fiber.interrupt(running)
            assert.isTrue(Exit.isFailure(yield* Fiber.await(running)))
            const turn = yield* thread.run("next")
            assert.strictEqual(turn.message, "fine")
            const prompts = turn.items.flatMap((item) => (item._tag === "UserMessage" ? [item.text] : []))
            assert.deepStrictEqual(prompts, ["next"])
          }
          // A turn that does not end within the grace period costs the process.
          assert.deepStrictEqual(yield* children, before)
        }).pipe(Effect.provide(real.layer), onSlowClock)
      }))
  }

  for (const sandbox of ["workspace-write", "danger-full-access"] as const) {
    test(`F42 kills the commands that the turn started (${sandbox})`, () =>
      Effect.gen(function* () {
        const real = yield* Real.make([
          M.reply(M.shell("touch started; sleep 1000; touch finished")),
          M.reply(M.text("next"))
        ])
        yield* Effect.gen(function* () {
          const thread = yield* real.start({ sandbox })
          const before = (yield* real.processes).length
          const running = yield* Effect.forkScoped(thread.run("go"), { startImmediately: true })
          yield* until("the command runs", real.exists("started"))
          assert.isAbove((yield* real.processes).length, before)
          yield* Fiber.interrupt(running)
          yield* until(
            "the command is gone",
            Effect.map(real.processes, ({ length }) => length <= before)
          )
          assert.strictEqual((yield* thread.run("next")).message, "next")
        }).pipe(Effect.provide(real.layer))
        assert.isFalse(yield* real.exists("finished"))
      }))
  }

  test("F42 also kills a command that the model left in the background", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(M.shell("touch started; sleep 1000; touch finished", { timeoutMillis: 250 })),
        M.reply(M.text("waiting", { deltas: true }), M.never)
      ])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const before = (yield* real.processes).length
        yield* thread.stream("go").pipe(
          Stream.filter((event) => event._tag === "MessageDelta"),
          Stream.tap(() => Effect.map(real.processes, ({ length }) => assert.isAbove(length, before))),
          Stream.take(1),
          Stream.runDrain
        )
        yield* until(
          "the command is gone",
          Effect.map(real.processes, ({ length }) => length <= before)
        )
      }).pipe(Effect.provide(real.layer))
      assert.isFalse(yield* real.exists("finished"))
    }))

  test("does not affect the turns of other threads", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const real = yield* Real.make((request) =>
        request.lastUserText === "hang"
          ? M.reply(M.never)
          : M.reply(M.until(Deferred.await(gate)), M.text("fine"))
      )
      yield* Effect.gen(function* () {
        const [one, two] = yield* Effect.all([real.start(), real.start()])
        const hanging = yield* Effect.forkScoped(one.run("hang"), { startImmediately: true })
        const running = yield* Effect.forkScoped(two.run("go"), { startImmediately: true })
        yield* until(
          "both ask",
          Effect.map(real.server.requests, ({ length }) => length === 2)
        )
        yield* Fiber.interrupt(hanging)
        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual((yield* Fiber.join(running)).message, "fine")
      }).pipe(Effect.provide(real.layer))
    }))

  test("by leaving its stream early disconnects the model, and the thread stays usable", () =>
    Effect.gen(function* () {
      const gone = yield* Deferred.make<void>()
      const real = yield* Real.make([
        M.reply(
          M.text("half", { deltas: true }),
          M.until(Effect.onInterrupt(Effect.never, () => Deferred.succeed(gone, undefined)))
        ),
        M.reply(M.text("next"))
      ])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const [delta] = yield* thread.stream("go").pipe(
          Stream.filter((event) => event._tag === "MessageDelta"),
          Stream.take(1),
          Stream.runCollect
        )
        assert.strictEqual(delta?._tag, "MessageDelta")
        yield* Deferred.await(gone)
        assert.strictEqual((yield* thread.run("next")).message, "next")
      }).pipe(Effect.provide(real.layer))
    }))

  test("by a timeout fails with TurnTimedOut and the turn so far", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(M.shell("touch made"), M.usage({ input: 11, output: 2 })),
        M.reply(M.text("half of it", { deltas: true }), M.never),
        M.reply(M.text("next"))
      ])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const error = yield* Real.timeOutAfter(
          thread,
          "go",
          "2 seconds",
          (event) => event._tag === "MessageDelta" && event.delta.endsWith("it")
        )
        assert.deepInclude(error, { _tag: "TurnTimedOut", timeoutMillis: 2000, threadId: thread.id })
        if (error._tag !== "TurnTimedOut") return
        assert.strictEqual(error.turnId, error.turn?.id)
        assert.deepInclude(error.turn, { message: "half of it", sideEffects: true })
        // Codex reports the tokens of the last request again when a turn is interrupted.
        assert.deepInclude(error.turn?.usage, { input: 11, output: 2 })
        assert.strictEqual(error.turn?.time.totalMillis, 2000)
        assert.strictEqual((yield* thread.run("next")).message, "next")
      }).pipe(Effect.provide(real.layer))
    }))
})

describe.concurrent("the process of the real Codex", () => {
  test("F01 fails the turn with EngineExited when it is killed, and the thread continues in a new process", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(M.text("before")),
        M.reply(M.text("half", { deltas: true }), M.never),
        M.reply(M.text("after"))
      ])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        yield* thread.run("first")
        const streaming = yield* Deferred.make<void>()
        const running = yield* thread.stream("second").pipe(
          Stream.tap((event) =>
            event._tag === "MessageDelta" ? Deferred.succeed(streaming, undefined) : Effect.void
          ),
          Stream.runDrain,
          Effect.flip,
          Effect.forkScoped({ startImmediately: true })
        )
        yield* Deferred.await(streaming)
        const codex = (yield* real.processes).find(({ parent }) => parent === process.pid)
        if (codex !== undefined) process.kill(codex.pid, "SIGKILL")
        const error = yield* Fiber.join(running)
        assert.deepInclude(error, { _tag: "EngineExited", signal: "SIGKILL", threadId: thread.id })
        assert.strictEqual(error._tag === "EngineExited" ? error.turn?.message : "", "half")
        assert.strictEqual((yield* thread.run("third")).message, "after")
      }).pipe(Effect.provide(real.layer))
      const last = JSON.stringify((yield* real.server.requests).at(-1)?.body["input"])
      assert.include(last, "first")
      assert.include(last, "before")
    }))

  for (const sandbox of ["workspace-write", "danger-full-access"] as const) {
    test(`F42 ends with its scope, together with a running command (${sandbox})`, () =>
      Effect.gen(function* () {
        const real = yield* Real.make([M.reply(M.shell("touch started; sleep 1000"))])
        yield* Effect.gen(function* () {
          const thread = yield* real.start({ sandbox })
          yield* Effect.forkScoped(thread.run("go"), { startImmediately: true })
          yield* until("the command runs", real.exists("started"))
        }).pipe(Effect.scoped, Effect.provide(real.layer))
        yield* until(
          "all are gone",
          Effect.map(real.processes, ({ length }) => length === 0)
        )
      }))
  }

  test("reports Codex's own message for an invalid configuration", () =>
    Effect.gen(function* () {
      const broken = yield* Real.make([], { engine: { config: ["sandbox_mode=nonsense"] } })
      const error = yield* Effect.flip(broken.start()).pipe(Effect.provide(broken.layer))
      assert.include(["EngineStartFailed", "InvalidRequest"], error._tag)
      assert.include(JSON.stringify(error), "nonsense")
    }))
})

describe.concurrent("a real Codex that does not report the end of a turn", () => {
  /** The real one with a sieve behind it that keeps every `turn/completed` back. */
  const forgetful = Effect.fnUntraced(function* (script: M.Script, config: string) {
    const fs = yield* FileSystem.FileSystem
    const folder = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-sieve-" })
    const codexPath = `${folder}/codex`
    const sieve = `grep --line-buffered -v '"method":"turn/completed"'`
    yield* fs.writeFileString(codexPath, `#!/bin/sh\n"${RealCodex.command}" "$@" | ${sieve}\n`, {
      mode: 0o755
    })
    return yield* Real.make(script, { config, engine: { codexPath } })
  })

  test("is queried for the outcome: completed, or failed with its error", () =>
    Effect.gen(function* () {
      const real = yield* forgetful(
        [
          M.reply(M.text("done"), M.usage({ input: 3, output: 1 })),
          M.httpError(401),
          M.reply(M.text("again"))
        ],
        "model_providers.mock.request_max_retries = 0\nmodel_providers.mock.stream_max_retries = 0"
      )
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const turn = yield* thread.run("1")
        assert.deepInclude(turn, { message: "done" })
        assert.deepInclude(yield* Effect.flip(thread.run("2")), {
          _tag: "TurnFailed",
          reason: "Unauthorized"
        })
        assert.strictEqual((yield* thread.run("3")).message, "again")
        assert.lengthOf(
          (yield* real.processes).filter(({ parent }) => parent === process.pid),
          1
        )
      }).pipe(Effect.provide(real.layer))
    }))
})

describe.concurrent("the end of the program", () => {
  const host = fileURLToPath(new URL("../support/host.ts", import.meta.url))
  for (const signal of ["SIGTERM", "SIGINT", "SIGKILL"] as const) {
    for (const sandbox of ["workspace-write", "danger-full-access"] as const) {
      test(
        `F42 by ${signal} leaves neither Codex nor its command (${sandbox})`,
        () =>
          Effect.gen(function* () {
            const real = yield* Real.make([M.reply(M.shell("touch started; sleep 1000; touch finished"))])
            const place = yield* Schema.encodeEffect(Host.Place)({
              cwd: real.workspace,
              sandbox,
              env: { ...real.env }
            })
            const child = yield* Effect.acquireRelease(
              Effect.sync(() => spawn(process.execPath, ["--no-warnings", host, place], { stdio: "ignore" })),
              (child) => Effect.sync(() => child.kill("SIGKILL"))
            )
            yield* until("the command runs", real.exists("started"))
            assert.isAbove((yield* real.processes).length, 0)
            child.kill(signal)
            yield* until(
              "all are gone",
              Effect.map(real.processes, ({ length }) => length === 0)
            )
            yield* until(
              "the program is gone",
              Effect.sync(() => child.exitCode !== null || child.signalCode !== null)
            )
            assert.isFalse(yield* real.exists("finished"))
          }),
        90_000
      )
    }
  }
})
