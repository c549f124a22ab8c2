/** Exports to a collector, also to a faulty one. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import type { LogRecordProcessor, SdkLogRecord } from "@opentelemetry/sdk-logs"
import { createDevtools } from "autotel-devtools"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Metric from "effect/Metric"
import * as Schema from "effect/Schema"
import { spawn } from "node:child_process"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import { gunzipSync } from "node:zlib"
import * as Instruments from "../../src/semconv/Instruments.ts"
import * as Logging from "../../src/telemetry/logs/Logging.ts"
import * as InMemorySpans from "../../src/telemetry/tracer/InMemorySpans.ts"
import * as Otlp from "../../src/telemetry/Otlp.ts"
import * as Settings from "../../src/telemetry/config/Settings.ts"
import * as Tracer from "../../src/telemetry/tracer/Tracer.ts"
import * as Certificates from "../support/certificates.ts"
import * as RealEngine from "../support/realEngine.ts"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import { environment } from "../support/environment.ts"
import { advanceTimers } from "../support/fakeTimers.ts"
import { freePort } from "../support/freePort.ts"

interface Received {
  readonly path: string
  readonly headers: Http.IncomingHttpHeaders
  readonly body: Buffer
  readonly peer: string | undefined
}

type Answer = (response: Http.ServerResponse, at: number) => void
const ok: Answer = (response) =>
  void response.writeHead(200, { "content-type": "application/json" }).end("{}")

/** A collector on loopback, with TLS if it has `tls`. */
const collector = (answer: Answer = ok, tls?: Https.ServerOptions) =>
  Effect.acquireRelease(
    Effect.callback<{
      readonly url: string
      readonly received: ReadonlyArray<Received>
      readonly close: () => void
    }>((resume) => {
      const received: Array<Received> = []
      const listener = (request: Http.IncomingMessage, response: Http.ServerResponse) => {
        const chunks: Array<Buffer> = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk))
        request.on("end", () => {
          const socket = request.socket
          const certificate = "getPeerCertificate" in socket ? Reflect.apply(peerOf, socket, []) : undefined
          const body = Buffer.concat(chunks)
          received.push({ path: request.url ?? "", headers: request.headers, body, peer: certificate })
          answer(response, received.length)
        })
        request.on("error", () => {})
      }
      const server = tls === undefined ? Http.createServer(listener) : Https.createServer(tls, listener)
      const close = () => {
        server.closeAllConnections()
        server.close()
      }
      server.on("tlsClientError", () => {})
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" ? address?.port : undefined
        resume(
          Effect.succeed({
            url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
            received,
            close
          })
        )
      })
    }),
    ({ close }) => Effect.sync(close)
  )

function peerOf(this: { getPeerCertificate?: () => { subject?: { CN?: string } } }): string | undefined {
  return this.getPeerCertificate?.().subject?.CN
}

const capture = () => {
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(
    ({ logLevel, message }) => void lines.push(`${logLevel} ${[message].flat().join(" ")}`)
  )
  return { lines, layer: Logger.layer([logger]) }
}

const work = Effect.succeed(42).pipe(Effect.withSpan("inner"), Effect.withSpan("outer"))

/** Runs `effect` under the exporters that an environment asks for; gives what was logged and which metrics there are. */
const under = <A, E>(
  variables: Settings.Environment,
  effect: Effect.Effect<A, E>,
  exporting: Layer.Layer<never> = Otlp.OtlpLayer
) =>
  Effect.suspend(() => {
    const { layer, lines } = capture()
    const registry = new Map()
    const metrics = Layer.succeed(Metric.MetricRegistry, registry)
    return Effect.gen(function* () {
      const exit = yield* Effect.exit(
        Effect.provide(
          effect,
          Layer.fresh(exporting).pipe(
            Layer.provideMerge(Layer.mergeAll(environment(variables), layer, metrics))
          )
        )
      )
      const snapshot = yield* Effect.provideService(Metric.snapshot, Metric.MetricRegistry, registry)
      const count = (name: string, labels: Readonly<Record<string, string>>) =>
        snapshot
          .filter(
            ({ attributes, id }) =>
              id === name && Object.entries(labels).every(([key, value]) => attributes?.[key] === value)
          )
          .reduce((sum, { state }) => sum + ("count" in state ? Number(state.count) : 0), 0)
      return { exit, lines, count }
    })
  })

