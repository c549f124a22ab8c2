/** Every span that opens closes, exactly once, however a turn goes: random schedules of everything that can end one. */
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as EffectTracer from "effect/Tracer"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as TestClock from "effect/testing/TestClock"
import * as Approval from "../../../src/Approval.ts"
import * as CodexError from "../../../src/domain/CodexError.ts"
import { Codex } from "../../../src/Codex.ts"
import * as Scripted from "../../../src/testing/Scripted.ts"
import * as InMemorySpans from "../../../src/telemetry/tracer/InMemorySpans.ts"
import * as Settings from "../../../src/telemetry/config/Settings.ts"
import * as Tracer from "../../../src/telemetry/tracer/Tracer.ts"
import { isSoak } from "../../support/soak.ts"

/** Numbers that look random and come again with the same seed (mulberry32). */
const random = (seed: number) => {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (n: number) => Math.floor(next() * n)
  return {
    below,
    oneOf: <A>(items: readonly [A, ...ReadonlyArray<A>]): A => items[below(items.length)] ?? items[0]
  }
}
type Random = ReturnType<typeof random>

const Lookup = Tool.make("lookup", { parameters: Schema.Struct({}), success: Schema.String })
const Tickets = Toolkit.make(Lookup)

const steps = (random: Random): ReadonlyArray<Scripted.ScriptedStep> => {
  const one = (): Scripted.ScriptedStep => {
    const takes = random.oneOf(["0 millis", "3 millis", "20 millis"] as const)
    switch (random.below(6)) {
      case 0:
        return Scripted.message("a message", { deltas: true, takes })
      case 1:
        return Scripted.reasoning("a thought")
      case 2:
        return Scripted.command("npm test", {
          takes,
          exitCode: random.below(2),
          approval: random.below(2) === 0
        })
      case 3:
        return Scripted.command("sleep 1", { takes: "5 seconds" })
      default:
        return Scripted.toolCall("lookup", {})
    }
  }
  const some = Array.from({ length: 1 + random.below(4) }, one)
  switch (random.below(8)) {
    case 0:
      return [...some, Scripted.failed(failure)]
    case 1:
      return [...some, { _tag: "End", play: () => Effect.die(new Error("an engine that dies")) }]
    case 2:
      return [...some, Scripted.event({ _tag: "Retrying", errorType: "TurnFailed.Overloaded" }), ...some]
    case 3:
      return [
        Scripted.event({ _tag: "ItemStarted", item: { _tag: "ContextCompaction", id: "c" } }),
        ...some,
        Scripted.silence
      ]
    default:
      return some
  }
}

const failure: CodexError.TurnError = new CodexError.TurnFailed({ reason: "ServerError", detail: "" })

const tool = (random: Random) => {
  switch (random.below(5)) {
    case 0:
      return Effect.die(new Error("a defect"))
    case 1:
      return Effect.as(Effect.sleep("7 millis"), "found").pipe(Effect.withSpan("inside"))
    case 2:
      return Effect.interrupt
    case 3:
      return Effect.never
    default:
      return Effect.succeed("found")
  }
}

const policy = (random: Random): Approval.Policy => {
  const way = random.below(5)
  return () => {
    switch (way) {
      case 0:
        return Effect.die(new Error("a policy that dies"))
      case 1:
        return Effect.never
      case 2:
        return Effect.succeed(Approval.decline("no"))
      case 3:
        return Effect.succeed({ _tag: "Cancel" } as const)
      default:
        return Effect.as(Effect.sleep("4 millis"), { _tag: "Accept" } as const)
    }
  }
}

/** Counts what the tracer under test is asked to open and what of it is closed. */
const counting = () => {
  const open = new Map<EffectTracer.Span, number>()
  const layer = Layer.effect(
    EffectTracer.Tracer,
    Effect.map(EffectTracer.Tracer, (inner) =>
      EffectTracer.make({
        span: (options) => {
          const span = inner.span(options)
          open.set(span, 0)
          const end = span.end.bind(span)
          span.end = (at, exit) => {
            open.set(span, (open.get(span) ?? 0) + 1)
            end(at, exit)
          }
          return span
        }
      })
    )
  )
  return { open, layer }
}

/** How a program ended: it worked, failed as expected, died, or was interrupted. */
const endingOf = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "worked"
  const tags = new Set(exit.cause.reasons.map(({ _tag }) => _tag))
  return tags.has("Fail") ? "failed" : tags.has("Die") ? "died" : "interrupted"
}

