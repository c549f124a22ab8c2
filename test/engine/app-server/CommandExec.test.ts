/** Commands without a model on a Codex that misbehaves. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Codex } from "../../../src/Codex.ts"
import * as Fake from "../../support/fakeCodex.ts"
import { advancing, onTestClock, test } from "../../support/live.ts"

const output = (text: string, more: object = {}) =>
  Fake.notify("command/exec/outputDelta", {
    processId: "effect-codex-exec-1",
    stream: "stdout",
    deltaBase64: Buffer.from(text).toString("base64"),
    capReached: false,
    ...more
  })

const exec = Codex.use((codex) => codex.exec(["ls"]))

describe.concurrent("a command without a model", () => {
  test("ignores output that is not its own or cannot be read, also after its end", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "command/exec": [
            [
              output("a"),
              output("x", { processId: "effect-codex-exec-2" }),
              output("x", { stream: "stdlog" }),
              output("x", { deltaBase64: 7 }),
              Fake.notify("command/exec/outputDelta", {}),
              output("b"),
              { reply: { exitCode: 0, stdout: "", stderr: "" } },
              output("late")
            ]
          ]
        }
      })
      yield* Effect.gen(function* () {
        const { result } = yield* exec
        assert.deepStrictEqual(yield* result, { exitCode: 0, stdout: "ab", stderr: "", omittedBytes: 0 })
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
      assert.deepStrictEqual(yield* fake.of("command/exec/terminate"), [])
    }))

  test("fails with the reason of Codex, with a reply that has no exit code, and with the end of the process", () =>
    Effect.gen(function* () {
      for (const [step, tag] of [
        [{ refuse: { code: -32603, message: "failed to spawn command" } }, "InvalidRequest"],
        [{ reply: { exitCode: "0" } }, "ProtocolError"],
        [{ exit: 1 }, "EngineExited"]
      ] as const) {
        const fake = yield* Fake.make({ on: { "command/exec": [[output("a"), step]] } })
        yield* Effect.gen(function* () {
          const { exitCode, stdout } = yield* exec
          assert.strictEqual((yield* Effect.flip(exitCode))._tag, tag)
          assert.strictEqual((yield* Effect.flip(Stream.runDrain(stdout)))._tag, tag)
        }).pipe(Effect.scoped, Effect.provide(fake.layer()))
      }
    }))

  test("costs the process if Codex does not end it within five seconds", () =>
    Effect.gen(function* () {
      for (const answer of [{ reply: {} }, { refuse: { code: -32600, message: "no active command" } }]) {
        const fake = yield* Fake.make({ on: { "command/exec": [[]], "command/exec/terminate": [[answer]] } })
        yield* Effect.gen(function* () {
          yield* Fake.startThread
          const [took] = yield* advancing(Effect.scoped(Effect.andThen(exec, fake.waitFor("command/exec"))))
          assert.isAtLeast(took, 5000)
          yield* Fake.startThread
          assert.lengthOf(yield* fake.pids, 2)
        }).pipe(Effect.provide(fake.layer()), onTestClock)
      }
    }))

  test("waits while 32 others run, and is never sent if its caller leaves first", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "command/exec": [[{ received: "command/exec/terminate" }, { reply: { exitCode: 137 } }]]
        }
      })
      yield* Effect.gen(function* () {
        const handles = yield* Effect.forEach(Array.from({ length: 32 }), () => exec)
        yield* fake.waitFor("command/exec", 32)
        const waiting = yield* Effect.forkScoped(
          Effect.scoped(Effect.flatMap(exec, ({ exitCode }) => exitCode)),
          { startImmediately: true }
        )
        assert.isDefined(yield* Codex.use((codex) => codex.request("model/list", {})))
        yield* Fiber.interrupt(waiting)
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(waiting)))
        assert.isTrue(yield* handles[0]?.isRunning ?? Effect.succeed(false))
        assert.lengthOf(yield* fake.of("command/exec"), 32)
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))
})
