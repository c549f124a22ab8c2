import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { CodexLanguageModel, CodexSessions, type CodexSessionsOptions } from "effect-codex/ai"
import { Scripted, TestLayer } from "effect-codex/testing"

const layer = (
  options: CodexSessionsOptions = {},
  model: CodexLanguageModel.CodexLanguageModelOptions = {}
) =>
  CodexLanguageModel.layer(model).pipe(
    Layer.provideMerge(CodexSessions.layerOptions(options)),
    Layer.provideMerge(TestLayer)
  )

const Add = Tool.make("add", {
  description: "Adds two numbers",
  parameters: Schema.Struct({ a: Schema.Finite, b: Schema.Finite }),
  success: Schema.Finite
})
const Sums = Toolkit.make(Add)
const SumsLayer = Sums.toLayer({ add: ({ a, b }) => Effect.succeed(a + b) })

describe("a language model", () => {
  it.effect("answers a prompt with text, usage and the reason of its end", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.prompt("What is 1 + 1?"),
        Scripted.reasoning("A sum."),
        Scripted.message("It is 2."),
        Scripted.usage({ input: 90, cachedInput: 30, output: 12, reasoning: 2 })
      ])
      const response = yield* LanguageModel.generateText({ prompt: "What is 1 + 1?" })
      assert.strictEqual(response.text, "It is 2.")
      assert.strictEqual(response.reasoningText, "A sum.")
      assert.strictEqual(response.finishReason, "stop")
      assert.deepInclude(response.usage.inputTokens, { uncached: 60, total: 90, cacheRead: 30 })
      assert.deepInclude(response.usage.outputTokens, { text: 10, total: 12, reasoning: 2 })
    }).pipe(Effect.provide(layer()))
  )

  it.effect("streams the deltas of a text", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.message("It is 2.", { deltas: ["It ", "is 2."] })])
      const parts = yield* Stream.runCollect(LanguageModel.streamText({ prompt: "What is 1 + 1?" }))
      assert.deepStrictEqual(
        parts.map(({ type }) => type),
        ["response-metadata", "text-start", "text-delta", "text-end", "finish"]
      )
      assert.strictEqual(
        parts.map((part) => (part.type === "text-delta" ? part.delta : "")).join(""),
        "It is 2."
      )
    }).pipe(Effect.provide(layer()))
  )

  it.effect("returns the call of a tool, and continues the same turn with the result", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.toolCall("add", { a: 1, b: 1 }, { expect: ({ text }) => text === "2" }),
        Scripted.message("It is 2.")
      ])
      const sessions = yield* CodexSessions
      const first = yield* LanguageModel.generateText({ prompt: "What is 1 + 1?", toolkit: Sums })
      assert.strictEqual(first.finishReason, "tool-calls")
      assert.deepStrictEqual(
        first.toolResults.map(({ result }) => result),
        [2]
      )
      assert.strictEqual(yield* sessions.waiting, 1)
      const [call] = first.toolCalls
      assert.isDefined(call)
      const second = yield* LanguageModel.generateText({
        prompt: [
          { role: "user", content: "What is 1 + 1?" },
          {
            role: "assistant",
            content: [{ type: "tool-call", id: call.id, name: "add", params: { a: 1, b: 1 } }]
          },
          {
            role: "tool",
            content: [{ type: "tool-result", id: call.id, name: "add", isFailure: false, result: 2 }]
          }
        ],
        toolkit: Sums
      })
      assert.strictEqual(second.text, "It is 2.")
      assert.strictEqual(yield* sessions.waiting, 0)
      assert.deepStrictEqual(yield* Scripted.inputs, ["What is 1 + 1?"])
    }).pipe(Effect.provide([layer(), SumsLayer]))
  )

  it.effect("answers with an object of a schema", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.message("I look."), Scripted.message('{"sum":2}')])
      const response = yield* LanguageModel.generateObject({
        prompt: "What is 1 + 1?",
        schema: Schema.Struct({ sum: Schema.Finite })
      })
      assert.deepStrictEqual(response.value, { sum: 2 })
    }).pipe(Effect.provide(layer()))
  )
})
