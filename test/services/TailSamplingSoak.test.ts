/** Runs 3,000 turns with tail sampling, or 10,000 in a soak: checks the kept turns, the share of the others, and the memory bounds. */
import { heapUsed } from "../support/heap.ts"
import { isSoak } from "../support/soak.ts"
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as EffectTracer from "effect/Tracer"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/testing/TestClock"
import * as Approval from "../../src/Approval.ts"
import { Codex } from "../../src/Codex.ts"
import * as CodexError from "../../src/domain/CodexError.ts"
import * as Scripted from "../../src/testing/Scripted.ts"
import * as Settings from "../../src/telemetry/config/Settings.ts"
import * as Gate from "../../src/telemetry/tail-sampling/Gate.ts"
import type { TailSampler } from "../../src/telemetry/tail-sampling/TailSampler.ts"
import * as TailSampling from "../../src/telemetry/tail-sampling/TailSampling.ts"
import * as Tracer from "../../src/telemetry/tracer/Tracer.ts"
import { hex, random } from "../telemetry/tail-sampling/random.ts"

const turns = isSoak ? 10_000 : 3_000
const atOnce = 100
const keep = 0.1
const maxSpans = 5_000

const broken = new CodexError.TurnFailed({ reason: "ServerError", detail: "" })

type Kind = "plain" | "failed" | "slow" | "declined" | "asked"

/** Of a hundred turns, one fails, one is slow and one is declined. */
const kindOf = (next: () => number): Kind => {
  const dice = next()
  return dice < 0.01
    ? "failed"
    : dice < 0.02
      ? "slow"
      : dice < 0.03
        ? "declined"
        : dice < 0.1
          ? "asked"
          : "plain"
}

const stepsOf = (kind: Kind, next: () => number): ReadonlyArray<Scripted.ScriptedStep> => {
  const takes = 500 + Math.floor(next() * 500)
  const work = [
    Scripted.command("npm test", { takes, exitCode: next() < 0.3 ? 1 : 0 }),
    Scripted.message("ok")
  ]
  const first: { readonly [K in Kind]: ReadonlyArray<Scripted.ScriptedStep> } = {
    plain: [],
    failed: [],
    slow: [Scripted.command("make world", { takes: 20_000 })],
    declined: [Scripted.command("rm -rf /", { approval: true })],
    asked: [Scripted.command("ls", { approval: true })]
  }
  return [...first[kind], ...work, kind === "failed" ? Scripted.failed(broken) : Scripted.completed]
}

const policy: Approval.Policy = (request) =>
  Effect.succeed(
    request._tag === "Command" && request.command.startsWith("rm") ? Approval.decline("no") : Approval.accept
  )

/** What is left of a trace for the test: no span is held by it. */
interface Seen {
  spans: number
  failed: boolean
  declined: boolean
  slow: boolean
  reason: unknown
  /** All of its spans have the same reason and tracestate. */
  alike: boolean
  state: string
}

