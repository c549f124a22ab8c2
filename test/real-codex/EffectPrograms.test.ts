/** Programs in the shape of those in Effect's documentation (`effect/ai-docs/src/71_ai`), with only the layers of Codex. */
import { assert, describe } from "@effect/vitest"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as ExecutionPlan from "effect/ExecutionPlan"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as AiError from "effect/ai/AiError"
import * as Chat from "effect/ai/Chat"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Model from "effect/ai/Model"
import * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { CodexLanguageModel, CodexSessions } from "../../src/ai/index.ts"
import * as M from "../../src/testing/ModelServer.ts"
import { test } from "../support/live.ts"
import * as Real from "../support/realEngine.ts"

class AppError extends Schema.TaggedError<AppError>()("AppError", { reason: AiError.AiErrorReason }) {
  static fromAiError({ reason }: AiError.AiError) {
    return new AppError({ reason })
  }
}

class Plan extends Schema.Class<Plan>("Plan")({
  audience: Schema.Literals(["developers", "operators"]),
  channels: Schema.Array(Schema.String),
  summary: Schema.String
}) {}

const Drafts = ExecutionPlan.make(
  { provide: CodexLanguageModel.model("gpt-5.5-mini"), attempts: 2 },
  { provide: CodexLanguageModel.model("gpt-5.5"), attempts: 1 }
)

class Writer extends Context.Service<
  Writer,
  {
    readonly announce: (
      product: string
    ) => Effect.Effect<{ readonly provider: string; readonly text: string }, AppError>
    readonly plan: (notes: string) => Effect.Effect<Plan, AppError>
    readonly highlights: (version: string) => Stream.Stream<string, AppError>
  }
>()("test/Writer") {
  static readonly layer = Layer.effect(
    Writer,
    Effect.gen(function* () {
      const drafts = yield* Drafts.captureRequirements
      const planner = yield* CodexLanguageModel.model("gpt-5.5").captureRequirements
      const announce = Effect.fn("Writer.announce")(
        function* (product: string) {
          const model = yield* LanguageModel.LanguageModel
          const provider = yield* Model.ProviderName
          const { text } = yield* model.generateText({ prompt: `Announce ${product}.` })
          return { provider, text }
        },
        Effect.withExecutionPlan(drafts),
        Effect.mapError((error) => AppError.fromAiError(error))
      )
      const plan = Effect.fn("Writer.plan")(
        function* (notes: string) {
          const model = yield* LanguageModel.LanguageModel
          const { value } = yield* model.generateObject({
            objectName: "plan",
            prompt: `Plan the launch: ${notes}`,
            schema: Plan
          })
          return value
        },
        Effect.provide(planner),
        Effect.mapError((error) => AppError.fromAiError(error))
      )
      const highlights = (version: string) =>
        LanguageModel.streamText({ prompt: `Highlights of ${version}.` }).pipe(
          Stream.filter((part): part is Response.TextDeltaPart => part.type === "text-delta"),
          Stream.map((part) => part.delta),
          Stream.provide(planner),
          Stream.mapError((error) => AppError.fromAiError(error))
        )
      return Writer.of({ announce, plan, highlights })
    })
  )
}

const ProductId = Schema.String.pipe(Schema.brand("ProductId"))
class Product extends Schema.Class<Product>("Product")({ id: ProductId, price: Schema.Finite }) {}
const Products = Toolkit.make(
  Tool.make("SearchProducts", {
    description: "Searches the catalogue",
    parameters: Schema.Struct({
      query: Schema.String,
      maxResults: Schema.Natural.pipe(Schema.withDecodingDefault(Effect.succeed(1)))
    }),
    success: Schema.Array(Product)
  })
)
const ProductsLayer = Products.toLayer({
  SearchProducts: ({ maxResults }) =>
    Effect.succeed(
      [
        new Product({ id: ProductId.make("p-1"), price: 2 }),
        new Product({ id: ProductId.make("p-2"), price: 3 })
      ].slice(0, maxResults)
    )
})

class Shop extends Context.Service<
  Shop,
  { readonly answer: (question: string) => Effect.Effect<ReadonlyArray<unknown>, AppError> }
>()("test/Shop") {
  static readonly layer = Layer.effect(
    Shop,
    Effect.gen(function* () {
      const toolkit = yield* Products
      const model = yield* CodexLanguageModel.model("gpt-5.5").captureRequirements
      const answer = Effect.fn("Shop.answer")(
        function* (prompt: string) {
          const response = yield* LanguageModel.generateText({ prompt, toolkit, toolChoice: "required" })
          return [response.toolCalls.length, ...response.toolResults.map(({ result }) => result)]
        },
        Effect.provide(model),
        Effect.catchTag("AiError", (error) => Effect.fail(AppError.fromAiError(error)))
      )
      return Shop.of({ answer })
    })
  ).pipe(Layer.provide(ProductsLayer))
}

