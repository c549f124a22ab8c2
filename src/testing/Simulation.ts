/**
 * Runs a program on an engine that fails in every way it can, under virtual time. A seed determines the run, so the same
 * seed gives the same run. After each run, the simulation checks the promises of the runtime against what happened.
 *
 * ```ts
 * it.live("our agent survives a bad day", () =>
 *   Simulation.check({ seeds: 50, program: fixTicket("T-42"), policy: Approval.deny }))
 * ```
 *
 * A failure names its seed and shows the history of its thread; `Simulation.run({ seed })` repeats the run. The program
 * must not wait for anything outside the process, such as a file or a socket, because virtual time does not wait for it.
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as EffectTracer from "effect/Tracer"
import * as Approval from "../Approval.ts"
import { Codex } from "../Codex.ts"
import type * as Engine from "../engine/Engine.ts"
import * as Convention from "../semconv/Convention.ts"
import * as TimeSlices from "../internal/TimeSlices.ts"
import * as InMemorySpans from "../telemetry/tracer/InMemorySpans.ts"
import * as Settings from "../telemetry/config/Settings.ts"
import * as SignalBus from "../instrumentation/SignalBus.ts"
import * as Tracer from "../telemetry/tracer/Tracer.ts"
import * as Workload from "./simulation/Workload.ts"
import * as WorkloadActors from "./simulation/WorkloadActors.ts"
import * as Faults from "./simulation/Faults.ts"
import * as FaultyEngine from "./simulation/FaultyEngine.ts"
import * as History from "./simulation/History.ts"
import type { Random } from "./simulation/SeededRandom.ts"

export type { HistoryLine, Violation } from "./simulation/History.ts"
export type { Faults } from "./simulation/Faults.ts"
export type { Random } from "./simulation/SeededRandom.ts"

/**
 * What to simulate, and how often things go wrong.
 * @since 0.1.0
 * @category models
 */
export interface SimulationOptions<E = unknown> {
  /** How often each fault happens, in percent of the turns: `{ crash: 0 }`. */
  readonly faults?: Partial<Faults.Faults> | undefined
  /**
   * The program, with a scope that closes when it ends. Default: `threads` threads that use every feature concurrently.
   * The program may fail, but it must end.
   */
  readonly program?: Effect.Effect<unknown, E, Codex | Scope.Scope> | undefined
  /** The approval policy of `program`. Do not provide a policy inside it: the simulation reports its grants as violations. */
  readonly policy?: Approval.Policy | undefined
  /** Returns the arguments of a tool call; default `{}`. */
  readonly args?: ((tool: string, call: string, random: Random) => unknown) | undefined
  /** The number of concurrent threads of the default program; default 8. */
  readonly threads?: number | undefined
  /** Hours of virtual time within which `program` must end; default 24. */
  readonly hours?: number | undefined
}

/**
 * The result of one run.
 * @since 0.1.0
 * @category models
 */
export interface SimulationReport {
  readonly seed: number
  /** A hash of the history, which is equal for equal seeds. */
  readonly fingerprint: string
  /** The turns of threads, without those of sub-agents. */
  readonly turns: number
  /** How these turns ended, with counts. */
  readonly endings: Readonly<Record<string, number>>
  /** What the engine played, with counts: requested turns, reviews, turns of the engine itself, sub-agents, and more. */
  readonly played: Readonly<Record<string, number>>
  readonly violations: ReadonlyArray<History.Violation>
  readonly history: ReadonlyArray<History.HistoryLine>
}

/**
 * A run violates a promise. `message` names the seed and shows the history of the thread.
 * @since 0.1.0
 * @category errors
 */
export class SimulationFailed extends Data.TaggedError("SimulationFailed")<{
  readonly report: SimulationReport
}> {
  override get message() {
    return describe(this.report)
  }
}

/**
 * Formats the first violation with the history of its thread and of the whole run.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Console, Effect } from "effect"
 * import { Simulation } from "effect-codex/testing"
 *
 * const printed = Effect.flatMap(Simulation.run({ seed: 7 }), (report) => Console.log(Simulation.describe(report)))
 * ```
 */
export const describe = ({ history, seed, violations }: SimulationReport): string => {
  const [first, ...more] = violations
  if (first === undefined) return `seed ${seed}: no promise is violated`
  const lines = history
    .filter(
      ({ threadId }) => threadId === undefined || first.threadId === undefined || threadId === first.threadId
    )
    .slice(-200)
    .map(({ at, text, threadId }) => `  ${String(at).padStart(9)} ms  ${threadId ?? "-"}  ${text}`)
  return [
    `seed ${seed}: promise ${first.promise}: ${first.text}${more.length === 0 ? "" : ` (and ${more.length} more)`}`,
    ...lines
  ].join("\n")
}

/** Counts running fibers, to find fibers that outlive the run. */
const countFibers = () => {
  let active = 0
  const service: Metric.FiberRuntimeMetricsService = {
    recordFiberStart: () => void active++,
    recordFiberEnd: () => void active--
  }
  return { service, active: () => active }
}

