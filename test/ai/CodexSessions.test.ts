import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { Captured, Scripted, TestLayer } from "effect-codex/testing"
import { CodexLanguageModel, CodexSessions, type CodexSessionsOptions } from "effect-codex/ai"

const layer = (options: CodexSessionsOptions = {}) =>
  CodexLanguageModel.layer().pipe(
    Layer.provideMerge(CodexSessions.layerOptions(options)),
    Layer.provideMerge(TestLayer)
  )

const Ask = Tool.make("ask", { parameters: Schema.Struct({ of: Schema.String }), success: Schema.String })
const Asks = Toolkit.make(Ask)
const Others = Toolkit.make(Ask, Tool.make("other", { success: Schema.String }))

/** A prompt whose calls the test answers itself. */
const request = (prompt: Prompt.RawInput) =>
  LanguageModel.generateText({ prompt, toolkit: Asks, disableToolCallResolution: true })

const followUp = (
  calls: ReadonlyArray<{ readonly id: string; readonly name: string }>,
  results: Readonly<Record<string, string>>,
  ...after: ReadonlyArray<Prompt.MessageEncoded>
): Prompt.RawInput => [
  { role: "user", content: "go" },
  {
    role: "assistant",
    content: calls.map(({ id, name }) => ({ type: "tool-call", id, name, params: { of: "x" } }) as const)
  },
  {
    role: "tool",
    content: Object.entries(results).map(
      ([id, result]) => ({ type: "tool-result", id, name: "ask", isFailure: false, result }) as const
    )
  },
  ...after
]

const returned = (text: string) => ({ expect: (output: { readonly text: string }) => output.text === text })
const idOf = (response: { readonly toolCalls: ReadonlyArray<{ readonly id: string }> }) =>
  response.toolCalls[0]?.id ?? "none"
const turnStatus = Effect.map(
  Captured.span("invoke_agent codex"),
  ({ attributes }) => attributes["codex.turn.status"]
)

