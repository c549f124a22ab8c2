/** A cost budget: what a turn costs by the prices of its models, and how full the context is. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, Schedule } from "effect"
import { AppServer, Codex, Prices, Retry } from "effect-codex"

/** US dollars for a million tokens, from your contract. The library ships no prices. */
const prices = Prices.layer({
  "gpt-5.5": { input: 5, cachedInput: 0.5, output: 30 },
  "gpt-5.4-mini": { input: 0.75, cachedInput: 0.075, output: 4.5 }
})

const program = Effect.gen(function* () {
  const codex = yield* Codex
  const thread = yield* codex.startThread({ cwd: ".", sandbox: "read-only", budget: { usd: 0.02 } })
  const turn = yield* thread.run("What does this repository do?", {
    // The cheaper model takes over when the first one is overloaded or its limit is reached.
    retry: Retry.withModels(["gpt-5.4-mini"], Schedule.recurs(1))
  })
  const { size = 0, used = 0 } = turn.context ?? {}
  yield* Console.log(`$${turn.cost?.toFixed(4)}, context ${used} of ${size} tokens`)
  yield* thread.run("Explain every file of it")
}).pipe(
  Effect.scoped,
  Effect.catchTag("BudgetExceeded", (error) =>
    Console.log(`Stopped after $${error.used.toFixed(4)} of $${error.limit} (${error.scope})`)
  )
)

program.pipe(
  Effect.provide(Codex.layer.pipe(Layer.provide(AppServer.layer), Layer.provideMerge(prices))),
  NodeRuntime.runMain
)
