import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as Fiber from "effect/Fiber"
import * as InMemorySpans from "../../src/telemetry/tracer/InMemorySpans.ts"
import * as DisplayWidth from "../../src/trace/DisplayWidth.ts"
import * as Tracer from "../../src/telemetry/tracer/Tracer.ts"
import * as Waterfall from "../../src/trace/Waterfall.ts"
import { stripVTControlCharacters } from "node:util"

const ms = (value: number) => 1_790_000_000_000_000_000n + BigInt(Math.round(value * 1e6))

const span = (
  spanId: string,
  parentSpanId: string | undefined,
  name: string,
  [start, end]: readonly [number, number],
  options: Partial<Waterfall.WaterfallSpan> = {}
): Waterfall.WaterfallSpan => ({
  name,
  spanId,
  parentSpanId,
  startNanos: ms(start),
  endNanos: ms(end),
  status: "unset",
  attributes: {},
  ...options
})

const operation = (name: string) => ({ attributes: { "gen_ai.operation.name": name } })
const render = (spans: ReadonlyArray<Waterfall.WaterfallSpan>, width = 80, color = false) =>
  Waterfall.render(spans, { width, color })
const linesOf = (spans: ReadonlyArray<Waterfall.WaterfallSpan>, width?: number) =>
  render(spans, width).split("\n").slice(0, -1)

const turn = [
  span("8", "6", "npm", [5400, 6990], {
    status: "error",
    attributes: { "process.executable.name": "npm", "process.exit.code": 1, "error.type": "CommandFailed" }
  }),
  span("1", undefined, "effect-codex run", [0, 12_400]),
  span("2", "1", "codex.engine.start", [0, 810]),
  span("4", "1", "invoke_agent codex", [860, 12_380], operation("invoke_agent")),
  span("5", "4", "chat gpt-5.5", [860, 2790], operation("chat")),
  span("6", "4", "execute_tool exec_command", [2790, 6990], operation("execute_tool")),
  span("7", "6", "codex.approval", [2790, 5400], { attributes: { "codex.approval.decision": "accept" } }),
  span("9", "4", "execute_tool lookup_ticket", [8600, 8600.35], operation("execute_tool")),
  span("10", "4", "chat gpt-5.5", [10_200, 12_370], {
    attributes: { "gen_ai.operation.name": "chat", "codex.incomplete": true }
  })
]