const MetricsRequest = Schema.Struct({
  resourceMetrics: Schema.Array(
    Schema.Struct({
      scopeMetrics: Schema.Array(
        Schema.Struct({
          metrics: Schema.Array(
            Schema.Struct({
              name: Schema.String,
              sum: Schema.optionalKey(
                Schema.Struct({
                  aggregationTemporality: Schema.Int,
                  dataPoints: Schema.Array(Schema.Struct({ asDouble: Schema.optionalKey(Schema.Finite) }))
                })
              )
            })
          )
        })
      )
    })
  )
})
const decodeMetrics = Schema.decodeSync(Schema.fromJsonString(MetricsRequest))

const exported = "codex.telemetry.exported"
const dropped = "codex.telemetry.dropped"
const traces = { "codex.telemetry.signal": "traces" }

describe("a collector that requires protobuf and gzip", () => {
  it.live("receives every signal as compressed protobuf", () =>
    Effect.gen(function* () {
      const { received, url } = yield* collector()
      const { count, exit } = yield* under(
        {
          OTEL_EXPORTER_OTLP_ENDPOINT: url,
          OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
          OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
          CODEX_OTLP_HEADERS: "x-key=1"
        },
        work.pipe(
          Effect.tap(() => Metric.update(Metric.counter("jobs"), 1)),
          Effect.tap(() => Effect.logInfo("done"))
        )
      )
      assert.strictEqual(exit._tag, "Success")
      assert.sameMembers(
        received.map(({ path }) => path),
        ["/v1/traces", "/v1/metrics", "/v1/logs"]
      )
      for (const { body, headers } of received) {
        assert.strictEqual(headers["content-type"], "application/x-protobuf")
        assert.strictEqual(headers["content-encoding"], "gzip")
        assert.strictEqual(headers["x-key"], "1")
        assert.include(gunzipSync(body).toString("latin1"), "effect-codex")
      }
      assert.strictEqual(count(exported, traces), 2)
      assert.strictEqual(count(exported, { "codex.telemetry.signal": "logs" }), 1)
      assert.isAbove(count(exported, { "codex.telemetry.signal": "metrics" }), 0)
      assert.strictEqual(count(dropped, {}), 0)
    })
  )
})

