import { trace } from "@opentelemetry/api"
import {
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  type SpanProcessor
} from "@opentelemetry/sdk-trace"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as EffectTracer from "effect/Tracer"
import { getCurrentVersion } from "effect/Version"
import packageJson from "../../../package.json" with { type: "json" }
import * as TraceContext from "../../../src/internal/TraceContext.ts"
import * as InMemorySpans from "../../../src/telemetry/tracer/InMemorySpans.ts"
import * as Tracer from "../../../src/telemetry/tracer/Tracer.ts"
import { environment } from "../../support/environment.ts"
import { advanceTimers } from "../../support/fakeTimers.ts"

/** The spans that a program leaves behind once its layers are closed. */
const spansOf = Effect.fnUntraced(function* <A, E>(
  program: Effect.Effect<A, E>,
  settings: Layer.Layer<never> = Layer.empty
) {
  const memory = yield* InMemorySpans.make
  const layer = Tracer.layerProcessor(Effect.succeed(memory.processor)).pipe(
    Layer.provide(Layer.merge(environment({}), settings))
  )
  yield* program.pipe(Effect.provide(layer), Effect.exit)
  return yield* memory.spans
})

const spanOf = <A, E>(program: Effect.Effect<A, E>, settings?: Layer.Layer<never>) =>
  Effect.map(spansOf(program, settings), (spans) => only(spans))

const only = (spans: ReadonlyArray<ReadableSpan>): ReadableSpan => {
  const [span] = spans
  assert.strictEqual(spans.length, 1)
  assert.isDefined(span)
  return span
}

const named = (spans: ReadonlyArray<ReadableSpan>, name: string) =>
  only(spans.filter((span) => span.name === name))

const begin = (options: Partial<Parameters<EffectTracer.Tracer["span"]>[0]> = {}) =>
  Effect.map(Effect.tracer, (tracer) =>
    tracer.span({
      name: "made by hand",
      parent: Option.none(),
      annotations: Context.empty(),
      links: [],
      startTime: 1_000n,
      kind: "internal",
      root: false,
      sampled: true,
      ...options
    })
  )

