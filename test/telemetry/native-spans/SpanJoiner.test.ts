/** What becomes of spans in whatever order and number they come, without a process or a clock. */
import { assert, describe, it } from "@effect/vitest"
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import { SpanJoiner, waitMillis, type SpanRef } from "../../../src/telemetry/native-spans/SpanJoiner.ts"
import type { NativeSpan } from "../../../src/telemetry/native-spans/KeptSpans.ts"

const trace = "a".repeat(32)
const foreign = "b".repeat(32)
const turn: SpanRef = { traceId: trace, spanId: "turn", sampled: true }
const call: SpanRef = { traceId: trace, spanId: "call", sampled: true }

const native = (
  spanId: string,
  parentId: string | undefined,
  name: string,
  attributes: Record<string, string> = {},
  traceId = trace
): NativeSpan => ({
  traceId,
  spanId,
  parentId,
  name,
  kind: 0,
  startTime: [100, 0],
  endTime: [101, 0],
  attributes,
  profile: undefined
})

const tool = { tool_name: "exec_command", call_id: "c1", "turn.id": "t1" }

/** One turn, with a command that was called directly and one out of a script, which has a trace of its own. */
const spans = [
  native("start", "turn", "turn/start", { "rpc.system": "jsonrpc" }),
  native("input", "start", "codex.turn_input"),
  native("task", "input", "session_task.turn", { "turn.id": "t1" }),
  native("run", "task", "run_turn"),
  native("sampling", "run", "run_sampling_request"),
  native("try", "sampling", "try_run_sampling_request"),
  native("codexsampling", "try", "codex.sampling", { "turn.id": "t1" }),
  native("stream", "try", "stream_request"),
  native("request", "stream", "model_client.stream_responses_api"),
  native("tool", "codexsampling", "exec_command", tool),
  native("dispatch", "tool", "dispatch_tool_call_with_state"),
  native("exec", "dispatch", "unified_exec.exec_command"),
  native("blocking", "try", "codex.tool_blocking"),
  native("callback", undefined, "code_mode.grpc.callback", {}, foreign),
  native("scripted", "callback", "exec_command", { ...tool, call_id: "c2" }, foreign),
  native("spawn", "scripted", "codex.process.spawn", {}, foreign)
]

/** Only what the joiner reads of a span of ours. */
const chat: ReadableSpan = {
  name: "chat m",
  kind: 2,
  spanContext: () => ({ traceId: trace, spanId: "chat", traceFlags: 1 }),
  startTime: [99, 900_000_000],
  endTime: [101, 50_000_000],
  duration: [1, 150_000_000],
  status: { code: 0 },
  attributes: {
    "gen_ai.operation.name": "chat",
    "codex.turn.id": "t1",
    "gen_ai.response.time_to_first_chunk": 0.5
  },
  links: [],
  events: [],
  ended: true,
  resource: { attributes: {}, merge: (other) => other ?? chat.resource, getRawAttributes: () => [] },
  instrumentationScope: { name: "test" },
  droppedAttributesCount: 0,
  droppedEventsCount: 0,
  droppedLinksCount: 0
}

const start = () => {
  const emitted = new Map<string, SpanRef>()
  const given: Array<ReadableSpan> = []
  const seen = { dropped: 0, twice: 0 }
  const joiner = new SpanJoiner({
    emit: (span, parent) => {
      if (emitted.has(span.spanId)) seen.twice++
      emitted.set(span.spanId, parent)
    },
    release: (span) => given.push(span),
    dropped: (n) => (seen.dropped += n)
  })
  joiner.turnStarted("t1", turn)
  joiner.toolStarted("t1", "c1", call)
  joiner.toolStarted("t1", "c2", { ...call, spanId: "call2" })
  return { emitted, given, joiner, seen }
}

const parents = (emitted: ReadonlyMap<string, SpanRef>) =>
  Object.fromEntries([...emitted].map(([id, { spanId }]) => [id, spanId]).toSorted())

/** Numbers from 0 to 1 that a seed decides. */
const numbers = (seed: number) => {
  let state = seed
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}

