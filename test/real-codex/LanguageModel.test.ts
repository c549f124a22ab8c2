import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Chat from "effect/ai/Chat"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { Codex } from "../../src/Codex.ts"
import { CodexLanguageModel, CodexSessions } from "../../src/ai/index.ts"
import * as Engine from "../../src/engine/Engine.ts"
import * as M from "../../src/testing/ModelServer.ts"
import { test, until } from "../support/live.ts"
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

  test("gives a waiting turn the results and what the user adds to them", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.call("add", { a: 1, b: 1 })), M.reply(M.text("Two."))])
      yield* Effect.gen(function* () {
        const chat = yield* Chat.fromPrompt("Add.")
        const toolkit = yield* Sums
        yield* chat.generateText({ prompt: [], toolkit })
        const { text } = yield* chat.generateText({ prompt: "In words.", toolkit })
        assert.strictEqual(text, "Two.")
      }).pipe(Effect.provide([layerOf(real), SumsLayer]))
      const [, second] = yield* real.server.requests
      assert.deepStrictEqual(second === undefined ? [] : itemsOf(second), [
        "user Add.",
        'call add {"a":1,"b":1}',
        "output 2",
        "user In words."
      ])
    }))

  test("writes nothing by default, leaves nothing behind, and has no commands if it must not", () =>
    Effect.gen(function* () {
      const target = "/var/tmp/effect-codex-must-not-exist"
      const real = yield* Real.make([
        M.reply(
          M.shell(`touch ${target}`),
          M.shell(`touch ${target}`, { escalate: "please" }),
          M.call("add", { a: 1, b: 1 })
        ),
        M.reply(M.text("No commands."))
      ])
      yield* Effect.gen(function* () {
        const first = yield* LanguageModel.generateText({
          prompt: "Write.",
          toolkit: Sums,
          disableToolCallResolution: true
        })
        assert.lengthOf(first.toolCalls, 1)
        assert.strictEqual(yield* CodexSessions.use(({ waiting }) => waiting), 1)
        yield* CodexLanguageModel.withConfigOverride(LanguageModel.generateText({ prompt: "Answer." }), {
          commands: false
        })
        assert.isFalse(yield* real.exists(target))
        assert.isNotEmpty(yield* real.processes)
      }).pipe(Effect.provide(layerOf(real)))
      assert.isFalse(yield* real.exists(target))
      assert.lengthOf(yield* real.processes, 0)
      assert.isFalse(yield* real.exists(`${real.env.CODEX_HOME}/sessions`))
      const names = (yield* real.server.requests).map(({ body }) => JSON.stringify(body["tools"]))
      assert.deepStrictEqual(
        names.map((tools) => tools.includes('"exec_command"')),
        [true, false]
      )
    }))

  test("says that a rate limit is reached, and fails a prompt whose history Codex has lost", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.httpError(429), M.reply(M.text("without the history"))])
      yield* Effect.gen(function* () {
        const limited = yield* Effect.flip(LanguageModel.generateText({ prompt: "go" }))
        assert.strictEqual(limited.reason._tag, "RateLimitError")
        const engine = yield* Engine.Engine
        // Codex dies after it has received the history, and before the turn.
        const dying: Engine.Engine["Service"] = {
          ...engine,
          request: (method, params, options) =>
            Effect.tap(engine.request(method, params, options), () =>
              Effect.andThen(
                Effect.map(real.processes, (found) => {
                  for (const { pid } of found) process.kill(pid, "SIGKILL")
                }),
                until(
                  "codex is dead",
                  Effect.map(real.processes, (found) => found.length === 0)
                )
              )
            )
        }
        const lost = yield* LanguageModel.generateText({
          prompt: [
            { role: "user", content: "My name is Ada." },
            { role: "assistant", content: "Hello Ada." },
            { role: "user", content: "Who am I?" }
          ]
        }).pipe(
          Effect.flip,
          Effect.provide(
            CodexLanguageModel.layer().pipe(
              Layer.provide(Layer.fresh(CodexSessions.layer)),
              Layer.provide(Layer.fresh(Codex.layer)),
              Layer.provide(Layer.succeed(Engine.Engine, dying))
            )
          )
        )
        assert.strictEqual(lost.reason._tag, "InternalProviderError")
        assert.isTrue(lost.isRetryable)
      }).pipe(Effect.provide(layerOf(real)))
    }))
})
