/** Real telemetry violates no rule, and every rule finds telemetry that is doctored against it. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Metric from "effect/Metric"
import { Codex } from "effect-codex"
import { ConventionCheck, checkTelemetry, Scripted, TestLayer } from "effect-codex/testing"
import * as Convention from "../../../src/semconv/Convention.ts"
import * as Check from "../../../src/trace/Check.ts"
import { emitted as everything } from "../../support/everything.ts"

const seriesOf = (metric: Metric.Metric.Snapshot): Check.CheckedMetric => ({
  name: metric.id,
  kind: metric.type.toLowerCase(),
  attributes: metric.attributes ?? {},
  ...(metric.type === "Histogram"
    ? { boundaries: metric.state.buckets.map(([boundary]) => boundary).filter(Number.isFinite) }
    : {})
})

describe("emitted telemetry", () => {
  for (const revision of ["latest", "1.41"] as const) {
    it.live(`violates no rule, with the names of ${revision}`, () =>
      Effect.gen(function* () {
        const all = yield* everything(revision)
        const logs = [...all.records.map(([, record]) => record), ...all.contents].flatMap(
          (record): ReadonlyArray<Check.CheckedLog> =>
            record === undefined
              ? []
              : [
                  {
                    event: record.event,
                    severity: record.level,
                    attributes: Object.fromEntries(
                      record.fields.flatMap(({ key, value }) => (value === undefined ? [] : [[key, value]]))
                    )
                  }
                ]
        )
        const emitted = { spans: all.spans, metrics: all.metrics.map(seriesOf), logs }
        assert.isAbove(logs.length, 50)
        assert.isAbove(emitted.metrics.length, 30)
        const findings = checkTelemetry(emitted, { revision, content: true })
        assert.deepStrictEqual(Check.lines(Check.filterByLevel(findings, "violation")), [])
        // Half of it contains content, which the options here do not state; and the other revision has other names.
        const rules = (options: Check.AttributeCheckOptions) =>
          new Set(Check.filterByLevel(checkTelemetry(emitted, options), "violation").map(({ rule }) => rule))
        assert.deepStrictEqual([...rules({ revision })], ["content"])
        assert.deepStrictEqual(
          [...rules({ revision: revision === "latest" ? "1.41" : "latest", content: true })],
          ["revision"]
        )
      })
    )
  }
})

const { attribute } = Convention

const inTurn = {
  [attribute.originator]: "sdk",
  [attribute.conversationId]: "t",
  [attribute.sessionId]: "t",
  [attribute.turnId]: "u"
}

/** A turn without fault. */
const turn = {
  name: "invoke_agent codex",
  kind: "internal",
  status: "unset",
  traceId: "a".repeat(32),
  spanId: "1",
  start: 0,
  durationMillis: 100,
  events: [],
  attributes: {
    ...inTurn,
    [attribute.operationName]: "invoke_agent",
    [attribute.agentName]: "codex",
    [attribute.providerName]: "openai",
    [attribute.requestModel]: "m",
    [attribute.inputTokens]: 10,
    [attribute.outputTokens]: 5,
    [attribute.turnStatus]: "completed",
    [attribute.turnModelCalls]: 1,
    [attribute.turnToolCalls]: 1,
    [attribute.timeThinking]: 50,
    [attribute.timeTools]: 30,
    [attribute.timeApproval]: 10,
    [attribute.timeOverhead]: 10
  }
} satisfies Check.CheckedSpan

const chat = {
  ...turn,
  name: "chat m",
  kind: "client",
  spanId: "2",
  parentSpanId: "1",
  attributes: {
    ...inTurn,
    [attribute.operationName]: "chat",
    [attribute.openaiApiType]: "responses",
    [attribute.providerName]: "openai",
    [attribute.requestModel]: "m",
    [attribute.responseModel]: "m",
    [attribute.inputTokens]: 10,
    [attribute.outputTokens]: 5,
    [attribute.cachedTokens]: 4,
    [attribute.reasoningTokens]: 2
  }
} satisfies Check.CheckedSpan

