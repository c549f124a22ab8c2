import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Relay from "../../../src/telemetry/native-spans/Relay.ts"
import * as RawRequest from "../../support/rawRequest.ts"
import * as OtlpReceiver from "../../../src/telemetry/native-spans/OtlpReceiver.ts"
import * as OtlpTraceJson from "../../../src/telemetry/native-spans/OtlpTraceJson.ts"
import { test } from "../../support/live.ts"

const post = (url: string, body: string, method = "POST") =>
  Effect.promise(() =>
    fetch(url, { method, ...(method === "POST" ? { body } : {}) }).then(({ status }) => status)
  )

const received = Effect.gen(function* () {
  const bodies: Array<string> = []
  const seen = { refused: 0 }
  const receiver = yield* OtlpReceiver.make({
    onBody: (body) => bodies.push(body),
    onRejected: () => seen.refused++
  })
  return { bodies, receiver, seen }
})

describe("the OTLP receiver", () => {
  test("listens only on loopback and below its own path", () =>
    Effect.gen(function* () {
      const { bodies, receiver } = yield* received
      const other = yield* received
      const url = new URL(receiver.url)
      assert.strictEqual(url.hostname, "127.0.0.1")
      assert.match(url.pathname, /^\/[\w-]{32}\/v1\/traces$/)
      assert.notStrictEqual(url.pathname, new URL(other.receiver.url).pathname)
      assert.strictEqual(yield* post(`${url.origin}/v1/traces`, "x"), 404)
      assert.strictEqual(yield* post(`${receiver.url}/more`, "x"), 404)
      assert.strictEqual(yield* post(receiver.url, "", "GET"), 404)
      assert.strictEqual(yield* post(receiver.url, "x"), 200)
      assert.deepStrictEqual(bodies, ["x"])
    }))

  test("H23 takes no body under another host name", () =>
    Effect.gen(function* () {
      const { bodies, receiver } = yield* received
      const { pathname, port } = new URL(receiver.url)
      const lines = (host: string) => [`POST ${pathname} HTTP/1.1`, `Host: ${host}`, "Content-Length: 2"]
      assert.strictEqual(yield* RawRequest.status(Number(port), lines("evil.example"), "{}"), "421")
      assert.strictEqual(yield* RawRequest.status(Number(port), lines(`127.0.0.1:${port}`), "[]"), "200")
      yield* receiver.processed
      assert.deepStrictEqual(bodies, ["[]"])
    }))

  test("keeps a limited number of connections, and none of a stranger", () =>
    Effect.gen(function* () {
      const { bodies, receiver } = yield* received
      const { pathname, port } = new URL(receiver.url)
      // The body of these requests never ends.
      const abandoned = (path: string, host: string) =>
        RawRequest.abandoned(Number(port), [
          `POST ${path} HTTP/1.1`,
          `Host: ${host}`,
          "Transfer-Encoding: chunked"
        ]).pipe(Effect.timeout("1 minute"))
      assert.strictEqual(yield* abandoned("/", "127.0.0.1"), "404")
      assert.strictEqual(yield* abandoned(pathname, "evil.example"), "421")
      const head = yield* RawRequest.head(Number(port), [
        "POST / HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Length: 0"
      ])
      assert.include(head, "connection: close")
      assert.strictEqual(yield* post(receiver.url, "x"), 200)
      assert.deepStrictEqual(bodies, ["x"])
      const more = OtlpReceiver.maxConnections + 40
      assert.isAtMost(
        yield* RawRequest.openConnections(Number(port), more, OtlpReceiver.maxConnections),
        OtlpReceiver.maxConnections
      )
    }))

  test("rejects a long body without buffering it, and still sends a response", () =>
    Effect.gen(function* () {
      const { bodies, receiver, seen } = yield* received
      assert.strictEqual(yield* post(receiver.url, "x".repeat(OtlpReceiver.maxBody + 1)), 200)
      assert.strictEqual(yield* post(receiver.url, "short"), 200)
      assert.deepStrictEqual([bodies, seen.refused], [["short"], 1])
    }))

  test("H13 bounds the bytes of all bodies that arrive or wait, and processes them one after the other", () =>
    Effect.gen(function* () {
      const seen = { bytes: 0, most: 0, running: 0, mostRunning: 0, refused: 0, processed: 0 }
      let go = () => {}
      const gate = new Promise<void>((resolve) => {
        go = resolve
      })
      const receiver = yield* OtlpReceiver.make({
        onBody: async (body) => {
          seen.mostRunning = Math.max(seen.mostRunning, ++seen.running)
          await gate
          seen.running--
          seen.processed++
          seen.bytes += body.length
        },
        onRejected: () => seen.refused++
      })
      const body = "x".repeat(OtlpReceiver.maxBody)
      const fit = OtlpReceiver.maxBuffered / OtlpReceiver.maxBody
      for (let at = 0; at < 40; at++) assert.strictEqual(yield* post(receiver.url, body), 200)
      assert.deepInclude(seen, { refused: 40 - fit, mostRunning: 1 })
      go()
      yield* receiver.processed
      assert.deepInclude(seen, { processed: fit, mostRunning: 1, bytes: OtlpReceiver.maxBuffered })
      // The space is free again.
      yield* post(receiver.url, body)
      yield* receiver.processed
      assert.strictEqual(seen.processed, fit + 1)
    }))

  test("closes with its scope", () =>
    Effect.gen(function* () {
      const url = yield* Effect.scoped(Effect.map(received, ({ receiver }) => receiver.url))
      const gone = yield* Effect.promise(() =>
        fetch(url).then(
          () => false,
          () => true
        )
      )
      assert.isTrue(gone)
    }))
})

