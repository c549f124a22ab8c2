import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import { heapUsed } from "../../support/heap.ts"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as EffectTracer from "effect/Tracer"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { execFileSync } from "node:child_process"
import * as TraceContext from "../../../src/internal/TraceContext.ts"
import * as InMemorySpans from "../../../src/telemetry/tracer/InMemorySpans.ts"
import * as Settings from "../../../src/telemetry/config/Settings.ts"
import * as Gate from "../../../src/telemetry/tail-sampling/Gate.ts"
import { RunningPercentile, warmUp } from "../../../src/telemetry/tail-sampling/RunningPercentile.ts"
import * as ConsistentProbability from "../../../src/telemetry/tail-sampling/ConsistentProbability.ts"
import type { TailSampler } from "../../../src/telemetry/tail-sampling/TailSampler.ts"
import * as TailSampling from "../../../src/telemetry/tail-sampling/TailSampling.ts"
import * as Tracer from "../../../src/telemetry/tracer/Tracer.ts"
import { hex, random } from "./random.ts"

const none = { keep: 0, firsts: false } satisfies TailSampling.TailSamplingOptions

const reasonOf = (span: ReadableSpan) => span.attributes["codex.sampling.reason"]
const names = (spans: ReadonlyArray<ReadableSpan>) => spans.map(({ name }) => name)

interface World {
  readonly kept: Effect.Effect<ReadonlyArray<ReadableSpan>>
  readonly all: Effect.Effect<ReadonlyArray<ReadableSpan>>
  readonly record: (span: ReadableSpan) => void
  readonly sampler: () => TailSampler
}

/** Runs a program whose spans are sampled, and gives what was kept when all was closed. */
const sampled = <A, E>(
  options: TailSampling.TailSamplingOptions | undefined,
  program: (world: World) => Effect.Effect<A, E, Scope.Scope>,
  environment: Settings.Environment = {}
) =>
  Effect.gen(function* () {
    const kept = yield* InMemorySpans.make
    const all = yield* InMemorySpans.make
    let sampler: TailSampler | undefined
    const telemetry = Layer.mergeAll(
      Tracer.layerProcessor(Effect.succeed(kept.processor)),
      Tracer.layerProcessor(Effect.succeed(all.processor), { everything: true })
    ).pipe(
      Layer.provide(options === undefined ? Layer.empty : TailSampling.layer(options)),
      Layer.provide(Layer.succeed(Gate.OnCreate, (made) => void (sampler = made))),
      Layer.provide(Layer.succeed(Settings.Environment, environment))
    )
    yield* Effect.gen(function* () {
      const context = yield* Layer.build(Layer.fresh(telemetry))
      const { record } = Context.get(context, Tracer.SpanPipeline)
      const world: World = {
        kept: kept.spans,
        all: all.spans,
        record,
        sampler: () => sampler ?? assert.fail("no sampler was made")
      }
      yield* Effect.provide(program(world), context)
    }).pipe(Effect.scoped)
    return { kept: yield* kept.spans, all: yield* all.spans }
  })

class Broken {
  readonly _tag = "Broken"
}

interface Turn {
  readonly fails?: boolean
  readonly decision?: string
  readonly source?: string
  readonly takes?: number
  readonly tool?: string
  readonly inside?: Effect.Effect<unknown>
}

/** Builds a turn by hand: a model request and the given spans. */
const turn = ({ decision, fails = false, inside = Effect.void, source = "policy", tool }: Turn = {}) =>
  Effect.gen(function* () {
    yield* Effect.withSpan(Effect.void, "chat gpt-5.5", { kind: "client" })
    if (tool !== undefined)
      yield* Effect.withSpan(Effect.void, `execute_tool ${tool}`, {
        attributes: { "gen_ai.tool.name": tool }
      })
    if (decision !== undefined)
      yield* Effect.withSpan(Effect.void, "codex.approval", {
        attributes: { "codex.approval.decision": decision, "codex.approval.source": source }
      })
    yield* inside
    if (fails) return yield* Effect.fail(new Broken())
  }).pipe(
    Effect.withSpan("invoke_agent codex", {
      attributes: {
        "gen_ai.operation.name": "invoke_agent",
        "codex.turn.status": fails ? "failed" : "completed"
      }
    }),
    Effect.ignore
  )