describe("an ended span", () => {
  it.effect("reaches the processor with its ids, kind, times and resource", () =>
    Effect.gen(function* () {
      const spans = yield* spansOf(
        Effect.sleep("1500 millis").pipe(
          Effect.withSpan("inner", { kind: "client", attributes: { "gen_ai.request.model": "gpt-5.5" } }),
          Effect.withSpan("outer"),
          (program) => Effect.forkChild(program),
          Effect.tap(() => TestClock.adjust("1500 millis")),
          Effect.flatMap(Fiber.join)
        )
      )
      const inner = named(spans, "inner")
      const outer = named(spans, "outer")
      assert.match(inner.spanContext().traceId, /^[0-9a-f]{32}$/)
      assert.match(inner.spanContext().spanId, /^[0-9a-f]{16}$/)
      assert.strictEqual(inner.spanContext().traceId, outer.spanContext().traceId)
      assert.strictEqual(inner.parentSpanContext?.spanId, outer.spanContext().spanId)
      assert.isUndefined(outer.parentSpanContext)
      assert.strictEqual(inner.spanContext().traceFlags, 1)
      assert.strictEqual(inner.kind, 2)
      assert.deepStrictEqual(inner.startTime, [0, 0])
      assert.deepStrictEqual(inner.endTime, [1, 500_000_000])
      assert.deepStrictEqual(inner.duration, [1, 500_000_000])
      assert.deepStrictEqual(inner.attributes, { "gen_ai.request.model": "gpt-5.5" })
      assert.deepStrictEqual(inner.status, { code: 0 })
      assert.isTrue(inner.ended)
      assert.deepStrictEqual(inner.instrumentationScope, {
        name: "effect",
        version: getCurrentVersion()
      })
      assert.strictEqual(inner.resource, outer.resource)
    })
  )

  it.effect("keeps nanoseconds, even when it starts before the tracer creates it", () =>
    Effect.gen(function* () {
      const start = 1_790_000_000_123_456_789n
      const span = yield* spanOf(
        Effect.map(begin({ startTime: start }), (span) => {
          span.event("in between", start + 1n)
          span.end(start + 1_000_000_001n, Exit.void)
        })
      )
      assert.deepStrictEqual(span.startTime, [1_790_000_000, 123_456_789])
      assert.deepStrictEqual(span.endTime, [1_790_000_001, 123_456_790])
      assert.deepStrictEqual(span.duration, [1, 1])
      assert.deepStrictEqual(span.events[0]?.time, [1_790_000_000, 123_456_790])
    })
  )

  it.effect("never has a negative duration when the clock is set back", () =>
    Effect.gen(function* () {
      const span = yield* spanOf(
        Effect.map(begin({ startTime: 5_000n }), (span) => span.end(4_000n, Exit.void))
      )
      assert.deepStrictEqual(span.endTime, [0, 5_000])
      assert.deepStrictEqual(span.duration, [0, 0])
    })
  )

  it.effect("ends once and ignores later changes", () =>
    Effect.gen(function* () {
      const span = yield* spanOf(
        Effect.map(begin(), (span) => {
          span.attribute("before", 1)
          span.end(2_000n, Exit.void)
          span.end(3_000n, Exit.fail("late"))
          span.attribute("after", 1)
          span.attribute("before", 2)
          span.event("after", 3_000n)
          span.addLinks([{ span, attributes: {} }])
        })
      )
      assert.deepStrictEqual(span.endTime, [0, 2_000])
      assert.deepStrictEqual(span.attributes, { before: 1 })
      assert.deepStrictEqual(span.status, { code: 0 })
      assert.deepStrictEqual([span.events, span.links], [[], []])
    })
  )

  it.effect("ignores log lines inside it and keeps its own events", () =>
    Effect.gen(function* () {
      const span = yield* spanOf(
        Effect.gen(function* () {
          yield* Effect.logInfo("the prompt was: secret")
          const span = yield* Effect.currentSpan
          span.event("codex.compaction", 7n, { stage: "start" })
        }).pipe(Effect.withSpan("turn"))
      )
      assert.deepStrictEqual(span.events, [
        { name: "codex.compaction", time: [0, 7], attributes: { stage: "start" }, droppedAttributesCount: 0 }
      ])
    })
  )

  it.effect("links to the given spans and ignores invalid span ids", () =>
    Effect.gen(function* () {
      const earlier = EffectTracer.externalSpan({ traceId: "a".repeat(32), spanId: "b".repeat(16) })
      const disabled = EffectTracer.externalSpan({ traceId: "noop", spanId: "noop" })
      const span = yield* spanOf(
        Effect.void.pipe(
          Effect.withSpan("resumed", {
            links: [
              { span: earlier, attributes: { reason: "resume" } },
              { span: disabled, attributes: {} }
            ]
          })
        )
      )
      assert.deepStrictEqual(span.links, [
        {
          context: { traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: 1, isRemote: true },
          attributes: { reason: "resume" },
          droppedAttributesCount: 0
        }
      ])
    })
  )
})

class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", { message: Schema.String }) {}
class TurnFailed extends Schema.TaggedError<TurnFailed>()("TurnFailed", {
  reason: Schema.String,
  detail: Schema.String
}) {}
class Classified extends Schema.TaggedError<Classified>()("Classified", { detail: Schema.String }) {
  get errorType() {
    return "EngineExited"
  }
}
class Spiteful {
  readonly _tag = "Spiteful"
  get errorType(): string {
    throw new Error("secret")
  }
}