describe("a received body", () => {
  const span = {
    traceId: "a".repeat(32),
    spanId: "b".repeat(16),
    name: "n",
    startTimeUnixNano: "1795249361848786651",
    endTimeUnixNano: "1795249361848786652"
  }
  const body = (...spans: ReadonlyArray<unknown>) =>
    JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] })

  test("becomes spans with nanosecond times, without invalid entries", () =>
    Effect.sync(() => {
      const decoded = OtlpTraceJson.decode(
        body(
          null,
          {},
          span,
          { ...span, traceId: "x" },
          { ...span, startTimeUnixNano: "-1" },
          { ...span, name: 3 }
        )
      )
      assert.deepStrictEqual(
        decoded?.map(({ endTime, startTime }) => [startTime, endTime]),
        [
          [
            [1795249361, 848786651],
            [1795249361, 848786652]
          ]
        ]
      )
    }))

  test("H13 becomes spans without what is not read, and without long names and values", () =>
    Effect.sync(() => {
      const pair = (key: string, stringValue: string) => ({ key, value: { stringValue } })
      const attributes = [
        pair("call_id", "c1"),
        pair("turn.id", "t".repeat(1_000_000)),
        pair("arguments", "a".repeat(1_000_000)),
        pair("__proto__", "p")
      ]
      const [decoded] = OtlpTraceJson.decode(body({ ...span, name: "n".repeat(1_000_000), attributes })) ?? []
      assert.deepStrictEqual(decoded?.attributes, { call_id: "c1" })
      assert.isAtMost(decoded?.name.length ?? Infinity, 256)
    }))

  test("becomes no span if it is invalid", () =>
    Effect.sync(() => {
      for (const text of ["", "{", "[]", "null", `{"resourceSpans":{}}`])
        assert.isUndefined(OtlpTraceJson.decode(text), text)
    }))
})

test("a trace exporter is detected in any place of Codex's configuration", () =>
  Effect.sync(() => {
    const named = `trace_exporter = { otlp-http = { endpoint = "http://x", protocol = "json" } }`
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, boolean]> = [
      [[""], false],
      [["[otel]\ntrace_exporter = 'none'"], false],
      [["[otel]\nexporter = 'otlp-http'"], false],
      [[`[otel]\n${named}`], true],
      [["", `otel.${named}`], true],
      [["", `otel={${named}}`], true],
      [[`[otel]\n${named}`, "otel.trace_exporter=none"], false],
      [["this is = no toml ="], false]
    ]
    for (const [configurations, expected] of cases)
      assert.strictEqual(Relay.hasTraceExporter(configurations), expected, configurations.join())
  }))
