/** A secret that no pattern recognises, in every field that a cassette records. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { Approval, Codex, CodexError } from "effect-codex"
import { Scripted } from "effect-codex/testing"
import * as Engine from "../../../src/engine/Engine.ts"
import * as Cassette from "../../../src/testing/Cassette.ts"
import { inFolder, on } from "./support.ts"

/** The engine has the first one in its environment, and a command the second one. */
const secrets = ["correct-horse-battery", "staple-and-more-words"] as const
const [planted, given] = secrets
const pieces = [planted.slice(0, 8), planted.slice(8)]

const Lookup = Toolkit.make(
  Tool.make("lookup", {
    description: `looks up ${planted}`,
    parameters: Schema.Struct({ id: Schema.String }),
    success: Schema.Struct({ title: Schema.String })
  })
)

const steps = [
  Scripted.reasoning(planted),
  Scripted.plan([planted], { explanation: planted }),
  Scripted.proposedPlan(planted),
  Scripted.message(planted, { deltas: pieces }),
  Scripted.command(`echo ${planted}`, { approval: true, reason: planted, output: planted }),
  Scripted.fileChange([{ path: planted, kind: "update", diff: `+${planted}` }], { approval: true }),
  Scripted.toolCall("lookup", { id: planted }),
  Scripted.notification("warning", { message: planted }),
  Scripted.agent([Scripted.message(planted, { deltas: pieces }), Scripted.command(planted)]),
  Scripted.background(`tail ${planted}`, { ends: { after: "1 second", output: planted } }),
  Scripted.steered(() => true),
  Scripted.completed,
  Scripted.goal("complete", { objective: planted }),
  Scripted.message(planted),
  Scripted.completed,
  Scripted.review({ explanation: planted }),
  Scripted.completed,
  Scripted.failed(new CodexError.TurnFailed({ reason: "Other", detail: planted }))
]

const engine = Layer.effect(
  Engine.Engine,
  Effect.gen(function* () {
    const engine = yield* Engine.Engine
    const scripted = yield* Scripted.Scripted
    yield* scripted.play(steps)
    yield* scripted.exec(({ command }) => ({ stdout: `${planted} ${command.join(" ")}`, stderr: given }))
    yield* scripted.answer("account/rateLimits/read", () => ({
      rateLimits: { limitId: "codex", limitName: planted, planType: planted }
    }))
    yield* scripted.answer("config/read", () => ({ config: { [planted]: [planted] } }))
    return Engine.Engine.of({ ...engine, environment: { FACTORY_API_KEY: planted } })
  })
).pipe(Layer.provide(Layer.fresh(Scripted.layer)))

/** Passes the secret in every request, and ignores what fails. */
const program = Effect.gen(function* () {
  const codex = yield* Codex
  const { stdout } = yield* Effect.flatMap(
    codex.exec(["echo", given], { env: { DEPLOY_TOKEN: given } }),
    ({ result }) => result
  )
  yield* Effect.ignore(codex.limits.read)
  yield* codex.request("config/read", { cwd: planted })
  const thread = yield* codex.startThread({
    instructions: planted,
    model: planted,
    config: { "model_providers.mock.name": planted },
    tools: yield* Lookup,
    approvalMode: "on-request",
    goals: true,
    subAgents: "await"
  })
  yield* Effect.forkScoped(Stream.runDrain(codex.notifications), { startImmediately: true })
  yield* Effect.forkScoped(Stream.runDrain(thread.terminals.watch), { startImmediately: true })
  const running = yield* Effect.forkChild(thread.run(planted), { startImmediately: true })
  yield* Effect.sleep("2 seconds")
  yield* thread.steer(planted)
  const first = yield* Fiber.join(running)
  yield* thread.runGoal({ objective: planted })
  yield* thread.review({ target: { _tag: "Commit", sha: "abcdef0", title: planted } })
  const error = yield* Effect.flip(thread.run([{ _tag: "Mention", name: planted, path: `/tmp/${planted}` }]))
  yield* codex.renameThread(thread.id, planted)
  const { turns } = yield* codex.readThread(thread.id)
  yield* Stream.runDrain(codex.listThreads({ search: planted }))
  return { stdout, items: first.items.length, error: error._tag, turns: turns.length }
}).pipe(
  Effect.scoped,
  Effect.provide([
    Lookup.toLayer({ lookup: () => Effect.succeed({ title: planted }) }),
    Approval.layer(Approval.allow)
  ])
)

describe("a cassette of an engine with a secret of its own", () => {
  it.effect("F36 never holds the secret, whatever repeats it, and matches a program that still has it", () =>
    inFolder(({ path, read }) =>
      Effect.gen(function* () {
        const file = `${path}/a.jsonl`
        const live = yield* on(Cassette.record(file).pipe(Layer.provide(engine)), program)
        assert.include(live.stdout, planted)
        const text = yield* read("a.jsonl")
        for (const leak of [...secrets, ...pieces]) assert.notInclude(text, leak)
        // The replay has no engine with that environment, so the secret of the program is an ordinary text to it.
        const replayed = yield* on(Cassette.replay(file), program)
        assert.deepStrictEqual({ ...replayed, stdout: "" }, { ...live, stdout: "" })
      })
    )
  )
})