describe("a failed span", () => {
  const failures: ReadonlyArray<readonly [string, Effect.Effect<never, unknown>, string]> = [
    ["a tagged error", Effect.fail(new RateLimited({ message: "secret" })), "RateLimited"],
    [
      "a tag with a reason",
      Effect.fail(new TurnFailed({ reason: "Overloaded", detail: "secret" })),
      "TurnFailed.Overloaded"
    ],
    [
      "a reason that is a sentence",
      Effect.fail(new TurnFailed({ reason: "no secret at /x", detail: "" })),
      "TurnFailed"
    ],
    ["an error that classifies itself", Effect.fail(new Classified({ detail: "secret" })), "EngineExited"],
    ["an error that throws when looked at", Effect.fail(new Spiteful()), "_OTHER"],
    ["an error without a tag", Effect.fail({ message: "secret" }), "_OTHER"],
    ["text", Effect.fail("secret"), "_OTHER"],
    ["nothing", Effect.fail(null), "_OTHER"],
    ["a defect", Effect.die(new TypeError("secret")), "TypeError"],
    ["a defect that is no error", Effect.die({ secret: "secret" }), "_OTHER"],
    ["a defect that is text", Effect.die("secret"), "_OTHER"],
    [
      "a failure among interruptions",
      Effect.failCause(Cause.combine(Cause.interrupt(1), Cause.fail(new RateLimited({ message: "" })))),
      "RateLimited"
    ]
  ]
  for (const [name, program, errorType] of failures) {
    it.effect(`has the error type and no message: ${name}`, () =>
      Effect.gen(function* () {
        const span = yield* spanOf(program.pipe(Effect.withSpan("turn")))
        assert.deepStrictEqual(span.status, { code: 2 })
        assert.deepStrictEqual(span.attributes, { "error.type": errorType })
        assert.deepStrictEqual(span.events, [])
        assert.notInclude(JSON.stringify(span), "secret")
      })
    )
  }

  it.effect("keeps an explicit error.type", () =>
    Effect.gen(function* () {
      const span = yield* spanOf(
        Effect.fail(new RateLimited({ message: "" })).pipe(
          Effect.withSpan("turn", { attributes: { "error.type": "CommandFailed" } })
        )
      )
      assert.deepStrictEqual(span.attributes, { "error.type": "CommandFailed" })
      assert.deepStrictEqual(span.status, { code: 2 })
    })
  )

  it.effect("is not the same as an interrupted span", () =>
    Effect.gen(function* () {
      const span = yield* spanOf(Effect.interrupt.pipe(Effect.withSpan("turn")))
      assert.deepStrictEqual(span.status, { code: 0 })
      assert.deepStrictEqual(span.attributes, {})
    })
  )
})

const attributesOf = (attributes: Record<string, unknown>, settings?: Layer.Layer<never>) =>
  Effect.map(
    spanOf(Effect.void.pipe(Effect.withSpan("span", { attributes })), settings),
    (span) => span.attributes
  )

describe("an attribute", () => {
  it.effect("is stored as string, number, boolean or a list of these, otherwise as JSON", () =>
    Effect.gen(function* () {
      const circle: Record<string, unknown> = { name: "round" }
      circle["self"] = circle
      const list = ["a", "b"]
      const attributes = yield* attributesOf({
        text: "x",
        empty: "",
        number: 1.5,
        zero: 0,
        no: false,
        list,
        numbers: [1, 2],
        none: [],
        big: 2n ** 70n,
        bigs: [1n, 2n],
        object: { a: [1, { b: null }] },
        mixed: [1, "a"],
        holes: [1, null],
        date: new Date(0),
        secret: Redacted.make("hunter2"),
        circle,
        undefined,
        null: null,
        function: () => 1,
        symbol: Symbol("s"),
        "": "no key"
      })
      list.push("c")
      assert.deepStrictEqual(attributes, {
        text: "x",
        empty: "",
        number: 1.5,
        zero: 0,
        no: false,
        list: ["a", "b"],
        numbers: [1, 2],
        none: [],
        big: "1180591620717411303424",
        bigs: ["1", "2"],
        object: `{"a":[1,{"b":null}]}`,
        mixed: `[1,"a"]`,
        holes: "[1,null]",
        date: `"1970-01-01T00:00:00.000Z"`,
        secret: "[redacted]",
        circle: `{"name":"round"}`
      })
    })
  )

  it.effect(
    "is text where a receiver would refuse the number and its whole batch, and never half a character",
    () =>
      Effect.gen(function* () {
        const attributes = yield* attributesOf({
          nan: NaN,
          infinite: -Infinity,
          huge: 1e300,
          int64: 2 ** 62,
          fraction: 1e-300,
          half: "a\ud800"
        })
        assert.deepStrictEqual(attributes, {
          nan: "NaN",
          infinite: "-Infinity",
          huge: "1e+300",
          int64: 2 ** 62,
          fraction: 1e-300,
          half: "a\ufffd"
        })
      })
  )

  it.effect("never throws, whatever its value", () =>
    Effect.gen(function* () {
      const spiteful = new Proxy({}, { get: () => assert.fail("get"), ownKeys: () => assert.fail("ownKeys") })
      const span = yield* spanOf(
        Effect.map(begin(), (span) => {
          span.attribute("proxy", spiteful)
          span.attribute("getter", {
            get value() {
              throw new Error("no")
            }
          })
          span.attribute("toJSON", {
            toJSON: () => {
              throw new Error("no")
            }
          })
          span.attribute("nothing", Object.create(null))
          span.attribute("__proto__", ["polluted"])
          span.event("event", 1_500n, {
            get value() {
              throw new Error("no")
            }
          })
          span.end(2_000n, Exit.void)
        })
      )
      assert.deepStrictEqual(
        Object.keys(span.attributes).filter((key) => key !== "getter"),
        ["nothing"]
      )
      assert.strictEqual(span.events.length, 1)
      assert.deepStrictEqual(span.endTime, [0, 2_000])
    })
  )

  it.effect.prop(
    "of any kind becomes what OTLP can carry",
    [Schema.Record(Schema.String, Schema.Unknown)],
    ([input]) =>
      Effect.gen(function* () {
        const attributes = yield* attributesOf(input)
        const carried = (value: unknown): boolean =>
          typeof value === "string"
            ? value.isWellFormed()
            : typeof value === "number"
              ? Number.isFinite(value) && (!Number.isInteger(value) || Math.abs(value) < 2 ** 63)
              : typeof value === "boolean" || (Array.isArray(value) && value.every(carried))
        for (const value of Object.values(attributes)) assert.isTrue(carried(value))
        assert.isAtMost(Object.keys(attributes).length, Object.keys(input).length)
      })
  )
})