describe("sums of metrics", () => {
  for (const [preference, expected] of [
    [undefined, 2],
    ["cumulative", 2],
    ["delta", 1],
    ["lowmemory", 1]
  ] as const) {
    it.live(
      `are ${expected === 1 ? "what came since" : "all"} where ${preference ?? "nothing"} is preferred`,
      () =>
        Effect.gen(function* () {
          const { received, url } = yield* collector()
          const count = Metric.update(Metric.counter("of_the_program", { incremental: true }), 2)
          yield* under(
            {
              OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${url}/v1/metrics`,
              OTEL_METRIC_EXPORT_INTERVAL: "100",
              ...(preference === undefined
                ? {}
                : { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: preference })
            },
            Effect.gen(function* () {
              yield* count
              while (received.length < 1) yield* Effect.sleep("5 millis")
              yield* count
            })
          )
          const sums = received.flatMap(({ body }) =>
            decodeMetrics(body.toString()).resourceMetrics.flatMap(({ scopeMetrics }) =>
              scopeMetrics.flatMap(({ metrics }) =>
                metrics.flatMap(({ name, sum }) =>
                  name === "of_the_program" && sum !== undefined ? [sum] : []
                )
              )
            )
          )
          assert.isAtLeast(sums.length, 2)
          for (const { aggregationTemporality } of sums) assert.strictEqual(aggregationTemporality, expected)
          const values = sums.map(({ dataPoints }) => dataPoints[0]?.asDouble ?? 0)
          const total = values.reduce((sum, value) => sum + value, 0)
          assert.strictEqual(expected === 1 ? total : values.at(-1), 4)
        })
    )
  }
})

describe("mTLS", () => {
  const demanding = ({
    ca,
    cert,
    key
  }: {
    readonly ca: string
    readonly cert: string
    readonly key: string
  }) => ({
    ca,
    cert,
    key,
    requestCert: true,
    rejectUnauthorized: true
  })

  it.live("reaches a collector that requires a client certificate", () =>
    Effect.gen(function* () {
      const { path, server } = yield* Certificates.make
      const { received, url } = yield* collector(ok, demanding(server))
      const { exit, lines } = yield* under(
        {
          CODEX_OTLP_ENABLE: "1",
          CODEX_OTLP_ENDPOINT: url,
          CODEX_OTLP_CERTFILE: path("client.pem"),
          CODEX_OTLP_KEYFILE: path("client.key"),
          CODEX_OTLP_CA_CERTFILE: path("ca.pem")
        },
        work
      )
      assert.strictEqual(exit._tag, "Success")
      assert.deepStrictEqual(lines, [])
      const trace = received.find(({ path }) => path === "/v1/traces")
      assert.strictEqual(trace?.peer, "client")
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("causes one warning that names the problem when a certificate is wrong, missing or untrusted", () =>
    Effect.gen(function* () {
      const { path, server } = yield* Certificates.make
      const { received, url } = yield* collector(ok, demanding(server))
      const base = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/v1/traces` }
      const cases: ReadonlyArray<readonly [Settings.Environment, RegExp]> = [
        [
          {
            CODEX_OTLP_CACERTFILE: path("ca.pem"),
            CODEX_OTLP_CERTFILE: path("stranger.pem"),
            CODEX_OTLP_KEYFILE: path("stranger.key")
          },
          /ERR_SSL_|ECONNRESET|EPIPE/
        ],
        [{ CODEX_OTLP_CACERTFILE: path("ca.pem") }, /ERR_SSL_|ECONNRESET|EPIPE/],
        [
          { CODEX_OTLP_CERTFILE: path("client.pem"), CODEX_OTLP_KEYFILE: path("client.key") },
          /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED/
        ],
        [{ CODEX_OTLP_CACERTFILE: path("other.pem") }, /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED/]
      ]
      for (const [variables, reason] of cases) {
        const { exit, lines } = yield* under({ ...base, ...variables }, work)
        assert.strictEqual(exit._tag, "Success")
        assert.strictEqual(lines.length, 1, lines.join("; "))
        assert.match(lines[0] ?? "", reason)
        assert.include(lines[0], `Telemetry was lost: 2 spans (not sent: `)
        assert.include(lines[0], url)
      }
      assert.deepStrictEqual(received, [])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live(
    "turns the export off with a warning when a certificate file is missing, unreadable, unpaired or invalid",
    () =>
      Effect.gen(function* () {
        const { path } = yield* Certificates.make
        const files = yield* FileSystem.FileSystem
        yield* files.writeFileString(path("nonsense.pem"), "nonsense")
        yield* files.makeDirectory(path("directory.pem"))
        const { received, url } = yield* collector()
        const [cert, key] = [path("client.pem"), path("client.key")]
        const cases: ReadonlyArray<readonly [Settings.Environment, string]> = [
          [{ CODEX_OTLP_CERTFILE: cert }, `The OTLP client certificate ${cert} has no key beside it`],
          [{ CODEX_OTLP_KEYFILE: key }, `The OTLP client key ${key} has no certificate beside it`],
          [
            { CODEX_OTLP_CERTFILE: path("gone.pem"), CODEX_OTLP_KEYFILE: key },
            `The OTLP certificate file ${path("gone.pem")} cannot be read (ENOENT)`
          ],
          [
            { OTEL_EXPORTER_OTLP_CERTIFICATE: path("directory.pem") },
            `The OTLP certificate file ${path("directory.pem")} cannot be read (EISDIR)`
          ],
          [
            { CODEX_OTLP_CERTFILE: path("nonsense.pem"), CODEX_OTLP_KEYFILE: key },
            `The OTLP client certificate ${path("nonsense.pem")} is not valid PEM`
          ],
          [
            { CODEX_OTLP_CERTFILE: cert, CODEX_OTLP_KEYFILE: path("nonsense.pem") },
            `The OTLP client key ${path("nonsense.pem")} is not valid PEM`
          ],
          [
            { CODEX_OTLP_CERTFILE: cert, CODEX_OTLP_KEYFILE: path("stranger.key") },
            `The OTLP client key ${path("stranger.key")} does not belong to the certificate ${cert}`
          ]
        ]
        for (const [variables, problem] of cases) {
          const { exit, lines } = yield* under({ OTEL_EXPORTER_OTLP_ENDPOINT: url, ...variables }, work)
          assert.strictEqual(exit._tag, "Success")
          assert.deepStrictEqual(lines, [`Warn ${problem}: nothing is exported by OTLP`])
        }
        assert.deepStrictEqual(received, [])
      }).pipe(Effect.provide(NodeServices.layer))
  )
})

describe("lost telemetry", () => {
  const answers: ReadonlyArray<readonly [name: string, answer: Answer, reason: string, said: RegExp]> = [
    [
      "401",
      (response) => void response.writeHead(401).end("sk-secret"),
      "rejected",
      /refused by the receiver: HTTP 401 from http/
    ],
    [
      "500",
      (response) => void response.writeHead(500).end("sk-secret"),
      "export_failed",
      /not sent: HTTP 500 from http/
    ],
    ["a hang", () => {}, "timeout", /no answer in time: http/],
    [
      "429 for longer than there is",
      (response) => void response.writeHead(429, { "retry-after": "30" }).end(),
      "export_failed",
      /not sent: overloaded: http/
    ],
    [
      "a partial success",
      (response) =>
        void response
          .writeHead(200, { "content-type": "application/json" })
          .end(`{"partialSuccess":{"rejectedSpans":"2","errorMessage":"sk-secret"}}`),
      "rejected",
      /2 spans \(refused by the receiver\)/
    ]
  ]
  for (const [name, answer, reason, said] of answers) {
    it.live(`is counted and logged in one line after ${name}`, () =>
      Effect.gen(function* () {
        const { url } = yield* collector(answer)
        const { count, lines } = yield* under(
          { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url, OTEL_EXPORTER_OTLP_TIMEOUT: "700" },
          work
        )
        assert.strictEqual(count(dropped, { ...traces, "codex.telemetry.reason": reason }), 2)
        assert.strictEqual(count(dropped, {}), 2)
        assert.strictEqual(count(exported, traces), 0)
        assert.strictEqual(lines.length, 1, lines.join("; "))
        assert.match(lines[0] ?? "", said)
        assert.notInclude(lines[0], "sk-secret")
      })
    )
  }

  it.live("is not reported when a retry succeeds", () =>
    Effect.gen(function* () {
      const { received, url } = yield* collector((response, at) =>
        at === 1 ? void response.writeHead(429, { "retry-after": "0" }).end() : ok(response, at)
      )
      const { count, lines } = yield* under({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url }, work)
      assert.strictEqual(received.length, 2)
      assert.deepStrictEqual([count(exported, traces), count(dropped, {}), lines.length], [2, 0, 0])
    })
  )

  it.live("is counted record by record when the queue is full", () =>
    Effect.gen(function* () {
      const { url } = yield* collector()
      const burst = Effect.gen(function* () {
        for (let at = 0; at < 50; at++) yield* work
      })
      const { count, lines } = yield* under(
        {
          OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url,
          OTEL_BSP_MAX_QUEUE_SIZE: "10",
          OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "10",
          OTEL_BSP_SCHEDULE_DELAY: "60000"
        },
        burst
      )
      const full = count(dropped, { ...traces, "codex.telemetry.reason": "queue_full" })
      assert.isAbove(full, 0)
      assert.strictEqual(count(exported, traces) + full, 100)
      assert.strictEqual(lines.length, 1)
      assert.match(lines[0] ?? "", /spans \(the queue was full\)/)
    })
  )

  it.live("is logged at most once a minute and once at the end", () =>
    Effect.gen(function* () {
      const { url } = yield* collector((response) => void response.writeHead(500).end())
      const { count, lines } = yield* under(
        { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url, OTEL_BSP_SCHEDULE_DELAY: "50" },
        Effect.delay(work, "120 millis").pipe(Effect.repeat({ times: 20 }))
      )
      assert.strictEqual(count(dropped, traces), 42)
      // Over more than two seconds of losses: what there was after a second, and in the end the rest.
      assert.strictEqual(lines.length, 2, lines.join("; "))
      const said = lines.map((line) => Number(/lost: (\d+) spans/.exec(line)?.[1]))
      assert.strictEqual(
        said.reduce((sum, n) => sum + n, 0),
        42
      )
    })
  )

  it.live("is not logged when OTEL_LOG_LEVEL is none", () =>
    Effect.gen(function* () {
      const { url } = yield* collector((response) => void response.writeHead(500).end())
      const { lines } = yield* under(
        { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url, OTEL_LOG_LEVEL: "none" },
        work
      )
      assert.deepStrictEqual(lines, [])
    })
  )

  it.live("delays the end by at most 1.5 s in total when every signal hangs", () =>
    Effect.gen(function* () {
      const { received, url } = yield* collector(() => {})
      const state = { closing: false }
      const { exit, millis } = yield* advanceTimers(
        under(
          { OTEL_EXPORTER_OTLP_ENDPOINT: url },
          Metric.update(Metric.counter("jobs"), 1).pipe(
            Effect.andThen(work),
            Effect.tap(() => Effect.sync(() => (state.closing = true)))
          )
        ),
        () => state.closing
      )
      assert.strictEqual(Exit.isSuccess(exit) ? exit.value.exit._tag : "", "Success")
      assert.include(
        received.map(({ path }) => path),
        "/v1/metrics"
      )
      assert.isAtMost(millis, 1_500)
    })
  )
})

/** A port that takes no connection and refuses none: its process is stopped and its backlog is full. */
const blackHole = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
    const child = spawn(process.execPath, [
      "-e",
      `const s = require("node:net").createServer(); s.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => console.log(s.address().port))`
    ])
    const sockets: Array<Net.Socket> = []
    const close = () => {
      for (const socket of sockets) socket.destroy()
      child.kill("SIGKILL")
    }
    child.stdout.once("data", (data: Buffer) => {
      const port = Number(data.toString())
      child.kill("SIGSTOP")
      const fill = (left: number) => {
        const socket = Net.connect(port, "127.0.0.1")
        sockets.push(socket)
        socket.on("error", () => {})
        const full = setTimeout(() => resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, close })), 300)
        socket.once("connect", () => {
          clearTimeout(full)
          if (left > 0) fill(left - 1)
        })
      }
      fill(20)
    })
  }),
  ({ close }) => Effect.sync(close)
)

