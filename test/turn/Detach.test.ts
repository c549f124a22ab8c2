import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { Codex } from "../../src/Codex.ts"
import * as Scripted from "../../src/testing/Scripted.ts"
import { TestLayer } from "../../src/testing/TestLayer.ts"

describe("attach and detach where turns end with the process", () => {
  it.effect("refuses to detach, and says what to do", () =>
    Effect.gen(function* () {
      const { startThread } = yield* Codex
      const thread = yield* startThread()
      const refused = yield* Effect.flip(thread.detach)
      assert.deepInclude(refused, { _tag: "InvalidRequest", reason: "Rejected" })
      assert.include(refused.message, "run codex behind a socket")
      const option = yield* Effect.flip(startThread({ onScopeClose: "detach" }))
      assert.strictEqual(option.message, refused.message)
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )

  it.effect(
    "attaches to the turn of another handle, which goes on when the scope of the attachment closes",
    () =>
      Effect.gen(function* () {
        yield* Scripted.play([
          Scripted.message("working"),
          Scripted.usage({ input: 10, output: 2 }),
          Scripted.steered("go on"),
          Scripted.message("done")
        ])
        const { attach, startThread } = yield* Codex
        const thread = yield* startThread()
        const none = yield* Effect.flip(Effect.scoped(attach(thread.id)))
        assert.deepInclude(none, { _tag: "InvalidRequest", reason: "NoTurnRunning" })
        const running = yield* Effect.forkChild(thread.run("go"), { startImmediately: true })
        const scope = yield* Scope.make()
        const attached = yield* Scope.provide(attach(thread.id), scope)
        const { id, items, message, usage } = yield* attached.snapshot
        assert.deepStrictEqual(
          [id, message, items.length, usage.input, yield* attached.spent],
          [attached.turnId, "working", 1, 10, { tokens: 12, timeMillis: 0, toolCalls: 0, modelCalls: 1 }]
        )
        yield* Scope.close(scope, Exit.void)
        yield* thread.steer("go on")
        assert.strictEqual((yield* Fiber.join(running)).message, "done")
        assert.strictEqual((yield* attached.await).message, "done")
        assert.strictEqual((yield* attached.snapshot).message, "done")
      }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )
})