describe("the span limits", () => {
  const limits = Layer.succeed(Tracer.SpanLimits, {
    attributeCountLimit: 2,
    attributeValueLengthLimit: 3,
    eventCountLimit: 2,
    linkCountLimit: 1,
    attributePerEventCountLimit: 1,
    attributePerLinkCountLimit: 1
  })

  it.effect("bound what one span holds and count what is dropped", () =>
    Effect.gen(function* () {
      const external = (digit: string) =>
        EffectTracer.externalSpan({ traceId: digit.repeat(32), spanId: digit.repeat(16) })
      const span = yield* spanOf(
        Effect.map(
          begin({
            links: [
              { span: external("1"), attributes: {} },
              { span: external("2"), attributes: {} }
            ]
          }),
          (span) => {
            span.attribute("a", "long text")
            span.attribute("b", ["long text", "x"])
            span.attribute("c", 1)
            span.attribute("a", "other")
            for (const name of ["one", "two", "three"]) span.event(name, 1_500n, { x: "long text", y: 1 })
            span.addLinks([{ span: external("3"), attributes: { x: 1, y: 2 } }])
            span.end(2_000n, Exit.void)
          }
        ),
        limits
      )
      assert.deepStrictEqual(span.attributes, { a: "oth", b: ["lon", "x"] })
      assert.strictEqual(span.droppedAttributesCount, 1)
      assert.deepStrictEqual(
        span.events.map(({ attributes, droppedAttributesCount, name }) => ({
          name,
          attributes,
          droppedAttributesCount
        })),
        ["two", "three"].map((name) => ({ name, attributes: { x: "lon" }, droppedAttributesCount: 1 }))
      )
      assert.strictEqual(span.droppedEventsCount, 1)
      assert.deepStrictEqual(
        span.links.map((link) => [link.context.traceId[0], link.attributes, link.droppedAttributesCount]),
        [["3", { x: 1 }, 1]]
      )
      assert.strictEqual(span.droppedLinksCount, 2)
    })
  )

  it.effect("are 128 each by default, then from the environment, then from code", () =>
    Effect.gen(function* () {
      const many = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`key.${at}`, "x".repeat(1000)]))
      const held = (settings: Layer.Layer<never>) =>
        Effect.map(attributesOf(many, settings), (attributes) => [
          Object.keys(attributes).length,
          String(attributes["key.0"]).length
        ])
      const fromEnvironment = environment({
        OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: "5",
        OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "7"
      })
      assert.deepStrictEqual(yield* held(Layer.empty), [128, 1000])
      assert.deepStrictEqual(yield* held(fromEnvironment), [5, 7])
      assert.deepStrictEqual(
        yield* held(
          Layer.merge(fromEnvironment, Layer.succeed(Tracer.SpanLimits, { attributeCountLimit: 9 }))
        ),
        [9, 7]
      )
    })
  )

  it.effect("never split a character", () =>
    Effect.gen(function* () {
      const attributes = yield* attributesOf({ emoji: "ab😀" }, limits)
      assert.deepStrictEqual(attributes, { emoji: "ab\ufffd" })
    })
  )

  it.effect("do not change the list of links that the caller passed", () =>
    Effect.gen(function* () {
      const links: Array<EffectTracer.SpanLink> = []
      yield* spansOf(
        Effect.map(begin({ links }), (span) => {
          span.addLinks([{ span, attributes: {} }])
          span.end(2_000n, Exit.void)
        })
      )
      assert.deepStrictEqual(links, [])
    })
  )
})

