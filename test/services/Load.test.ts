/** Dozens of threads on one real Codex: some are interrupted, and a signal kills the process of all. */
import { assert, describe } from "@effect/vitest"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import { readdirSync } from "node:fs"
import * as M from "../../src/testing/ModelServer.ts"
import * as SeededRandom from "../../src/testing/simulation/SeededRandom.ts"
import type * as Thread from "../../src/Thread.ts"
import * as Real from "../support/realEngine.ts"
import { inRealTime, onSlowClock, test, until } from "../support/live.ts"
import { isSoak } from "../support/soak.ts"

const threads = isSoak ? 50 : 24

const handles = () => readdirSync("/proc/self/fd").length

/** The kinds of turns: the last two never end by themselves. */
const kinds = ["message", "command", "open message", "open command"] as const
const kindOf = (index: number) => kinds[index % 4] ?? "message"
const endsByItself = (index: number) => !kindOf(index).startsWith("open")

/** The reply depends on the prompt and on whether a command has returned. A command creates a marker file first. */
const reply: M.Respond = ({ body, lastUserText }) => {
  const [what = "", number = "0", marker = ""] = lastUserText?.split(" ") ?? []
  if (what !== "work") return M.reply(M.text(`fine ${number}`))
  // The input also has the commands of earlier rounds.
  const inputOfTurn = JSON.stringify(body["input"] ?? "")
    .split(marker)
    .slice(-1)
    .join()
  const returned = inputOfTurn.includes('"function_call_output"')
  switch (kindOf(Number(number))) {
    case "message":
      return M.reply(
        M.delay(`${50 + Number(number) * 10} millis`),
        M.text(`worked ${number}`, { deltas: true })
      )
    case "command":
      return M.reply(returned ? M.text(`worked ${number}`) : M.shell(`touch ${marker}; sleep 0.3; echo done`))
    case "open message":
      return M.reply(M.text("half of it", { deltas: true }), M.never)
    case "open command":
      return M.reply(returned ? M.never : M.shell(`touch ${marker}; sleep 1000`))
  }
}

type End = "completed" | "Interrupt" | "TurnTimedOut" | "EngineExited"

const endOf = (exit: Exit.Exit<unknown, { readonly errorType: string }>): string => {
  if (Exit.isSuccess(exit)) return "completed"
  const [reason] = exit.cause.reasons
  return reason === undefined ? "nothing" : Cause.isFailReason(reason) ? reason.error.errorType : reason._tag
}

const print = (ends: ReadonlyArray<string>) => {
  const counts = new Map<string, number>()
  for (const end of ends) counts.set(end, (counts.get(end) ?? 0) + 1)
  process.stdout.write(`${[...counts].map(([end, count]) => `${end} ${count}`).join(", ")}\n`)
}

