/** Records and replays what happens without a request: goals and their turns, sub-agents, limits, terminals, settings. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { copyFileSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Approval, Codex, CodexError, Retry, Review, type Turn } from "effect-codex"
import { Scripted } from "effect-codex/testing"
import * as Engine from "../../../src/engine/Engine.ts"
import type * as Thread from "../../../src/Thread.ts"
import * as Cassette from "../../../src/testing/Cassette.ts"
import { assertMismatch, defectOf, inFolder, on, recording, scripted } from "./support.ts"

const timings = ["recorded", "instant"] as const

/** Removes ids and times, in which a replay with instant timing differs. */
const stable = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (key, inner: unknown) =>
      /^(?:id|itemId|threadId|turnId|requestId|at|time|resetsAt)$/.test(key) ? undefined : inner
    )
  )

/** Follows the activity of a thread. Returns what has arrived so far. */
const following = (thread: Thread.Thread) =>
  Effect.gen(function* () {
    const seen: Array<string> = []
    yield* Effect.forkScoped(
      Stream.runForEach(thread.activity, (event) =>
        Effect.sync(() => {
          if (event._tag === "TurnProgress") return
          const what =
            event._tag === "GoalUpdated"
              ? event.goal.status
              : event._tag === "TurnEnded"
                ? `${event.requested ? "requested" : "adopted"} ${event.errorType ?? event.turn.message}`
                : "cleared"
          seen.push(what)
        })
      ),
      { startImmediately: true }
    )
    return seen
  })

describe("a cassette with goals", () => {
  const steps = [
    Scripted.message("begun"),
    Scripted.completed,
    Scripted.delay("2 seconds"),
    Scripted.command("rm -r build", { approval: true, takes: "1 second" }),
    Scripted.usage({ input: 10, output: 5 }),
    Scripted.message("first step"),
    Scripted.completed,
    Scripted.delay("1 second"),
    Scripted.goal("complete", { objective: "tidy up", tokensUsed: 30 }),
    Scripted.message("second step"),
    Scripted.completed,
    Scripted.message("thanked")
  ]
  const asked: Array<string> = []
  const program = Effect.gen(function* () {
    const codex = yield* Codex
    const thread = yield* codex.startThread({ goals: true, approvalMode: "on-request" })
    const seen = yield* following(thread)
    yield* thread.run("begin")
    const goal = yield* thread.runGoal({ objective: "tidy up", tokenBudget: 1000 })
    const { message } = yield* thread.run("thanks")
    const { tokens } = yield* thread.spent
    return { status: goal.status, turns: goal.turns.map(({ message }) => message), message, tokens, seen }
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Approval.layer((request) =>
        Effect.sync(() => (asked.push(Approval.summarize(request)), Approval.accept))
      )
    )
  )

  for (const timing of timings)
    it.effect(`replays the turns that Codex starts by itself, with ${timing} timing`, () =>
      inFolder(({ path }) =>
        Effect.gen(function* () {
          const file = `${path}/a.jsonl`
          const live = yield* on(recording(file, steps), program)
          assert.deepStrictEqual(live, {
            status: "complete",
            turns: ["first step", "second step"],
            message: "thanked",
            tokens: 15,
            seen: [
              "requested begun",
              "active",
              "adopted first step",
              "complete",
              "adopted second step",
              "requested thanked"
            ]
          })
          asked.length = 0
          assert.deepStrictEqual(yield* on(Cassette.replay(file, { timing }), program), live)
          assert.lengthOf(asked, 1)
        })
      )
    )

  it.effect("dies if the program sets another goal, and names the turns that Codex no longer starts", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        const file = `${path}/a.jsonl`
        yield* on(recording(file, steps), program)
        const pursuing = (objective: string | undefined) =>
          Effect.gen(function* () {
            const thread = yield* Effect.flatMap(Codex, (codex) =>
              codex.startThread({ goals: true, approvalMode: "on-request" })
            )
            yield* thread.run("begin")
            if (objective !== undefined) yield* thread.runGoal({ objective, tokenBudget: 1000 })
          }).pipe(Effect.scoped)
        const other = yield* defectOf(on(Cassette.replay(file), pursuing("tidy down")))
        assertMismatch(other, "goals.set differs", "at args[1].objective")
        const none = yield* defectOf(on(Cassette.replay(file), pursuing(undefined)))
        assertMismatch(none, "turn 2 of thread 1 (line ", "goals.set (line ")
      })
    )
  )

  it.effect("replays a goal that the program interrupts in its turn", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        const file = `${path}/a.jsonl`
        const cutting = Effect.gen(function* () {
          const thread = yield* Effect.flatMap(Codex, (codex) => codex.startThread({ goals: true }))
          const seen = yield* following(thread)
          const goal = yield* Effect.forkChild(thread.runGoal({ objective: "never" }))
          yield* Effect.sleep("3 seconds")
          yield* Fiber.interrupt(goal)
          return seen
        }).pipe(Effect.scoped)
        const endless = [Scripted.message("step"), Scripted.delay("1 hour")]
        const live = yield* on(recording(file, endless), cutting)
        assert.deepStrictEqual(live, ["active", "adopted TurnInterrupted", "paused", "cleared"])
        assert.deepStrictEqual(yield* on(Cassette.replay(file), cutting), live)
      })
    )
  )

  it.effect("passes a turn to the newest handle, and a goal to each handle once", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        const file = `${path}/a.jsonl`
        const two = Effect.gen(function* () {
          const codex = yield* Codex
          const thread = yield* codex.startThread({ goals: true })
          const second = yield* codex.resumeThread(thread.id, { goals: true })
          const seen = [yield* following(thread), yield* following(second)]
          const { turns } = yield* thread.runGoal({ objective: "tidy up" })
          return { seen, turns: turns.length }
        }).pipe(Effect.scoped)
        const once = [Scripted.goal("complete"), Scripted.message("step")]
        const live = yield* on(recording(file, once), two)
        assert.deepStrictEqual(live.seen[0], ["active", "complete", "adopted step"])
        assert.deepStrictEqual(live.seen[1], live.seen[0])
        assert.deepStrictEqual(yield* on(Cassette.replay(file), two), live)
      })
    )
  )
})