const tool = {
  ...turn,
  name: "execute_tool exec_command",
  spanId: "3",
  parentSpanId: "1",
  attributes: {
    ...inTurn,
    [attribute.operationName]: "execute_tool",
    [attribute.toolName]: "exec_command",
    [attribute.toolCallId]: "c"
  }
} satisfies Check.CheckedSpan

const counter = {
  name: "codex.errors",
  kind: "counter",
  unit: "{error}",
  attributes: {
    [attribute.originator]: "sdk",
    [attribute.errorType]: "EngineExited",
    [attribute.errorClass]: "engine"
  }
} satisfies Check.CheckedMetric

const histogram = {
  name: "gen_ai.invoke_agent.tool_calls",
  kind: "histogram",
  unit: "{tool_call}",
  boundaries: [1, 2, 4, 8, 16, 32, 64, 128],
  attributes: { [attribute.originator]: "sdk", [attribute.agentName]: "codex" }
} satisfies Check.CheckedMetric

const stop = {
  event: "codex.tool.stop",
  severity: "INFO",
  attributes: {
    [attribute.originator]: "sdk",
    [attribute.conversationId]: "t",
    [attribute.turnId]: "u",
    [attribute.toolName]: "exec_command",
    [attribute.durationMs]: 1
  }
} satisfies Check.CheckedLog

type With<A> = (attributes: Readonly<Record<string, unknown>>, more?: Partial<A>) => A
const chatWith: With<Check.CheckedSpan> = (attributes, more) => ({
  ...chat,
  ...more,
  attributes: { ...chat.attributes, ...attributes }
})
const turnWith: With<Check.CheckedSpan> = (attributes, more) => ({
  ...turn,
  ...more,
  attributes: { ...turn.attributes, ...attributes }
})
const logWith: With<Check.CheckedLog> = (attributes, more) => ({
  ...stop,
  ...more,
  attributes: { ...stop.attributes, ...attributes }
})
const metricWith: With<Check.CheckedMetric> = (attributes, more) => ({
  ...counter,
  ...more,
  attributes: { ...counter.attributes, ...attributes }
})
const without = (span: Check.CheckedSpan, name: string): Check.CheckedSpan => ({
  ...span,
  attributes: Object.fromEntries(Object.entries(span.attributes).filter(([key]) => key !== name))
})
const event = (name: string, attributes: Readonly<Record<string, unknown>> = {}) => [{ name, attributes }]

const whole = (...spans: ReadonlyArray<Check.CheckedSpan>): Check.Emitted => ({
  spans: [turn, chat, tool].map((span) => spans.find(({ spanId }) => spanId === span.spanId) ?? span)
})