describe("a real Codex under load", () => {
  test(
    "F01 F34 F42 ends dozens of concurrent turns with typed results despite interrupts and a kill -9, keeps all threads usable, and leaves nothing behind",
    () =>
      Effect.gen(function* () {
        /** The turns of the current round that have called the model. */
        const running = new Set<number>()
        /** The turns of the current round that have ended. */
        const ended = new Set<number>()
        let rounds = 0
        const markerOf = (index: number) => `started-${rounds}-${index}`
        const real = yield* Real.make((request, index) => {
          const [what, number] = request.lastUserText.split(" ")
          if (what === "work") running.add(Number(number))
          return reply(request, index)
        })
        const random = SeededRandom.make(50, "load")
        let active = 0
        const counting: Metric.FiberRuntimeMetricsService = {
          recordFiberStart: () => void active++,
          recordFiberEnd: () => void active--
        }
        const children = Effect.map(real.processes, (all) =>
          all.filter(({ parent }) => parent === process.pid)
        )
        const before = handles()

        /** Runs one turn per thread. Interrupts a turn when its delay has passed, wherever the turn is by then. */
        const round = (
          all: ReadonlyArray<Thread.Thread>,
          delays: ReadonlyArray<number | undefined>,
          timeout: Duration.Input
        ) => {
          running.clear()
          ended.clear()
          rounds++
          return Effect.forEach(
            all,
            (thread, index) =>
              Effect.gen(function* () {
                // The slow clock also stretches the timeout. A turn that ends by itself has the default of 30 minutes.
                const options = endsByItself(index) ? {} : { timeout }
                const fiber = yield* Effect.forkScoped(
                  thread.run(`work ${index} ${markerOf(index)}`, options),
                  {
                    startImmediately: true
                  }
                )
                const delay = delays[index]
                if (delay !== undefined)
                  yield* Effect.andThen(inRealTime(Effect.sleep(delay)), Fiber.interrupt(fiber))
                const exit = yield* Fiber.await(fiber)
                ended.add(index)
                return endOf(exit)
              }),
            { concurrency: "unbounded" }
          )
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

          const idle = (yield* real.processes).length
          const delays = all.map(() => (random.chance(50) ? random.below(1_500) : undefined))
          const quiet = yield* round(all, delays, "300 millis")
          print(quiet)
          for (const [index, end] of quiet.entries()) {
            const natural: End = endsByItself(index) ? "completed" : "TurnTimedOut"
            const possible: ReadonlyArray<End> =
              delays[index] === undefined ? [natural] : [natural, "Interrupt"]
            assert.include(possible, end, `turn ${index}`)
          }
          assert.include(quiet, "Interrupt")
          assert.lengthOf(yield* children, 1, "an interrupt has ended the process")

          const onlyCodex = Effect.map(real.processes, ({ length }) => length <= idle)
          yield* inRealTime(until("no command is left after the interrupts", onlyCodex))

          const [engine] = yield* children
          const delaysBeforeKill = all.map((_, index) =>
            index % 3 === 0 ? random.below(kindOf(index).endsWith("command") ? 1_500 : 4_000) : undefined
          )
          const commands = all.flatMap((_, index) => (kindOf(index).endsWith("command") ? [index] : []))
          const kill = Effect.gen(function* () {
            // Codex's death ends a command in its sandbox, but not a command that it is just about to start.
            for (const index of commands) {
              const begun = Effect.map(real.exists(markerOf(index)), (exists) => exists || ended.has(index))
              yield* inRealTime(until(`turn ${index} runs its command`, begun))
            }
            if (engine !== undefined) process.kill(engine.pid, "SIGKILL")
            return new Set(running)
          })
          const [runningAtKill, killed] = yield* Effect.all(
            [kill, round(all, delaysBeforeKill, "1 minute")],
            {
              concurrency: "unbounded"
            }
          )
          print(killed)
          for (const [index, end] of killed.entries()) {
            const possible = new Set<End>(["EngineExited"])
            if (endsByItself(index)) possible.add("completed")
            else if (!runningAtKill.has(index)) possible.add("TurnTimedOut")
            if (delaysBeforeKill[index] !== undefined) possible.add("Interrupt")
            assert.include([...possible], end, `turn ${index}`)
          }
          assert.include(killed, "EngineExited")

          const later = yield* Effect.forEach(all, (thread, index) => thread.run(`later ${index}`), {
            concurrency: "unbounded"
          })
          assert.deepStrictEqual(
            later.map(({ message }) => message),
            all.map((_, index) => `fine ${index}`)
          )
          assert.lengthOf(yield* children, 1, "one new process for all")
        }).pipe(
          Effect.scoped,
          Effect.provide(real.layer),
          Effect.provideService(Metric.FiberRuntimeMetrics, counting),
          onSlowClock
        )

        assert.deepStrictEqual(yield* children, [])
        yield* until(
          "no fiber is left",
          Effect.sync(() => active === 0)
        )
        yield* until(
          "no handle is left",
          Effect.sync(() => handles() <= before)
        )
        yield* until(
          "no process of Codex is left",
          Effect.map(real.processes, ({ length }) => length === 0)
        )
      }),
    600_000
  )
})