describe("a cassette with sub-agents", () => {
  const secret = `ghp_${"a1B2c3D4e5F6".repeat(3)}`
  const steps = [
    Scripted.agent([
      Scripted.message(`I found ${secret}`, { deltas: [secret.slice(0, 9), secret.slice(9)] }),
      Scripted.delay("5 seconds"),
      Scripted.command("npm test", { approval: true }),
      Scripted.usage({ input: 7, output: 3 })
    ]),
    Scripted.message("I wait.")
  ]
  const program = (subAgents: "await" | "interrupt", policy = Approval.allow) =>
    Effect.gen(function* () {
      const thread = yield* Effect.flatMap(Codex, (codex) =>
        codex.startThread({ approvalMode: "on-request", subAgents })
      )
      const events = yield* Stream.runCollect(thread.stream("go"))
      const { tokens } = yield* thread.spent
      const agents = events.flatMap((event) => (event._tag === "AgentEvent" ? [event.event._tag] : []))
      const last = events.at(-1)
      return { tokens, agents, message: last?._tag === "TurnCompleted" ? last.turn.message : "" }
    }).pipe(Effect.scoped, Effect.provide(Approval.layer(policy)))

  for (const timing of timings)
    it.effect(`replays a sub-agent that outlives its turn and is awaited, with ${timing} timing`, () =>
      inFolder(({ path, read }) =>
        Effect.gen(function* () {
          const file = `${path}/a.jsonl`
          const live = yield* on(recording(file, steps), program("await"))
          assert.strictEqual(live.tokens, 10)
          assert.include(live.agents, "ApprovalDecided")
          const text = yield* read("a.jsonl")
          assert.notInclude(text, secret.slice(0, 9))
          assert.notInclude(text, secret.slice(9))
          const replayed = yield* on(Cassette.replay(file, { timing }), program("await"))
          assert.deepStrictEqual(stable(replayed), stable(live))
          const other = yield* defectOf(on(Cassette.replay(file), program("await", Approval.deny)))
          assertMismatch(other, "at decision._tag", 'actual   "Decline"')
        })
      )
    )

  it.effect("replays a sub-agent that ends with its turn", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        const file = `${path}/a.jsonl`
        const live = yield* on(recording(file, steps), program("interrupt"))
        assert.strictEqual(live.tokens, 0)
        assert.notInclude(live.agents, "ApprovalDecided")
        assert.deepStrictEqual(yield* on(Cassette.replay(file), program("interrupt")), live)
      })
    )
  )
})