const places = {
  blocking: "sampling",
  exec: "tool",
  request: "chat",
  sampling: "task",
  scripted: "call2",
  spawn: "scripted",
  start: "turn",
  task: "start",
  tool: "call"
}

describe("spans of Codex in the library's trace", () => {
  it("have the same parent in any order and batching, each once", () => {
    for (let seed = 1; seed <= 1000; seed++) {
      const next = numbers(seed)
      const order = spans
        .map((span) => [next(), span] as const)
        .toSorted(([a], [b]) => a - b)
        .map(([, span]) => span)
      const size = 1 + Math.floor(next() * spans.length)
      const chatAt = Math.floor(next() * (spans.length + 8))
      const { emitted, given, joiner, seen } = start()
      for (let at = 0; at < order.length; at += size) {
        if (at <= chatAt && chatAt < at + size) joiner.hold(chat, 0)
        joiner.receive(order.slice(at, at + size), at)
      }
      if (chatAt >= Math.ceil(order.length / size) * size) joiner.hold(chat, 0)
      joiner.turnEnded("t1", 20)
      joiner.tick(20 + waitMillis * 2)
      assert.deepStrictEqual(parents(emitted), places)
      assert.deepStrictEqual(new Set([...emitted.values()].map(({ traceId }) => traceId)), new Set([trace]))
      const known = new Set(["turn", "call", "call2", "chat"])
      for (const [id, { spanId }] of emitted) {
        assert.isTrue(known.has(spanId), `${id} before ${spanId}`)
        known.add(id)
      }
      assert.deepStrictEqual(seen, { dropped: 0, twice: 0 })
      assert.strictEqual(given.length, 1)
    }
  })

  it("are children of the turn if their parent never arrives", () => {
    const { emitted, joiner, seen } = start()
    joiner.receive(
      spans.filter(({ spanId }) => ["sampling", "blocking", "exec"].includes(spanId)),
      0
    )
    assert.strictEqual(emitted.size, 0)
    joiner.tick(waitMillis * 10)
    assert.strictEqual(emitted.size, 0, "the turn still runs")
    joiner.turnEnded("t1", waitMillis * 10)
    joiner.tick(waitMillis * 12)
    assert.deepStrictEqual(parents(emitted), { blocking: "turn", exec: "turn", sampling: "turn" })
    assert.strictEqual(seen.dropped, 0)
  })

  it("of another trace are ignored", () => {
    const { emitted, joiner, seen } = start()
    joiner.receive([native("x", undefined, "codex.process.spawn", {}, "c".repeat(32))], 0)
    joiner.turnEnded("t1", 0)
    joiner.flush()
    assert.deepStrictEqual([emitted.size, seen.dropped, joiner.hasPending], [0, 1, false])
  })

  it("in excess are dropped and counted, within bounded memory", () => {
    const { emitted, joiner, seen } = start()
    for (let batch = 0; batch < 100; batch++) {
      joiner.receive(
        Array.from({ length: 500 }, (_, n) => native(`f${batch}-${n}`, "never", "unified_exec.exec_command")),
        batch
      )
    }
    joiner.turnEnded("t1", 0)
    joiner.flush()
    assert.deepStrictEqual([emitted.size, seen.dropped], [5000, 45_000])
  })

  it("H13 that name a running turn take work in proportion to their number, in small steps", () => {
    /** Returns how often the joiner reads a field of a span, in total and at most in one step. */
    const work = (count: number) => {
      const { joiner } = start()
      let reads = 0
      const counted = (span: NativeSpan) =>
        new Proxy(span, {
          get: (target, key, receiver) => {
            reads++
            return Reflect.get(target, key, receiver)
          }
        })
      const batch = Array.from({ length: count }, (_, n) => [
        counted(native(`r${n}`, `try${n}`, "model_client.stream_responses_api")),
        counted(native(`s${n}`, `try${n}`, "codex.sampling", { "turn.id": "t1" })),
        counted(native(`p${n}`, `r${n}`, "unified_exec.exec_command", { "turn.id": "t1" }))
      ]).flat()
      let most = 0
      let before = 0
      for (const _ of joiner.receiveSteps(batch, 0)) {
        most = Math.max(most, reads - before)
        before = reads
      }
      return { reads, most }
    }
    const [small, large] = [work(200), work(1600)]
    assert.isAtMost(large.reads, small.reads * 8 * 1.2)
    assert.isAtMost(large.most, 5_000)
  })

  it("H13 have the same places if the caller stops between their steps", () => {
    const { emitted, joiner, seen } = start()
    joiner.hold(chat, 0)
    for (let at = 0; at < spans.length; at += 4) {
      let steps = 0
      for (const _ of joiner.receiveSteps(spans.slice(at, at + 4), at)) if (++steps % 3 === 0) joiner.tick(at)
    }
    joiner.turnEnded("t1", 20)
    const last = joiner.receiveSteps([], 20 + waitMillis * 2)
    last.next()
    joiner.flush()
    assert.deepStrictEqual(parents(emitted), places)
    assert.deepStrictEqual([seen.dropped, seen.twice, joiner.hasPending, [...last].length], [0, 0, false, 0])
  })

  it("have the same places if the flush comes between the steps of a batch", () => {
    const steps = [...start().joiner.receiveSteps(spans, 0)].length
    for (let taken = 0; taken <= steps; taken++) {
      const { emitted, given, joiner, seen } = start()
      joiner.hold(chat, 0)
      const batch = joiner.receiveSteps(spans, 0)
      for (let at = 0; at < taken; at++) batch.next()
      joiner.turnEnded("t1", 1)
      joiner.flush()
      assert.deepStrictEqual(parents(emitted), places, `after ${taken} steps`)
      assert.deepStrictEqual(
        given.map(({ attributes }) => attributes["codex.chat.measured"]),
        [true]
      )
      assert.deepStrictEqual(
        [seen.dropped, seen.twice, joiner.hasPending, [...batch].length],
        [0, 0, false, 0]
      )
    }
  })

  it("with a cycle of parents cause no endless loop", () => {
    const { emitted, joiner } = start()
    joiner.receive([native("l1", "l2", "run_turn"), native("l2", "l1", "run_sampling_request")], 0)
    joiner.turnEnded("t1", 0)
    joiner.flush()
    assert.deepStrictEqual(parents(emitted), { l2: "turn" })
  })
})