/** A span of the turn's time, in the past, that is as long as wanted. */
const lasting = (millis: number) =>
  Effect.gen(function* () {
    const tracer = yield* Effect.tracer
    const span = tracer.span({
      name: "invoke_agent codex",
      parent: Option.none(),
      annotations: Context.empty(),
      links: [],
      startTime: 0n,
      kind: "internal",
      root: true,
      sampled: true
    })
    span.attribute("gen_ai.operation.name", "invoke_agent")
    span.attribute("codex.turn.status", "completed")
    span.end(BigInt(Math.round(millis * 1e6)), yield* Effect.exit(Effect.void))
  })

const spanOf = (parent: ReadableSpan, name: string): ReadableSpan => ({
  ...parent,
  name,
  status: { code: 0 },
  attributes: {},
  duration: [0, 1],
  parentSpanContext: parent.spanContext(),
  spanContext: () => ({ ...parent.spanContext(), spanId: "00000000000000ff" })
})

/** Starts a turn of five spans, ends the four in it, and gives the turn as it is to end. */
const ended = (sampler: TailSampler, number: number): ReadableSpan => {
  const traceId = number.toString(16).padStart(32, "0")
  const idOf = (at: number) => `${number.toString(16).padStart(12, "0")}${at.toString(16).padStart(4, "0")}`
  const start = (at: number, parent: Option.Option<EffectTracer.AnySpan>) => {
    const span = EffectTracer.externalSpan({ traceId, spanId: idOf(at), sampled: true })
    sampler.started({
      ...blank,
      name: at === 0 ? "invoke_agent codex" : "step",
      traceId,
      spanId: idOf(at),
      parent
    })
    return Option.some(span)
  }
  const end = (at: number): ReadableSpan => ({
    name: at === 0 ? "invoke_agent codex" : "step",
    kind: 0,
    spanContext: () => ({ traceId, spanId: idOf(at), traceFlags: 1 }),
    ...(at === 0 ? {} : { parentSpanContext: { traceId, spanId: idOf(0), traceFlags: 1 } }),
    startTime: [0, 0],
    endTime: [1, 0],
    duration: [1, 0],
    status: { code: 0 },
    attributes: at === 0 ? { "gen_ai.operation.name": "invoke_agent", "codex.turn.status": "completed" } : {},
    links: [],
    events: [],
    ended: true,
    resource: { attributes: {}, merge: () => assert.fail("merged"), getRawAttributes: () => [] },
    instrumentationScope: { name: "test" },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0
  })
  const root = start(0, Option.none())
  for (let at = 1; at < 5; at++) {
    start(at, root)
    sampler.ended(end(at))
  }
  return end(0)
}

const blank: Omit<EffectTracer.Span, "name" | "traceId" | "spanId" | "parent"> = {
  _tag: "Span",
  annotations: Context.empty(),
  status: { _tag: "Started", startTime: 0n },
  attributes: new Map(),
  links: [],
  sampled: true,
  kind: "internal",
  end: () => {},
  attribute: () => {},
  event: () => {},
  addLinks: () => {}
}

