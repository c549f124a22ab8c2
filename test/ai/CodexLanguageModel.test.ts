import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as AiError from "effect/ai/AiError"
import * as Chat from "effect/ai/Chat"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Model from "effect/ai/Model"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { existsSync } from "node:fs"
import { Codex, type ThreadOptions } from "effect-codex"
import { CodexLanguageModel, CodexSessions, type CodexSessionsOptions } from "effect-codex/ai"
import { Captured, Scripted, TestLayer } from "effect-codex/testing"

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

describe("the options of a language model", () => {
  const Other = Tool.make("other", { success: Schema.String })
  const Both = Toolkit.make(Add, Other)
  const tagOf = (error: unknown) =>
    AiError.isAiError(error) ? `${error.reason._tag}: ${error.reason.message}` : String(error)
  const ask = (toolChoice: LanguageModel.ToolChoice<"add" | "other">) =>
    LanguageModel.generateText({ prompt: "go", toolkit: Both, toolChoice, disableToolCallResolution: true })
  /** `Codex` on the scripted engine, and the options and tools of the threads that it starts. */
  const watch = Effect.map(Codex, (codex) => {
    const started: Array<ThreadOptions> = []
    const tools: Array<ReadonlyArray<string>> = []
    const startThread: (typeof codex)["startThread"] = (options) => {
      started.push({ ...options, tools: undefined })
      tools.push(Object.keys(options?.tools?.tools ?? {}))
      return codex.startThread(options)
    }
    return { layer: Layer.succeed(Codex, Codex.of({ ...codex, startThread })), started, tools }
  })

  it.effect("offer the tools that toolChoice names, and no others", () =>
    Effect.gen(function* () {
      const watched = yield* watch
      const choices = ["auto", "none", { oneOf: ["other"] }, { tool: "add" }] as const
      yield* Effect.forEach(choices, (toolChoice) =>
        Effect.andThen(
          Scripted.play([
            typeof toolChoice === "object" && "tool" in toolChoice
              ? Scripted.toolCall("add", { a: 1, b: 2 })
              : Scripted.message("No."),
            Scripted.completed
          ]),
          ask(toolChoice)
        )
      ).pipe(
        Effect.provide(
          CodexLanguageModel.layer().pipe(Layer.provide(CodexSessions.layer), Layer.provide(watched.layer))
        )
      )
      assert.deepStrictEqual(watched.tools, [["add", "other"], [], ["other"], ["add"]])
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("that require a call tell the model, and fail a response without one", () =>
    Effect.gen(function* () {
      const injected: Array<unknown> = []
      yield* Scripted.answer("thread/inject_items", (params) => {
        injected.push(params)
        return {}
      })
      for (const toolChoice of ["required", { tool: "add" }, { mode: "required", oneOf: ["add"] }] as const) {
        yield* Scripted.play([Scripted.message("No."), Scripted.completed])
        assert.match(tagOf(yield* Effect.flip(ask(toolChoice))), /^InvalidOutputError: .*without one/s)
      }
      assert.lengthOf(injected, 3)
      assert.include(JSON.stringify(injected), "Call at least one of the given functions")
      yield* Scripted.play([Scripted.toolCall("add", { a: 1, b: 2 })])
      assert.lengthOf((yield* ask("required")).toolCalls, 1)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("fail for tools that Codex cannot offer", () =>
    Effect.gen(function* () {
      const options = { prompt: "go", disableToolCallResolution: true } as const
      const Search = Tool.providerDefined({
        id: "openai.web_search",
        customName: "Search",
        providerName: "web_search",
        success: Schema.String
      })
      const errors = yield* Effect.all([
        Effect.flip(LanguageModel.generateText({ ...options, toolkit: Toolkit.make(Search(undefined)) })),
        Effect.flip(LanguageModel.generateText({ ...options, toolkit: Toolkit.make(Tool.make("look.up")) }))
      ])
      const [foreign, misnamed] = errors.map(tagOf)
      assert.match(foreign ?? "", /^ToolConfigurationError: .*another provider/s)
      assert.match(misnamed ?? "", /^ToolConfigurationError: .*only names/s)
      const none = yield* Effect.flip(ask({ mode: "required", oneOf: [] }))
      assert.match(tagOf(none), /^InvalidRequestError: .*toolChoice/s)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("are strict by default, and those of a part of a program override them", () =>
    Effect.gen(function* () {
      const { layer: watched, started } = yield* watch
      yield* Scripted.play([
        Scripted.command("rm -rf /", { approval: true }),
        Scripted.message("one"),
        Scripted.completed,
        Scripted.message("two"),
        Scripted.completed,
        Scripted.message("three")
      ])
      const generate = LanguageModel.generateText({ prompt: "go" })
      yield* Effect.gen(function* () {
        yield* generate
        yield* CodexLanguageModel.withConfigOverride(generate, { model: "b", cwd: "/", commands: false })
        yield* generate.pipe(
          CodexLanguageModel.withConfigOverride({ effort: "low" }),
          CodexLanguageModel.withConfigOverride({ effort: "high", sandbox: "workspace-write" })
        )
      }).pipe(
        Effect.provide(
          CodexLanguageModel.model("a", { webSearch: "live" }).pipe(
            Layer.provide(CodexSessions.layer),
            Layer.provide(watched)
          )
        )
      )
      const [first, second, third] = started
      assert.deepInclude(first, {
        model: "a",
        sandbox: "read-only",
        approvalMode: "on-request",
        webSearch: "live",
        ephemeral: true
      })
      assert.match(first?.cwd ?? "", /effect-codex-model-/)
      assert.deepInclude(second, { model: "b", cwd: "/", config: { "features.shell_tool": false } })
      assert.deepInclude(third, { model: "a", effort: "low", sandbox: "workspace-write" })
      // The directory ends with the sessions.
      assert.isFalse(existsSync(first?.cwd ?? ""))
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("name the provider and the model", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Model.ProviderName, "codex")
      assert.strictEqual(yield* Model.ModelName, "gpt-5.5")
    }).pipe(
      Effect.provide(CodexLanguageModel.model("gpt-5.5").pipe(Layer.provide(CodexSessions.layer))),
      Effect.provide(TestLayer)
    )
  )
})

describe("a response", () => {
  it.effect("has the comments of the agent as reasoning, and where it comes from as metadata", () =>
    Effect.gen(function* () {
      const item = (id: string, phase: "commentary" | "final_answer", text: string) =>
        ({ _tag: "AgentMessage", id, text, phase }) as const
      yield* Scripted.play([
        Scripted.event({ _tag: "ItemStarted", item: item("a", "commentary", "") }),
        Scripted.event({ _tag: "MessageDelta", itemId: "a", delta: "I look" }),
        Scripted.event({ _tag: "ItemCompleted", item: item("a", "commentary", "I look.") }),
        Scripted.event({ _tag: "ItemCompleted", item: item("b", "final_answer", "It is 2.") })
      ])
      const response = yield* LanguageModel.generateText({ prompt: "go" })
      assert.strictEqual(response.text, "It is 2.")
      assert.strictEqual(response.reasoningText, "I look.")
      const [metadata] = response.content
      assert.isTrue(metadata?.type === "response-metadata" && metadata.modelId === "scripted")
      assert.deepStrictEqual(metadata?.metadata["codex"], { threadId: "thread_1", turnId: "turn_1" })
      assert.deepInclude(response.content.at(-1)?.metadata["codex"], { turnId: "turn_1" })
    }).pipe(Effect.provide(layer()))
  )

  it.effect("counts the tokens of each response once, and those of the turn together", () =>
    Effect.gen(function* () {
      const exact = (responseId: string, input: number) =>
        Scripted.event({
          _tag: "ModelResponded",
          responseId,
          usage: { input, cachedInput: 0, output: 1, reasoning: 0 }
        })
      yield* Scripted.play([
        exact("r1", 10),
        Scripted.toolCall("add", { a: 1, b: 1 }),
        Scripted.usage({ input: 10, output: 1 }),
        exact("r2", 30),
        Scripted.usage({ input: 30, output: 1 }),
        exact("r3", 50),
        Scripted.toolCall("add", { a: 2, b: 2 }),
        Scripted.usage({ input: 50, output: 1 }),
        exact("r4", 70),
        Scripted.usage({ input: 70, output: 1 }),
        Scripted.message("It is 2 and 4.")
      ])
      const chat = yield* Chat.fromPrompt("What is 1 + 1?")
      const first = yield* chat.generateText({ prompt: [], toolkit: Sums })
      const second = yield* chat.generateText({ prompt: [], toolkit: Sums })
      const third = yield* chat.generateText({ prompt: [], toolkit: Sums })
      assert.deepStrictEqual(
        [first, second, third].map(({ usage }) => [usage.inputTokens.total, usage.outputTokens.total]),
        [
          [10, 1],
          [80, 2],
          [70, 1]
        ]
      )
      assert.deepInclude(third.content.at(-1)?.metadata["codex"], { responseId: "r4" })
    }).pipe(Effect.provide([layer(), SumsLayer]))
  )

  it.effect("tells the model that a tool failed, in the words of its failure", () =>
    Effect.gen(function* () {
      const Fails = Toolkit.make(
        Tool.make("fails", {
          success: Schema.String,
          failure: Schema.Struct({ why: Schema.String }),
          failureMode: "return"
        })
      )
      yield* Scripted.play([
        Scripted.toolCall(
          "fails",
          {},
          { expect: ({ success, text }) => !success && text === '{"why":"no"}' }
        ),
        Scripted.message("Too bad.")
      ])
      const chat = yield* Chat.fromPrompt("go")
      const toolkit = yield* Fails.pipe(
        Effect.provide(Fails.toLayer({ fails: () => Effect.fail({ why: "no" }) }))
      )
      const first = yield* chat.generateText({ prompt: [], toolkit })
      assert.isTrue(first.toolResults[0]?.isFailure)
      assert.strictEqual((yield* chat.generateText({ prompt: [], toolkit })).text, "Too bad.")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("asks the program about tools that need approval, and Codex's turn waits for the answer", () =>
    Effect.gen(function* () {
      const Guarded = Toolkit.make(Tool.make("guarded", { success: Schema.String, needsApproval: true }))
      yield* Scripted.play([
        Scripted.toolCall("guarded", {}, { expect: ({ text }) => text === "done" }),
        Scripted.message("Good.")
      ])
      const chat = yield* Chat.fromPrompt("go")
      const toolkit = yield* Guarded.pipe(
        Effect.provide(Guarded.toLayer({ guarded: () => Effect.succeed("done") }))
      )
      const first = yield* chat.generateText({ prompt: [], toolkit })
      const asked = first.content.find((part) => part.type === "tool-approval-request")
      assert.isDefined(asked)
      assert.lengthOf(first.toolResults, 0)
      const second = yield* chat.generateText({
        prompt: [
          {
            role: "tool",
            content: [{ type: "tool-approval-response", approvalId: asked.approvalId, approved: true }]
          }
        ],
        toolkit
      })
      assert.strictEqual(second.text, "Good.")
      assert.lengthOf(yield* Scripted.inputs, 1)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("has the turn as a child of the span of its request, and tokens only there", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.toolCall("add", { a: 1, b: 1 }),
        Scripted.message("It is 2."),
        Scripted.usage({ input: 10, output: 1 })
      ])
      const chat = yield* Chat.fromPrompt("What is 1 + 1?")
      yield* chat.generateText({ prompt: [], toolkit: Sums })
      yield* chat.generateText({ prompt: [], toolkit: Sums })
      const spans = yield* Captured.spans
      const turn = yield* Captured.span("invoke_agent codex")
      const requests = spans.filter(({ name }) => name === "LanguageModel.generateText")
      assert.lengthOf(requests, 2)
      assert.strictEqual(turn.parentSpanId, requests[0]?.spanId)
      for (const { attributes } of requests) {
        assert.deepInclude(attributes, { "gen_ai.conversation.id": "thread_1", "codex.turn.id": "turn_1" })
        assert.isEmpty(Object.keys(attributes).filter((name) => name.startsWith("gen_ai.usage.")))
      }
      assert.strictEqual(turn.attributes["gen_ai.usage.input_tokens"], 10)
    }).pipe(Effect.provide([layer(), SumsLayer]))
  )
})