describe("a cassette with limits", () => {
  const update = (usedPercent: number, resetsAt: number) => ({
    rateLimits: { limitId: "codex", primary: { usedPercent, windowDurationMins: 300, resetsAt } }
  })
  /** An engine that reports its limits when the models are listed and in a turn, and refuses the first turn. */
  const limited = Layer.effect(
    Engine.Engine,
    Effect.gen(function* () {
      const engine = yield* Engine.Engine
      const { answer, notify } = yield* Scripted.Scripted
      const now = yield* Clock.currentTimeMillis
      const resetsAt = now / 1000 + 120
      yield* answer("account/rateLimits/read", () => update(40, resetsAt))
      yield* Scripted.play([
        Scripted.failed(
          new CodexError.TurnFailed({ reason: "UsageLimit", detail: "", resetsAt: resetsAt * 1000 })
        ),
        Scripted.message("at last")
      ])
      const report = (percent: number) => notify("account/rateLimits/updated", update(percent, resetsAt))
      return Engine.Engine.of({
        ...engine,
        listModels: (cursor) => Effect.tap(engine.listModels(cursor), report(50)),
        startThread: (options) => Effect.tap(engine.startThread(options), report(100))
      })
    })
  ).pipe(Layer.provide(Layer.fresh(Scripted.layer)))

  const program = Effect.gen(function* () {
    const codex = yield* Codex
    const updates = yield* Effect.forkScoped(Stream.runCollect(Stream.take(codex.limits.updates, 2)), {
      startImmediately: true
    })
    const start = yield* Clock.currentTimeMillis
    const read = yield* codex.limits.read
    yield* Stream.runCollect(codex.listModels)
    const thread = yield* codex.startThread()
    const { message } = yield* thread.run("go", { retry: Retry.untilReset("5 minutes"), timeout: "1 day" })
    const used = [read, ...(yield* Fiber.join(updates))].flatMap(({ limits }) =>
      limits.map(({ primary }) => [primary?.usedPercent, (primary?.resetsAt ?? 0) - start])
    )
    return { message, used, took: (yield* Clock.currentTimeMillis) - start }
  }).pipe(Effect.scoped)

  it.effect("replays their updates, and a wait for their reset, at another time", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        const file = `${path}/a.jsonl`
        const live = yield* on(Cassette.record(file).pipe(Layer.provide(limited)), program)
        const reset = 120_000
        assert.deepStrictEqual(live, {
          message: "at last",
          used: [
            [40, reset],
            [50, reset],
            [100, reset]
          ],
          took: reset + 60_000
        })
        // The replay starts minutes later than the recording.
        assert.deepStrictEqual(yield* on(Cassette.replay(file), program), live)
      })
    )
  )
})