describe("tail sampling of a turn", () => {
  const cases: ReadonlyArray<readonly [what: string, turn: Turn, reason: string | undefined]> = [
    ["tells nothing", {}, undefined],
    ["fails", { fails: true }, "failed"],
    ["has a declined approval", { decision: "decline" }, "declined"],
    ["has a cancelled approval", { decision: "cancel" }, "declined"],
    ["has an approval that timed out", { decision: "decline", source: "timeout" }, "approval_timeout"],
    ["has an accepted approval", { decision: "accept" }, undefined],
    ["has an approval for the session", { decision: "acceptForSession" }, undefined],
    ["fails after a declined approval", { decision: "decline", fails: true }, "failed"]
  ]
  for (const [what, one, reason] of cases) {
    it.effect(`that ${what} is ${reason === undefined ? "left out" : `kept whole, as ${reason}`}`, () =>
      Effect.gen(function* () {
        const { all, kept } = yield* sampled(none, () => turn(one))
        assert.isAbove(all.length, 1)
        assert.strictEqual(kept.length, reason === undefined ? 0 : all.length)
        for (const span of kept) {
          assert.strictEqual(reasonOf(span), reason)
          assert.strictEqual(span.attributes["codex.sampling.share"], 1)
          assert.strictEqual(span.spanContext().traceState?.serialize(), "ot=th:0")
        }
        for (const span of all) assert.isUndefined(reasonOf(span))
      })
    )
  }

  it.effect("keeps the first turn with a new tool, error or agent", () =>
    Effect.gen(function* () {
      const { kept } = yield* sampled({ keep: 0 }, () =>
        Effect.gen(function* () {
          for (const tool of ["a", "a", "b", "a", "b"]) yield* turn({ tool })
        })
      )
      assert.deepStrictEqual(
        kept.filter(({ name }) => name.startsWith("execute_tool")).map((span) => [span.name, reasonOf(span)]),
        [
          ["execute_tool a", "first"],
          ["execute_tool b", "first"]
        ]
      )
    })
  )

  it.effect("counts a turn as slow above the threshold or above the percentile", () =>
    Effect.gen(function* () {
      const fixed = yield* sampled({ ...none, slowerThan: "2 seconds" }, () =>
        Effect.forEach([1_000, 2_000, 2_001], lasting)
      )
      assert.deepStrictEqual(
        fixed.kept.map((span) => [span.duration[0], reasonOf(span)]),
        [[2, "slow"]]
      )
      const usual = Array.from({ length: 100 }, (_, at) => 100 + (at % 7))
      const running = yield* sampled({ ...none, slowerThan: { percentile: 0.9 } }, () =>
        Effect.forEach([9_000, ...usual, 9_000, 103, 9_000], lasting)
      )
      // The first comes before anything is known.
      assert.deepStrictEqual(
        running.kept.map((span) => span.duration[0]),
        [9, 9]
      )
    })
  )

  it.effect("treats a nested turn as part of the outer one", () =>
    Effect.gen(function* () {
      const { kept } = yield* sampled(none, () => turn({ inside: turn({ fails: true }) }))
      assert.strictEqual(kept.length, 4)
      const { kept: nothing } = yield* sampled(none, () => turn({ inside: turn() }))
      assert.deepStrictEqual(nothing, [])
    })
  )

  it.effect("keeps a turn that is still open when its exporter closes", () =>
    Effect.gen(function* () {
      const { kept } = yield* sampled(none, () =>
        Effect.gen(function* () {
          // Of a scope that outlives the exporter.
          yield* Effect.forkDetach(turn({ inside: Effect.never }), { startImmediately: true })
        })
      )
      assert.deepStrictEqual(
        kept.map((span) => [span.name, reasonOf(span), span.attributes["codex.incomplete"]]),
        [
          ["chat gpt-5.5", "incomplete", undefined],
          ["invoke_agent codex", "incomplete", true]
        ]
      )
    })
  )
})

