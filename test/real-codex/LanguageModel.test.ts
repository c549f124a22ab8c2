import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Chat from "effect/ai/Chat"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { CodexLanguageModel, CodexSessions } from "../../src/ai/index.ts"
import * as M from "../../src/testing/ModelServer.ts"
import { test } from "../support/live.ts"
import * as Real from "../support/realEngine.ts"

const Add = Tool.make("add", {
  description: "Adds two numbers",
  parameters: Schema.Struct({ a: Schema.Finite, b: Schema.Finite }),
  success: Schema.Finite
})
const Sums = Toolkit.make(Add)
const SumsLayer = Sums.toLayer({ add: ({ a, b }) => Effect.succeed(a + b) })

const layerOf = (real: Effect.Success<ReturnType<typeof Real.make>>) =>
  CodexLanguageModel.layer().pipe(Layer.provideMerge(CodexSessions.layer), Layer.provideMerge(real.layer))

const Item = Schema.Union([
  Schema.Struct({
    type: Schema.Literal("message"),
    role: Schema.String,
    content: Schema.Array(Schema.Struct({ text: Schema.optionalKey(Schema.String) }))
  }),
  Schema.Struct({ type: Schema.Literal("function_call"), name: Schema.String, arguments: Schema.String }),
  Schema.Struct({ type: Schema.Literal("function_call_output"), output: Schema.String })
])
const decodeItem = Schema.decodeUnknownOption(Item)

/** The conversation of a request, without what Codex adds to it. */
const itemsOf = ({ body }: M.RecordedRequest): ReadonlyArray<string> =>
  (Array.isArray(body["input"]) ? body["input"] : []).flatMap((raw) => {
    const decoded = decodeItem(raw)
    if (decoded._tag === "None") return []
    const item = decoded.value
    if (item.type === "function_call") return [`call ${item.name} ${item.arguments}`]
    if (item.type === "function_call_output") return [`output ${item.output}`]
    return item.content.flatMap(({ text = "" }) =>
      text.length > 200 || text.startsWith("<") ? [] : [`${item.role} ${text}`]
    )
  })

describe.concurrent("a language model on the real Codex", () => {
  test("answers with text, and with an object of a schema", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(M.text("It is 2.", { deltas: true }), M.usage({ input: 90, cachedInput: 30, output: 12 })),
        M.reply(M.text('{"sum":2}'))
      ])
      yield* Effect.gen(function* () {
        const { finishReason, text, usage } = yield* LanguageModel.generateText({ prompt: "What is 1 + 1?" })
        assert.strictEqual(text, "It is 2.")
        assert.strictEqual(finishReason, "stop")
        assert.deepInclude(usage.inputTokens, { total: 90, cacheRead: 30, uncached: 60 })
        const { value } = yield* LanguageModel.generateObject({
          prompt: "What is 1 + 1?",
          schema: Schema.Struct({ sum: Schema.Finite })
        })
        assert.deepStrictEqual(value, { sum: 2 })
      }).pipe(Effect.provide(layerOf(real)))
    }))

  test("returns parallel calls of one response together, and continues the turn of a chat with their results", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(
          M.text("I add.", { deltas: true }),
          M.call("add", { a: 1, b: 1 }, { callId: "same" }),
          M.call("add", { a: 2, b: 2 }),
          M.call("add", { a: 3, b: 3 }),
          M.usage({ input: 90, output: 10 })
        ),
        M.reply(M.text("2, 4 and 6."), M.usage({ input: 120, output: 5 })),
        M.reply(M.text("12."))
      ])
      yield* Effect.gen(function* () {
        const chat = yield* Chat.fromPrompt([
          { role: "system", content: "Be brief." },
          { role: "user", content: "Add three times." }
        ])
        const toolkit = yield* Sums
        const first = yield* chat.generateText({ prompt: [], toolkit })
        assert.deepStrictEqual(
          first.toolResults.map(({ result }) => result),
          [2, 4, 6]
        )
        assert.strictEqual(first.usage.inputTokens.total, 90)
        const second = yield* chat.generateText({ prompt: [], toolkit })
        assert.strictEqual(second.text, "2, 4 and 6.")
        assert.strictEqual(second.usage.inputTokens.total, 120)
        assert.strictEqual(second.usage.outputTokens.total, 5)
        const third = yield* chat.generateText({ prompt: "And in total?", toolkit })
        assert.strictEqual(third.text, "12.")
      }).pipe(Effect.provide([layerOf(real), SumsLayer]))
      const requests = yield* real.server.requests
      assert.lengthOf(requests, 3)
      const [first, second, third] = requests.map(itemsOf)
      // The second request continues the turn of the first one; the third one is a new thread with the whole conversation.
      assert.strictEqual(requests[0]?.threadId, requests[1]?.threadId)
      assert.notStrictEqual(requests[1]?.threadId, requests[2]?.threadId)
      assert.deepStrictEqual(first, ["developer Be brief.", "user Add three times."])
      const answers = [
        'call add {"a":1,"b":1}',
        'call add {"a":2,"b":2}',
        'call add {"a":3,"b":3}',
        "output 2",
        "output 4",
        "output 6"
      ]
      assert.deepStrictEqual(second, [...(first ?? []), "assistant I add.", ...answers])
      assert.deepStrictEqual(third, [...(second ?? []), "assistant 2, 4 and 6.", "user And in total?"])
    }))
})