const idOf = (span: ReadableSpan) => span.spanContext().spanId

const run = (seed: number) =>
  Effect.gen(function* () {
    const dice = random(seed)
    const memory = yield* InMemorySpans.make
    const { layer: counted, open } = counting()
    let cut: "stopped early" | "interrupted" | undefined
    const turn = Effect.gen(function* () {
      yield* Scripted.play(steps(dice))
      const codex = yield* Codex
      const thread = yield* codex.startThread({ tools: yield* Tickets, approvalMode: "on-request" })
      const timeout = dice.oneOf(["1 hour", "10 millis"] as const)
      const events = thread.stream("go", { timeout })
      const way = dice.below(5)
      const interrupted = Effect.sync(() => (cut = "interrupted"))
      if (way === 0) cut = "stopped early"
      if (way === 0) yield* Stream.runDrain(Stream.take(events, dice.below(6)))
      else if (way === 1)
        yield* Stream.runForEach(events, () => (dice.below(4) === 0 ? Effect.die("consumer") : Effect.void))
      else if (way === 2)
        yield* Effect.timeoutOrElse(thread.run("go", { timeout }), {
          duration: dice.below(30),
          orElse: () => interrupted
        })
      else if (way === 3)
        yield* Effect.raceFirst(Stream.runDrain(events), Effect.delay(interrupted, dice.below(30)))
      else yield* thread.run("go", { timeout })
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Layer.merge(
          Layer.fresh(Codex.layer).pipe(Layer.provideMerge(Layer.fresh(Scripted.layer))),
          Tickets.toLayer({ lookup: () => tool(dice) })
        ).pipe(
          Layer.provideMerge(Approval.layer(policy(dice))),
          Layer.provideMerge(counted),
          Layer.provideMerge(Layer.fresh(Tracer.layerProcessor(Effect.succeed(memory.processor)))),
          Layer.provideMerge(Logger.layer([])),
          Layer.provide(Layer.succeed(Settings.Environment, {}))
        )
      ),
      Effect.exit
    )
    const fiber = yield* Effect.forkChild(turn)
    for (let at = 0; at < 60; at++) yield* TestClock.adjust("1 millis")
    yield* TestClock.adjust("2 hours")
    yield* Fiber.interrupt(fiber)
    const outer = yield* Fiber.await(fiber)
    const exit = Exit.isSuccess(outer) ? outer.value : outer
    return { open, spans: yield* memory.spans, ending: cut ?? endingOf(exit) }
  })

const schedules = isSoak ? 1_000 : 300

it.effect(
  "every span that opens closes exactly once, in random schedules",
  () =>
    Effect.gen(function* () {
      let total = 0
      const endings = new Set<unknown>()
      const names = new Set<string>()
      const ways = new Map<string, number>()
      for (let seed = 1; seed <= schedules; seed++) {
        const { ending, open, spans } = yield* run(seed)
        ways.set(ending, (ways.get(ending) ?? 0) + 1)
        const ids = spans.map(idOf)
        assert.strictEqual(new Set(ids).size, ids.length, `a span was exported twice (seed ${seed})`)
        for (const [span, ends] of open) {
          assert.strictEqual(span.status._tag, "Ended", `"${span.name}" is open (seed ${seed})`)
          assert.strictEqual(ends, 1, `"${span.name}" was ended ${ends} times (seed ${seed})`)
          assert.include(ids, span.spanId, `"${span.name}" was not exported (seed ${seed})`)
        }
        assert.strictEqual(ids.length, open.size)
        for (const span of spans) {
          names.add(span.name)
          assert.isUndefined(
            span.attributes["codex.incomplete"],
            `"${span.name}" was given up (seed ${seed})`
          )
          if (span.name.startsWith("invoke_agent")) {
            endings.add(span.attributes["codex.turn.status"])
            endings.add(span.attributes["error.type"])
          }
        }
        total += spans.length
      }
      // The schedules are worth something only if they end in every way.
      for (const ending of ["completed", "failed", "interrupted", "TurnTimedOut", "TurnFailed.ServerError"])
        assert.include([...endings], ending)
      for (const way of ["worked", "failed", "died", "interrupted", "stopped early"])
        assert.isAtLeast(ways.get(way) ?? 0, schedules / 50, way)
      for (const name of ["codex.retry", "codex.compaction"]) assert.include([...names], name)
      assert.isAbove(total, 3 * schedules)
    }),
  120_000
)