describe("the sampled share", () => {
  it.effect("is decided by the trace id, equally in every service and process", () =>
    Effect.gen(function* () {
      const next = random(7)
      const ids = Array.from({ length: 4_000 }, () => hex(next, 32))
      const parents = ids.map((traceId) =>
        EffectTracer.externalSpan({ traceId, spanId: "b7ad6b7169203331", sampled: true })
      )
      const all = Effect.forEach(parents, (parent) => Effect.withParentSpan(turn(), parent), {
        discard: true
      })
      const { kept } = yield* sampled({ keep: 0.25, firsts: false }, () => all)
      const again = yield* sampled(undefined, () => all, {
        CODEX_OTEL_TAIL_SAMPLE_RATE: "0.25",
        CODEX_OTEL_TAIL_KEEP_FIRST: "false"
      })
      assert.deepStrictEqual(names(again.kept), names(kept))
      const traces = new Set(kept.map((span) => span.spanContext().traceId))
      // 0.25 of 56 bits is the threshold c0000000000000.
      assert.deepStrictEqual(
        [...traces],
        ids.filter((id) => id.slice(18) >= "c0000000000000")
      )
      assert.approximately(traces.size, 1_000, 4 * Math.sqrt(4_000 * 0.25 * 0.75))
      for (const span of kept) {
        assert.strictEqual(span.spanContext().traceState?.serialize(), "ot=th:c")
        assert.strictEqual(span.attributes["codex.sampling.share"], 0.25)
        assert.strictEqual(reasonOf(span), "share")
      }
    })
  )

  it("is in the tracestate as a threshold, the higher of two, beside other entries", () => {
    const contextOf = (state: string) => {
      const parent = TraceContext.parse(`00-${"a".repeat(32)}-${"b".repeat(16)}-01`, state)
      assert.isTrue(Option.isSome(parent))
      return {
        traceId: "a".repeat(32),
        spanId: "b".repeat(16),
        traceFlags: 1,
        traceState: {
          serialize: () => state,
          get: (key: string) =>
            state
              .split(",")
              .find((entry) => entry.startsWith(`${key}=`))
              ?.slice(key.length + 1),
          set: () => assert.fail("set"),
          unset: () => assert.fail("unset")
        }
      }
    }
    const { threshold } = ConsistentProbability.make(0.1)
    assert.strictEqual(threshold, "e6666666666670")
    const tracestate = (state: string, before = false) =>
      ConsistentProbability.traceStateOf(contextOf(state), threshold, before)
    assert.strictEqual(tracestate("congo=t61"), "ot=th:e666666666667,congo=t61")
    assert.strictEqual(
      tracestate("congo=t61,ot=th:c;rv:f0000000000000"),
      "ot=th:e666666666667;rv:f0000000000000,congo=t61"
    )
    assert.strictEqual(tracestate("ot=th:f8"), "ot=th:f8")
    assert.strictEqual(tracestate("", true), undefined)
    assert.strictEqual(tracestate("ot=th:c", true), "ot=th:e666666666667")
    assert.isTrue(ConsistentProbability.make(0.1).keeps(contextOf("ot=rv:f0000000000000")))
    assert.isFalse(ConsistentProbability.make(0.1).keeps(contextOf("ot=rv:00000000000000")))
    assert.isFalse(ConsistentProbability.make(0).keeps(contextOf("ot=rv:ffffffffffffff")))
    assert.isTrue(ConsistentProbability.make(1).keeps(contextOf("ot=rv:00000000000000")))
    assert.strictEqual(ConsistentProbability.make(1).threshold, "00000000000000")
  })

  it.effect("of head-sampled traces is not presented as a share of all traces", () =>
    Effect.gen(function* () {
      const { all, kept } = yield* sampled(
        { keep: 1, firsts: false },
        () => Effect.repeat(turn(), { times: 199 }),
        {
          CODEX_OTEL_SAMPLE_RATE: "0.5"
        }
      )
      assert.isTrue(all.length > 100 && all.length < 300, "the head sampler comes first")
      assert.strictEqual(kept.length, all.length)
      for (const span of kept) assert.isUndefined(span.spanContext().traceState)
    })
  )
})