const Clocks = Toolkit.make(
  Tool.make("getCurrentTime", {
    description: "Returns the time",
    parameters: Schema.Struct({ id: Schema.String }),
    success: Schema.String
  })
)
const ClocksLayer = Clocks.toLayer({
  getCurrentTime: () => Effect.succeed(DateTime.formatIso(DateTime.makeUnsafe(0)))
})

class Assistant extends Context.Service<
  Assistant,
  {
    readonly chat: (message: string) => Effect.Effect<string, AppError>
    readonly agent: (question: string) => Effect.Effect<string, AppError>
  }
>()("test/Assistant") {
  static readonly layer = Layer.effect(
    Assistant,
    Effect.gen(function* () {
      const modelLayer = yield* CodexLanguageModel.model("gpt-5.5").captureRequirements
      const started = yield* Chat.fromPrompt(Prompt.setSystem(Prompt.empty, "You help."))
      const session = yield* Chat.fromJson(yield* Effect.orDie(started.exportJson)).pipe(Effect.orDie)
      const chat = Effect.fn("Assistant.chat")(
        function* (message: string) {
          const { text } = yield* session.generateText({ prompt: message }).pipe(Effect.provide(modelLayer))
          return `${text} (${(yield* Ref.get(session.history)).content.length} messages)`
        },
        Effect.mapError((error) => AppError.fromAiError(error))
      )
      const tools = yield* Clocks
      const agent = Effect.fn("Assistant.agent")(
        function* (question: string) {
          const session = yield* Chat.fromPrompt([
            { role: "system", content: "You use tools." },
            { role: "user", content: question }
          ])
          while (true) {
            const response = yield* session
              .generateText({ prompt: [], toolkit: tools })
              .pipe(Effect.provide(modelLayer))
            if (response.toolCalls.length > 0) continue
            return response.text
          }
        },
        Effect.mapError((error) => AppError.fromAiError(error))
      )
      return Assistant.of({ chat, agent })
    })
  ).pipe(Layer.provide(ClocksLayer))
}

const provide = (real: Effect.Success<ReturnType<typeof Real.make>>) =>
  Effect.provide(
    Layer.mergeAll(Writer.layer, Shop.layer, Assistant.layer).pipe(
      Layer.provide(CodexSessions.layer),
      Layer.provide(real.layer)
    )
  )

describe("programs of Effect's documentation on the real Codex", () => {
  test("write with a plan of models, an object and a stream, call a tool, chat, and loop until the agent answers", () =>
    Effect.gen(function* () {
      const real = yield* Real.make((request) => {
        const { body, lastUserText, toolOutputs } = request
        if (lastUserText.startsWith("Announce"))
          return body["model"] === "gpt-5.5-mini"
            ? M.httpError(400, { message: "no such thing" })
            : M.reply(M.text("It is here."))
        if (lastUserText.startsWith("Plan"))
          return M.reply(M.text('{"audience":"operators","channels":["mail"],"summary":"Soon."}'))
        if (lastUserText.startsWith("Highlights")) return M.reply(M.text("- fast - small", { deltas: true }))
        if (lastUserText.startsWith("Which product"))
          return M.reply(M.call("SearchProducts", { query: "cheap" }))
        if (lastUserText.startsWith("What time"))
          return toolOutputs.length === 0
            ? M.reply(M.call("getCurrentTime", { id: "utc" }))
            : M.reply(M.text(`It is ${toolOutputs[0]?.output}.`))
        return M.reply(M.text(`You said: ${lastUserText}`))
      })
      yield* Effect.gen(function* () {
        const writer = yield* Writer
        const shop = yield* Shop
        const assistant = yield* Assistant
        const [announced, planned, highlights, found, first, time] = yield* Effect.all(
          [
            writer.announce("it"),
            writer.plan("soon"),
            Stream.mkString(writer.highlights("2.0")),
            shop.answer("Which product?"),
            assistant.chat("hello"),
            assistant.agent("What time is it?")
          ],
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(announced, { provider: "codex", text: "It is here." })
        assert.instanceOf(planned, Plan)
        assert.strictEqual(planned.summary, "Soon.")
        assert.strictEqual(highlights, "- fast - small")
        assert.deepStrictEqual(found, [1, [new Product({ id: ProductId.make("p-1"), price: 2 })]])
        assert.strictEqual(first, "You said: hello (3 messages)")
        assert.strictEqual(yield* assistant.chat("more"), "You said: more (5 messages)")
        assert.strictEqual(time, "It is 1970-01-01T00:00:00.000Z.")
      }).pipe(provide(real))
      const requests = yield* real.server.requests
      // The model layer is built for each request; the turn of the agent goes on nevertheless.
      const agent = requests.filter(({ lastUserText }) => lastUserText.startsWith("What time"))
      assert.lengthOf(agent, 2)
      assert.strictEqual(agent[0]?.threadId, agent[1]?.threadId)
      const drafts = requests.filter(({ lastUserText }) => lastUserText.startsWith("Announce"))
      assert.deepStrictEqual(
        drafts.map(({ body }) => body["model"]),
        ["gpt-5.5-mini", "gpt-5.5-mini", "gpt-5.5"]
      )
      assert.lengthOf(yield* real.processes, 0)
    }))
})