describe("a request to the model", () => {
  it("has Codex's times and keeps the time of its first output", () => {
    const { given, joiner } = start()
    assert.isTrue(joiner.hold(chat, 0))
    assert.strictEqual(given.length, 0)
    joiner.receive(spans, 0)
    const [span] = given
    assert.deepStrictEqual(
      [span?.startTime, span?.endTime, span?.duration],
      [
        [100, 0],
        [101, 0],
        [1, 0]
      ]
    )
    assert.strictEqual(span?.attributes["codex.chat.measured"], true)
    assert.closeTo(Number(span?.attributes["gen_ai.response.time_to_first_chunk"]), 0.4, 1e-6)
  })

  it("keeps its own times if Codex reports nothing in time, or only another request", () => {
    const { given, joiner } = start()
    joiner.hold(chat, 0)
    joiner.receive(
      [
        {
          ...native("other", "try", "codex.sampling", { "turn.id": "t1" }),
          startTime: [200, 0],
          endTime: [201, 0]
        }
      ],
      10
    )
    joiner.tick(waitMillis - 1)
    assert.strictEqual(given.length, 0)
    joiner.tick(waitMillis)
    assert.deepStrictEqual(given, [chat])
    assert.isFalse(joiner.hasPending)
  })

  it("is not delayed if its turn is not watched, nor is any other span", () => {
    const { joiner } = start()
    assert.isFalse(joiner.hold({ ...chat, attributes: { ...chat.attributes, "codex.turn.id": "t2" } }, 0))
    assert.isFalse(joiner.hold({ ...chat, attributes: { "codex.turn.id": "t1" } }, 0))
  })
})