describe("the waterfall of a turn", () => {
  it("is a tree in time order, with bars, durations and failures", () => {
    assert.strictEqual(
      `\n${render(turn, 90)}`,
      `
9 spans, 1 failed               0                  6.20 s       12.4 s
effect-codex run                ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  12.4 s
├ codex.engine.start            ━━╸                                     810 ms
└ invoke_agent codex              ╺━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  11.5 s
  ├ chat gpt-5.5                  ╺━━━━━╸                               1.93 s
  ├ execute_tool exec_command           ╺━━━━━━━━━━━━╸                  4.20 s
  │ ├ codex.approval                    ╺━━━━━━━╸                       2.61 s  accept
  │ └ npm                                       ╺━━━━╸                  1.59 s  ✗ exit 1
  ├ execute_tool lookup_ticket                            ╸             350 µs
  └ chat gpt-5.5                                               ━━━━━━━  2.17 s  still open
`
    )
  })

  it("keeps names, durations and failures if there is no room for bars", () => {
    assert.strictEqual(
      `\n${render(turn, 44)}`,
      `
effect-codex run      12.4 s
├ codex.engine.start  810 ms
└ invoke_agent codex  11.5 s
  ├ chat gpt-5.5      1.93 s
  ├ exec_command      4.20 s
  │ ├ codex.approval  2.61 s  accept
  │ └ npm             1.59 s  ✗ exit 1
  ├ lookup_ticket     350 µs
  └ chat gpt-5.5      2.17 s  still open
`
    )
    assert.strictEqual(linesOf(turn, 12)[6], "  │ └ npm  ✗")
    assert.strictEqual(
      linesOf(turn, 1).every((line) => line.length === 1),
      true
    )
  })

  it("has the same text in colour, with failures in red", () => {
    const colored = render(turn, 90, true)
    assert.strictEqual(stripVTControlCharacters(colored), render(turn, 90))
    assert.include(colored, "\u001b[1;31m✗ exit 1\u001b[0m")
    assert.notInclude(render(turn, 90), "\u001b")
  })

  it("is empty without spans", () => {
    assert.strictEqual(render([]), "")
  })

  it.effect("is drawn from the spans of a processor", () =>
    Effect.gen(function* () {
      const memory = yield* InMemorySpans.make
      yield* Effect.sleep("2 seconds").pipe(
        Effect.andThen(Effect.fail("no")),
        Effect.withSpan("npm", { attributes: { "process.exit.code": 3 } }),
        Effect.withSpan("turn"),
        Effect.exit,
        Effect.forkChild,
        Effect.tap(() => TestClock.adjust("2 seconds")),
        Effect.flatMap(Fiber.join),
        Effect.provide(Tracer.layerProcessor(Effect.succeed(memory.processor)))
      )
      const spans = (yield* memory.spans).map(Waterfall.fromReadableSpan)
      assert.deepStrictEqual(linesOf(spans, 30), ["turn   2.00 s  ✗ _OTHER", "└ npm  2.00 s  ✗ exit 3"])
      assert.deepStrictEqual(
        spans.map(({ endNanos, startNanos, status }) => ({ endNanos, startNanos, status })),
        [0, 1].map(() => ({ startNanos: 0n, endNanos: 2_000_000_000n, status: "error" }))
      )
    })
  )
})

describe("spans that form no valid tree", () => {
  const names = (spans: ReadonlyArray<Waterfall.WaterfallSpan>) =>
    linesOf(spans, 20).map((line) => line.split("  ")[0])

  it("are roots when their parent is missing", () => {
    assert.deepStrictEqual(names([span("2", "lost", "b", [5, 6]), span("1", "gone", "a", [0, 9])]), [
      "a",
      "b"
    ])
  })

  it("are drawn once when their parents form a cycle", () => {
    assert.deepStrictEqual(
      names([span("1", "2", "a", [0, 9]), span("2", "1", "b", [1, 5]), span("3", "3", "c", [2, 3])]),
      ["a", "└ b", "c"]
    )
  })

  it("are all drawn when they share an id", () => {
    assert.deepStrictEqual(
      names([
        span("1", undefined, "a", [0, 9]),
        span("1", undefined, "b", [1, 5]),
        span("2", "1", "c", [2, 3])
      ]),
      ["a", "└ c", "b"]
    )
  })

  it("may have no duration, or end before they start", () => {
    assert.deepStrictEqual(linesOf([span("1", undefined, "a", [5, 0])], 40), [
      "1 span  0",
      "a       ╸                           0 µs"
    ])
    assert.deepStrictEqual(linesOf([span("1", undefined, "a", [0, 8]), span("2", "1", "b", [8, 8])], 40), [
      "2 spans  0              8.00 ms",
      "a        ━━━━━━━━━━━━━━━━━━━━━━  8.00 ms",
      "└ b                           ╺     0 µs"
    ])
  })

  it("may have any depth", () => {
    const chain = Array.from({ length: 20_000 }, (_, at) => span(`${at}`, `${at - 1}`, "step", [at, 20_000]))
    const lines = linesOf(chain, 60)
    assert.strictEqual(lines.length, 20_001)
    assert.isTrue(lines.every((line) => DisplayWidth.of(line) <= 60))
  })

  it("are omitted beyond a limit, except failed ones", () => {
    const children = Array.from({ length: 1_000 }, (_, at) =>
      span(`c${at}`, "root", `step ${at}`, [at, at + 1], { status: at >= 970 ? "error" : "unset" })
    )
    const lines = linesOf([span("root", undefined, "root", [0, 1_000]), ...children], 80)
    assert.strictEqual(lines.length, 1 + 1 + 40 + 1)
    assert.match(lines[2] ?? "", /^├ step 0 .* 1\.00 ms$/)
    assert.match(lines[21] ?? "", /^├ step 19 /)
    assert.match(lines[22] ?? "", /^├ step 970 .*✗$/)
    assert.match(lines[42] ?? "", /^└ … 960 more .*✗ 10 failed$/)
  })

  it("are omitted at the top level too", () => {
    const lines = linesOf(
      Array.from({ length: 50 }, (_, at) => span(`${at}`, undefined, "lost", [at, at])),
      80
    )
    assert.strictEqual(lines.length, 1 + 40 + 1)
    assert.match(lines[41] ?? "", /^… 10 more /)
  })
})

