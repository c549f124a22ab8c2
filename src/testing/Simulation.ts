/**
 * A program against an engine that fails in every way it can, under virtual time, from a seed: the same seed is the same
 * run. After each run the promises of the runtime are held against what happened.
 *
 * ```ts
 * it.live("our agent survives a bad day", () =>
 *   Simulation.check({ seeds: 50, program: fixTicket("T-42"), policy: Approval.deny }))
 * ```
 *
 * What fails is told with its seed and the story of the thread that it failed on; `Simulation.run({ seed })` plays it
 * again. The program must not wait for anything real, such as a file or a socket: virtual time does not.
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
import * as InMemorySpans from "../telemetry/tracer/InMemorySpans.ts"
import * as Settings from "../telemetry/config/Settings.ts"
import * as SignalBus from "../instrumentation/SignalBus.ts"
import * as Tracer from "../telemetry/tracer/Tracer.ts"
import * as Workload from "./simulation/Workload.ts"
import * as FaultyEngine from "./simulation/FaultyEngine.ts"
import * as History from "./simulation/History.ts"
import type { Random } from "./simulation/SeededRandom.ts"

export type { HistoryLine, Violation } from "./simulation/History.ts"
export type { Faults } from "./simulation/FaultyEngine.ts"
export type { Random } from "./simulation/SeededRandom.ts"

export interface SimulationOptions<E = unknown> {
  /** How often what goes wrong, in a hundred turns: `{ death: 0 }`. */
  readonly faults?: Partial<FaultyEngine.Faults> | undefined
  /**
   * What to run, with a scope that ends with it. Default: `threads` conversations that do everything at once. It may
   * fail, and is not asked why; it must come to an end.
   */
  readonly program?: Effect.Effect<unknown, E, Codex | Scope.Scope> | undefined
  /** Who decides in `program`. One that it provides by itself is not seen: what it grants counts as granted by nobody. */
  readonly policy?: Approval.Policy | undefined
  /** What the engine calls a tool of `program` with; default `{}`. */
  readonly args?: ((tool: string, call: string, random: Random) => unknown) | undefined
  /** Conversations at once, where there is no `program`; default 8. */
  readonly threads?: number | undefined
  /** Hours of virtual time after which `program` counts as hung; default 24. */
  readonly hours?: number | undefined
}

/** What one run came to. */
export interface SimulationReport {
  readonly seed: number
  /** A number for everything that happened, and when: the same for the same seed. */
  readonly trace: string
  readonly turns: number
  /** How turns ended, and how often. */
  readonly endings: Readonly<Record<string, number>>
  readonly violations: ReadonlyArray<History.Violation>
  readonly story: ReadonlyArray<History.HistoryLine>
}

/** A promise was broken. `message` names the seed and tells the story of the thread. */
export class SimulationFailed extends Data.TaggedError("SimulationFailed")<{
  readonly report: SimulationReport
}> {
  override get message() {
    return describe(this.report)
  }
}

/** The story of the first promise that was broken: what happened on its thread, and to all. */
export const describe = ({ seed, story, violations }: SimulationReport): string => {
  const [first, ...more] = violations
  if (first === undefined) return `seed ${seed}: nothing was broken`
  const lines = story
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

/** Counts the fibers that run: one that is left behind is one too many. */
const countFibers = () => {
  let active = 0
  const service: Metric.FiberRuntimeMetricsService = {
    recordFiberStart: () => void active++,
    recordFiberEnd: () => void active--
  }
  return { service, active: () => active }
}

/** Counts the spans that were opened and those that were ended. */
const countSpans = (ledger: History.Ledger) => {
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
            if (!open.delete(span)) ledger.broken(6, undefined, `the span "${span.name}" was ended twice`)
            end(at, exit)
          }
          return span
        }
      })
    )
  )
  return { layer, open: () => [...open].map(({ name }) => name) }
}

/** Notes what the policy says before the runtime hears it. */
const watched =
  <R>(ledger: History.Ledger, policy: Approval.Policy<R>): Approval.Policy<R> =>
  (request) =>
    Effect.map(policy(request), (said) => {
      if (said._tag === "accept" || said._tag === "acceptForSession")
        // A tool's handler knows its call and nothing of the question.
        ledger.granted.add(request.id).add(request.itemId)
      return said
    })

interface Seeded<E> extends SimulationOptions<E> {
  readonly seed: number
  /** Whether the run is traced and observed; default `true`. It must make no difference. */
  readonly telemetry?: boolean | undefined
}

/** A second after everything that may still be on its way: a deaf tool, a late event, an approver who is slow. */
const aftermath = "10 minutes"

