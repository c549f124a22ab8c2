import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as EffectTracer from "effect/Tracer"
import { Codex } from "../../src/Codex.ts"
import * as Scripted from "../../src/testing/Scripted.ts"
import * as InMemorySpans from "../../src/telemetry/tracer/InMemorySpans.ts"
import * as Sampling from "../../src/Sampling.ts"
import * as Settings from "../../src/telemetry/config/Settings.ts"
import * as SignalBus from "../../src/instrumentation/SignalBus.ts"
import * as Tracer from "../../src/telemetry/tracer/Tracer.ts"
import * as Captured from "../../src/testing/Captured.ts"
import { TestLayer } from "../../src/testing/TestLayer.ts"

/** The names of the spans that `effect` leaves under an environment. */
const spansOf = <A, E>(effect: Effect.Effect<A, E>, environment: Settings.Environment, more = Layer.empty) =>
  Effect.gen(function* () {
    const memory = yield* InMemorySpans.make
    yield* Effect.provide(
      effect,
      Layer.fresh(Tracer.layerProcessor(Effect.succeed(memory.processor))).pipe(
        Layer.provide(more),
        Layer.provide(Layer.succeed(Settings.Environment, environment))
      )
    )
    return yield* memory.spans
  })

const trace = Effect.void.pipe(Effect.withSpan("inner"), Effect.withSpan("outer"))
const many = Effect.repeat(trace, { times: 1_999 })
const remote = (sampled: boolean) =>
  Effect.withParentSpan(
    trace,
    EffectTracer.externalSpan({
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      sampled
    })
  )

describe("the sampling rate of the environment", () => {
  const cases: ReadonlyArray<
    readonly [environment: Settings.Environment, share: number, remoteSampled: number]
  > = [
    [{}, 1, 2],
    [{ OTEL_TRACES_SAMPLER: "always_on" }, 1, 2],
    [{ OTEL_TRACES_SAMPLER: "always_off" }, 0, 0],
    [{ OTEL_TRACES_SAMPLER: "parentbased_always_on" }, 1, 2],
    [{ OTEL_TRACES_SAMPLER: "parentbased_always_off" }, 0, 2],
    [{ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0" }, 0, 0],
    [{ OTEL_TRACES_SAMPLER: "traceidratio" }, 1, 2],
    [{ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "no" }, 1, 2],
    [{ OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.25" }, 0.25, 2],
    [{ CODEX_OTEL_SAMPLE_RATE: "0.25" }, 0.25, 2],
    [{ CODEX_OTEL_SAMPLE_RATE: "0" }, 0, 2],
    [{ CODEX_OTEL_SAMPLE_RATE: "1.0", OTEL_TRACES_SAMPLER: "always_off" }, 1, 2],
    [{ CODEX_OTEL_SAMPLE_RATE: "7", OTEL_TRACES_SAMPLER: "always_off" }, 0, 0]
  ]
  for (const [environment, share, remoteSampled] of cases) {
    it.effect(`keeps ${share} of the traces with ${JSON.stringify(environment)}, each of them complete`, () =>
      Effect.gen(function* () {
        const spans = yield* spansOf(many, environment)
        const traces = new Map<string, number>()
        for (const span of spans) {
          const { traceId } = span.spanContext()
          traces.set(traceId, (traces.get(traceId) ?? 0) + 1)
        }
        assert.isTrue([...traces.values()].every((count) => count === 2))
        assert.approximately(traces.size / 2_000, share, share === 0 || share === 1 ? 0 : 0.05)
        assert.strictEqual((yield* spansOf(remote(true), environment)).length, remoteSampled)
        assert.strictEqual((yield* spansOf(remote(false), environment)).length, 0)
      })
    )
  }

  it.effect("is overridden by code", () =>
    Effect.gen(function* () {
      const sampler = Layer.effect(Tracer.Sampler, Sampling.make({ ratio: 0, parentBased: true }))
      assert.strictEqual((yield* spansOf(trace, { CODEX_OTEL_SAMPLE_RATE: "1" }, sampler)).length, 0)
    })
  )

  it.effect("samples the same traces as other services with the same rate", () =>
    Effect.gen(function* () {
      const spans = yield* spansOf(many, { CODEX_OTEL_SAMPLE_RATE: "0.5" })
      for (const span of spans) {
        const id = span.spanContext().traceId
        const folded = [0, 8, 16, 24].reduce(
          (sum, at) => (sum ^ Number.parseInt(id.slice(at, at + 8), 16)) >>> 0,
          0
        )
        assert.isBelow(folded, 0.5 * 0xffffffff)
      }
    })
  )
})

describe("the sampling of a turn", () => {
  const turn = Effect.gen(function* () {
    yield* Scripted.play([Scripted.command("npm test"), Scripted.message("done")])
    const codex = yield* Codex
    const thread = yield* codex.startThread()
    return yield* thread.run("go")
  }).pipe(Effect.scoped)

  it.effect("leaves no span and no signal when the turn is dropped, and the turn runs unchanged", () =>
    Effect.gen(function* () {
      const signals: Array<string> = []
      const listening = SignalBus.layerListener(
        Effect.succeed(({ signal }) => void signals.push(signal._tag))
      )
      const result = yield* turn.pipe(Sampling.withTelemetry(false), Effect.provide(listening))
      assert.strictEqual(result.message, "done")
      assert.deepStrictEqual(yield* Captured.spans, [])
      assert.deepStrictEqual(signals, [])
      yield* turn.pipe(Sampling.withTelemetry(), Effect.provideService(Sampling.Enabled, false))
      assert.deepStrictEqual(yield* Captured.spans, [])
      yield* turn.pipe(
        Sampling.withTelemetry(true),
        Effect.provideService(Sampling.Enabled, false),
        Effect.provide(listening)
      )
      assert.isAbove((yield* Captured.spans).length, 2)
      assert.include(signals, "TurnStop")
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("applies to one turn when its options set it", () =>
    Effect.gen(function* () {
      const signals: Array<string | undefined> = []
      const listening = SignalBus.layerListener(
        Effect.succeed(({ signal, turnId }) => void (signal._tag === "TurnStop" && signals.push(turnId)))
      )
      const program = Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.startThread()
        const ids: Array<string> = []
        for (const telemetry of [false, true, undefined]) {
          yield* Scripted.play([Scripted.command("ls"), Scripted.message("done")])
          ids.push((yield* thread.run("go", { telemetry })).id)
        }
        yield* Scripted.play([Scripted.message("done")])
        yield* Stream.runDrain(thread.stream("go", { telemetry: false }))
        return ids
      }).pipe(Effect.scoped, Effect.provide(listening))

      const turns = Effect.map(Captured.spans, (spans) => [
        ...new Set(spans.flatMap(({ attributes }) => attributes["codex.turn.id"] ?? []))
      ])
      const [, second = "", third = ""] = yield* program
      assert.deepStrictEqual(signals, [second, third])
      assert.deepStrictEqual(yield* turns, [second, third])

      signals.length = 0
      const [, asked] = yield* Effect.provideService(program, Sampling.Enabled, false)
      assert.deepStrictEqual(signals, [asked])
    }).pipe(Effect.provide(TestLayer))
  )
})
