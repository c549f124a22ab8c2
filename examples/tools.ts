/** Tools of the program that the agent can call: an effect/ai Toolkit, with the services that its handlers need. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Context, Effect, Layer, Schema } from "effect"
import { AppServer, Codex } from "effect-codex"
import { Tool, Toolkit } from "effect/ai"

class NoSuchTicket extends Schema.TaggedError<NoSuchTicket>()("NoSuchTicket", { id: Schema.String }) {}

const LookupTicket = Tool.make("lookup_ticket", {
  description: "Read a ticket of the issue tracker",
  parameters: Schema.Struct({ id: Schema.String }),
  success: Schema.Struct({ title: Schema.String }),
  failure: NoSuchTicket
}).annotate(Tool.Readonly, true)

const Tickets = Toolkit.make(LookupTicket)

class Tracker extends Context.Service<Tracker, { readonly titles: ReadonlyMap<string, string> }>()(
  "examples/Tracker"
) {
  static readonly layer = Layer.succeed(Tracker, {
    titles: new Map([["T-42", "sum() gives negative numbers"]])
  })
}

const TicketsLayer = Tickets.toLayer(
  Effect.gen(function* () {
    const { titles } = yield* Tracker
    return {
      // The model receives a failure as text, and the turn continues.
      lookup_ticket: Effect.fn("lookup_ticket")(function* ({ id }: { readonly id: string }) {
        const title = titles.get(id)
        return title === undefined ? yield* new NoSuchTicket({ id }) : { title }
      })
    }
  })
).pipe(Layer.provide(Tracker.layer))

const program = Effect.gen(function* () {
  const codex = yield* Codex
  const thread = yield* codex.startThread({ cwd: ".", sandbox: "read-only", tools: yield* Tickets })
  const turn = yield* thread.run("What is ticket T-42 about?")
  yield* Console.log(turn.message)
}).pipe(Effect.scoped)

program.pipe(
  Effect.provide(Layer.merge(Codex.layer.pipe(Layer.provide(AppServer.layer)), TicketsLayer)),
  NodeRuntime.runMain
)
