/** Turns with a planted secret in everything that may hold content, and with every kind of failure. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { Approval, Codex, CodexError } from "effect-codex"
import { type Canary, Scripted } from "effect-codex/testing"

const parameters = Schema.Struct({ text: Schema.String, password: Schema.optionalKey(Schema.String) })
const failure = Schema.Struct({ reason: Schema.String })
const make = (name: string) => Tool.make(name, { parameters, success: Schema.String, failure })
export const Tools = Toolkit.make(make("works"), make("fails"), make("dies"), make("hangs"))

export const handlers = (planted: Canary.PlantedSecrets) =>
  Tools.toLayer({
    works: () =>
      Effect.succeed(planted.result).pipe(
        Effect.tap(() => Effect.logInfo("a tool has worked", { password: planted.argument })),
        Effect.tap(() => Effect.logInfo(`with ${planted.token} and ${planted.environment}`)),
        Effect.tap(() =>
          Metric.update(Metric.withAttributes(Metric.counter("c"), { note: planted.token }), 1)
        ),
        Effect.annotateLogs({ apiKey: planted.argument, note: `a ${planted.token}`, [planted.token]: 1 }),
        Effect.withSpan("inside", { attributes: { token: planted.argument, note: planted.token } })
      ),
    fails: () =>
      Effect.fail({ reason: planted.error }).pipe(
        Effect.tapCause((cause) => Effect.logError("a tool has failed", cause)),
        Effect.withSpan("failing")
      ),
    dies: () => Effect.die(new Error(planted.defect)).pipe(Effect.withSpan("dying")),
    hangs: () => Effect.never
  })

const turnFailed = (planted: Canary.PlantedSecrets) => {
  const failed: CodexError.TurnError = new CodexError.TurnFailed({
    reason: "ServerError",
    detail: planted.error,
    status: 500
  })
  return failed
}

const work = (planted: Canary.PlantedSecrets): ReadonlyArray<Scripted.ScriptedStep> => [
  Scripted.reasoning(planted.message),
  Scripted.command(`cat /${planted.path} # ${planted.command} ${planted.token}`, {
    approval: true,
    reason: planted.prompt,
    exitCode: 1,
    output: `${planted.output} ${planted.token}`
  }),
  Scripted.command(`/${planted.path}/tool "${planted.command}"`, { output: planted.output, exitCode: 2 }),
  Scripted.fileChange(
    [{ path: `/${planted.path}`, kind: "add", diff: `+${planted.diff}\n+key = ${planted.token}` }],
    { approval: true }
  ),
  Scripted.toolCall("works", { text: planted.argument, password: planted.token }),
  Scripted.toolCall("fails", { text: planted.argument }),
  Scripted.toolCall("dies", { text: planted.argument }),
  Scripted.event({
    _tag: "ItemStarted",
    item: {
      _tag: "McpToolCall",
      id: "mcp",
      server: "files",
      tool: planted.argument,
      arguments: { text: planted.argument },
      status: "inProgress"
    }
  }),
  Scripted.event({
    _tag: "ItemCompleted",
    item: {
      _tag: "McpToolCall",
      id: "mcp",
      server: "files",
      tool: planted.argument,
      arguments: { text: planted.argument },
      status: "failed",
      error: planted.error
    }
  }),
  Scripted.event({ _tag: "Unknown", method: "new/thing", payload: { text: planted.message } }),
  Scripted.event({
    _tag: "ItemCompleted",
    item: { _tag: "Unknown", id: "u", kind: "new", payload: planted.message }
  }),
  Scripted.event({ _tag: "ItemCompleted", item: { _tag: "WebSearch", id: "w", query: planted.prompt } }),
  Scripted.event({ _tag: "ItemCompleted", item: { _tag: "Plan", id: "p", text: planted.message } }),
  Scripted.usage({ input: 3, output: 1 }),
  Scripted.message(`${planted.message} ${planted.token}`, { deltas: true })
]

/** All of it, on whatever `Codex` and script there are. */
export const turns = Effect.fnUntraced(function* (planted: Canary.PlantedSecrets) {
  const codex = yield* Codex
  const thread = yield* codex.startThread({
    cwd: `/${planted.path}`,
    instructions: planted.prompt,
    tools: yield* Tools,
    source: "canary"
  })
  const prompt = `${planted.prompt} ${planted.token}`

  yield* Scripted.play([...work(planted), Scripted.completed])
  yield* thread.run(prompt)

  yield* Scripted.play([...work(planted), Scripted.failed(turnFailed(planted))])
  yield* thread.run(prompt).pipe(
    Effect.tapCause((cause) => Effect.logError("the turn has failed", cause)),
    Effect.withSpan("around", { attributes: { apiKey: planted.token } }),
    Effect.exit
  )

  yield* Scripted.play([
    Scripted.event({ _tag: "Retrying", errorType: "TurnFailed.Overloaded" }),
    Scripted.silence
  ])
  yield* Effect.exit(thread.run(prompt, { timeout: "50 millis" }))

  yield* Scripted.play([Scripted.command(planted.command, { approval: true }), Scripted.silence])
  const fiber = yield* Effect.forkChild(thread.run(prompt), { startImmediately: true })
  yield* Effect.sleep("20 millis")
  yield* Fiber.interrupt(fiber)

  yield* Scripted.play([Scripted.toolCall("hangs", { text: planted.argument }), Scripted.completed])
  yield* thread.stream(prompt).pipe(Stream.take(2), Stream.runDrain)

  yield* Scripted.play([...work(planted), { _tag: "End", play: () => Effect.die(new Error(planted.defect)) }])
  yield* Effect.exit(thread.run(prompt))
}, Effect.scoped)

/** A policy that fails, dies, or declines with a secret reason. */
export const policy = (planted: Canary.PlantedSecrets) => {
  let asked = 0
  return Approval.layer((request) => {
    switch (asked++ % 4) {
      case 0:
        return Effect.succeed(Approval.decline(planted.policy))
      case 1:
        return Effect.fail(planted.policy)
      case 2:
        return Effect.die(new Error(`${planted.policy}: ${Approval.describe(request)}`))
      default:
        return Effect.succeed(Approval.accept)
    }
  })
}

/** The turns, with everything they need but telemetry. */
export const program = (planted: Canary.PlantedSecrets) =>
  turns(planted).pipe(
    Effect.provide(
      Layer.mergeAll(handlers(planted), policy(planted), Layer.fresh(Codex.layer)).pipe(
        Layer.provideMerge(Layer.fresh(Scripted.layer))
      )
    ),
    Effect.onExit((exit) => (Exit.isFailure(exit) ? Effect.logError("the program failed") : Effect.void))
  )
