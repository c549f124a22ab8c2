/** One turn: its answer, its token usage and its duration. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer } from "effect"
import { AppServer, Codex } from "effect-codex"

const program = Effect.gen(function* () {
  const codex = yield* Codex
  const thread = yield* codex.startThread({ cwd: ".", sandbox: "read-only" })
  const turn = yield* thread.run("What does this repository do?")
  yield* Console.log(turn.message)
  yield* Console.log(
    `${turn.usage.input} tokens in, ${turn.usage.output} out, ${Math.round(turn.time.totalMillis)} ms`
  )
}).pipe(
  Effect.scoped,
  // The type lists every error of a turn, and each error says whether a retry may help.
  Effect.catchTag("TurnFailed", (error) =>
    Console.error(`${error.message}; worth a retry: ${error.retryable}`)
  )
)

program.pipe(Effect.provide(Codex.layer.pipe(Layer.provide(AppServer.layer))), NodeRuntime.runMain)