const play = Effect.fnUntraced(function* <E>(options: Seeded<E>): Effect.fn.Return<SimulationReport> {
  const { seed, telemetry = true, threads = 8 } = options
  const ledger = History.make(yield* Clock.Clock)
  const fibers = countFibers()
  const spans = countSpans(ledger)
  const memory = yield* InMemorySpans.make

  const engine: Layer.Layer<Engine.Engine> = FaultyEngine.layer({
    seed,
    // A death ends the turns of all threads: of many, few have one.
    faults: { ...FaultyEngine.defaults, death: Math.min(2, 16 / threads), ...options.faults },
    ledger,
    args: options.args ?? (options.program === undefined ? Workload.args : () => ({}))
  })
  const observed = SignalBus.layerListener(
    Effect.succeed(({ signal, threadId }) => {
      if (signal._tag === "TurnStop" && threadId !== undefined)
        ledger.told(threadId, typeof signal.end === "string" ? signal.end : signal.end._tag)
    })
  )
  const tracing = spans.layer.pipe(
    Layer.provideMerge(Layer.fresh(Tracer.layerProcessor(Effect.succeed(memory.processor)))),
    Layer.provideMerge(Layer.fresh(observed)),
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
        watched(ledger, options.policy ?? Approval.deny)
      )
    const queue = yield* Approval.ApprovalQueue
    const decide: Approval.Policy = (request) =>
      Effect.provideService(Workload.policy(seed)(request), Approval.ApprovalQueue, queue)
    return yield* Effect.provideService(
      Workload.program(seed, threads, ledger),
      Approval.Current,
      watched(ledger, decide)
    )
  }).pipe(
    Effect.scoped,
    Effect.exit,
    Effect.tap((exit) =>
      Effect.sync(() =>
        ledger.say(
          undefined,
          `the program ends: ${Exit.isSuccess(exit) ? "it worked" : Cause.pretty(exit.cause).split("\n")[0]}`
        )
      )
    ),
    // Within the layers: what they find open when they close is one too many.
    Effect.tap(() => Effect.sleep(aftermath)),
    Effect.provide(services),
    Effect.withTracerEnabled(telemetry),
    Effect.provideService(Metric.FiberRuntimeMetrics, fibers.service)
  )

  // Apart: what is left of it when it is over belongs to nobody else.
  const fiber = yield* Effect.forkDetach(main, { startImmediately: true })
  // Layers load modules, which takes real time: virtual time begins when they are there.
  yield* Effect.raceFirst(Deferred.await(built), Fiber.await(fiber))
  const limit = (options.hours ?? 24) * 3_600_000
  while (fiber.pollUnsafe() === undefined && ledger.now() < limit) yield* TestClock.adjust("1 minute")
  if (fiber.pollUnsafe() === undefined) {
    ledger.broken(1, undefined, `the program has not ended after ${ledger.now() / 3_600_000} hours`)
    fiber.interruptUnsafe()
    yield* TestClock.adjust(aftermath)
  }

  for (const { input, threadId } of ledger.running())
    ledger.broken(2, threadId, `the engine still runs "${input}"`)
  for (const turn of telemetry ? ledger.performed() : []) {
    if (!turn.told) ledger.broken(1, turn.threadId, `the end of "${turn.input}" was never told`)
  }
  for (const call of ledger.handlers) ledger.broken(4, undefined, `a tool still runs for ${call}`)
  if (fibers.active() !== 0) ledger.broken(4, undefined, `${fibers.active()} fibers still run`)
  const open = (yield* memory.spans).filter(({ attributes }) => Convention.attribute.incomplete in attributes)
  for (const name of [...spans.open(), ...open.map(({ name }) => name)])
    ledger.broken(6, undefined, `the span "${name}" was never ended`)

  const endings: Record<string, number> = {}
  for (const { end = "none" } of ledger.performed()) endings[end] = (endings[end] ?? 0) + 1
  return {
    seed,
    trace: ledger.trace(),
    turns: ledger.performed().length,
    endings,
    violations: ledger.violations(),
    story: ledger.story()
  }
})

/** Runs one seed and tells what happened; whatever broke is in `violations`. */
export const run = <E = never>(options: Seeded<E>): Effect.Effect<SimulationReport> =>
  play(options).pipe(Effect.scoped, Effect.provide(Layer.fresh(TestClock.layer())))

/**
 * Runs a seed three times, observed twice and once not: all three must be the same run, and none may break a promise.
 */
export const holds = Effect.fnUntraced(function* <E = never>(
  options: Omit<Seeded<E>, "telemetry">
): Effect.fn.Return<SimulationReport, SimulationFailed> {
  const report = yield* run(options)
  if (report.violations.length > 0) return yield* new SimulationFailed({ report })
  for (const telemetry of [true, false]) {
    const again = yield* run({ ...options, telemetry })
    if (again.violations.length > 0) return yield* new SimulationFailed({ report: again })
    if (again.trace === report.trace) continue
    const at = report.story.findIndex((line, index) => {
      const other = again.story[index]
      return line.at !== other?.at || line.text !== other.text
    })
    const [one, other] = [report.story[at], again.story[at]]
    const text = `${telemetry ? "a second run" : "a run without telemetry"} differs: "${one?.text}" at ${one?.at}, "${other?.text}" at ${other?.at}`
    const violation = { promise: telemetry ? 1 : 6, threadId: one?.threadId, text }
    return yield* new SimulationFailed({ report: { ...report, violations: [violation] } })
  }
  return report
})

/** Runs many seeds, `1` to the number given or those listed; ends with the first that breaks a promise. */
export const check = <E = never>(
  options: SimulationOptions<E> & {
    readonly seeds: number | ReadonlyArray<number>
    /** Told of every seed that holds. */
    readonly onReport?: (report: SimulationReport) => void
  }
): Effect.Effect<ReadonlyArray<SimulationReport>, SimulationFailed> =>
  Effect.forEach(
    typeof options.seeds === "number"
      ? Array.from({ length: options.seeds }, (_, index) => index + 1)
      : options.seeds,
    (seed) =>
      Effect.tap(holds({ ...options, seed }), (report) => Effect.sync(() => options.onReport?.(report)))
  )