/** Tracks open spans, to find spans that never end or end twice. */
const countSpans = (history: History.RunHistory) => {
  const open = new Set<EffectTracer.Span>()
  const layer = Layer.effect(
    EffectTracer.Tracer,
    Effect.map(EffectTracer.Tracer, (inner) =>
      EffectTracer.make({
        span: (options) => {
          const span = inner.span(options)
          open.add(span)
          const end = span.end.bind(span)
          span.end = (at, exit) => {
            if (!open.delete(span)) history.addViolation(6, undefined, `the span "${span.name}" ended twice`)
            end(at, exit)
          }
          return span
        }
      })
    )
  )
  return { layer, open: () => [...open].map(({ name }) => name) }
}

/** Records the grants of a policy before the runtime sees them. */
const recordGrants =
  <R>(history: History.RunHistory, policy: Approval.Policy<R>): Approval.Policy<R> =>
  (request) =>
    Effect.map(policy(request), (decision) => {
      if (decision._tag === "Accept" || decision._tag === "AcceptForSession")
        // Tool handlers know only the item id of their call.
        history.granted.add(request.id).add(request.itemId)
      return decision
    })

interface SeededOptions<E> extends SimulationOptions<E> {
  readonly seed: number
  /** Whether the run is traced and observed; default `true`. Telemetry must not change the run. */
  readonly telemetry?: boolean | undefined
}

/** Longer than anything that may still be pending: an uninterruptible tool, a late event, a slow approver. */
const settleTime = "10 minutes"

const play = Effect.fnUntraced(function* <E>(options: SeededOptions<E>): Effect.fn.Return<SimulationReport> {
  const { seed, telemetry = true, threads = 8 } = options
  const history = History.make(yield* Clock.Clock)
  const fibers = countFibers()
  const spans = countSpans(history)
  const spanMemory = yield* InMemorySpans.make

  const engine: Layer.Layer<Engine.Engine> = FaultyEngine.layer({
    seed,
    // A crash ends the turns of all threads, so it is rarer with many threads.
    faults: { ...Faults.defaults, crash: Math.min(2, 16 / threads), ...options.faults },
    history,
    args: options.args ?? (options.program === undefined ? WorkloadActors.args : () => ({}))
  })
  const observeTurnEnds = SignalBus.layerListener(
    Effect.succeed(({ signal, threadId, turnId }) => {
      if (signal._tag === "TurnStop" && threadId !== undefined)
        history.reportEnd(threadId, turnId, typeof signal.end === "string" ? signal.end : signal.end._tag)
    })
  )
  const tracing = spans.layer.pipe(
    Layer.provideMerge(Layer.fresh(Tracer.layerProcessor(Effect.succeed(spanMemory.processor)))),
    Layer.provideMerge(Layer.fresh(observeTurnEnds)),
    Layer.provide(Layer.succeed(Settings.Environment, {}))
  )
  const services = Layer.fresh(Codex.layer).pipe(
    Layer.provideMerge(engine),
    Layer.provideMerge(Layer.fresh(Approval.ApprovalQueue.layer)),
    Layer.provideMerge(telemetry ? tracing : Layer.empty),
    Layer.provideMerge(Logger.layer([]))
  )
  const built = Deferred.makeUnsafe<void>()
  const main = Effect.gen(function* () {
    yield* Deferred.succeed(built, undefined)
    if (options.program !== undefined)
      return yield* Effect.provideService(
        options.program,
        Approval.Current,
        recordGrants(history, options.policy ?? Approval.deny)
      )
    const queue = yield* Approval.ApprovalQueue
    const decide: Approval.Policy = (request) =>
      Effect.provideService(WorkloadActors.policy(seed)(request), Approval.ApprovalQueue, queue)
    return yield* Effect.provideService(
      Workload.program(seed, threads, history),
      Approval.Current,
      recordGrants(history, decide)
    )
  }).pipe(
    Effect.scoped,
    Effect.exit,
    Effect.tap((exit) =>
      Effect.sync(() =>
        history.log(
          undefined,
          `the program ends: ${Exit.isSuccess(exit) ? "success" : Cause.pretty(exit.cause).split("\n")[0]}`
        )
      )
    ),
    // Before the layers close, so that everything still open then is a leak.
    Effect.tap(() => Effect.sleep(settleTime)),
    Effect.provide(services),
    Effect.withTracerEnabled(telemetry),
    Effect.provideService(Metric.FiberRuntimeMetrics, fibers.service),
    Effect.provideService(TimeSlices.SliceMillis, Infinity)
  )

  // Detached, so that every fiber left at the end belongs to the program.
  const fiber = yield* Effect.forkDetach(main, { startImmediately: true })
  // Layers load modules, which takes real time, so start virtual time after they are built.
  yield* Effect.raceFirst(Deferred.await(built), Fiber.await(fiber))
  const limit = (options.hours ?? 24) * 3_600_000
  while (fiber.pollUnsafe() === undefined && history.now() < limit) yield* TestClock.adjust("1 minute")
  if (fiber.pollUnsafe() === undefined) {
    history.addViolation(1, undefined, `the program has not ended after ${history.now() / 3_600_000} hours`)
    fiber.interruptUnsafe()
    yield* TestClock.adjust(settleTime)
  }

  for (const { input, threadId } of history.runningTurns())
    history.addViolation(2, threadId, `the engine still runs "${input}"`)
  for (const turn of telemetry ? history.turns() : []) {
    if (!turn.isReported)
      history.addViolation(1, turn.threadId, `the runtime never reported the end of "${turn.input}"`)
  }
  for (const call of history.runningHandlers)
    history.addViolation(4, undefined, `a tool still runs for ${call}`)
  for (const [command, threadId] of history.runningCommands)
    history.addViolation(4, threadId, `the background command ${command} still runs`)
  if (fibers.active() !== 0) history.addViolation(4, undefined, `${fibers.active()} fibers still run`)
  const open = (yield* spanMemory.spans).filter(
    ({ attributes }) => Convention.attribute.incomplete in attributes
  )
  for (const name of [...spans.open(), ...open.map(({ name }) => name)])
    history.addViolation(6, undefined, `the span "${name}" never ended`)

  const endings: Record<string, number> = {}
  const turns = history.turns().filter(({ rootThreadId, threadId }) => rootThreadId === threadId)
  for (const { end = "none" } of turns) endings[end] = (endings[end] ?? 0) + 1
  return {
    seed,
    fingerprint: history.fingerprint(),
    turns: turns.length,
    endings,
    played: history.played(),
    violations: history.violations(),
    history: history.lines()
  }
})

