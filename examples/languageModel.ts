/** Codex as a language model of effect/ai: text, an object of a schema, and a stream. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, Schema, Stream } from "effect"
import { LanguageModel } from "effect/ai"
import { AppServer, Codex } from "effect-codex"
import { CodexLanguageModel, CodexSessions } from "effect-codex/ai"

const Triage = Schema.Struct({ priority: Schema.Literals(["low", "high"]), summary: Schema.String })

// Nothing here names Codex: the layer at the end does.
const program = Effect.gen(function* () {
  const { text, usage } = yield* LanguageModel.generateText({ prompt: "What is a flaky test?" })
  yield* Console.log(`${text} (${usage.outputTokens.total} tokens)`)

  const { value } = yield* LanguageModel.generateObject({
    prompt: "Triage: the build fails on Windows since Monday.",
    schema: Triage
  })
  yield* Console.log(`${value.priority}: ${value.summary}`)

  yield* LanguageModel.streamText({ prompt: "Write a haiku about builds." }).pipe(
    Stream.runForEach((part) => (part.type === "text-delta" ? Console.log(`> ${part.delta}`) : Effect.void))
  )
}).pipe(
  Effect.catchReason("AiError", "RateLimitError", ({ retryAfter }) => Console.log("try again", retryAfter))
)

const Model = CodexLanguageModel.layer({ config: { commands: false, timeout: "5 minutes" } }).pipe(
  Layer.provide(CodexSessions.layer),
  Layer.provide(Codex.layer),
  Layer.provide(AppServer.layer)
)

program.pipe(Effect.provide(Model), NodeRuntime.runMain)