describe("the turns of language models", () => {
  it.effect(
    "answer each conversation by the ids of its calls, although the calls of the model have the same id",
    () =>
      Effect.gen(function* () {
        const conversations = ["ada", "bob", "eve"]
        for (const name of conversations)
          yield* Scripted.play([
            Scripted.toolCall("ask", { of: name }, returned(`for ${name}`)),
            Scripted.message(`hello ${name}`),
            Scripted.completed
          ])
        const first = yield* Effect.forEach(conversations, (name) => request(`I am ${name}`))
        assert.strictEqual(yield* CodexSessions.use(({ waiting }) => waiting), 3)
        assert.lengthOf(new Set(first.map(idOf)), 3)
        const second = yield* Effect.forEach(
          first.toReversed(),
          (response, at) =>
            request(followUp(response.toolCalls, { [idOf(response)]: `for ${conversations[2 - at]}` })),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          second.map(({ text }) => text),
          ["hello eve", "hello bob", "hello ada"]
        )
        assert.strictEqual(yield* CodexSessions.use(({ waiting }) => waiting), 0)
      }).pipe(Effect.provide(layer()))
  )

  it.effect("wait for results no longer than their timeout; a late result starts a new thread", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.toolCall("ask", { of: "x" }), Scripted.completed])
      const response = yield* request("go")
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(yield* CodexSessions.use(({ waiting }) => waiting), 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* CodexSessions.use(({ waiting }) => waiting), 0)
      yield* Scripted.play([Scripted.prompt(""), Scripted.message("late")])
      const late = yield* request(followUp(response.toolCalls, { [idOf(response)]: "yes" }))
      assert.strictEqual(late.text, "late")
    }).pipe(Effect.provide(layer({ resultTimeout: "1 minute" })))
  )

  it.effect("end when their number exceeds the limit, the oldest first", () =>
    Effect.gen(function* () {
      for (const name of ["a", "b", "c"])
        yield* Scripted.play([
          Scripted.toolCall("ask", { of: name }),
          Scripted.message(name),
          Scripted.completed
        ])
      const [a, b, c] = yield* Effect.forEach(["a", "b", "c"], (name) => request(name))
      assert.strictEqual(yield* CodexSessions.use(({ waiting }) => waiting), 2)
      yield* Scripted.play([Scripted.message("a again")])
      const texts = yield* Effect.forEach([a, b, c], (response) =>
        response === undefined
          ? Effect.die("no response")
          : Effect.map(request(followUp(response.toolCalls, { [idOf(response)]: "yes" })), ({ text }) => text)
      )
      assert.deepStrictEqual(texts, ["a again", "b", "c"])
    }).pipe(Effect.provide(layer({ maxWaiting: 2 })))
  )

  it.effect("go on beside an unrelated prompt, and end if the follow-up offers other tools", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.toolCall("ask", { of: "x" }),
        Scripted.message("never"),
        Scripted.completed,
        Scripted.message("unrelated"),
        Scripted.completed
      ])
      const first = yield* request("go")
      assert.strictEqual((yield* request("hello")).text, "unrelated")
      assert.strictEqual(yield* CodexSessions.use(({ waiting }) => waiting), 1)
      yield* Scripted.play([Scripted.message("started again")])
      const other = yield* LanguageModel.generateText({
        prompt: followUp(first.toolCalls, { [idOf(first)]: "yes" }),
        toolkit: Others,
        disableToolCallResolution: true
      })
      assert.strictEqual(other.text, "started again")
      assert.strictEqual(yield* CodexSessions.use(({ waiting }) => waiting), 0)
    }).pipe(Effect.provide(layer()))
  )

  it.effect(
    "do not go on with a result in the middle of a prompt, or with a result of another conversation",
    () =>
      Effect.gen(function* () {
        yield* Scripted.play([Scripted.toolCall("ask", { of: "x" }), Scripted.completed])
        const first = yield* request("go")
        const old = followUp(
          first.toolCalls,
          { [idOf(first)]: "yes" },
          { role: "assistant", content: [{ type: "text", text: "done" }] },
          { role: "user", content: "more" }
        )
        for (const prompt of [old, followUp([{ id: "call_1", name: "ask" }], { call_1: "stolen" })]) {
          yield* Scripted.play([Scripted.message("new"), Scripted.completed])
          assert.strictEqual((yield* request(prompt)).text, "new")
        }
        assert.strictEqual(yield* CodexSessions.use(({ waiting }) => waiting), 1)
      }).pipe(Effect.provide(layer()))
  )

  it.effect("give one of two equal follow-ups the turn, and start a new thread for the other one", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.toolCall("ask", { of: "x" }),
        Scripted.delay("1 minute"),
        Scripted.message("continued"),
        Scripted.completed
      ])
      const first = yield* request("go")
      yield* Scripted.play([Scripted.message("new"), Scripted.completed])
      const prompt = followUp(first.toolCalls, { [idOf(first)]: "yes" })
      const running = yield* Effect.forEach([prompt, prompt], (prompt) =>
        Effect.forkChild(request(prompt), { startImmediately: true })
      )
      yield* TestClock.adjust("1 minute")
      const texts = yield* Effect.forEach(running, (fiber) => Fiber.join(fiber))
      assert.sameMembers(
        texts.map(({ text }) => text),
        ["continued", "new"]
      )
    }).pipe(Effect.provide(layer()))
  )

  it.effect("end with the response that is interrupted", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.command("sleep 600", { takes: "10 minutes" })])
      const running = yield* Effect.forkChild(request("go"), { startImmediately: true })
      yield* Scripted.begun()
      yield* Fiber.interrupt(running)
      assert.strictEqual(yield* turnStatus, "interrupted")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("end with a stream whose consumer stops", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.message("one", { deltas: true }),
        Scripted.command("sleep 600", { takes: "10 minutes" })
      ])
      yield* Stream.runDrain(
        Stream.takeUntil(LanguageModel.streamText({ prompt: "go" }), ({ type }) => type === "text-end")
      )
      assert.strictEqual(yield* turnStatus, "interrupted")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("end with the scope of the sessions", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.toolCall("ask", { of: "x" })])
      yield* Effect.provide(
        request("go"),
        CodexLanguageModel.layer().pipe(Layer.provide(CodexSessions.layer))
      )
      assert.strictEqual(yield* turnStatus, "interrupted")
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("give the model what the user adds to the results", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.toolCall("ask", { of: "x" }),
        Scripted.steered("and hurry"),
        Scripted.message("hurried")
      ])
      const first = yield* request("go")
      const second = yield* request(
        followUp(first.toolCalls, { [idOf(first)]: "yes" }, { role: "user", content: "and hurry" })
      )
      assert.strictEqual(second.text, "hurried")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("that time out while they wait do not go on: the follow-up starts a new thread", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.toolCall("ask", { of: "x" }), Scripted.completed])
      const first = yield* request("go")
      yield* TestClock.adjust("1 minute")
      yield* Scripted.play([Scripted.message("started again")])
      const second = yield* request(followUp(first.toolCalls, { [idOf(first)]: "yes" }))
      assert.strictEqual(second.text, "started again")
    }).pipe(
      CodexLanguageModel.withConfigOverride({ timeout: "1 minute" }),
      Effect.provide(layer({ resultTimeout: "1 hour" }))
    )
  )

  it.effect("fail if Codex has lost the history of their thread, and not if there is none", () =>
    Effect.gen(function* () {
      const restarted = Scripted.event({ _tag: "TurnStarted", threadId: "thread_9", turnId: "turn_9" })
      yield* Scripted.play([restarted, Scripted.message("no history"), Scripted.completed])
      assert.strictEqual((yield* request("go")).text, "no history")
      yield* Scripted.play([restarted, Scripted.message("lost"), Scripted.completed])
      const error = yield* Effect.flip(
        request([
          { role: "user", content: "I am Ada." },
          { role: "assistant", content: "Hello." },
          { role: "user", content: "Who am I?" }
        ])
      )
      assert.strictEqual(error.reason._tag, "InternalProviderError")
      assert.isTrue(error.isRetryable)
    }).pipe(Effect.provide(layer()))
  )
})