const collecting = () => {
  const traces = new Map<string, Seen>()
  const processor: SpanProcessor = {
    onStart: () => {},
    onEnd: (span: ReadableSpan) => {
      const { traceId, traceState } = span.spanContext()
      const reason = span.attributes["codex.sampling.reason"]
      const state = traceState?.serialize() ?? ""
      const seen = traces.get(traceId) ?? {
        spans: 0,
        failed: false,
        declined: false,
        slow: false,
        reason,
        alike: true,
        state
      }
      traces.set(traceId, seen)
      seen.spans++
      seen.alike &&= reason === seen.reason && state === seen.state
      if (span.attributes["codex.approval.decision"] === "decline") seen.declined = true
      if (!span.name.startsWith("invoke_agent")) return
      if (span.status.code === 2) seen.failed = true
      if (span.duration[0] >= 20) seen.slow = true
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve()
  }
  return { traces, processor }
}

type Collected = ReturnType<typeof collecting>["traces"]

/** Starts a turn with a random outcome below a random parent. */
const startTurn = Effect.fnUntraced(function* (codex: Codex["Service"], next: () => number) {
  yield* Scripted.play(stepsOf(kindOf(next), next))
  const thread = yield* codex.startThread({ approvalMode: "on-request" })
  const parent = EffectTracer.externalSpan({ traceId: hex(next, 32), spanId: hex(next, 16), sampled: true })
  return yield* Effect.forkChild(Effect.exit(Effect.withParentSpan(thread.run("go"), parent)), {
    startImmediately: true
  })
})

/** Runs all turns, a hundred at a time. One exporter gets every span, the other one what tail sampling keeps. */
const simulate = Effect.gen(function* () {
  const next = random(2026)
  const all = collecting()
  const kept = collecting()
  const registry: typeof Metric.MetricRegistry.Service = new Map()
  const heaps: Array<number> = []
  let sampler: TailSampler | undefined
  yield* Effect.gen(function* () {
    const codex = yield* Codex
    for (let at = 0; at < turns; at += atOnce) {
      yield* Effect.gen(function* () {
        const running = yield* Effect.forEach(Array.from({ length: atOnce }), () => startTurn(codex, next))
        for (let second = 0; second < 30; second++) yield* TestClock.adjust("1 second")
        yield* Effect.forEach(running, Fiber.join, { discard: true })
      }).pipe(Effect.scoped)
      if (at % 1_000 === 900) heaps.push(heapUsed())
    }
    assert.strictEqual(sampler?.held.spans, 0, "the sampler holds no span when no turn runs")
  }).pipe(
    Effect.provide(
      Layer.fresh(Codex.layer).pipe(
        Layer.provideMerge(Layer.fresh(Scripted.layer)),
        Layer.provideMerge(Approval.layer(policy)),
        Layer.provideMerge(
          Layer.fresh(
            Layer.merge(
              Tracer.layerProcessor(Effect.succeed(all.processor), { everything: true }),
              Tracer.layerProcessor(Effect.succeed(kept.processor))
            )
          )
        ),
        Layer.provideMerge(Logger.layer([])),
        Layer.provide(TailSampling.layer({ keep, maxSpans })),
        Layer.provide(Layer.succeed(Gate.OnCreate, (created) => void (sampler = created))),
        Layer.provide(Layer.succeed(Settings.Environment, {}))
      )
    ),
    Effect.provideService(Metric.MetricRegistry, registry)
  )
  const maximum = sampler?.maxHeld ?? { spans: Infinity, bytes: Infinity, traces: Infinity }
  return { all: all.traces, kept: kept.traces, registry, heaps, maximum }
})

/** Asserts for each turn that it is kept whole or not at all, and for the right reason. Counts the turns by reason. */
const countReasons = (all: Collected, kept: Collected) => {
  const ofTurns = [...all].filter(([, seen]) => seen.spans > 1)
  assert.strictEqual(ofTurns.length, turns)
  const counts = { failed: 0, slow: 0, declined: 0, first: 0, beyond: 0, rest: 0, share: 0 }
  for (const [traceId, seen] of ofTurns) {
    const found = kept.get(traceId)
    if (found !== undefined) assert.strictEqual(found.spans, seen.spans, "a turn is kept whole or not at all")
    assert.isTrue(found?.alike ?? true)
    const reason = found?.reason
    if (seen.failed || seen.slow || seen.declined) {
      const wanted = seen.failed ? "failed" : seen.declined ? "declined" : "slow"
      counts[wanted]++
      assert.strictEqual(reason, wanted)
    } else if (reason === "first") counts.first++
    // Turns slightly beyond the percentile of those before them.
    else if (reason === "slow") counts.beyond++
    else {
      counts.rest++
      if (found === undefined) continue
      counts.share++
      assert.strictEqual(reason, "share")
      assertAtOrAboveThreshold(traceId, found.state)
    }
  }
  return counts
}

/** Asserts that the randomness of a trace is not below the threshold in its tracestate. */
const assertAtOrAboveThreshold = (traceId: string, state: string) => {
  const [, threshold = ""] = /^ot=th:([0-9a-f]+)$/.exec(state) ?? []
  assert.isAtLeast(parseInt(traceId.slice(-14, -3), 16), parseInt(threshold.padEnd(14, "0").slice(0, 11), 16))
}

/** Returns the number of decisions by reason, as the metric has them. */
const countedDecisions = (registry: typeof Metric.MetricRegistry.Service) =>
  Effect.map(Effect.provideService(Metric.snapshot, Metric.MetricRegistry, registry), (snapshot) =>
    snapshot.flatMap((series) =>
      series.type === "Counter" && series.id === "codex.sampling.turns"
        ? [[series.attributes?.["codex.sampling.reason"], Number(series.state.count)] as const]
        : []
    )
  )

it.effect(
  "tail sampling keeps every failed, slow or declined turn whole, and a tenth of the others, in thousands of turns",
  () =>
    Effect.gen(function* () {
      const { all, heaps, kept, maximum, registry } = yield* simulate

      const counts = countReasons(all, kept)
      for (const kind of ["failed", "slow", "declined"] as const)
        assert.isAbove(counts[kind], turns / 200, kind)
      // Four standard deviations of a binomial; with this seed the outcome is always the same.
      const deviation = Math.sqrt(counts.rest * keep * (1 - keep))
      assert.approximately(counts.share, counts.rest * keep, 4 * deviation)
      assert.isAtMost(counts.first, 10)
      assert.isAtMost(counts.beyond, turns / 100)

      assert.isAtMost(maximum.spans, maxSpans)
      assert.isAbove(maximum.spans, 20)
      assert.isAtMost(maximum.traces, 2 * atOnce)

      const { beyond, declined, failed, first, rest, share, slow } = counts
      assert.sameDeepMembers(yield* countedDecisions(registry), [
        ["failed", failed],
        ["slow", slow + beyond],
        ["declined", declined],
        ["first", first],
        ["share", share],
        ["left_out", rest - share]
      ])
      process.stderr.write(
        `${turns} turns: ${JSON.stringify(counts)}; held at most: ${maximum.spans} spans, ` +
          `${(maximum.bytes / 1024).toFixed(0)} KiB, ${maximum.traces} traces; heap after each thousand, in MiB: ` +
          heaps.map((bytes) => (bytes / 2 ** 20).toFixed(1)).join(" ") +
          "\n"
      )
    }),
  180_000
)