describe("a span name", () => {
  const drawn = (name: string) => linesOf([span("1", undefined, name, [0, 1])], 60)[1]?.split("  ")[0]

  it("is shown without control characters", () => {
    assert.strictEqual(drawn("a\u001b[31mb\u001b]0;c"), "ab\\x1b]0;c")
    assert.strictEqual(drawn("c\rd\ne\tf\u202eg"), "c\\x0dd e f\\u202eg")
    assert.strictEqual(drawn("h\u2066\u0000i\u009bj"), "h\\u2066\\x00i\\x9bj")
    assert.strictEqual(drawn("\u{e0041}\u00adx\ud800"), "\\u{e0041}\\xadx\ufffd")
    assert.strictEqual(drawn("\u001b[2J"), "(no name)")
  })

  it("is measured in terminal columns", () => {
    assert.strictEqual(DisplayWidth.of("部署 deploy"), 11)
    assert.strictEqual(DisplayWidth.of("e\u0301🚀ok"), 5)
    assert.strictEqual(DisplayWidth.of("👩‍👩‍👧 🇩🇪"), 5)
    assert.strictEqual(DisplayWidth.fit("部署服务器", 6), "部署…")
    assert.strictEqual(DisplayWidth.fit("部署服务器", 10), "部署服务器")
    assert.strictEqual(DisplayWidth.fit("e\u0301e\u0301e\u0301", 2), "e\u0301…")
    assert.strictEqual(DisplayWidth.fill("部", 4), "部  ")
    const lines = linesOf([span("1", undefined, "部署服务器", [0, 1]), span("2", "1", "deploy", [0, 1])], 60)
    const bars = lines.slice(1).map((line) => DisplayWidth.of(line.slice(0, line.indexOf("━"))))
    assert.deepStrictEqual(bars, [12, 12])
  })
})

describe("any trace", () => {
  const anySpan = Schema.Struct({
    name: Schema.String,
    spanId: Schema.Literals(["1", "2", "3", "4", "5", "6"]),
    parentSpanId: Schema.optionalKey(Schema.Literals(["1", "2", "3", "4", "5", "6", "7"])),
    startNanos: Schema.BigInt,
    endNanos: Schema.BigInt,
    status: Schema.Literals(["unset", "error"]),
    attributes: Schema.Struct({
      "process.exit.code": Schema.optionalKey(Schema.Union([Schema.Int, Schema.String, Schema.Null])),
      "error.type": Schema.optionalKey(Schema.String),
      "gen_ai.operation.name": Schema.optionalKey(Schema.String)
    })
  })
  const width = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 200 }))

  it.prop(
    "is drawn within its width, a line a span, with nothing that a terminal would act upon",
    [Schema.Array(anySpan), width],
    ([spans, width]) => {
      const picture = render(spans, width)
      const lines = picture.split("\n").slice(0, -1)
      assert.isTrue(lines.length === spans.length || lines.length === spans.length + 1 || spans.length > 40)
      for (const line of lines) {
        assert.isAtMost(DisplayWidth.of(line), width)
        assert.notMatch(line, /[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u)
      }
      assert.strictEqual(stripVTControlCharacters(render(spans, width, true)), picture)
    }
  )
})