it.live("a collector that accepts no connection delays the end of a process by at most 1.5 s", () =>
  Effect.gen(function* () {
    const { url } = yield* blackHole
    const state = { closing: false }
    const { millis } = yield* advanceTimers(
      under(
        { OTEL_EXPORTER_OTLP_ENDPOINT: url },
        Effect.tap(work, () => Effect.sync(() => (state.closing = true)))
      ),
      () => state.closing
    )
    assert.strictEqual(millis, 1_500)
    const source = `
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Layer from "effect/Layer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Otlp from "./src/telemetry/Otlp.ts"
Effect.void.pipe(
  Effect.withSpan("span"),
  Effect.provide(Otlp.OtlpLayer.pipe(Layer.provide(Logger.layer([])))),
  NodeRuntime.runMain
)`
    const code = yield* Effect.callback<number | null>((resume) => {
      const child = spawn(
        process.execPath,
        ["--no-warnings", "--input-type=module-typescript", "--eval", source],
        {
          // The export itself may take an hour, so a process that waits for it does not end within this test.
          env: {
            PATH: process.env["PATH"],
            NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
            OTEL_EXPORTER_OTLP_ENDPOINT: url,
            OTEL_EXPORTER_OTLP_TIMEOUT: "3600000"
          },
          stdio: "ignore"
        }
      )
      child.on("close", (code) => resume(Effect.succeed(code)))
      return Effect.sync(() => child.kill("SIGKILL"))
    })
    assert.strictEqual(code, 0)
  })
)