/**
 * Runs one seed and returns the report, with the violated promises.
 * @since 0.1.0
 * @category combinators
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Simulation } from "effect-codex/testing"
 *
 * const violated = Simulation.run({ seed: 7, faults: { crash: 20 } }).pipe(
 *   Effect.map(({ violations }) => violations.length)
 * )
 * ```
 */
export const run = <E = never>(options: SeededOptions<E>): Effect.Effect<SimulationReport> =>
  play(options).pipe(Effect.scoped, Effect.provide(Layer.fresh(TestClock.layer())))

/**
 * Runs a seed three times, twice with telemetry and once without. All runs must be equal, and none may violate a promise.
 * @since 0.1.0
 * @category assertions
 * @example
 * ```ts
 * import { it } from "@effect/vitest"
 * import { Simulation } from "effect-codex/testing"
 *
 * it.effect("keeps its promises with the seed that once failed", () => Simulation.checkSeed({ seed: 4711 }))
 * ```
 */
export const checkSeed = Effect.fnUntraced(function* <E = never>(
  options: Omit<SeededOptions<E>, "telemetry">
): Effect.fn.Return<SimulationReport, SimulationFailed> {
  const report = yield* run(options)
  if (report.violations.length > 0) return yield* new SimulationFailed({ report })
  for (const telemetry of [true, false]) {
    const again = yield* run({ ...options, telemetry })
    if (again.violations.length > 0) return yield* new SimulationFailed({ report: again })
    if (again.fingerprint === report.fingerprint) continue
    const at = report.history.findIndex((line, index) => {
      const other = again.history[index]
      return line.at !== other?.at || line.text !== other.text
    })
    const [first, other] = [report.history[at], again.history[at]]
    const text = `${telemetry ? "a second run" : "a run without telemetry"} differs: "${first?.text}" at ${first?.at}, "${other?.text}" at ${other?.at}`
    const violation = { promise: telemetry ? 1 : 6, threadId: first?.threadId, text }
    return yield* new SimulationFailed({ report: { ...report, violations: [violation] } })
  }
  return report
})

/**
 * Checks many seeds: `1` up to a number, or a list. Fails at the first seed that violates a promise.
 * @since 0.1.0
 * @category assertions
 * @example
 * ```ts
 * import { it } from "@effect/vitest"
 * import { Approval } from "effect-codex"
 * import { Simulation } from "effect-codex/testing"
 *
 * it.effect("keeps its promises", () => Simulation.check({ seeds: 20, policy: Approval.deny }))
 * ```
 */
export const check = <E = never>(
  options: SimulationOptions<E> & {
    readonly seeds: number | ReadonlyArray<number>
    /** Called after every seed that passes. */
    readonly onReport?: (report: SimulationReport) => void
  }
): Effect.Effect<ReadonlyArray<SimulationReport>, SimulationFailed> =>
  Effect.forEach(
    typeof options.seeds === "number"
      ? Array.from({ length: options.seeds }, (_, index) => index + 1)
      : options.seeds,
    (seed) =>
      Effect.tap(checkSeed({ ...options, seed }), (report) => Effect.sync(() => options.onReport?.(report)))
  )
