import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Codex } from "../../src/Codex.ts"
import * as CodexError from "../../src/domain/CodexError.ts"
import * as Captured from "../../src/testing/Captured.ts"
import * as Scripted from "../../src/testing/Scripted.ts"
import * as TestLayer from "../../src/testing/TestLayer.ts"
import { inOneSlice } from "../support/live.ts"

const Answer = Schema.Struct({ priority: Schema.Literals(["low", "high"]) })
const good = `{"priority":"high"}`
const bad = `{"priority":"urgent"}`
const usage = Scripted.usage({ input: 100, output: 10 })
const turn = (message: string) => [Scripted.message(message), usage, Scripted.completed]

const opened = Effect.flatMap(Codex, (codex) => codex.startThread())
const test = (
  title: string,
  body: Effect.Effect<unknown, unknown, Layer.Success<typeof TestLayer.TestLayer> | Scope.Scope>
) => it.effect(title, () => Effect.scoped(body).pipe(Effect.provide(TestLayer.TestLayer)))

describe("structured output", () => {
  for (const [what, message] of Object.entries({
    "in a code block": "```json\n" + good + "\n```",
    "in a code block without a language": "```\n" + good + "\n```\n",
    "in a code block between sentences, with Windows line ends":
      "Here it is:\r\n```JSON\r\n" + good + "\r\n```\r\nDone."
  }))
    test(
      `accepts JSON ${what}`,
      Effect.gen(function* () {
        const thread = yield* opened
        yield* Scripted.play(turn(message))
        const result = yield* thread.run("go", { output: Answer })
        assert.deepStrictEqual(result.output, { priority: "high" })
        assert.strictEqual(result.message, message)
      })
    )

  test(
    "does not choose between two code blocks, and reads fences inside of a JSON text as text",
    Effect.gen(function* () {
      const thread = yield* opened
      const block = "```json\n" + good + "\n```"
      yield* Scripted.play([...turn(`${block}\n${block}`), ...turn(JSON.stringify("```\n{}\n```"))])
      const error = yield* Effect.flip(thread.run("go", { output: Answer }))
      assert.deepInclude(error, { _tag: "OutputInvalid", output: `${block}\n${block}` })
      const wrapped = yield* Effect.flip(
        thread.run("go", { output: Schema.Struct({ value: Schema.String }) })
      )
      assert.strictEqual(wrapped._tag, "OutputInvalid")
    })
  )

  test(
    "asks for another answer with the error, and counts both attempts",
    Effect.gen(function* () {
      const thread = yield* opened
      yield* Scripted.play([...turn(bad), ...turn(good)])
      const result = yield* thread.run("go", { output: { schema: Answer, repair: 1 } })
      assert.deepStrictEqual(result.output, { priority: "high" })
      assert.strictEqual(result.usage.input, 200)
      assert.strictEqual((yield* thread.spent).tokens, 220)
      const [first, second] = yield* Scripted.inputs
      assert.strictEqual(first, "go")
      assert.include(second, `Expected "low" | "high"`)
      assert.include(second, `at ["priority"]`)
      const spans = (yield* Captured.spans).filter(({ name }) => name === "invoke_agent codex")
      assert.deepStrictEqual(
        spans.map(({ attributes }) => attributes["error.type"]),
        ["OutputInvalid", undefined]
      )
    })
  )

  test(
    "fails with the last answer after the allowed number of corrections",
    Effect.gen(function* () {
      const thread = yield* opened
      yield* Scripted.play([...turn("a"), ...turn("b"), ...turn("c"), ...turn(bad)])
      const error = yield* Effect.flip(thread.run("go", { output: { schema: Answer, repair: 2 } }))
      assert.deepInclude(error, { _tag: "OutputInvalid", output: "c" })
      const unrepaired = yield* Effect.flip(thread.run("go", { output: { schema: Answer } }))
      assert.deepInclude(unrepaired, { _tag: "OutputInvalid", output: bad })
      assert.lengthOf(yield* Scripted.inputs, 4)
    })
  )

  test(
    "is corrected after a side effect too, because a correction repeats nothing",
    Effect.gen(function* () {
      const thread = yield* opened
      yield* Scripted.play([Scripted.command("echo one", { output: "one" }), ...turn(bad), ...turn(good)])
      const result = yield* thread.run("go", { output: { schema: Answer, repair: 1 } })
      assert.deepStrictEqual(result.output, { priority: "high" })
    })
  )

  test(
    "retries a correction that fails, as the retry schedule says, and not the turn before it",
    Effect.gen(function* () {
      const thread = yield* opened
      yield* Scripted.play([
        ...turn(bad),
        Scripted.failed(new CodexError.TurnFailed({ reason: "ServerError", detail: "" })),
        ...turn(good)
      ])
      const result = yield* thread.run("go", {
        output: { schema: Answer, repair: 1 },
        retry: Schedule.recurs(1)
      })
      assert.deepStrictEqual(result.output, { priority: "high" })
      const inputs = yield* Scripted.inputs
      assert.lengthOf(inputs, 3)
      assert.strictEqual(inputs[2], inputs[1])
    })
  )

  test(
    "is not corrected beyond the budget of the turn",
    Effect.gen(function* () {
      const thread = yield* opened
      yield* Scripted.play(turn(bad))
      const options = { output: { schema: Answer, repair: 1 }, budget: { tokens: 110 } }
      const error = yield* Effect.flip(thread.run("go", options))
      assert.deepInclude(error, { _tag: "BudgetExceeded", scope: "turn" })
      assert.lengthOf(yield* Scripted.inputs, 1)
    })
  )

  test(
    "is corrected in a stream, which has the events of both attempts",
    Effect.gen(function* () {
      const thread = yield* opened
      yield* Scripted.play([...turn(bad), ...turn(good)])
      const events = yield* Stream.runCollect(thread.stream("go", { output: { schema: Answer, repair: 1 } }))
      const tags = events.map(({ _tag }) => _tag)
      assert.strictEqual(tags.filter((tag) => tag === "TurnStarted").length, 2)
      assert.strictEqual(tags.filter((tag) => tag === "TurnCompleted").length, 1)
    })
  )

  test(
    "rejects an invalid number of corrections before the turn starts",
    Effect.gen(function* () {
      const thread = yield* opened
      for (const repair of [-1, 0.5, Number.NaN]) {
        const error = yield* Effect.flip(thread.run("go", { output: { schema: Answer, repair } }))
        assert.deepInclude(error, { _tag: "InvalidRequest", reason: "BadParams" })
      }
      assert.lengthOf(yield* Scripted.inputs, 0)
    })
  )

  test(
    "can be interrupted during a correction",
    Effect.gen(function* () {
      const thread = yield* opened
      const reached = yield* Deferred.make<void>()
      yield* Scripted.play([...turn(bad), Scripted.silence])
      const running = yield* Effect.forkChild(
        Effect.flip(
          Stream.runForEach(thread.stream("go", { output: { schema: Answer, repair: 5 } }), (event) =>
            event._tag === "TurnStarted" ? Deferred.succeed(reached, undefined) : Effect.void
          )
        )
      )
      yield* Deferred.await(reached)
      yield* Effect.yieldNow
      yield* thread.interrupt
      assert.strictEqual((yield* Fiber.join(running))._tag, "TurnInterrupted")
    }).pipe(inOneSlice)
  )
})