describe("spans outside any turn", () => {
  const around = (inside: Effect.Effect<unknown, never, never>) =>
    Effect.withSpan(Effect.andThen(Effect.withSpan(Effect.void, "codex.thread.start"), inside), "GET /fix", {
      kind: "server"
    })

  it.effect("follow the turns of their trace", () =>
    Effect.gen(function* () {
      const left = yield* sampled(none, () => around(turn()))
      assert.deepStrictEqual(left.kept, [])
      const { kept } = yield* sampled(none, () => around(turn({ fails: true })))
      assert.sameMembers(names(kept), [
        "codex.thread.start",
        "chat gpt-5.5",
        "invoke_agent codex",
        "GET /fix"
      ])
      for (const span of kept) assert.strictEqual(reasonOf(span), "failed")
    })
  )

  it.effect("follow the kept turn, even if another turn is dropped", () =>
    Effect.gen(function* () {
      const { kept } = yield* sampled(none, () => around(Effect.andThen(turn(), turn({ fails: true }))))
      assert.sameMembers(names(kept), [
        "codex.thread.start",
        "chat gpt-5.5",
        "invoke_agent codex",
        "GET /fix"
      ])
    })
  )

  it.effect("pass unchanged if their trace has no turn, and none stays buffered", () =>
    Effect.gen(function* () {
      const { kept } = yield* sampled(none, () => around(Effect.void))
      assert.deepStrictEqual(names(kept), ["codex.thread.start", "GET /fix"])
      for (const span of kept) {
        assert.isUndefined(reasonOf(span))
        assert.isUndefined(span.spanContext().traceState)
      }
    })
  )

  it.effect("are kept if they fail, even if the previous turn is dropped", () =>
    Effect.gen(function* () {
      const { kept } = yield* sampled(none, () =>
        Effect.ignore(
          Effect.withSpan(Effect.andThen(turn(), Effect.fail(new Broken())), "GET /fix", { kind: "server" })
        )
      )
      assert.deepStrictEqual(
        kept.map((span) => [span.name, reasonOf(span)]),
        [["GET /fix", "failed"]]
      )
    })
  )
})

describe("a late span", () => {
  it.effect("follows the decision on its turn, also from another service", () =>
    Effect.gen(function* () {
      for (const fails of [true, false]) {
        const { kept } = yield* sampled(none, ({ all, record }) =>
          Effect.gen(function* () {
            yield* turn({ fails })
            const [chat] = yield* all
            if (chat === undefined) return assert.fail("no chat")
            record(spanOf(chat, "handle_responses"))
            // Its own child ends after it, and so does a span with an unknown parent.
            record({
              ...spanOf(chat, "child"),
              parentSpanContext: { ...chat.spanContext(), spanId: "00000000000000ff" }
            })
            record({
              ...spanOf(chat, "stranger"),
              parentSpanContext: { ...chat.spanContext(), spanId: "00000000000000ee" }
            })
          })
        )
        assert.deepStrictEqual(
          kept.slice(2).map((span) => [span.name, reasonOf(span)]),
          fails
            ? [
                ["handle_responses", "failed"],
                ["child", "failed"],
                ["stranger", "failed"]
              ]
            : []
        )
      }
    })
  )

  it.effect("follows its own turn, not another turn of the trace", () =>
    Effect.gen(function* () {
      const { kept } = yield* sampled(none, ({ all, record }) =>
        Effect.gen(function* () {
          yield* turn({ fails: true })
          yield* turn()
          const [bad, , good] = yield* all
          if (bad === undefined || good === undefined) return assert.fail("no chat")
          const late = spanOf(good, "of the good one")
          record(spanOf(bad, "of the bad one"))
          record({ ...late, spanContext: () => ({ ...good.spanContext(), spanId: "00000000000000dd" }) })
        }).pipe(Effect.withSpan("GET /fix"))
      )
      assert.deepStrictEqual(names(kept), [
        "chat gpt-5.5",
        "invoke_agent codex",
        "of the bad one",
        "GET /fix"
      ])
    })
  )

  it.effect("is buffered with its turn while the turn runs", () =>
    Effect.gen(function* () {
      const { kept } = yield* sampled(none, ({ all, kept, record }) =>
        turn({
          fails: true,
          inside: Effect.gen(function* () {
            const [chat] = yield* all
            if (chat === undefined) return assert.fail("no chat")
            record({
              ...spanOf(chat, "library"),
              parentSpanContext: { ...chat.spanContext(), spanId: "0".repeat(15) + "7" }
            })
            assert.deepStrictEqual(yield* kept, [])
          })
        })
      )
      assert.deepStrictEqual(names(kept), ["chat gpt-5.5", "library", "invoke_agent codex"])
    })
  )
})

