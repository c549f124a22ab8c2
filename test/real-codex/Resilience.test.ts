import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { ThreadId } from "../../src/domain/Ids.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as Real from "../support/realEngine.ts"
import { test, until } from "../support/live.ts"

const LookUp = Tool.make("look_up", { success: Schema.String }).annotate(Tool.Readonly, true)
const Tools = Toolkit.make(LookUp)
const ToolsLive = Tools.toLayer({ look_up: () => Effect.succeed("found") })
const noTime = { totalMillis: 0, thinkingMillis: 0, toolsMillis: 0, approvalMillis: 0, overheadMillis: 0 }
const noRetries = "model_providers.mock.request_max_retries = 0\nmodel_providers.mock.stream_max_retries = 0"

describe.concurrent("a turn of the real Codex", () => {
  for (const how of ["interruption", "timeout"] as const) {
    test(`D03 counts one model request after an ${how} during a command`.replace("an t", "a t"), () =>
      Effect.gen(function* () {
        const real = yield* Real.make([M.reply(M.shell("touch started; sleep 1000"))])
        yield* Effect.gen(function* () {
          const thread = yield* real.start()
          const started = Effect.orDie(real.exists("started"))
          const turn =
            how === "timeout"
              ? (yield* Real.timeOutAfter(thread, "go", "1 minute", ({ _tag }) => _tag === "ToolRequested"))
                  .turn
              : yield* Effect.gen(function* () {
                  const running = yield* Effect.forkScoped(Effect.flip(thread.run("go")), {
                    startImmediately: true
                  })
                  yield* until("the command runs", started)
                  yield* thread.interrupt
                  return (yield* Fiber.join(running)).turn
                })
          assert.strictEqual(turn?.modelCalls, 1)
          assert.strictEqual((yield* thread.spent).modelCalls, 1)
        }).pipe(Effect.provide(real.layer))
        assert.lengthOf(yield* real.server.requests, 1)
      })
    )
  }

  test("D10 has the usage, the time and the calls of all attempts", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(
        [
          M.reply(M.call("look_up", {}), M.usage({ input: 100, output: 10 })),
          M.httpError(503),
          M.reply(M.text("done"), M.usage({ input: 50, output: 5 }))
        ],
        { config: noRetries }
      )
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ tools: yield* Tools })
        const retry = Schedule.spaced("300 millis").pipe(Schedule.upTo({ times: 2 }))
        const events = yield* Stream.runCollect(thread.stream("go", { retry }))
        const starts = events.flatMap((event) => (event._tag === "TurnStarted" ? [event.at] : []))
        const turn = events.flatMap((event) => (event._tag === "TurnCompleted" ? [event.turn] : []))[0]
        assert.deepInclude(turn, { message: "done", modelCalls: 3, toolCalls: 1, attempts: 2 })
        assert.deepInclude(turn?.usage, { input: 150, output: 15 })
        const { approvalMillis, overheadMillis, thinkingMillis, toolsMillis, totalMillis } =
          turn?.time ?? noTime
        assert.isAtLeast(totalMillis, (starts[1] ?? 0) - (starts[0] ?? 0))
        assert.isAtLeast(overheadMillis, 290)
        assert.strictEqual(thinkingMillis + toolsMillis + approvalMillis + overheadMillis, totalMillis)
        assert.deepInclude(yield* thread.spent, {
          tokens: 165,
          modelCalls: 3,
          toolCalls: 1,
          timeMillis: totalMillis
        })
      }).pipe(Effect.provide(real.layer), Effect.provide(ToolsLive))
    }))
})

describe.concurrent("a thread of the real Codex", () => {
  test("D09 that another process has open fails with ThreadBusy, and opens when the other process closes it", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.text("hello")), M.reply(M.text("again"))])
      const closing = yield* Deferred.make<void>()
      const opened = yield* Deferred.make<string>()
      const other = yield* Effect.gen(function* () {
        const thread = yield* real.start()
        yield* thread.run("hi")
        yield* Deferred.succeed(opened, thread.id)
        yield* Deferred.await(closing)
      }).pipe(Effect.scoped, Effect.provide(Layer.fresh(real.layer)), Effect.forkScoped)
      const id = yield* Deferred.await(opened)
      yield* Effect.gen(function* () {
        const error = yield* Effect.flip(real.resume(id))
        assert.deepInclude(error, {
          _tag: "ThreadBusy",
          class: "engine",
          retryable: true,
          threadId: ThreadId.make(id)
        })
        yield* Deferred.succeed(closing, undefined)
        yield* Fiber.await(other)
        const thread = yield* real.resume(id).pipe(
          Effect.retry({
            while: ({ retryable }) => retryable,
            schedule: Schedule.spaced("20 millis"),
            times: 100
          })
        )
        assert.strictEqual((yield* thread.run("again")).message, "again")
      }).pipe(Effect.provide(real.layer))
    }))

  for (const ephemeral of [false, true]) {
    test(`D08 without a turn is started again after the death of Codex (ephemeral: ${ephemeral})`, () =>
      Effect.gen(function* () {
        const real = yield* Real.make((_, index) => M.reply(M.text(index === 0 ? "fine" : "still fine")))
        yield* Effect.gen(function* () {
          const thread = yield* real.start({ ephemeral, instructions: "Be kind." })
          const lost = thread.id
          // So no other handle of the thread can exist yet.
          assert.deepInclude(yield* Effect.flip(real.resume(lost)), {
            _tag: "InvalidRequest",
            reason: "ThreadNotFound"
          })
          const codex = (yield* real.processes).find(({ parent }) => parent === process.pid)
          if (codex !== undefined) process.kill(codex.pid, "SIGKILL")
          yield* until(
            "the process is gone",
            Effect.map(real.processes, (all) => all.length === 0)
          )
          const turn = yield* Effect.retry(thread.run("hello"), {
            // The library may notice the exit only after the turn has started.
            while: ({ _tag }) => _tag === "EngineExited"
          })
          assert.strictEqual(turn.message, "fine")
          assert.strictEqual(turn.threadId, thread.id)
          // Codex gives the thread a new id: it never stored the first one.
          assert.notStrictEqual(thread.id, lost)
          assert.strictEqual((yield* thread.run("hello")).message, "still fine")
          if (ephemeral) return
          const other = yield* real.resume(lost)
          assert.strictEqual(other.id, thread.id)
          yield* other.run("hello")
          assert.strictEqual((yield* thread.spent).modelCalls, 3)
        }).pipe(Effect.provide(real.layer))
        assert.include(JSON.stringify((yield* real.server.requests)[0]?.body), "Be kind.")
      }))
  }
})
