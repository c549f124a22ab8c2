import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Approval, Codex } from "effect-codex"
import * as AppServer from "../../src/engine/AppServer.ts"
import type * as Engine from "../../src/engine/Engine.ts"
import * as Cassette from "../../src/testing/Cassette.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as Real from "../support/realEngine.ts"
import { test, until } from "../support/live.ts"
import { inFolder, Tickets } from "../testing/cassette/support.ts"

const script = [
  M.reply(M.call("lookup_ticket", { id: "T-1" }, { callId: "t1" }), M.usage({ input: 100, output: 10 })),
  M.reply(M.shell("echo hello", { callId: "c1" }), M.usage({ input: 150, output: 20 })),
  M.reply(M.text("All is well.", { deltas: true }), M.usage({ input: 200, output: 5 }))
]

const run = (cwd: string) =>
  Effect.gen(function* () {
    const codex = yield* Codex
    const thread = yield* codex.startThread({
      cwd,
      sandbox: "workspace-write",
      approvalMode: "untrusted",
      tools: yield* Tickets
    })
    return yield* thread.run("Fix it")
  }).pipe(
    Effect.scoped,
    Effect.provide([
      Tickets.toLayer({ lookup_ticket: ({ id }) => Effect.succeed({ title: `about ${id}` }) }),
      Approval.layer(Approval.allow)
    ])
  )

const on = <E>(engine: Layer.Layer<Engine.Engine, E>) =>
  Layer.fresh(Codex.layer).pipe(Layer.provideMerge(engine))

/** Codex may send the output of a command in any number of deltas, or only with its end. */
const withoutOutput = (cassette: string) =>
  cassette
    .split("\n")
    .filter((line) => !line.includes('{"_tag":"OutputDelta"'))
    .join("\n")

describe("a cassette of the real Codex", () => {
  test("is equal when it is recorded again, and replays the turn without Codex", () =>
    inFolder(({ path, read }) =>
      Effect.gen(function* () {
        const record = Effect.fnUntraced(function* (name: string) {
          const real = yield* Real.make(script)
          const engine = AppServer.layerOptions({ env: real.env })
          const recorder = Cassette.record(`${path}/${name}.jsonl`, { times: "none" })
          return yield* run(real.workspace).pipe(Effect.provide(on(recorder.pipe(Layer.provide(engine)))))
        })
        const live = yield* record("a")
        yield* record("b")
        assert.strictEqual(withoutOutput(yield* read("a.jsonl")), withoutOutput(yield* read("b.jsonl")))
        const played = yield* run(path).pipe(
          Effect.provide(on(Cassette.replay(`${path}/a.jsonl`, { timing: "instant" })))
        )
        assert.strictEqual(played.message, "All is well.")
        assert.deepStrictEqual(
          played.items.map(({ _tag }) => _tag),
          live.items.map(({ _tag }) => _tag)
        )
        assert.deepStrictEqual(played.usage, live.usage)
        assert.deepInclude(played, { modelCalls: live.modelCalls, toolCalls: live.toolCalls })
      })
    ))
})

/** A key that only Codex has, in a form that no pattern recognises. */
const planted = "correct-horse-battery"
const marked = (text: string) => `${text} ${planted}`

/** A model that repeats the key everywhere, works for a goal in two turns, then in a turn that a raw request starts. */
const repeating = [
  M.reply(M.text(marked("first"), { deltas: true }), M.usage({ input: 10, output: 2 })),
  M.reply(M.shell('printf "%s" "$FACTORY_API_KEY"', { callId: "c1" }), M.usage({ input: 10, output: 2 })),
  M.reply(M.text(marked("step"), { deltas: true }), M.usage({ input: 10, output: 2 })),
  M.reply(M.call("update_goal", { status: "complete" }), M.usage({ input: 10, output: 2 })),
  M.reply(M.text(marked("reached")), M.usage({ input: 10, output: 2 })),
  M.reply(M.text(marked("unrequested")), M.usage({ input: 10, output: 2 })),
  M.reply(M.text("last"), M.usage({ input: 10, output: 2 }))
]

