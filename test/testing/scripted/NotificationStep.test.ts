import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Codex } from "../../../src/Codex.ts"
import * as Scripted from "../../../src/testing/Scripted.ts"
import * as TestLayer from "../../../src/testing/TestLayer.ts"

describe("a scripted notification", () => {
  it.effect("reaches the streams of the engine and of its thread, with the ids of its turn", () =>
    Effect.gen(function* () {
      const codex = yield* Codex
      const thread = yield* codex.startThread()
      const other = yield* codex.startThread()
      const collect = (stream: typeof codex.notifications, count: number) =>
        Effect.forkScoped(Stream.runCollect(Stream.take(stream, count)), { startImmediately: true })
      const all = yield* collect(codex.notifications, 3)
      const ofThread = yield* collect(thread.notifications, 1)
      const ofOther = yield* collect(other.notifications, 1)
      yield* Scripted.play([
        Scripted.notification("model/rerouted", {
          fromModel: "a",
          toModel: "b",
          reason: "highRiskCyberActivity"
        }),
        Scripted.message("done")
      ])
      const { id } = yield* thread.run("go")
      yield* Scripted.notify("account/updated", { authMode: "apikey", planType: null })
      yield* Scripted.Scripted.use(({ notify }) => notify("new/thing", { threadId: other.id }))
      const rerouted = {
        _tag: "Notification",
        method: "model/rerouted",
        params: {
          threadId: thread.id,
          turnId: id,
          fromModel: "a",
          toModel: "b",
          reason: "highRiskCyberActivity"
        },
        at: 0
      }
      const unknown = {
        _tag: "UnknownNotification",
        method: "new/thing",
        params: { threadId: other.id },
        at: 0
      }
      assert.deepStrictEqual<ReadonlyArray<unknown>>(yield* Fiber.join(all), [
        rerouted,
        {
          _tag: "Notification",
          method: "account/updated",
          params: { authMode: "apikey", planType: null },
          at: 0
        },
        unknown
      ])
      assert.deepStrictEqual<ReadonlyArray<unknown>>(yield* Fiber.join(ofThread), [rerouted])
      assert.deepStrictEqual<ReadonlyArray<unknown>>(yield* Fiber.join(ofOther), [unknown])
    }).pipe(Effect.scoped, Effect.provide(TestLayer.TestLayer))
  )
})