it.live("a new runtime applies changed settings while the old one is replaced", () =>
  Effect.promise(async () => {
    const [first, second] = await Promise.all([
      Effect.runPromise(Effect.scoped(open)),
      Effect.runPromise(Effect.scoped(open))
    ])
    const runtimeFor = (url: string) =>
      ManagedRuntime.make(
        Layer.fresh(Otlp.OtlpLayer).pipe(
          Layer.provide(environment({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url }))
        )
      )
    let runtime = runtimeFor(first.url)
    const reconfigure = async (url: string) => {
      const old = runtime
      runtime = runtimeFor(url)
      await old.dispose()
    }
    assert.strictEqual(await runtime.runPromise(work), 42)
    await reconfigure(second.url)
    assert.strictEqual(await runtime.runPromise(work), 42)
    await runtime.dispose()
    assert.deepStrictEqual([first.received.length, second.received.length], [1, 1])
    first.close()
    second.close()
  })
)

/** A collector without a scope. */
const open = Effect.flatMap(
  Effect.callback<{ readonly url: string; readonly received: Array<Buffer>; readonly close: () => void }>(
    (resume) => {
      const received: Array<Buffer> = []
      const server = Http.createServer((request, response) => {
        request.on("data", (chunk: Buffer) => received.push(chunk))
        request.on("end", () => ok(response, 1))
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" ? address?.port : undefined
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, received, close: () => server.close() }))
      })
    }
  ),
  Effect.succeed
)

