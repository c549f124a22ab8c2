import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import { Codex } from "../../src/Codex.ts"
import * as CodexError from "../../src/domain/CodexError.ts"
import { TestLayer } from "../../src/testing/TestLayer.ts"
import * as Scripted from "../../src/testing/Scripted.ts"
import * as KeyedTurn from "../../src/turn/KeyedTurn.ts"
import * as TurnRunner from "../../src/turn/TurnRunner.ts"

const open = Effect.flatMap(Codex, ({ startThread }) => startThread())

describe("a turn with a key", () => {
  it.effect("runs once for callers of all handles of its thread, at the same time and later", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.command("touch x"),
        Scripted.delay("1 minute"),
        Scripted.message("done"),
        Scripted.completed,
        Scripted.message("other")
      ])
      const thread = yield* open
      const second = yield* Effect.flatMap(Codex, ({ resumeThread }) => resumeThread(thread.id))
      const running = yield* Effect.forkChild(
        Effect.all(
          [thread, second, thread].map((handle) => handle.run("go", { key: "k" })),
          { concurrency: "unbounded" }
        )
      )
      yield* TestClock.adjust("2 minutes")
      const [first, ...others] = yield* Fiber.join(running)
      for (const other of others) assert.deepStrictEqual(other, first)
      const later = yield* second.run("other input", { key: "k" })
      assert.deepStrictEqual(
        [later.id, later.message, later.items, later.sideEffects],
        [first?.id, "done", first?.items, true]
      )
      assert.strictEqual((yield* thread.run("go", { key: "k2" })).message, "other")
      assert.deepStrictEqual(yield* Scripted.Scripted.use(({ inputs }) => inputs), ["go", "go"])
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )

  it.effect("fails again with its error", () =>
    Effect.gen(function* () {
      const failure = new CodexError.TurnFailed({ reason: "Other", detail: "broken" })
      yield* Scripted.play([Scripted.message("so far"), Scripted.failed(failure)])
      const thread = yield* open
      const first = yield* Effect.flip(thread.run("go", { key: "k" }))
      const again = yield* Effect.flip(thread.run("go", { key: "k" }))
      assert.deepStrictEqual(
        [again._tag, again.message, again.turn?.id, again.turn?.message],
        ["TurnFailed", first.message, first.turn?.id, "so far"]
      )
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )

  it.effect("is not started if the caller refuses right before, and then has no outcome", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.message("done")])
      const thread = yield* open
      const refusal = new CodexError.TurnStalled({ detail: "another runner has the turn" })
      const refused = yield* thread.run("go", { key: "k" }).pipe(
        Effect.provideService(TurnRunner.BeforeStart, () => refusal),
        Effect.flip
      )
      assert.strictEqual(refused.message, refusal.message)
      assert.strictEqual((yield* thread.run("go", { key: "k" })).message, "done")
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )

  it("refuses keys that Codex cannot store, and turns without a single outcome", () => {
    const prompt = { _tag: "Prompt", input: "go" } as const
    const check = (key: string, request: TurnRunner.TurnRequest = prompt, retry?: typeof Schedule.forever) =>
      KeyedTurn.validate({ key, retry }, request)
    assert.isUndefined(check("k"))
    assert.isUndefined(KeyedTurn.validate({}, { _tag: "Compact" }))
    assert.isUndefined(check("k".repeat(512)))
    assert.match(check("") ?? "", /1 to 512 characters/)
    assert.match(check("k".repeat(513)) ?? "", /1 to 512 characters/)
    assert.match(check("k", { _tag: "Compact" }) ?? "", /input/)
    assert.match(check("k", { _tag: "Prompt", input: [] }) ?? "", /input/)
    assert.match(check("k", prompt, Schedule.forever) ?? "", /retry/)
  })
})
