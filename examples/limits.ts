/** The limits of an account: how much is used, when it resets, and a turn that waits for the reset. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Duration, Effect, Layer, Schedule } from "effect"
import { AppServer, Codex, Retry } from "effect-codex"

/** Waits for a reset within half an hour; retries what passes by itself twice. */
const retry = Retry.untilReset("30 minutes", { otherwise: Schedule.recurs(2) })

const program = Effect.gen(function* () {
  const codex = yield* Codex
  const thread = yield* codex.startThread({ cwd: ".", sandbox: "read-only" })
  const turn = yield* thread.run("What does this repository do?", { retry })
  yield* Console.log(turn.message)
}).pipe(
  Effect.scoped,
  Effect.catchTag("TurnFailed", (error) =>
    error.reason === "UsageLimit" && error.resetsAt !== undefined
      ? Console.log(
          `The limit resets at ${new Date(error.resetsAt).toISOString()}, in ${Duration.format(
            Duration.minutes(Math.round((error.resetsAt - Date.now()) / 60_000))
          )}: too long to wait.`
        )
      : Effect.fail(error)
  )
)

program.pipe(Effect.provide(Codex.layer.pipe(Layer.provide(AppServer.layer))), NodeRuntime.runMain)