describe("a rule", () => {
  it("finds nothing in valid telemetry", () => {
    assert.deepStrictEqual(
      checkTelemetry({ ...whole(), metrics: [counter, histogram], logs: [stop] }, { revision: "latest" }),
      []
    )
  })

  const doctored: ReadonlyArray<
    readonly [
      what: string,
      level: Check.Level,
      rule: Check.CheckRule,
      emitted: Check.Emitted,
      options?: Check.AttributeCheckOptions
    ]
  > = [
    [
      "a name of ours that is not registered",
      "violation",
      "unknownAttribute",
      whole(chatWith({ "gen_ai.made.up": 1 }))
    ],
    [
      "the same on a span of the program",
      "violation",
      "unknownAttribute",
      { spans: [{ ...turn, name: "mine", attributes: { "codex.mine": 1 } }] }
    ],
    [
      "an attribute that has no place there",
      "violation",
      "unexpectedAttribute",
      whole(chatWith({ [attribute.exitCode]: 0 }))
    ],
    [
      "a missing attribute that is always there",
      "violation",
      "missingAttribute",
      whole(without(chat, attribute.sessionId))
    ],
    [
      "a missing one that should be there",
      "improvement",
      "missingAttribute",
      whole(without(chat, attribute.responseModel))
    ],
    ["text for a number", "violation", "type", whole(chatWith({ [attribute.inputTokens]: "10" }))],
    ["a fraction of a token", "violation", "type", whole(turnWith({ [attribute.inputTokens]: 10.5 }))],
    [
      "a value that is not allowed",
      "violation",
      "value",
      whole(turnWith({ [attribute.turnStatus]: "fine" }))
    ],
    [
      "one of several that is not allowed",
      "violation",
      "value",
      whole({ ...tool, attributes: { ...tool.attributes, [attribute.fileOperations]: ["read", "eat"] } })
    ],
    [
      "false where only true is told",
      "violation",
      "value",
      whole(chatWith({ [attribute.compacted]: false }))
    ],
    ["content", "violation", "content", whole(chatWith({ [attribute.inputMessages]: "[]" }))],
    [
      "a name of v1.41 among the latest",
      "violation",
      "revision",
      whole(chatWith({ [Convention.v1_41.attribute.cacheWriteTokens]: 1 })),
      { revision: "latest" }
    ],
    [
      "a name of the latest with v1.41",
      "violation",
      "revision",
      whole(chatWith({ [attribute.cacheWriteTokens]: 1 })),
      { revision: "1.41" }
    ],
    ["another kind", "violation", "kind", whole({ ...chat, kind: "internal" })],
    ["a name that is not that of the model", "violation", "name", whole({ ...chat, name: "chat n" })],
    ["an error without its type", "violation", "status", whole({ ...tool, status: "error" })],
    [
      "a type without an error",
      "violation",
      "status",
      whole(turnWith({ [attribute.errorType]: "EngineExited" }))
    ],
    [
      "a status with a message",
      "violation",
      "status",
      whole({ ...chat, statusMessage: "no such file /home/ada" })
    ],
    ["a status OK", "improvement", "status", whole({ ...chat, status: "ok" })],
    [
      "an error.type out of no list",
      "violation",
      "errorType",
      whole({ ...tool, status: "error", attributes: { ...tool.attributes, [attribute.errorType]: "ENOENT" } })
    ],
    ["an unknown event", "violation", "event", whole({ ...chat, events: event("codex.surprise") })],
    [
      "an event of another span",
      "violation",
      "event",
      whole({
        ...chat,
        events: event(Convention.event.compaction, { [attribute.compactionStage]: "started" })
      })
    ],
    [
      "an event without its attribute",
      "violation",
      "missingAttribute",
      whole({ ...turn, events: event(Convention.event.compaction) })
    ],
    ["a span twice", "violation", "duplicate", { spans: [turn, chat, tool, chat] }],
    [
      "a request to the model outside a turn",
      "violation",
      "parent",
      whole({ ...chat, parentSpanId: undefined })
    ],
    ["a request to the model in a tool", "violation", "parent", whole({ ...chat, parentSpanId: "3" })],
    ["a parent that is not there", "information", "orphan", { spans: [chat] }],
    [
      "times that sum to more than the turn",
      "violation",
      "times",
      whole(turnWith({ [attribute.timeTools]: 130 }))
    ],
    ["times that sum to less", "improvement", "times", whole({ ...turn, durationMillis: 1_000 })],
    ["a time below zero", "violation", "times", whole(turnWith({ [attribute.timeTools]: -1 }))],
    ["an end before the start", "violation", "times", whole({ ...tool, durationMillis: -1 })],
    [
      "a span that was given up",
      "information",
      "times",
      whole({ ...tool, attributes: { ...tool.attributes, [attribute.incomplete]: true } })
    ],
    [
      "more from the cache than went in",
      "violation",
      "tokens",
      whole(chatWith({ [attribute.cachedTokens]: 11 }))
    ],
    [
      "more reasoning than output",
      "violation",
      "tokens",
      whole(chatWith({ [attribute.reasoningTokens]: 6 }))
    ],
    [
      "requests that used more than their turn",
      "violation",
      "tokens",
      whole(turnWith({ [attribute.inputTokens]: 9 }))
    ],
    ["calls that are not there", "violation", "calls", whole(turnWith({ [attribute.turnToolCalls]: 2 }))],
    ["requests that are not there", "violation", "calls", whole(turnWith({ [attribute.turnModelCalls]: 0 }))],
    [
      "a metric of ours that is not registered",
      "violation",
      "unknownMetric",
      { metrics: [{ ...counter, name: "codex.fun" }] }
    ],
    ["another kind of metric", "violation", "kind", { metrics: [{ ...counter, kind: "gauge" }] }],
    ["another unit", "violation", "unit", { metrics: [{ ...counter, unit: "1" }] }],
    ["other buckets", "violation", "buckets", { metrics: [{ ...histogram, boundaries: [0, 5, 10] }] }],
    [
      "a metric by thread",
      "violation",
      "unique",
      { metrics: [metricWith({ [attribute.conversationId]: "t" })] }
    ],
    [
      "a metric without a label",
      "violation",
      "missingAttribute",
      { metrics: [{ ...counter, attributes: { [attribute.originator]: "sdk" } }] }
    ],
    [
      "a metric of v1.41 among the latest",
      "violation",
      "revision",
      { metrics: [{ ...counter, name: Convention.v1_41.metric.tokenUsage }] },
      { revision: "latest" }
    ],
    [
      "a record of ours that is not registered",
      "violation",
      "unknownRecord",
      { logs: [{ ...stop, event: "codex.tool.pause" }] }
    ],
    ["another severity", "violation", "severity", { logs: [{ ...stop, severity: "WARN" }] }],
    [
      "an error on what is no exception",
      "violation",
      "status",
      { logs: [logWith({ [attribute.errorType]: "ToolFailed" })] }
    ],
    [
      "an exception without its error",
      "violation",
      "status",
      { logs: [logWith({}, { event: "codex.tool.exception", severity: "ERROR" })] }
    ],
    [
      "a field of another record",
      "violation",
      "unexpectedAttribute",
      { logs: [logWith({ [attribute.exitCode]: 1 })] }
    ],
    [
      "content in a record",
      "violation",
      "content",
      { logs: [logWith({ [attribute.toolResult]: "secret" })] }
    ],
    [
      "a name of ours that is not registered, in a record of the program",
      "violation",
      "unknownAttribute",
      { logs: [{ attributes: { "codex.mine": 1 } }] }
    ]
  ]
  for (const [what, level, rule, emitted, options] of doctored) {
    it(`finds ${what}`, () => {
      const found = checkTelemetry(emitted, options)
      assert.include(
        found.map((finding) => `${finding.level} ${finding.rule}`),
        `${level} ${rule}`,
        Check.lines(found).join("\n")
      )
      for (const { message } of found) assert.notMatch(message, /secret|\/home\/ada/)
    })
  }

  it("finds its own violation, for every rule", () => {
    assert.sameMembers([...new Set(doctored.map(([, , rule]) => rule))], Object.keys(Check.rules))
  })

  it("ignores the program's own telemetry", () => {
    const mine = {
      ...turn,
      name: "GET /",
      kind: "server",
      status: "ok",
      attributes: { "http.route": "/" }
    } as const
    const metric = { name: "http.requests", kind: "counter", attributes: { anything: "goes" } }
    assert.deepStrictEqual(
      checkTelemetry({ spans: [mine], metrics: [metric], logs: [{ attributes: { anything: 1 } }] }),
      []
    )
  })
})

describe("TestLayer", () => {
  const turnOf = (annotations: Record<string, unknown>) =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.message("ok")])
      const codex = yield* Codex
      const thread = yield* codex.startThread()
      yield* Effect.annotateSpans(thread.run("go"), annotations)
    }).pipe(Effect.scoped)

  it.effect("passes a test whose telemetry follows the conventions", () =>
    Effect.gen(function* () {
      const right = turnOf({ "my.own": 1 })
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(Effect.provide(right, Layer.fresh(TestLayer)))))
    })
  )

  it.effect("fails a test with the violations, unless the check is off", () =>
    Effect.gen(function* () {
      const wrong = turnOf({ "codex.mine": 1 })
      const exit = yield* Effect.exit(Effect.provide(wrong, Layer.fresh(TestLayer)))
      const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.instanceOf(defect, ConventionCheck.TelemetryViolated)
      assert.include(
        String(defect),
        `violation  span "invoke_agent codex": codex.mine is not in the convention`
      )
      yield* Effect.provide(
        wrong,
        Layer.fresh(TestLayer).pipe(Layer.provide(Layer.succeed(ConventionCheck.Enabled, false)))
      )
    })
  )
})