/** Runs a turn, a goal, a turn by a raw request and a turn, and returns what the program observes of them. */
const observe = (cwd: string) =>
  Effect.gen(function* () {
    const codex = yield* Codex
    const asked: Array<string> = []
    const policy = Approval.layer((request) => Effect.sync(() => (asked.push(request._tag), Approval.accept)))
    return yield* Effect.gen(function* () {
      const thread = yield* codex.startThread({
        cwd,
        sandbox: "workspace-write",
        approvalMode: "untrusted",
        goals: true,
        instructions: marked("be brief")
      })
      const activity: Array<string> = []
      const goals = new Set<string>()
      yield* Effect.forkScoped(
        Stream.runForEach(thread.activity, (event) =>
          Effect.sync(() => {
            if (event._tag === "GoalUpdated") goals.add(event.goal.status)
            if (event._tag === "TurnEnded")
              activity.push(`${event.requested ? "requested" : "adopted"} ${event.turn.modelCalls}`)
          })
        ),
        { startImmediately: true }
      )
      let limits = 0
      yield* Effect.forkScoped(
        Stream.runForEach(codex.limits.updates, () => Effect.sync(() => void limits++)),
        { startImmediately: true }
      )
      const first = yield* thread.run(marked("begin"))
      const goal = yield* thread.runGoal({ objective: marked("tidy up"), tokenBudget: 1000 })
      const input = [{ type: "text", text: marked("go on"), text_elements: [] }] as const
      yield* codex.request("turn/start", { threadId: thread.id, input })
      yield* until(
        "the turn of the raw request ends",
        Effect.sync(() => activity.filter((line) => line.startsWith("adopted")).length > goal.turns.length)
      )
      const last = yield* thread.run("thanks")
      return {
        messages: [first, ...goal.turns, last].map(({ message }) => message.replace(planted, "[redacted]")),
        items: goal.turns.map(({ items }) => items.map(({ _tag }) => _tag)),
        status: goal.status,
        usage: goal.usage,
        spent: (yield* thread.spent).tokens,
        activity,
        // Codex reports the usage of a goal more than once.
        goals: [...goals],
        limited: limits > 0,
        asked
      }
    }).pipe(Effect.scoped, Effect.provide(policy))
  })

describe("a cassette of the real Codex with turns that Codex starts itself", () => {
  test("has them, goals and limits, no secret of the environment of Codex, and replays them without Codex", () =>
    inFolder(({ path, read }) =>
      Effect.gen(function* () {
        const real = yield* Real.make(repeating, {
          config:
            'shell_environment_policy.ignore_default_excludes = true\nshell_environment_policy.inherit = "all"'
        })
        const engine = AppServer.layerOptions({ env: { ...real.env, FACTORY_API_KEY: planted } })
        const recorder = Cassette.record(`${path}/a.jsonl`)
        const live = yield* observe(real.workspace).pipe(
          Effect.provide(on(recorder.pipe(Layer.provide(engine))))
        )
        assert.deepInclude(live, {
          status: "complete",
          goals: ["active", "complete"],
          limited: true,
          asked: ["Command"]
        })
        assert.deepStrictEqual(live.activity, [
          "requested 1",
          "adopted 2",
          "adopted 2",
          "adopted 1",
          "requested 1"
        ])
        const cassette = yield* read("a.jsonl")
        assert.notInclude(cassette, planted)
        assert.notInclude(cassette, Buffer.from(planted).toString("base64").slice(0, 24))
        for (const tag of ['"how":"adopted"', '"_tag":"Goal"', "account/rateLimits/updated"])
          assert.include(cassette, tag)
        const replayed = yield* observe(path).pipe(
          Effect.provide(on(Cassette.replay(`${path}/a.jsonl`, { timing: "instant" })))
        )
        assert.deepStrictEqual(replayed, live)
      })
    ))
})