/** A sampler with a given decision that records its calls. */
const sampler = (decision: 0 | 1 | 2) => {
  const asked: Array<string> = []
  const value: Sampler = {
    shouldSample: (_context, _traceId, name) => {
      asked.push(name)
      return { decision, attributes: { "sampler.said": decision } }
    },
    toString: () => "test"
  }
  return { asked, layer: Layer.succeed(Tracer.Sampler, value) }
}

describe("sampling", () => {
  const remote = (sampled: boolean) =>
    EffectTracer.externalSpan({ traceId: "a".repeat(32), spanId: "b".repeat(16), sampled })
  const nested = Effect.currentSpan.pipe(Effect.withSpan("inner"), Effect.withSpan("outer"))

  it.effect("asks the sampler once per trace and stores its attributes on the span", () =>
    Effect.gen(function* () {
      const { asked, layer } = sampler(2)
      const spans = yield* spansOf(nested, layer)
      assert.deepStrictEqual(asked, ["outer"])
      assert.deepStrictEqual(
        spans.map((span) => [span.name, span.attributes]),
        [
          ["inner", {}],
          ["outer", { "sampler.said": 2 }]
        ]
      )
    })
  )

  it.effect("drops a whole trace but propagates its ids", () =>
    Effect.gen(function* () {
      const { asked, layer } = sampler(0)
      const seen: Array<EffectTracer.Span> = []
      const program = nested.pipe(Effect.tap((span) => Effect.sync(() => seen.push(span))))
      assert.deepStrictEqual(yield* spansOf(program, layer), [])
      assert.deepStrictEqual(asked, ["outer"])
      const [span] = seen
      assert.isDefined(span)
      assert.isFalse(span.sampled)
      assert.match(span.traceId, /^[0-9a-f]{32}$/)
      assert.strictEqual(span.status._tag, "Ended")
      assert.strictEqual(Option.getOrThrow(span.parent).traceId, span.traceId)
    })
  )

  it.effect("asks the sampler about a sampled remote parent, not about an unsampled one", () =>
    Effect.gen(function* () {
      const { asked, layer } = sampler(2)
      const spans = yield* spansOf(
        Effect.all([
          Effect.withParentSpan(nested, remote(true)),
          Effect.withParentSpan(nested, remote(false))
        ]),
        layer
      )
      assert.deepStrictEqual(asked, ["outer"])
      assert.strictEqual(spans.length, 2)
      assert.deepStrictEqual(named(spans, "outer").parentSpanContext, {
        traceId: "a".repeat(32),
        spanId: "b".repeat(16),
        traceFlags: 1,
        isRemote: true
      })
    })
  )

  it.effect("passes the remote parent in the form that OpenTelemetry samplers expect", () =>
    Effect.gen(function* () {
      const never: Sampler = { shouldSample: () => ({ decision: 0 }), toString: () => "never" }
      const parentBased = Layer.succeed(Tracer.Sampler, new ParentBasedSampler({ root: never }))
      assert.deepStrictEqual(yield* spansOf(nested, parentBased), [])
      assert.strictEqual((yield* spansOf(Effect.withParentSpan(nested, remote(true)), parentBased)).length, 2)
    })
  )

  it.effect("records everything without a sampler or when it throws", () =>
    Effect.gen(function* () {
      const broken: Sampler = {
        shouldSample: () => assert.fail("broken"),
        toString: () => "broken"
      }
      assert.strictEqual((yield* spansOf(nested)).length, 2)
      assert.strictEqual((yield* spansOf(nested, Layer.succeed(Tracer.Sampler, broken))).length, 2)
    })
  )

  it.effect("respects `sampled: false` and Effect's tracer switch", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* spansOf(nested.pipe(Effect.withSpan("top", { sampled: false }))), [])
      assert.deepStrictEqual(yield* spansOf(Effect.withTracerEnabled(nested, false)), [])
    })
  )
})

