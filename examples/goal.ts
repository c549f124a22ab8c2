/** A goal: Codex starts turn after turn until the objective is reached. The program watches, limits and traces all of them. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, Stream } from "effect"
import { AppServer, Codex } from "effect-codex"

const program = Effect.gen(function* () {
  const codex = yield* Codex
  // Without `goals: true`, neither the program nor the agent can set a goal.
  const thread = yield* codex.startThread({
    cwd: ".",
    goals: true,
    budget: { tokens: 500_000, time: "1 hour" }
  })

  yield* thread.activity.pipe(
    Stream.runForEach((event) =>
      event._tag === "TurnEnded" ? Console.log(`turn: ${event.turn.message}`) : Effect.void
    ),
    Effect.forkScoped({ startImmediately: true })
  )

  const goal = yield* thread.runGoal({ objective: "Every module has a test", tokenBudget: 300_000 })
  const { tokens } = yield* thread.spent
  yield* Console.log(`${goal.status} after ${goal.turns.length} turns and ${tokens} tokens`)
}).pipe(
  Effect.scoped,
  Effect.catchTag("BudgetExceeded", (error) =>
    Console.error(`${error.message}\nSo far: ${error.turn?.message ?? ""}`)
  )
)

program.pipe(Effect.provide(Codex.layer.pipe(Layer.provide(AppServer.layer))), NodeRuntime.runMain)