const Values = Schema.Record(Schema.String, Schema.Unknown)
const Optional = Schema.optional(Schema.NullOr(Schema.String))
const Stored = Schema.Struct({
  traces: Schema.Array(
    Schema.Struct({
      spans: Schema.Array(
        Schema.Struct({
          name: Schema.String,
          spanId: Schema.String,
          traceId: Schema.String,
          parentSpanId: Optional,
          attributes: Values
        })
      )
    })
  )
})
const StoredLogs = Schema.Struct({
  logs: Schema.Array(
    Schema.Struct({
      body: Schema.Unknown,
      severityText: Schema.String,
      severityNumber: Schema.Finite,
      timestamp: Schema.Finite,
      traceId: Optional,
      spanId: Optional,
      attributes: Schema.optional(Values),
      resource: Values
    })
  )
})
const StoredNames = Schema.Struct({ metrics: Schema.Array(Schema.Struct({ name: Schema.String })) })
const StoredSeries = Schema.Struct({
  series: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      unit: Schema.optional(Schema.String),
      scope: Schema.Struct({ name: Schema.String }),
      resource: Values,
      attributes: Values,
      points: Schema.Array(
        Schema.Struct({
          value: Schema.optional(Schema.Finite),
          count: Schema.optional(Schema.Finite),
          sum: Schema.optional(Schema.Finite),
          bucketCounts: Schema.optional(Schema.Array(Schema.Finite)),
          explicitBounds: Schema.optional(Schema.Array(Schema.Finite))
        })
      )
    })
  )
})

const devtools = Effect.acquireRelease(
  Effect.promise(async () => {
    const made = createDevtools({ port: await Effect.runPromise(freePort), host: "127.0.0.1" })
    if (!made.httpServer.listening) await new Promise((resolve) => made.httpServer.once("listening", resolve))
    return made
  }),
  (made) => Effect.promise(async () => void (await made.close()))
)

const sorted = <A>(all: ReadonlyArray<A>, key: (one: A) => string) =>
  all.toSorted((a, b) => key(a).localeCompare(key(b)))

const byName = (attributes: Readonly<Record<string, unknown>> | undefined) =>
  Object.fromEntries(Object.entries(attributes ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1)))

/** Telemetry counts its own exports while it sends them. */
const ofItself = (name: string) => name.startsWith("codex.telemetry.")

/** The fields of a message in protobuf by their numbers, each as its bytes; varints are passed over. */
const fieldsOf = (message: Buffer, wanted: number): ReadonlyArray<Buffer> => {
  const found: Array<Buffer> = []
  let at = 0
  const varint = () => {
    let value = 0
    for (let shift = 1; ; shift *= 128) {
      const byte = message[at++] ?? 0
      value += (byte % 128) * shift
      if (byte < 128) return value
    }
  }
  while (at < message.length) {
    const tag = varint()
    const type = tag % 8
    const length = type === 0 ? (varint(), 0) : type === 1 ? 8 : type === 5 ? 4 : varint()
    if (type !== 0 && Math.floor(tag / 8) === wanted) found.push(message.subarray(at, at + length))
    at += length
  }
  return found
}

const inside = (messages: ReadonlyArray<Buffer>, field: number) =>
  messages.flatMap((message) => fieldsOf(message, field))

/** Name, count and sum of every histogram in an export of metrics, by the field numbers of OTLP. */
const histogramsIn = (body: Buffer) =>
  inside(inside(fieldsOf(body, 1), 2), 2).flatMap((metric) =>
    inside(fieldsOf(metric, 9), 1).map((point) => ({
      name: String(fieldsOf(metric, 1)[0]),
      count: Number(fieldsOf(point, 4)[0]?.readBigUInt64LE()),
      sum: fieldsOf(point, 5)[0]?.readDoubleLE()
    }))
  )

/**
 * This receiver takes the 8 bytes of each bucket's count in protobuf for 8 counts, all of ours here being below 128, and
 * cannot read the count and the sum of a histogram there at all: those are read off the bytes that it got.
 */
const whole = (counts: ReadonlyArray<number> | undefined, bounds: number) =>
  counts === undefined || counts.length === bounds + 1
    ? counts
    : Array.from({ length: bounds + 1 }, (_, at) =>
        counts.slice(8 * at, 8 * at + 8).reduceRight((sum, byte) => sum * 256 + byte, 0)
      )