describe("a parent span", () => {
  it.effect("with invalid ids does not pass them on", () =>
    Effect.gen(function* () {
      const disabled = EffectTracer.externalSpan({ traceId: "noop", spanId: "noop" })
      const span = yield* spanOf(Effect.void.pipe(Effect.withSpan("child", { parent: disabled })))
      assert.match(span.spanContext().traceId, /^[0-9a-f]{32}$/)
      assert.isUndefined(span.parentSpanContext)
    })
  )

  it.effect("can have a short trace id, as B3 allows", () =>
    Effect.gen(function* () {
      const parent = EffectTracer.externalSpan({ traceId: "c".repeat(16), spanId: "d".repeat(16) })
      const span = yield* spanOf(Effect.void.pipe(Effect.withSpan("child", { parent })))
      assert.strictEqual(span.spanContext().traceId, "0".repeat(16) + "c".repeat(16))
      assert.strictEqual(span.parentSpanContext?.traceId, span.spanContext().traceId)
    })
  )

  it.effect("is ignored for a root span", () =>
    Effect.gen(function* () {
      const spans = yield* spansOf(
        Effect.void.pipe(Effect.withSpan("root", { root: true }), Effect.withSpan("outer"))
      )
      assert.notStrictEqual(
        named(spans, "root").spanContext().traceId,
        named(spans, "outer").spanContext().traceId
      )
      assert.isUndefined(named(spans, "root").parentSpanContext)
    })
  )
})

/** A processor that records its calls in order. */
const journal = (fail: "never" | "always" = "never") => {
  const entries: Array<string> = []
  const note = (entry: string) => {
    entries.push(entry)
    return fail === "always" ? Promise.reject(new Error(entry)) : Promise.resolve()
  }
  const processor: SpanProcessor = {
    onStart: () => {},
    onEnd: (span) => {
      entries.push(span.attributes["codex.incomplete"] === true ? `${span.name} (incomplete)` : span.name)
      if (fail === "always") throw new Error("onEnd")
    },
    forceFlush: () => note("flush"),
    shutdown: () => note("shutdown")
  }
  return { entries, processor, layer: Tracer.layerProcessor(Effect.succeed(processor)) }
}