describe("the bounds of tail sampling", () => {
  const many = (count: number) => Effect.repeat(Effect.withSpan(Effect.void, "step"), { times: count - 1 })

  it.effect("on spans decide the oldest turn early, and keep a later failure of it", () =>
    Effect.gen(function* () {
      let most = 0
      const { kept } = yield* sampled({ ...none, maxSpans: 50 }, ({ sampler }) =>
        Effect.gen(function* () {
          yield* turn({ fails: true, inside: many(500) })
          yield* turn({ inside: many(500) })
          most = sampler().maxHeld.spans
        })
      )
      assert.isAtMost(most, 51)
      assert.deepStrictEqual(names(kept), ["invoke_agent codex"])
      assert.strictEqual(kept[0] && reasonOf(kept[0]), "failed")
    })
  )

  it.effect("on spans keep a turn completely if it has a reason by then", () =>
    Effect.gen(function* () {
      const { all, kept } = yield* sampled({ ...none, maxSpans: 50 }, () =>
        turn({ decision: "decline", inside: many(500) })
      )
      assert.strictEqual(kept.length, all.length)
    })
  )

  it.effect("on bytes hold", () =>
    Effect.gen(function* () {
      const large = Effect.withSpan(Effect.void, "step", { attributes: { text: "x".repeat(10_000) } })
      let most = 0
      yield* sampled({ ...none, maxBytes: 200_000 }, ({ sampler }) =>
        Effect.gen(function* () {
          yield* turn({ inside: Effect.repeat(large, { times: 200 }) })
          most = sampler().maxHeld.bytes
        })
      )
      assert.isAtMost(most, 230_000)
      assert.isAbove(most, 150_000)
    })
  )

  it.effect("on traces hold, and open traces are not buffered forever", () =>
    Effect.gen(function* () {
      yield* sampled({ ...none, maxTraces: 20 }, ({ sampler }) =>
        Effect.gen(function* () {
          for (let at = 0; at < 200; at++) {
            yield* Effect.forkScoped(turn({ inside: Effect.never }), { startImmediately: true })
          }
          assert.isAtMost(sampler().held.traces, 20)
          assert.isAtMost(sampler().held.spans, 20)
        })
      )
    })
  )

  it.effect("on remembered decisions hold: 40,000 turns use no more memory than 20,000", () =>
    sampled(none, ({ sampler }) =>
      Effect.gen(function* () {
        const heaps: Array<number> = []
        for (let part = 0; part < 4; part++) {
          for (let at = 0; at < 10_000; at++) sampler().ended(ended(sampler(), at + part * 10_000))
          heaps.push(heapUsed())
        }
        const [, second = 0, , fourth = 0] = heaps
        assert.isBelow(fourth - second, 2 * 2 ** 20)
        assert.deepStrictEqual(sampler().held, { spans: 0, bytes: 0, traces: 0 })
        process.stderr.write(
          `heap after each 10,000 turns, in MiB: ${heaps.map((bytes) => (bytes / 2 ** 20).toFixed(1)).join(" ")}\n`
        )
      })
    )
  )

  it.effect("on spans decide early by the share", () =>
    Effect.gen(function* () {
      const { all, kept } = yield* sampled({ keep: 1, firsts: false, maxSpans: 10 }, () =>
        turn({ inside: many(100) })
      )
      assert.deepStrictEqual(names(kept), names(all))
      for (const span of kept) assert.strictEqual(reasonOf(span), "share")
    })
  )
})

