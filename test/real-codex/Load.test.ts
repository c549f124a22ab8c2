/** Fifty threads on one real Codex: some are interrupted, and a signal kills the process of all. */
import { assert, describe } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Schedule from "effect/Schedule"
import { readdirSync } from "node:fs"
import * as M from "../../src/testing/ModelServer.ts"
import * as SeededRandom from "../../src/testing/simulation/SeededRandom.ts"
import type * as Thread from "../../src/Thread.ts"
import * as Real from "../support/realEngine.ts"
import { test, timed } from "../support/live.ts"

const threads = 50

const until = (what: string, condition: () => string | undefined) =>
  Effect.sync(condition).pipe(
    Effect.repeat({
      until: (wrong) => wrong === undefined,
      schedule: Schedule.spaced("20 millis"),
      times: 500
    }),
    Effect.map((wrong) => assert.isUndefined(wrong, what))
  )

const handles = () => readdirSync("/proc/self/fd").length

/** The reply depends on the prompt and on whether a command has returned. */
const model: M.Respond = ({ body, lastUserText }) => {
  const [what = "", number = "0"] = lastUserText?.split(" ") ?? []
  if (what !== "work") return M.reply(M.text(`fine ${number}`))
  const returned = JSON.stringify(body["input"] ?? "").split('"function_call_output"').length - 1
  switch (Number(number) % 4) {
    case 0:
      return M.reply(
        M.delay(`${50 + Number(number) * 10} millis`),
        M.text(`worked ${number}`, { deltas: true })
      )
    case 1:
      return returned === 0 ? M.reply(M.shell("sleep 0.3; echo done")) : M.reply(M.text(`worked ${number}`))
    case 2:
      return M.reply(M.text("half of it", { deltas: true }), M.never)
    default:
      return returned === 0 ? M.reply(M.shell("sleep 30")) : M.reply(M.text(`worked ${number}`))
  }
}

const endOf = (exit: Exit.Exit<unknown, { readonly errorType: string }>): string => {
  if (Exit.isSuccess(exit)) return "completed"
  const [reason] = exit.cause.reasons
  return reason === undefined ? "nothing" : Cause.isFailReason(reason) ? reason.error.errorType : reason._tag
}

describe("a real Codex under load", () => {
  test(
    "F01 F34 F42 ends 50 concurrent turns with typed results despite interrupts and a kill -9, keeps all threads usable, and leaves nothing behind",
    () =>
      Effect.gen(function* () {
        const real = yield* Real.make(model)
        const random = SeededRandom.make(50, "load")
        let active = 0
        const counting: Metric.FiberRuntimeMetricsService = {
          recordFiberStart: () => void active++,
          recordFiberEnd: () => void active--
        }
        const ours = Effect.map(real.processes, (all) => all.filter(({ parent }) => parent === process.pid))
        const before = handles()

        const round = (all: ReadonlyArray<Thread.Thread>, cutAfter: (index: number) => number | undefined) =>
          Effect.forEach(
            all,
            (thread, index) =>
              Effect.gen(function* () {
                const fiber = yield* Effect.forkScoped(
                  thread.run(`work ${index}`, { timeout: "6 seconds" }),
                  {
                    startImmediately: true
                  }
                )
                const after = cutAfter(index)
                if (after === undefined) return [endOf(yield* Fiber.await(fiber)), 0] as const
                yield* Effect.sleep(after)
                const [took] = yield* timed(Fiber.interrupt(fiber))
                return [endOf(yield* Fiber.await(fiber)), took] as const
              }),
            { concurrency: "unbounded" }
          )
        const said = (all: ReadonlyArray<readonly [string, number]>) => {
          const ends = new Map<string, number>()
          for (const [end] of all) ends.set(end, (ends.get(end) ?? 0) + 1)
          const took = all.flatMap(([, ms]) => (ms > 0 ? [ms] : [])).toSorted((a, b) => a - b)
          const slowest = `the slowest of ${took.length} interrupts took ${Math.round(took.at(-1) ?? 0)} ms`
          process.stdout.write(
            `${[...ends].map(([end, times]) => `${end} ${times}`).join(", ")}; ${slowest}\n`
          )
          return ends
        }

        yield* Effect.gen(function* () {
          const all = yield* Effect.forEach(Array.from({ length: threads }), () => real.start(), {
            concurrency: "unbounded"
          })
          const first = yield* Effect.forEach(all, (thread, index) => thread.run(`first ${index}`), {
            concurrency: "unbounded"
          })
          assert.deepStrictEqual(
            first.map(({ message }) => message),
            all.map((_, index) => `fine ${index}`)
          )

          const cuts = all.map(() => (random.chance(50) ? random.below(1_500) : undefined))
          const quiet = said(yield* round(all, (index) => cuts[index]))
          assert.isAbove(quiet.get("completed") ?? 0, 0)
          for (const end of quiet.keys()) assert.include(["completed", "Interrupt", "TurnTimedOut"], end)
          assert.lengthOf(yield* ours, 1, "an interrupt has ended the process")

          const [engine] = yield* ours
          const [, loud] = yield* Effect.all(
            [
              Effect.delay(
                Effect.sync(() => engine !== undefined && process.kill(engine.pid, "SIGKILL")),
                700
              ),
              round(all, (index) => (index % 3 === 0 ? random.below(1_500) : undefined))
            ],
            { concurrency: "unbounded" }
          )
          const killed = said(loud)
          assert.isAbove(killed.get("EngineExited") ?? 0, 0)
          for (const end of killed.keys())
            assert.include(["completed", "Interrupt", "TurnTimedOut", "EngineExited"], end)

          const later = yield* Effect.forEach(all, (thread, index) => thread.run(`later ${index}`), {
            concurrency: "unbounded"
          })
          assert.deepStrictEqual(
            later.map(({ message }) => message),
            all.map((_, index) => `fine ${index}`)
          )
          assert.lengthOf(yield* ours, 1, "one new process for all")
        }).pipe(
          Effect.scoped,
          Effect.provide(real.layer),
          Effect.provideService(Metric.FiberRuntimeMetrics, counting)
        )

        assert.deepStrictEqual(yield* ours, [])
        yield* until("fibers are left", () => (active === 0 ? undefined : `${active} fibers`))
        yield* until("handles are open", () => {
          const now = handles()
          return now <= before ? undefined : `${now} handles, ${before} before`
        })
        const left = yield* real.processes.pipe(
          Effect.repeat({
            until: ({ length }) => length === 0,
            schedule: Schedule.spaced("50 millis"),
            times: 100
          })
        )
        assert.deepStrictEqual(left, [], "processes of Codex are left")
      }),
    120_000
  )
})