describe("exporters", () => {
  const work = Effect.void.pipe(Effect.withSpan("inner"), Effect.withSpan("outer"))
  const whole = ["inner", "outer", "flush", "shutdown"]

  it.effect("that are merged each receive every span once", () =>
    Effect.gen(function* () {
      const [a, b] = [journal(), journal()]
      yield* work.pipe(Effect.provide(Layer.mergeAll(a.layer, b.layer)))
      assert.deepStrictEqual([a.entries, b.entries], [whole, whole])
    })
  )

  it.effect("that are provided to each other each receive every span once", () =>
    Effect.gen(function* () {
      const [a, b, c] = [journal(), journal(), journal()]
      yield* work.pipe(Effect.provide(a.layer.pipe(Layer.provideMerge(b.layer), Layer.provideMerge(c.layer))))
      assert.deepStrictEqual([a.entries, b.entries, c.entries], [whole, whole, whole])
    })
  )

  it.effect("share one pipeline, also across nested provides", () =>
    Effect.gen(function* () {
      const [a, b] = [journal(), journal()]
      const pipeline = Effect.all([Tracer.SpanPipeline, Effect.tracer])
      const [outer, inner] = yield* Effect.gen(function* () {
        const outer = yield* pipeline
        const inner = yield* Effect.andThen(work, pipeline).pipe(Effect.provide(b.layer))
        yield* Effect.void.pipe(Effect.withSpan("after"))
        return [outer, inner]
      }).pipe(Effect.provide(a.layer))
      assert.strictEqual(outer?.[0], inner?.[0])
      assert.strictEqual(outer?.[1], inner?.[1])
      assert.deepStrictEqual(b.entries, whole)
      assert.deepStrictEqual(a.entries, ["inner", "outer", "after", "flush", "shutdown"])
    })
  )

  it.effect("receive the spans of the layers that they are provided to", () =>
    Effect.gen(function* () {
      const a = journal()
      const app = Layer.effectDiscard(Effect.void.pipe(Effect.withSpan("start")))
      yield* work.pipe(Effect.provide(app.pipe(Layer.provideMerge(a.layer))))
      assert.deepStrictEqual(a.entries, ["start", ...whole])
    })
  )

  it.effect("that always fail have no effect on the program", () =>
    Effect.gen(function* () {
      const [broken, sound] = [journal("always"), journal()]
      const answer = yield* Effect.as(work, 42).pipe(
        Effect.provide(Layer.mergeAll(broken.layer, sound.layer))
      )
      assert.strictEqual(answer, 42)
      assert.deepStrictEqual([broken.entries, sound.entries], [whole, whole])
    })
  )

  it.live("that hang at shutdown delay the end by at most 1.5 s", () =>
    Effect.gen(function* () {
      const hanging: SpanProcessor = {
        onStart: () => {},
        onEnd: () => {},
        forceFlush: () => new Promise(() => {}),
        shutdown: () => new Promise(() => {})
      }
      let flushes = 0
      const counted = { ...hanging, forceFlush: () => (flushes++, hanging.forceFlush()) }
      const layer = Layer.mergeAll(
        Tracer.layerProcessor(Effect.succeed(counted)),
        Tracer.layerProcessor(Effect.succeed({ ...counted }))
      )
      const { exit, millis } = yield* advanceTimers(
        Effect.as(work, 42).pipe(Effect.provide(layer)),
        () => flushes > 0
      )
      assert.deepStrictEqual(exit, Exit.succeed(42))
      assert.strictEqual(millis, 1_500)
    })
  )
})

describe("an open span", () => {
  it.effect("is exported as incomplete before the flush when its layer closes, inner spans first", () =>
    Effect.gen(function* () {
      const a = journal()
      const memory = yield* InMemorySpans.make
      const fiber = yield* Effect.gen(function* () {
        const started = yield* Deferred.make<void>()
        const fiber = yield* Deferred.succeed(started, undefined).pipe(
          Effect.andThen(Effect.never),
          Effect.withSpan("inner", { attributes: { kept: true } }),
          Effect.withSpan("outer"),
          Effect.forkDetach
        )
        yield* Deferred.await(started)
        yield* TestClock.adjust("1 second")
        return fiber
      }).pipe(
        Effect.provide(Layer.mergeAll(a.layer, Tracer.layerProcessor(Effect.succeed(memory.processor))))
      )
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(a.entries, ["inner (incomplete)", "outer (incomplete)", "flush", "shutdown"])
      const inner = named(yield* memory.spans, "inner")
      assert.deepStrictEqual(inner.attributes, { kept: true, "codex.incomplete": true })
      assert.deepStrictEqual(inner.status, { code: 0 })
      assert.deepStrictEqual(inner.duration, [1, 0])
    })
  )

  it.effect("stays open for the second exporter when the first one closes", () =>
    Effect.gen(function* () {
      const [short, long] = [journal(), journal()]
      yield* Effect.gen(function* () {
        const pipeline = yield* Tracer.SpanPipeline
        yield* Effect.scoped(pipeline.add(short.processor)).pipe(Effect.withSpan("turn"))
      }).pipe(Effect.provide(long.layer))
      assert.deepStrictEqual(short.entries, ["turn (incomplete)", "flush", "shutdown"])
      assert.deepStrictEqual(long.entries, ["turn", "flush", "shutdown"])
    })
  )

  it.effect("ends with the pipeline, and no new span starts", () =>
    Effect.gen(function* () {
      const a = journal()
      const [tracer, span] = yield* Effect.all([Effect.tracer, begin()]).pipe(Effect.provide(a.layer))
      assert.strictEqual(span.status._tag, "Ended")
      const late = yield* begin().pipe(Effect.provideService(EffectTracer.Tracer, tracer))
      late.end(2_000n, Exit.void)
      assert.isFalse(late.sampled)
      assert.deepStrictEqual(a.entries, ["made by hand (incomplete)", "flush", "shutdown"])
    })
  )

  it.effect("is dropped as the oldest of more than ten thousand", () =>
    Effect.gen(function* () {
      const memory = yield* InMemorySpans.make
      yield* Effect.gen(function* () {
        const oldest = yield* begin({ name: "oldest" })
        for (let at = 0; at < 10_005; at++) yield* begin()
        oldest.end(2_000n, Exit.void)
      }).pipe(Effect.provide(Tracer.layerProcessor(Effect.succeed(memory.processor))))
      const spans = yield* memory.spans
      assert.isUndefined(named(spans, "oldest").attributes["codex.incomplete"])
      assert.strictEqual(spans.length, 10_001)
    })
  )
})

