/** Checks the promises on an engine that fails in every way it can. `npm run simulate` runs more seeds. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Approval from "../../../src/Approval.ts"
import { Codex } from "../../../src/Codex.ts"
import * as Simulation from "../../../src/testing/Simulation.ts"
import { isSoak } from "../../support/soak.ts"

const threads = isSoak ? 300 : 60

describe("a simulation", () => {
  it.live(
    "keeps all promises for 20 seeds, and repeats each run exactly with and without tracing",
    () =>
      Effect.gen(function* () {
        const reports = yield* Simulation.check({ seeds: 20 })
        const endings = new Set(reports.flatMap((report) => Object.keys(report.endings)))
        // The seeds prove something only if turns end in every way.
        for (const ending of [
          "completed",
          "Interrupt",
          "EngineExited",
          "TurnInterrupted",
          "TurnFailed.RateLimited",
          "Die"
        ])
          assert.include([...endings], ending)
        for (const kind of [
          "requested turns",
          "reviews",
          "turns of the engine itself",
          "sub-agents",
          "goals",
          "background commands",
          "notifications",
          "limit updates",
          "waits for a limit"
        ])
          assert.isTrue(
            reports.some(({ played }) => (played[kind] ?? 0) > 0),
            kind
          )
        assert.isAbove(new Set(reports.map(({ fingerprint }) => fingerprint)).size, 19)
      }),
    120_000
  )

  it.live(
    "keeps all promises for many concurrent threads",
    () =>
      Effect.gen(function* () {
        const report = yield* Simulation.run({ seed: 7, threads })
        assert.deepStrictEqual(report.violations, [])
        assert.isAbove(report.turns, (threads * 5) / 3)
      }),
    120_000
  )

  it.live("runs a given program with its tools and its policy", () =>
    Effect.gen(function* () {
      const calls: Array<string> = []
      const Lookup = Tool.make("lookup", {
        parameters: Schema.Struct({ id: Schema.String }),
        success: Schema.String
      })
      const Tickets = Toolkit.make(Lookup)
      const program = Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.startThread({ tools: yield* Tickets, approvalMode: "on-request" })
        for (let turn = 0; turn < 3; turn++) yield* Effect.ignore(thread.run("go", { timeout: "1 minute" }))
      }).pipe(
        Effect.provide(
          Tickets.toLayer({
            lookup: ({ id }) => Effect.sync(() => (calls.push(id), "found"))
          })
        )
      )
      const reports = yield* Simulation.check({
        seeds: [1, 2, 3, 4, 5],
        program,
        policy: Approval.allow,
        args: (_, call) => ({ id: call })
      })
      assert.isTrue(reports.every(({ turns }) => turns === 3))
      assert.isAbove(calls.length, 0)
    })
  )

  it.live("reports a violation with its promise, its seed and its history", () =>
    Effect.gen(function* () {
      const asking = Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.startThread({ approvalMode: "on-request" })
        for (let turn = 0; turn < 10; turn++) yield* Effect.ignore(thread.run("go", { timeout: "1 minute" }))
      })
      // The simulation does not see this policy, so no approval is recorded.
      const unseen = Effect.provideService(asking, Approval.Current, Approval.allow)
      const failed = yield* Effect.flip(Simulation.check({ seeds: [3], program: unseen }))
      assert.strictEqual(failed.report.violations[0]?.promise, 3)
      assert.match(failed.message, /^seed 3: promise 3: run step .* runs without an approval/)
      assert.include(failed.message, 'the engine starts "go"')

      const hung = yield* Simulation.run({ seed: 1, program: Effect.never, hours: 1 })
      assert.strictEqual(hung.violations[0]?.promise, 1)
      const left = yield* Simulation.run({ seed: 1, program: Effect.forkDetach(Effect.sleep("2 days")) })
      assert.strictEqual(left.violations[0]?.promise, 4)
      const fine = yield* Simulation.run({ seed: 1, program: Effect.forkDetach(Effect.sleep("1 minute")) })
      assert.deepStrictEqual(fine.violations, [])

      // The scope of this thread never closes, so what its turns leave in the background runs on.
      const leaking = Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.startThread().pipe(Scope.provide(Scope.makeUnsafe()))
        for (let turn = 0; turn < 10; turn++) yield* Effect.ignore(thread.run("go", { timeout: "1 minute" }))
      })
      const running = yield* Simulation.run({ seed: 5, program: leaking })
      assert.match(
        running.violations.map(({ promise, text }) => `${promise}: ${text}`).join("\n"),
        /4: the background command \S+ still runs/
      )
    })
  )

  it.live("completes every turn without faults", () =>
    Effect.gen(function* () {
      const quiet = {
        crash: 0,
        silence: 0,
        failure: 0,
        defect: 0,
        interruption: 0,
        disorder: 0,
        slowInterrupt: 0,
        limit: 0,
        agent: 0
      }
      const program = Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.startThread()
        yield* thread.run("go")
      })
      const reports = yield* Simulation.check({ seeds: 10, faults: quiet, program: Effect.orDie(program) })
      assert.deepStrictEqual(
        reports.map(({ endings }) => endings),
        reports.map(() => ({ completed: 1 }))
      )
    })
  )
})