/** Counts of buckets, one by one, out of how many are at most so large. */
const single = (upTo: ReadonlyArray<readonly [number, number]>, count: number) => {
  const counts = upTo.map(([, n], at) => n - (upTo[at - 1]?.[1] ?? 0))
  return [...counts, count - (upTo.at(-1)?.[1] ?? 0)]
}

const order = (value: unknown) => JSON.stringify(value)

/** Runs a turn of the real Codex; gives what its exporters emitted and what the receiver got. */
const exportTurn = (protocol: Settings.Protocol) =>
  Effect.gen(function* () {
    const { httpServer, port } = yield* devtools
    const sent: Array<Buffer> = []
    httpServer.prependListener("request", (request: Http.IncomingMessage) => {
      if (request.url !== "/v1/metrics") return
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => sent.push(Buffer.concat(chunks)))
    })
    const url = `http://127.0.0.1:${port}`
    const get = (path: string) => Effect.promise(async () => (await fetch(`${url}${path}`)).json())
    const ask = (path: string, body: unknown) =>
      Effect.promise(async () =>
        (
          await fetch(`${url}${path}`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify(body)
          })
        ).json()
      )
    const memory = yield* InMemorySpans.make
    const records: Array<SdkLogRecord> = []
    const keep: LogRecordProcessor = {
      onEmit: (record) => void records.push(record),
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve()
    }
    const registry: typeof Metric.MetricRegistry.Service = new Map()
    const real = yield* RealEngine.make([
      ModelServer.reply(ModelServer.shell("exit 3"), ModelServer.usage({ input: 10, output: 5 })),
      ModelServer.reply(ModelServer.text("Done."))
    ])
    yield* real.start().pipe(
      Effect.flatMap((thread) => thread.run("Say done.")),
      Effect.andThen(Effect.logWarning("a line of the program", { count: 1 })),
      Effect.scoped,
      Effect.provide(
        real.layer.pipe(
          Layer.provideMerge(Otlp.layer({ endpoint: url, protocol })),
          Layer.provideMerge(Tracer.layerProcessor(Effect.succeed(memory.processor))),
          Layer.provideMerge(Logging.layerRecordProcessor(Effect.succeed(keep))),
          Layer.provide(environment({})),
          Layer.provideMerge(Layer.succeed(Metric.MetricRegistry, registry))
        )
      )
    )
    const spans = yield* Effect.map(get("/v1/traces"), Schema.decodeUnknownSync(Stored))
    const emitted = yield* memory.spans
    const resource = emitted[0]?.resource.attributes ?? {}
    const { logs } = Schema.decodeUnknownSync(StoredLogs)(yield* ask("/api/query/logs", { limit: 1000 }))
    const { metrics } = Schema.decodeUnknownSync(StoredNames)(yield* get("/api/metrics"))
    const names = metrics.map(({ name }) => name).filter((name) => !ofItself(name))
    const series = yield* Effect.forEach(names, (name) =>
      Effect.map(ask("/api/query/metrics", { name }), Schema.decodeUnknownSync(StoredSeries))
    )
    const snapshot = yield* Effect.provideService(Metric.snapshot, Metric.MetricRegistry, registry)
    return { emitted, logs, names, records, resource, sent, series, snapshot, spans }
  }).pipe(Effect.scoped, Effect.provide(Layer.merge(NodeServices.layer, Logger.layer([]))))