describe("a cassette with background terminals", () => {
  const secret = `ghp_${"a1B2c3D4e5F6".repeat(3)}`
  const steps = [
    Scripted.background("npm run dev", { ends: { after: "5 seconds", exitCode: 1, output: secret } }),
    Scripted.background("sleep 1000"),
    Scripted.message("both run")
  ]
  const program = Effect.gen(function* () {
    const thread = yield* Effect.flatMap(Codex, (codex) => codex.startThread())
    const events: Array<string> = []
    yield* Effect.forkScoped(
      Stream.runForEach(thread.terminals.watch, (event) =>
        Effect.sync(() =>
          events.push(
            event._tag === "TerminalOutput"
              ? "output"
              : `${event._tag} ${event.item.command} ${event.item.status}`
          )
        )
      ),
      { startImmediately: true }
    )
    yield* thread.run("go")
    yield* Effect.sleep("6 seconds")
    const [left] = yield* thread.terminals.list
    yield* thread.terminals.terminate(left?.processId ?? "")
    yield* Effect.sleep("1 second")
    return events
  }).pipe(Effect.scoped)

  it.effect("replays what a consumer of their events reads, without secrets", () =>
    inFolder(({ path, read }) =>
      Effect.gen(function* () {
        const file = `${path}/a.jsonl`
        const live = yield* on(recording(file, steps), program)
        assert.deepStrictEqual(live, [
          "TerminalStarted npm run dev background",
          "TerminalStarted sleep 1000 background",
          "TerminalEnded npm run dev failed",
          "TerminalEnded sleep 1000 failed"
        ])
        assert.notInclude(yield* read("a.jsonl"), secret)
        assert.deepStrictEqual(yield* on(Cassette.replay(file), program), live)
      })
    )
  )
})

describe("a cassette with settings", () => {
  it.effect("replays what the engine reports before and after each turn", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        const program = Effect.gen(function* () {
          const thread = yield* Effect.flatMap(Codex, (codex) =>
            codex.startThread({ sandbox: "read-only", model: "m", cwd: "/tmp" })
          )
          const before = yield* thread.settings
          yield* thread.run("go", { model: "n", effort: "high", cwd: "/tmp" })
          return [before, yield* thread.settings]
        }).pipe(Effect.scoped)
        /** An engine that works with another effort than the turn requests. */
        const changing = Layer.effect(
          Engine.Engine,
          Effect.map(Engine.Engine, (engine) => ({
            ...engine,
            startThread: (options: Engine.EngineThreadOptions) =>
              Effect.map(engine.startThread(options), (thread) => {
                let settings = thread.settings?.() ?? {
                  cwd: "",
                  writableRoots: [],
                  additionalDirectories: []
                }
                return {
                  ...thread,
                  settings: () => settings,
                  turn: (...[input, options, handlers]: Parameters<typeof thread.turn>) => {
                    settings = { ...settings, model: options.model ?? "", effort: "medium" }
                    return thread.turn(input, options, handlers)
                  }
                }
              })
          }))
        ).pipe(Layer.provide(scripted([Scripted.message("done")])))
        const file = `${path}/a.jsonl`
        const live = yield* on(Cassette.record(file).pipe(Layer.provide(changing)), program)
        assert.deepInclude(live[1], { model: "n", effort: "medium", sandbox: "read-only" })
        assert.deepStrictEqual(yield* on(Cassette.replay(file), program), live)
      })
    )
  )
})

describe("a cassette of format version 1", () => {
  const recorded = fileURLToPath(new URL("version-1.jsonl", import.meta.url))
  const program = Effect.gen(function* () {
    const codex = yield* Codex
    const thread = yield* codex.startThread({ approvalMode: "on-request" })
    const turn: Turn.Turn = yield* thread.run("Fix it")
    const terminals = yield* thread.terminals.list
    const { review } = yield* thread.review({ target: Review.branch("main") })
    const threads = yield* Stream.runCollect(codex.listThreads())
    return { turn, terminals, review, threads }
  }).pipe(Effect.scoped, Effect.provide(Approval.layer(Approval.allow)))

  it.effect("replays, and the file stays as it is", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        const file = `${path}/a.jsonl`
        yield* Effect.sync(() => copyFileSync(recorded, file))
        const { review, terminals, threads, turn } = yield* on(Cassette.replay(file), program)
        assert.strictEqual(turn.message, "Fixed.")
        assert.deepStrictEqual(turn.plan?.steps, [{ step: "look", status: "pending" }])
        assert.deepStrictEqual(
          terminals.map(({ command }) => command),
          ["npm run dev"]
        )
        assert.strictEqual(review.findings[0]?.title, "Close it")
        assert.lengthOf(threads, 1)
        assert.deepStrictEqual(readFileSync(file), readFileSync(recorded))
      })
    )
  )
})
