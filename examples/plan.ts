/** Plan mode: the agent proposes a plan, the program decides, and the next turn carries it out and reports its steps. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, Stream } from "effect"
import { AppServer, Codex } from "effect-codex"

const marks = { pending: " ", inProgress: "~", completed: "x" }

const program = Effect.gen(function* () {
  const codex = yield* Codex
  const thread = yield* codex.startThread({
    cwd: ".",
    sandbox: "read-only",
    // Some models lack the tool that reports their steps. Codex offers it if its configuration says so.
    config: { "tools.update_plan": { enabled: true } }
  })

  // Only the model's instructions forbid changes in plan mode. The sandbox enforces it.
  const proposal = yield* thread.run("Split src/parser.ts in two", { mode: "plan" })
  const plan = proposal.items.findLast((item) => item._tag === "Plan")
  if (plan?._tag !== "Plan") return yield* Console.log(`No plan: ${proposal.message}`)
  yield* Console.log(plan.text)

  yield* thread.stream("Carry out the plan.", { mode: "default", sandbox: "workspace-write" }).pipe(
    Stream.runForEach((event) => {
      switch (event._tag) {
        case "PlanUpdated":
          return Console.log(
            event.plan.steps.map(({ status, step }) => `[${marks[status]}] ${step}`).join("\n")
          )
        case "TurnCompleted":
          return Console.log(`${event.turn.message} (${event.turn.plan?.steps.length ?? 0} steps)`)
        default:
          return Effect.void
      }
    })
  )
}).pipe(Effect.scoped)

program.pipe(Effect.provide(Codex.layer.pipe(Layer.provide(AppServer.layer))), NodeRuntime.runMain)