describe("an independent receiver", () => {
  for (const protocol of ["http/json", "http/protobuf"] as const) {
    // One turn for all tests of an encoding.
    let run: ReturnType<typeof startRun> | undefined
    const startRun = () => Effect.runPromise(exportTurn(protocol))
    const received = Effect.promise(() => (run ??= startRun()))

    it.live(
      `receives the spans, log records and metrics of a real turn unchanged over ${protocol}`,
      () =>
        Effect.gen(function* () {
          const { emitted, logs, names, records, spans } = yield* received
          assert.isAtLeast(emitted.length, 5)
          assert.strictEqual(spans.traces.flatMap(({ spans }) => spans).length, emitted.length)
          assert.strictEqual(logs.length, records.length)
          assert.includeMembers(names, ["gen_ai.invoke_agent.duration", "codex.command.count"])
        }),
      60_000
    )

    it.live(
      `receives names, ids, parents and attributes of spans over ${protocol}`,
      () =>
        Effect.gen(function* () {
          const { emitted, resource, spans } = yield* received
          assert.deepStrictEqual(
            sorted(
              spans.traces
                .flatMap(({ spans }) => spans)
                .map(({ attributes, name, parentSpanId, spanId, traceId }) => ({
                  name,
                  spanId,
                  traceId,
                  parent: parentSpanId || undefined,
                  attributes
                })),
              ({ spanId }) => spanId
            ),
            sorted(
              emitted.map((span) => ({
                name: span.name,
                spanId: span.spanContext().spanId,
                traceId: span.spanContext().traceId,
                parent: span.parentSpanContext?.spanId,
                attributes: { ...resource, ...span.attributes }
              })),
              ({ spanId }) => spanId
            )
          )
        }),
      60_000
    )

    it.live(
      `receives text, severity, time, ids and attributes of log records over ${protocol}`,
      () =>
        Effect.gen(function* () {
          const { logs, records, resource } = yield* received
          assert.isTrue(records.some(({ eventName }) => eventName === "codex.command.exception"))
          assert.isTrue(records.some(({ severityText }) => severityText === "WARN"))
          assert.deepStrictEqual(
            sorted(
              logs.map((log) => ({
                body: JSON.stringify(log.body),
                severity: [log.severityText, log.severityNumber],
                at: Math.round(log.timestamp * 100),
                ids: [log.traceId || undefined, log.spanId || undefined],
                attributes: byName(log.attributes),
                resource: byName(log.resource)
              })),
              order
            ),
            sorted(
              records.map((record) => ({
                body: JSON.stringify(record.body),
                severity: [record.severityText ?? "", record.severityNumber ?? 0],
                at: Math.round(record.hrTime[0] * 100_000 + record.hrTime[1] / 10_000),
                ids: [record.spanContext?.traceId, record.spanContext?.spanId],
                attributes: byName(record.attributes),
                resource: byName(resource)
              })),
              order
            )
          )
        }),
      60_000
    )

    it.live(
      `receives units, labels, buckets and values of metrics over ${protocol}`,
      () =>
        Effect.gen(function* () {
          const { names, resource, series, snapshot } = yield* received
          const units = new Map(Instruments.all.map(({ name, unit }) => [name, unit]))
          assert.includeMembers(names, ["gen_ai.invoke_agent.duration", "codex.command.count"])
          assert.deepStrictEqual(
            sorted(
              series
                .flatMap(({ series }) => series)
                .map(({ attributes, name, points, resource, scope, unit }) => {
                  const { bucketCounts, count, explicitBounds, sum, value } = points.at(-1) ?? {}
                  return {
                    name,
                    unit,
                    scope: scope.name,
                    resource: byName(resource),
                    attributes: byName(attributes),
                    value: value ?? {
                      ...(protocol === "http/json" ? { count, sum } : {}),
                      bucketCounts: whole(bucketCounts, explicitBounds?.length ?? 0),
                      explicitBounds
                    }
                  }
                }),
              order
            ),
            sorted(
              snapshot
                .filter(({ id }) => !ofItself(id))
                .map(({ attributes, id, state }) => ({
                  name: id,
                  unit: units.get(id),
                  scope: "effect-codex",
                  resource: byName(resource),
                  attributes: byName(attributes),
                  value:
                    "buckets" in state
                      ? {
                          ...(protocol === "http/json" ? { count: state.count, sum: state.sum } : {}),
                          bucketCounts: single(state.buckets, state.count),
                          explicitBounds: state.buckets.map(([bound]) => bound)
                        }
                      : Number("count" in state ? state.count : NaN)
                })),
              order
            )
          )
        }),
      60_000
    )

    if (protocol === "http/json") continue
    it.live(
      `receives count and sum of histograms over ${protocol}`,
      () =>
        Effect.gen(function* () {
          const { sent, snapshot } = yield* received
          const last = sent.at(-1)
          assert.deepStrictEqual(
            sorted(
              histogramsIn(last ?? Buffer.alloc(0)).filter(({ name }) => !ofItself(name)),
              order
            ),
            sorted(
              snapshot.flatMap(({ id, state }) =>
                "buckets" in state && !ofItself(id) ? [{ name: id, count: state.count, sum: state.sum }] : []
              ),
              order
            )
          )
        }),
      60_000
    )
  }
})