describe("the resource", () => {
  const resourceOf = (settings: Layer.Layer<never>) =>
    Effect.map(
      spanOf(Effect.void.pipe(Effect.withSpan("span")), settings),
      (span) => span.resource.attributes
    )
  const sdk = { "telemetry.sdk.language": "nodejs", "telemetry.sdk.name": "opentelemetry" }

  it.effect("names the service and the SDK, and nothing about the machine", () =>
    Effect.gen(function* () {
      const { "telemetry.sdk.version": version, ...attributes } = yield* resourceOf(Layer.empty)
      assert.match(String(version), /^2\./)
      assert.deepStrictEqual(attributes, {
        ...sdk,
        "service.name": "effect-codex",
        "service.version": packageJson.version
      })
    })
  )

  it.effect("comes from code, then from the environment, then from the default", () =>
    Effect.gen(function* () {
      const { "telemetry.sdk.version": _, ...attributes } = yield* resourceOf(
        Layer.mergeAll(
          environment({
            OTEL_SERVICE_NAME: "bot",
            OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=ci,team=a"
          }),
          Layer.succeed(Tracer.Resource, { team: "b" }),
          Layer.succeed(Tracer.ServiceName, "codex-cli")
        )
      )
      // Our version is not that of a service with another name.
      assert.deepStrictEqual(attributes, {
        ...sdk,
        "service.name": "bot",
        "deployment.environment.name": "ci",
        team: "b"
      })
      assert.strictEqual(
        (yield* resourceOf(Layer.succeed(Tracer.ServiceName, "codex-cli")))["service.name"],
        "codex-cli"
      )
    })
  )
})

it.effect("the library never touches the host's OpenTelemetry globals", () =>
  Effect.gen(function* () {
    const span = yield* spanOf(
      Effect.sync(() => trace.getTracer("host").startSpan("host").spanContext()).pipe(Effect.withSpan("ours"))
    )
    assert.strictEqual(span.name, "ours")
    assert.isFalse(trace.getTracer("host").startSpan("host").isRecording())
    assert.isUndefined(trace.getActiveSpan())
  })
)

it.effect("the tracestate of a remote parent is on its descendants only", () =>
  Effect.gen(function* () {
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`
    const parent = Option.getOrThrow(TraceContext.parse(traceparent, "lab=9,other=1"))
    const inner = Effect.withSpan(Effect.void, "inner")
    const spans = yield* spansOf(
      Effect.all([inner.pipe(Effect.withSpan("outer", { parent })), Effect.withSpan(Effect.void, "alone")])
    )
    const state = (name: string) => named(spans, name).spanContext().traceState
    for (const name of ["outer", "inner"]) {
      assert.strictEqual(state(name)?.serialize(), "lab=9,other=1")
      assert.strictEqual(state(name)?.get("lab"), "9")
    }
    assert.isUndefined(state("alone"))
  })
)
