/** A chat of effect/ai with a toolkit, on Codex: the program runs the tools, and Codex's turn waits for their results. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, Schema } from "effect"
import { Chat, Tool, Toolkit } from "effect/ai"
import { AppServer, Codex } from "effect-codex"
import { CodexLanguageModel, CodexSessions } from "effect-codex/ai"

const LookupTicket = Tool.make("lookup_ticket", {
  description: "Reads a ticket of the issue tracker",
  parameters: Schema.Struct({ id: Schema.String }),
  success: Schema.Struct({ title: Schema.String })
})
const Tickets = Toolkit.make(LookupTicket)

const titles = new Map([
  ["T-1", "The build fails"],
  ["T-2", "The docs are old"]
])
const TicketsLayer = Tickets.toLayer({
  lookup_ticket: ({ id }) => Effect.succeed({ title: titles.get(id) ?? "no such ticket" })
})

const converse = Effect.fn("converse")(function* (chat: Chat.Chat, question: string) {
  let response = yield* chat.generateText({ prompt: question, toolkit: Tickets })
  // Each response ends with tool calls, whose handlers have then run, or with the answer.
  while (response.toolCalls.length > 0) {
    for (const { result } of response.toolResults) yield* Console.log("looked up", result)
    response = yield* chat.generateText({ prompt: [], toolkit: Tickets })
  }
  return response.text
})

const program = Effect.gen(function* () {
  const chat = yield* Chat.fromPrompt([{ role: "system", content: "You are brief." }])
  yield* Console.log(yield* converse(chat, "Compare T-1 and T-2."))
  yield* Console.log(yield* converse(chat, "Which one first?"))
})

const Model = CodexLanguageModel.layer().pipe(
  Layer.provide(CodexSessions.layer),
  Layer.provide(Codex.layer),
  Layer.provide(AppServer.layer)
)

program.pipe(Effect.provide(Layer.merge(Model, TicketsLayer)), NodeRuntime.runMain)
