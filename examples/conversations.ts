/** Threads: structured output, budgets, retries, forks, and resuming by id. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, Schedule, Schema, Stream } from "effect"
import { AppServer, Codex } from "effect-codex"

const Plan = Schema.Struct({
  steps: Schema.Array(Schema.String),
  risk: Schema.Literals(["low", "medium", "high"])
})

const program = Effect.gen(function* () {
  const codex = yield* Codex
  const thread = yield* codex.startThread({ cwd: ".", sandbox: "read-only", budget: { tokens: 500_000 } })

  // Codex passes the schema to the model, and the library decodes the answer, so `plan.output` is typed.
  const plan = yield* thread.run("Plan how to split this module in two", {
    output: Plan,
    budget: { time: "5 minutes", toolCalls: 50 },
    // Retries only errors that are retryable, and only while the turn has changed nothing.
    retry: Schedule.exponential("1 second").pipe(Schedule.upTo({ times: 4 }))
  })
  yield* Console.log(`${plan.output.steps.length} steps, risk ${plan.output.risk}`)

  // Two forks from the same point. The first thread does not change.
  const bold = yield* codex.forkThread(thread.id, { sandbox: "read-only" })
  const careful = yield* codex.forkThread(thread.id, { sandbox: "read-only" })
  const answers = yield* Effect.all(
    [bold.run("Do it in one commit: what could break?"), careful.run("Do it in small commits: which first?")],
    { concurrency: 2 }
  )
  for (const { message } of answers) yield* Console.log(message)

  yield* codex.renameThread(thread.id, "Splitting the module")
  yield* codex.listThreads().pipe(
    Stream.take(3),
    Stream.runForEach((info) => Console.log(`${info.id}  ${info.name ?? info.preview}`))
  )
  const spent = yield* thread.spent
  yield* Console.log(`${spent.tokens} tokens so far; continue with codex.resumeThread("${thread.id}")`)
}).pipe(
  Effect.scoped,
  Effect.catchTag("BudgetExceeded", (error) =>
    Console.error(`${error.message}\nSo far: ${error.turn?.message ?? ""}`)
  )
)

program.pipe(Effect.provide(Codex.layer.pipe(Layer.provide(AppServer.layer))), NodeRuntime.runMain)