describe("the running percentile", () => {
  it("is within a tenth, forgets old values, and is undefined during warm-up", () => {
    const next = random(3)
    const p90 = new RunningPercentile(0.9)
    for (let at = 0; at < warmUp - 1; at++) p90.add(100)
    assert.isFalse(p90.isAbove(1_000_000))
    for (let at = 0; at < 5_000; at++) p90.add(next() * 1_000)
    assert.isTrue(p90.isAbove(1_000))
    assert.isFalse(p90.isAbove(850))
    for (let at = 0; at < 20_000; at++) p90.add(10_000 + next() * 1_000)
    assert.isFalse(p90.isAbove(10_500))
    assert.isTrue(p90.isAbove(13_000))
  })

  it("ignores values that are not durations", () => {
    const p50 = new RunningPercentile(0.5)
    for (const millis of [0, -1, Infinity, 1e300]) p50.add(millis)
    for (let at = 0; at < warmUp; at++) p50.add(1)
    assert.isTrue(p50.isAbove(Infinity))
  })
})

describe("the settings of tail sampling", () => {
  const of = (environment: Settings.Environment) => Settings.fromEnvironment(environment)
  it("are off by default, and on with a share", () => {
    assert.isUndefined(of({}).settings.tail)
    assert.isUndefined(of({ CODEX_OTEL_TAIL_SLOWER_THAN: "p95" }).settings.tail)
    const { settings, warnings } = of({
      CODEX_OTEL_TAIL_SAMPLE_RATE: "0.1",
      CODEX_OTEL_TAIL_SLOWER_THAN: "p99",
      CODEX_OTEL_TAIL_KEEP_FIRST: "FALSE",
      CODEX_OTEL_TAIL_MAX_SPANS: "100",
      CODEX_OTEL_TAIL_MAX_BYTES: "1000"
    })
    assert.deepStrictEqual(warnings, [])
    assert.deepStrictEqual(settings.tail && TailSampling.plan(settings.tail), {
      keep: 0.1,
      slowerThan: { percentile: 0.99 },
      firsts: false,
      maxSpans: 100,
      maxBytes: 1000,
      maxTraces: 2_000
    })
    const millis = of({ CODEX_OTEL_TAIL_SAMPLE_RATE: "0", CODEX_OTEL_TAIL_SLOWER_THAN: "60000" }).settings
      .tail
    assert.deepStrictEqual(millis && TailSampling.plan(millis).slowerThan, { millis: 60_000 })
  })

  it("cause a warning without their value when they are invalid", () => {
    const { settings, warnings } = of({
      CODEX_OTEL_TAIL_SAMPLE_RATE: "2",
      CODEX_OTEL_TAIL_SLOWER_THAN: "secretly",
      CODEX_OTEL_TAIL_KEEP_FIRST: "perhaps",
      CODEX_OTEL_TAIL_MAX_SPANS: "-1"
    })
    assert.isUndefined(settings.tail)
    assert.strictEqual(warnings.length, 4)
    assert.notMatch(warnings.join(" "), /secretly|perhaps/)
  })

  it("from code are clamped to their range", () => {
    const plan = TailSampling.plan({ keep: 7, slowerThan: { percentile: -1 }, maxSpans: 0, maxTraces: 0.5 })
    assert.deepStrictEqual(
      [plan.keep, plan.slowerThan, plan.maxSpans, plan.maxTraces],
      [1, { percentile: 0 }, 1, 1]
    )
  })

  it("load no tail-sampling module when they are absent", () => {
    const script = `
      import { registerHooks } from "node:module"
      const loaded = []
      registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
      const { Effect, Layer } = await import("effect")
      const { Tracer, Settings, TailSampling } = await import("./src/index.ts")
      const run = (environment) => Effect.runPromise(Effect.provide(Effect.withSpan(Effect.void, "x"),
        Layer.fresh(Tracer.layer).pipe(Layer.provide(Layer.succeed(Settings.Environment, environment)))))
      await run({})
      const before = loaded.filter((url) => url.includes("/tail-sampling/") && !url.endsWith("/TailSampling.ts")).length
      await run({ CODEX_OTEL_TAIL_SAMPLE_RATE: "0.5" })
      console.log(before, loaded.filter((url) => url.includes("/telemetry/tail-sampling/TailSampler")).length)`
    const out = execFileSync(process.execPath, ["--no-warnings", "--input-type=module", "-e", script], {
      encoding: "utf8"
    })
    assert.strictEqual(out.trim(), "0 1")
  })
})
