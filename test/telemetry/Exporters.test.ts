import * as NodeServices from "@effect/platform-node/NodeServices"
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { spawn } from "node:child_process"
import * as Http from "node:http"
import * as Console from "../../src/telemetry/Console.ts"
import * as File from "../../src/telemetry/File.ts"
import * as InMemorySpans from "../../src/telemetry/tracer/InMemorySpans.ts"
import * as Otlp from "../../src/telemetry/Otlp.ts"
import * as Tracer from "../../src/telemetry/tracer/Tracer.ts"
import { environment } from "../support/environment.ts"
import { advanceTimers } from "../support/fakeTimers.ts"

const Value = Schema.Union([
  Schema.Struct({ stringValue: Schema.String }),
  Schema.Struct({ intValue: Schema.Finite }),
  Schema.Struct({ doubleValue: Schema.Finite }),
  Schema.Struct({ boolValue: Schema.Boolean }),
  Schema.Struct({ arrayValue: Schema.Struct({ values: Schema.Array(Schema.JsonObject) }) })
])
const Attributes = Schema.Array(Schema.Struct({ key: Schema.String, value: Value }))
const OtlpSpan = Schema.Struct({
  traceId: Schema.String,
  spanId: Schema.String,
  parentSpanId: Schema.optionalKey(Schema.String),
  name: Schema.String,
  kind: Schema.Int,
  startTimeUnixNano: Schema.String,
  endTimeUnixNano: Schema.String,
  attributes: Attributes,
  status: Schema.JsonObject
})
const Request = Schema.Struct({
  resourceSpans: Schema.Array(
    Schema.Struct({
      resource: Schema.Struct({ attributes: Attributes }),
      scopeSpans: Schema.Array(
        Schema.Struct({
          scope: Schema.Struct({ name: Schema.String, version: Schema.String }),
          spans: Schema.Array(OtlpSpan)
        })
      )
    })
  )
})
type Request = typeof Request.Type
const decodeRequest = Schema.decodeSync(Schema.fromJsonString(Request))

const spansIn = (requests: ReadonlyArray<Request>) =>
  requests.flatMap(({ resourceSpans }) =>
    resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
  )

const toRecord = (attributes: typeof Attributes.Type) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

interface Received {
  readonly path: string | undefined
  readonly headers: Http.IncomingHttpHeaders
  readonly body: string
}

type Answer = (response: Http.ServerResponse) => void
const ok: Answer = (response) =>
  void response.writeHead(200, { "content-type": "application/json" }).end("{}")

/** A collector on loopback with the given answer. */
const collector = (answer: Answer = ok) =>
  Effect.acquireRelease(
    Effect.callback<{
      readonly url: string
      /** Traces; whatever else came is in `others`. */
      readonly received: ReadonlyArray<Received>
      readonly others: ReadonlyArray<Received>
      readonly close: () => void
    }>((resume) => {
      const received: Array<Received> = []
      const others: Array<Received> = []
      const server = Http.createServer((request, response) => {
        const chunks: Array<Buffer> = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk))
        request.on("end", () => {
          const body = Buffer.concat(chunks).toString()
          const one = { path: request.url, headers: request.headers, body }
          if (request.url === "/v1/traces") received.push(one)
          else others.push(one)
          answer(response)
        })
        request.on("error", () => {})
      })
      const close = () => {
        server.closeAllConnections()
        server.close()
      }
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" ? address?.port : undefined
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, received, others, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

const quiet = Logger.layer([])

/** Captures the log while the layer is in use. */
const capture = () => {
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(
    ({ logLevel, message }) => void lines.push(`${logLevel} ${[message].flat().join(" ")}`)
  )
  return { lines, layer: Logger.layer([logger]) }
}

const work = Effect.succeed(42).pipe(Effect.withSpan("inner"), Effect.withSpan("outer"))

describe("the OTLP exporter", () => {
  it.live("delivers ids, times, attributes, status and resource of a trace unchanged", () =>
    Effect.gen(function* () {
      const { received, url } = yield* collector()
      const memory = yield* InMemorySpans.make
      const before = BigInt(Date.now()) * 1_000_000n
      yield* Effect.sleep("20 millis").pipe(
        Effect.andThen(Effect.fail("secret")),
        Effect.withSpan("chat gpt-5.5", {
          kind: "client",
          attributes: { model: "gpt-5.5", tokens: 1200, share: 0.5, cached: true, finish: ["stop"] }
        }),
        Effect.withSpan("invoke_agent codex"),
        Effect.exit,
        Effect.provide(
          Layer.mergeAll(
            Otlp.layer({
              endpoint: url,
              headers: { Authorization: Redacted.make("Bearer t"), "x-plain": "p" }
            }),
            Tracer.layerProcessor(Effect.succeed(memory.processor))
          ).pipe(Layer.provide(environment({ OTEL_SERVICE_NAME: "bot" })))
        )
      )
      const after = BigInt(Date.now()) * 1_000_000n
      assert.strictEqual(received.length, 1)
      assert.strictEqual(received[0]?.path, "/v1/traces")
      assert.strictEqual(received[0]?.headers["content-type"], "application/json")
      assert.strictEqual(received[0]?.headers["authorization"], "Bearer t")
      assert.strictEqual(received[0]?.headers["x-plain"], "p")
      assert.notInclude(received[0]?.body, "secret")

      const request = decodeRequest(received[0]?.body ?? "")
      const [origin] = request.resourceSpans
      assert.strictEqual(origin && toRecord(origin.resource.attributes)["service.name"], "bot")
      assert.strictEqual(origin?.scopeSpans[0]?.scope.name, "effect")

      const [chat, agent] = spansIn([request])
      const [kept] = yield* memory.spans
      assert.isDefined(chat)
      assert.isDefined(kept)
      assert.strictEqual(chat.name, "chat gpt-5.5")
      assert.strictEqual(chat.traceId, kept.spanContext().traceId)
      assert.strictEqual(chat.spanId, kept.spanContext().spanId)
      assert.strictEqual(chat.parentSpanId, agent?.spanId)
      assert.strictEqual(chat.kind, 3)
      assert.strictEqual(agent?.kind, 1)
      assert.isUndefined(agent?.parentSpanId)
      assert.deepStrictEqual(chat.status, { code: 2 })
      assert.deepStrictEqual(toRecord(chat.attributes), {
        model: "gpt-5.5",
        tokens: 1200,
        share: 0.5,
        cached: true,
        finish: { values: [{ stringValue: "stop" }] },
        "error.type": "_OTHER"
      })
      const [start, end] = [BigInt(chat.startTimeUnixNano), BigInt(chat.endTimeUnixNano)]
      assert.isTrue(before - 1_000_000_000n <= start && start < end && end <= after + 1_000_000_000n)
      assert.isTrue(end - start >= 19_000_000n)
      assert.strictEqual(start, BigInt(kept.startTime[0]) * 1_000_000_000n + BigInt(kept.startTime[1]))
    })
  )

  it.live("reads the collector's address from the environment", () =>
    Effect.gen(function* () {
      const { received, url } = yield* collector()
      const variables = {
        CODEX_OTLP_ENABLE: "1",
        CODEX_OTLP_ENDPOINT: url,
        CODEX_OTLP_HEADERS: "x-key=a%20b"
      }
      yield* work.pipe(Effect.provide(Otlp.OtlpLayer.pipe(Layer.provide(environment(variables)))))
      assert.deepStrictEqual(
        received.map(({ path }) => path),
        ["/v1/traces"]
      )
      assert.strictEqual(received[0]?.headers["x-key"], "a b")
    })
  )

  it.live("delivers each span once when the layer is provided twice", () =>
    Effect.gen(function* () {
      const { received, url } = yield* collector()
      const app = Layer.effectDiscard(work).pipe(Layer.provide(Otlp.OtlpLayer))
      yield* work.pipe(
        Effect.provide(
          Layer.mergeAll(app, Otlp.OtlpLayer).pipe(
            Layer.provide(environment({ OTEL_EXPORTER_OTLP_ENDPOINT: url }))
          )
        )
      )
      assert.strictEqual(spansIn(received.map(({ body }) => decodeRequest(body))).length, 4)
    })
  )

  it.live("sends nothing when the environment disables the export, whatever the code says", () =>
    Effect.gen(function* () {
      const { received, url } = yield* collector()
      const off = [
        {},
        { CODEX_OTLP_ENDPOINT: url },
        { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_TRACES_EXPORTER: "none" }
      ]
      for (const variables of off) {
        yield* work.pipe(
          Effect.provide(Otlp.OtlpLayer.pipe(Layer.provide(Layer.merge(environment(variables), quiet))))
        )
      }
      const refused = [
        { CODEX_OTLP_ENABLE: "0" },
        { CODEX_OTEL_ENABLED: "no" },
        { OTEL_SDK_DISABLED: "true" }
      ]
      for (const variables of refused) {
        yield* work.pipe(
          Effect.provide(Otlp.layer({ endpoint: url }).pipe(Layer.provide(environment(variables))))
        )
      }
      assert.deepStrictEqual(received, [])
      yield* work.pipe(Effect.provide(Otlp.layer({ endpoint: url }).pipe(Layer.provide(environment({})))))
      assert.strictEqual(received.length, 1)
    })
  )

  it.live("never sends the credentials of one collector to another", () =>
    Effect.gen(function* () {
      const { received, url } = yield* collector()
      yield* withProcessEnvironment({ OTEL_EXPORTER_OTLP_HEADERS: "x-other=secret" })
      yield* work.pipe(Effect.provide(Otlp.layer({ endpoint: url, headers: { "x-own": "1" } })))
      assert.strictEqual(received[0]?.headers["x-own"], "1")
      assert.isUndefined(received[0]?.headers["x-other"])
      assert.strictEqual(process.env["OTEL_EXPORTER_OTLP_HEADERS"], "x-other=secret")
    })
  )

  it.live("sends a full queue at shutdown in fewer requests than the exporter allows at once", () =>
    Effect.gen(function* () {
      const { received, url } = yield* collector()
      const burst = Effect.gen(function* () {
        const tracer = yield* Effect.tracer
        for (let at = 0; at < 5_000; at++) {
          const options = {
            parent: Option.none(),
            annotations: Context.empty(),
            links: [],
            kind: "internal"
          } as const
          const span = tracer.span({
            ...options,
            links: [],
            name: `${at}`,
            startTime: 1n,
            root: false,
            sampled: true
          })
          span.end(2n, Exit.void)
        }
      })
      yield* burst.pipe(Effect.provide(Otlp.layer({ endpoint: url }).pipe(Layer.provide(environment({})))))
      const names = spansIn(received.map(({ body }) => decodeRequest(body))).map(({ name }) => name)
      assert.isAtLeast(names.length, 2_048)
      assert.strictEqual(new Set(names).size, names.length)
      assert.isBelow(received.length, 30)
    })
  )
})

const withProcessEnvironment = (variables: Readonly<Record<string, string>>) =>
  Effect.forEach(Object.entries(variables), ([name, value]) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const before = process.env[name]
        process.env[name] = value
        return before
      }),
      (before) =>
        Effect.sync(() => {
          if (before === undefined) delete process.env[name]
          else process.env[name] = before
        })
    )
  )

describe("a faulty collector", () => {
  const answers: ReadonlyArray<readonly [name: string, answer: Answer]> = [
    ["never answers", () => {}],
    ["answers with its headers and no more", (response) => void response.writeHead(200).write("{")],
    [
      "answers a byte at a time for ever",
      (response) => {
        response.writeHead(200)
        const timer = setInterval(() => response.write(" "), 100)
        response.on("close", () => clearInterval(timer))
      }
    ],
    ["hangs up", (response) => void response.destroy()],
    ["is overloaded", (response) => void response.writeHead(503, { "retry-after": "1" }).end()],
    ["is broken", (response) => void response.writeHead(500).end("<html>")],
    ["refuses", (response) => void response.writeHead(401).end()],
    ["talks nonsense", (response) => void response.writeHead(200).end("\u0000nonsense")]
  ]
  for (const [name, answer] of answers) {
    it.live(`F31 that ${name} changes no result and delays the end by at most 1.5 s`, () =>
      Effect.gen(function* () {
        const { received, url } = yield* collector(answer)
        const { exit, millis } = yield* advanceTimers(
          work.pipe(Effect.provide(Otlp.layer({ endpoint: url, timeout: "10 seconds" }))),
          () => received.length > 0
        )
        assert.deepStrictEqual(exit, Exit.succeed(42))
        assert.isAtMost(millis, 1_500)
      })
    )
  }

  it.live("F31 that does not listen changes no result and delays the end by at most 1.5 s", () =>
    Effect.gen(function* () {
      const { close, url } = yield* collector()
      close()
      const state = { closing: false }
      const failing = work.pipe(
        Effect.andThen(Effect.sync(() => (state.closing = true))),
        Effect.andThen(Effect.fail("no")),
        Effect.provide(Otlp.layer({ endpoint: url }))
      )
      const { exit, millis } = yield* advanceTimers(failing, () => state.closing)
      assert.deepStrictEqual(exit, Exit.fail("no"))
      assert.isAtMost(millis, 1_500)
    })
  )

  it.live("does not slow the program down while it runs", () =>
    Effect.gen(function* () {
      const answered: Array<boolean> = []
      const { received, url } = yield* collector((response) => {
        response.on("finish", () => answered.push(true))
      })
      const waitForRequest = Effect.sleep("20 millis").pipe(
        Effect.repeat({ until: () => received.length > 0 })
      )
      const result = yield* work.pipe(
        Effect.andThen(waitForRequest),
        Effect.andThen(Effect.repeat(work, { times: 3_000 })),
        Effect.tap(() => Effect.sync(() => assert.deepStrictEqual(answered, []))),
        Effect.provide(Otlp.layer({ endpoint: url }))
      )
      assert.strictEqual(result, 42)
    })
  )

  it.live("with an invalid URL causes a warning and no export", () =>
    Effect.gen(function* () {
      for (const endpoint of ["localhost:4318", "collector", "ftp://x", ""]) {
        const { layer, lines } = capture()
        const exporting = Otlp.layer({ endpoint }).pipe(Layer.provide(Layer.merge(environment({}), layer)))
        assert.strictEqual(yield* work.pipe(Effect.provide(exporting)), 42)
        assert.deepStrictEqual(lines, [
          "Warn The OTLP endpoint is not an http or https URL: nothing is exported by OTLP"
        ])
      }
    })
  )

  it.live("still receives telemetry when a header is invalid, which causes a warning", () =>
    Effect.gen(function* () {
      const { received, url } = yield* collector()
      const { layer, lines } = capture()
      const exporting = Otlp.layer({ endpoint: url, headers: { "x-bad": "se\ncret", "x-good": "1" } })
      yield* work.pipe(Effect.provide(exporting.pipe(Layer.provide(Layer.merge(environment({}), layer)))))
      assert.strictEqual(received[0]?.headers["x-good"], "1")
      assert.deepStrictEqual(lines, [`Warn The OTLP header "x-bad" cannot be sent and is left out`])
    })
  )
})

describe("a third-party span exporter", () => {
  it.live("receives batches, is shut down, and has its losses logged", () =>
    Effect.gen(function* () {
      const names: Array<string> = []
      let closed = 0
      const exporter: SpanExporter = {
        export: (spans, report) => {
          for (const { name } of spans) names.push(name)
          report({ code: names.length > 2 ? 1 : 0 })
        },
        shutdown: () => Promise.resolve(void closed++)
      }
      const { layer, lines } = capture()
      const exporting = Tracer.layerExporter(Effect.succeed(exporter)).pipe(
        Layer.provide(Layer.merge(environment({}), layer))
      )
      yield* work.pipe(Effect.provide(exporting))
      assert.deepStrictEqual([names, closed, lines], [["inner", "outer"], 1, []])
      yield* work.pipe(Effect.provide(exporting))
      assert.deepStrictEqual(lines, ["Warn Telemetry was lost: 2 spans (not sent)"])
    })
  )

  it.live("delays the end no longer when several of them hang", () =>
    Effect.gen(function* () {
      let exports = 0
      const hanging = () =>
        Tracer.layerExporter(
          Effect.succeed<SpanExporter>({
            export: () => void exports++,
            shutdown: () => new Promise(() => {})
          })
        )
      const both = hanging().pipe(Layer.provideMerge(hanging()), Layer.provideMerge(hanging()))
      const exporting = both.pipe(Layer.provide(Layer.merge(environment({}), quiet)))
      const { exit, millis } = yield* advanceTimers(work.pipe(Effect.provide(exporting)), () => exports > 0)
      assert.deepStrictEqual(exit, Exit.succeed(42))
      assert.isAtMost(millis, 2_000)
      // What closes later has its own time again.
      const slow: SpanExporter = {
        export: (_, report) => void setTimeout(() => report({ code: 0 }), 400),
        shutdown: () => Promise.resolve()
      }
      const { layer, lines } = capture()
      const fine = Tracer.layerExporter(Effect.succeed(slow))
      yield* Effect.sleep("60 millis").pipe(
        Effect.andThen(work),
        Effect.provide(fine.pipe(Layer.provide(Layer.merge(environment({}), layer))))
      )
      assert.deepStrictEqual(lines, [])
    })
  )

  it.live("can throw, hang or report twice without effect on the program", () =>
    Effect.gen(function* () {
      const exporters: ReadonlyArray<readonly [SpanExporter["export"], lines: ReadonlyArray<string>]> = [
        [
          () => {
            throw new Error("secret")
          },
          ["Warn Telemetry was lost: 2 spans (not sent)"]
        ],
        [() => {}, ["Warn Telemetry was lost: 2 spans (not sent before the end)"]],
        [
          (_, report) => {
            report({ code: 0 })
            report({ code: 1 })
          },
          []
        ]
      ]
      for (const [send, expected] of exporters) {
        const { layer, lines } = capture()
        let exports = 0
        const counted: SpanExporter["export"] = (spans, report) => (exports++, send(spans, report))
        const exporter = Effect.succeed({ export: counted, shutdown: () => Promise.resolve() })
        const exporting = Tracer.layerExporter(exporter).pipe(
          Layer.provide(Layer.merge(environment({}), layer))
        )
        const { exit, millis } = yield* advanceTimers(work.pipe(Effect.provide(exporting)), () => exports > 0)
        assert.deepStrictEqual(exit, Exit.succeed(42))
        assert.isAtMost(millis, 1_500)
        assert.deepStrictEqual(lines, expected)
      }
    })
  )
})

it.live("an export without an endpoint logs the default endpoint", () =>
  Effect.gen(function* () {
    const { layer, lines } = capture()
    const on = Layer.merge(environment({ CODEX_OTLP_ENABLE: "1" }), layer)
    yield* Effect.void.pipe(Effect.provide(Otlp.OtlpLayer.pipe(Layer.provide(on))))
    assert.strictEqual(lines[0], "Info No OTLP endpoint is set: telemetry goes to http://localhost:4318")
  })
)

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs TypeScript in a process of its own. `silent` takes the reader of its stderr away. */
const runChild = (
  source: string,
  options: {
    readonly env?: Readonly<Record<string, string>>
    readonly args?: ReadonlyArray<string>
    readonly silent?: boolean
  } = {}
) =>
  Effect.callback<Ended>((resume) => {
    const child = spawn(
      process.execPath,
      [...(options.args ?? []), "--no-warnings", "--input-type=module-typescript", "--eval", source],
      {
        env: {
          PATH: process.env["PATH"],
          HOME: process.env["HOME"],
          NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
          ...options.env
        },
        stdio: ["ignore", "pipe", "pipe"]
      }
    )
    const output = { stdout: "", stderr: "" }
    child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()))
    if (options.silent) child.stderr.destroy()
    else child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()))
    child.on("close", (code) => resume(Effect.succeed({ ...output, code })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** A module that notes the URL of every other one as it is loaded. */
const watchLoading = `data:text/javascript,${encodeURIComponent(`
import { registerHooks } from "node:module"
globalThis.loaded = []
registerHooks({ load: (url, context, next) => (globalThis.loaded.push(url), next(url, context)) })`)}`

const program = (layer: string, rest = "") => `
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "./src/telemetry/Console.ts"
import * as Otlp from "./src/telemetry/Otlp.ts"
Effect.sync(() => process.stdout.write("42")).pipe(
  Effect.withSpan("inner\\u001b[31m", { attributes: { "process.exit.code": 0 } }),
  Effect.withSpan("outer"),
  Effect.provide(${layer}),
  Effect.provide(Logger.layer([])),
  NodeRuntime.runMain
)
${rest}`

describe("a process", () => {
  it.live("ends after its program when the collector never answers", () =>
    Effect.gen(function* () {
      const { received, url } = yield* collector(() => {})
      // The export itself may take an hour, so a process that waits for it does not end within this test.
      const { code, stdout } = yield* runChild(program("Otlp.OtlpLayer"), {
        env: { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_TIMEOUT: "3600000" }
      })
      assert.strictEqual(received.length, 1)
      assert.deepStrictEqual([code, stdout], [0, "42"])
    })
  )

  it.live("ends after its program when the collector is down", () =>
    Effect.gen(function* () {
      const { close, url } = yield* collector()
      close()
      const { code, stdout } = yield* runChild(program("Otlp.OtlpLayer"), {
        env: { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_TIMEOUT: "3600000" }
      })
      assert.deepStrictEqual([code, stdout], [0, "42"])
    })
  )

  it.live("that exports nothing loads no OpenTelemetry package", () =>
    Effect.gen(function* () {
      const loaded = `process.on("exit", () => process.stdout.write("|" + globalThis.loaded.join(" ")))`
      const options = { args: ["--import", watchLoading] }
      const home = "/nowhere"
      const exporting =
        /@opentelemetry|@effect\/opentelemetry|node_modules\/yaml|Otlp(?:Exporter|Serializers)|HttpPost|PeriodicReader|Prometheus\.ts|RotatingFile|Spool\.ts|\/spool\//
      const namesOf = ({ stdout }: Ended) => stdout.slice(stdout.indexOf("|") + 1).split(" ")
      const environments = [{}, { CODEX_OTLP_ENABLE: "0" }, { CODEX_OTEL_EXPORTER: "none" }]
      const ended = yield* Effect.forEach(
        environments,
        (env) => runChild(program("Otlp.OtlpLayer", loaded), { ...options, env: { ...env, HOME: home } }),
        { concurrency: "unbounded" }
      )
      for (const off of ended) {
        assert.isTrue(off.stdout.startsWith("42"))
        assert.include(off.stdout, "/telemetry/Otlp.ts")
        assert.deepStrictEqual(
          namesOf(off).filter((name) => exporting.test(name)),
          []
        )
      }
      const { url } = yield* collector()
      const on = yield* runChild(program("Otlp.OtlpLayer", loaded), {
        ...options,
        env: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url, HOME: home }
      })
      const names = namesOf(on).filter((name) => exporting.test(name))
      assert.isAbove(names.length, 10)
      assert.deepStrictEqual(
        names.filter((name) =>
          /node_modules\/yaml|PeriodicReader|Prometheus|RotatingFile|Spool\.ts|\/spool\//.test(name)
        ),
        []
      )
    })
  )

  it.live("with the console exporter prints one line per span to stderr", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* runChild(program("Console.ConsoleLayer"))
      assert.strictEqual(code, 0)
      assert.strictEqual(stdout, "42")
      const lines = stderr.trimEnd().split("\n")
      assert.strictEqual(lines.length, 2)
      assert.match(
        lines[0] ?? "",
        /^inner {2}\d[\d.]* (?:µs|ms) {2}ok {2}process\.exit\.code=0 {2}trace=[0-9a-f]{32}$/
      )
      assert.match(lines[1] ?? "", /^outer {2}\d[\d.]* (?:µs|ms) {2}ok {2}trace=[0-9a-f]{32}$/)
    })
  )

  it.live("with the console exporter continues when stderr is closed", () =>
    Effect.gen(function* () {
      // `console.error` survives the first write to a closed pipe and not the next ones.
      const { code, stdout } = yield* runChild(
        `
import * as Effect from "effect/Effect"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "./src/telemetry/Console.ts"
Effect.sleep("20 millis").pipe(
  Effect.withSpan("span"),
  Effect.repeat({ times: 5 }),
  Effect.andThen(Effect.sync(() => process.stdout.write("42"))),
  Effect.provide(Console.ConsoleLayer),
  NodeRuntime.runMain
)`,
        { silent: true }
      )
      assert.deepStrictEqual([code, stdout], [0, "42"])
    })
  )

  it.live("with OTEL_SDK_DISABLED prints no spans", () =>
    Effect.gen(function* () {
      const { stderr } = yield* runChild(program("Console.ConsoleLayer"), {
        env: { OTEL_SDK_DISABLED: "true" }
      })
      assert.strictEqual(stderr, "")
    })
  )
})

it.effect("a console line names the failed operation and its error type", () =>
  Effect.gen(function* () {
    const memory = yield* InMemorySpans.make
    yield* Effect.fail({ _tag: "TurnFailed", reason: "Overloaded", detail: "secret" }).pipe(
      Effect.withSpan("chat gpt-5.5", {
        attributes: {
          "gen_ai.request.model": "gpt-5.5\n\u202e",
          "gen_ai.usage.input_tokens": 1200,
          prompt: "secret"
        }
      }),
      Effect.exit,
      Effect.provide(Tracer.layerProcessor(Effect.succeed(memory.processor)))
    )
    const lines = (yield* memory.spans).map((span: ReadableSpan) =>
      Console.line(span).replace(/[0-9a-f]{32}/, "<id>")
    )
    assert.deepStrictEqual(lines, [
      "chat gpt-5.5  0 µs  error  gen_ai.request.model=gpt-5.5 \\u202e  gen_ai.usage.input_tokens=1200  error.type=TurnFailed.Overloaded  trace=<id>"
    ])
  })
)

describe("the file exporter", () => {
  const inDirectory = Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const paths = yield* Path.Path
    const directory = yield* files.makeTempDirectoryScoped()
    return { files, join: (...parts: ReadonlyArray<string>) => paths.join(directory, ...parts) }
  })

  it.live("writes traces as lines of OTLP JSON that only the user can read", () =>
    Effect.gen(function* () {
      const { files, join } = yield* inDirectory
      const path = join("a", "b", "traces.json")
      const writing = File.layer({ path }).pipe(Layer.provide(environment({})))
      yield* work.pipe(Effect.provide(writing))
      yield* work.pipe(Effect.provide(writing))
      const text = yield* files.readFileString(path)
      const lines = text.trimEnd().split("\n")
      assert.isTrue(text.endsWith("\n"))
      assert.strictEqual(lines.length, 2)
      assert.deepStrictEqual(
        spansIn(lines.map((line) => decodeRequest(line))).map(({ name }) => name),
        ["inner", "outer", "inner", "outer"]
      )
      assert.strictEqual((yield* files.stat(path)).mode & 0o777, 0o600)
      assert.strictEqual((yield* files.stat(join("a", "b"))).mode & 0o777, 0o700)
      assert.strictEqual((yield* files.stat(join("a"))).mode & 0o777, 0o700)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("writes below the home directory by default", () =>
    Effect.gen(function* () {
      const { files, join } = yield* inDirectory
      yield* withProcessEnvironment({ HOME: join() })
      yield* work.pipe(Effect.provide(File.FileLayer.pipe(Layer.provide(environment({})))))
      assert.strictEqual(File.defaultPath, "~/.codex/telemetry/codex-traces.json")
      assert.isTrue(yield* files.exists(join(".codex", "telemetry", "codex-traces.json")))
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("logs one warning with the path when it cannot write", () =>
    Effect.gen(function* () {
      const { files, join } = yield* inDirectory
      yield* files.writeFileString(join("file"), "")
      const { layer, lines } = capture()
      const path = join("file", "traces.json")
      const writing = File.layer({ signals: ["traces"], path }).pipe(
        Layer.provide(Layer.merge(environment({}), layer))
      )
      assert.strictEqual(yield* work.pipe(Effect.repeat({ times: 600 }), Effect.provide(writing)), 42)
      assert.deepStrictEqual(lines, [`Warn Telemetry was lost: 1202 spans (not sent: ENOTDIR: ${path})`])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("creates the file again after it was deleted", () =>
    Effect.gen(function* () {
      const { files, join } = yield* inDirectory
      const path = join("a", "traces.json")
      yield* Effect.gen(function* () {
        yield* Effect.repeat(work, { times: 200 })
        yield* files.exists(path).pipe(Effect.repeat({ until: (exists) => exists }))
        yield* files.remove(join("a"), { recursive: true })
        yield* work
      }).pipe(Effect.provide(File.layer({ signals: ["traces"], path }).pipe(Layer.provide(environment({})))))
      assert.isTrue(yield* files.exists(path))
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("makes an existing file private to the user", () =>
    Effect.gen(function* () {
      const { files, join } = yield* inDirectory
      const path = join("traces.json")
      yield* files.writeFileString(path, "before\n")
      yield* files.chmod(path, 0o644)
      yield* work.pipe(
        Effect.provide(File.layer({ signals: ["traces"], path }).pipe(Layer.provide(environment({}))))
      )
      assert.strictEqual((yield* files.stat(path)).mode & 0o777, 0o600)
      assert.isTrue((yield* files.readFileString(path)).startsWith("before\n{"))
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("rotates files by size and never splits a line", () =>
    Effect.gen(function* () {
      const { files, join } = yield* inDirectory
      const path = join("traces.json")
      const maxBytes = 5_000
      const writing = File.layer({ signals: ["traces"], path, maxBytes, keep: 2 }).pipe(
        Layer.provide(environment({ OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "1", OTEL_BSP_MAX_QUEUE_SIZE: "28" }))
      )
      for (let at = 0; at < 8; at++) {
        yield* work.pipe(Effect.repeat({ times: 2 }), Effect.provide(writing))
      }
      const names = (yield* files.readDirectory(join())).toSorted()
      assert.deepStrictEqual(names, ["traces.json", "traces.json.1", "traces.json.2"])
      for (const name of names) {
        const text = yield* files.readFileString(join(name))
        assert.isAtMost(text.length, maxBytes)
        assert.isAbove(
          spansIn(
            text
              .trimEnd()
              .split("\n")
              .map((line) => decodeRequest(line))
          ).length,
          1
        )
        assert.strictEqual((yield* files.stat(join(name))).mode & 0o777, 0o600)
      }
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("writes a batch larger than the maximum into a file of its own", () =>
    Effect.gen(function* () {
      const { files, join } = yield* inDirectory
      const path = join("traces.json")
      const writing = File.layer({ signals: ["traces"], path, maxBytes: 10, keep: 0 }).pipe(
        Layer.provide(environment({}))
      )
      yield* work.pipe(Effect.provide(writing))
      yield* work.pipe(Effect.provide(writing))
      assert.deepStrictEqual(yield* files.readDirectory(join()), ["traces.json"])
      assert.strictEqual(spansIn([decodeRequest(yield* files.readFileString(path))]).length, 2)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("writes where otel-config.yaml says, together with the console exporter", () =>
    Effect.gen(function* () {
      const { files, join } = yield* inDirectory
      yield* files.makeDirectory(join(".codex"))
      yield* files.writeFileString(
        join(".codex", "otel-config.yaml"),
        "exporters: { file: { path: ~/out/traces.json }, debug: {} }\nprocessors: { batch: { timeout: 20ms } }\n"
      )
      const { code, stderr, stdout } = yield* runChild(program("Otlp.OtlpLayer"), { env: { HOME: join() } })
      assert.strictEqual(code, 0)
      assert.strictEqual(stdout, "42")
      const shown = stderr.split("\n").filter((line) => line.includes("  trace="))
      assert.strictEqual(shown.length, 2)
      const written = yield* files.readFileString(join("out", "traces.json"))
      assert.deepStrictEqual(
        spansIn([decodeRequest(written.trimEnd())]).map(({ name }) => name),
        ["inner\u001b[31m", "outer"]
      )
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("writes the same spans that a collector receives", () =>
    Effect.gen(function* () {
      const { files, join } = yield* inDirectory
      const { received, url } = yield* collector()
      const path = join("traces.json")
      const both = Otlp.layer({ endpoint: url }).pipe(Layer.provideMerge(File.layer({ path })))
      yield* work.pipe(Effect.provide(both.pipe(Layer.provide(environment({})))))
      const written = yield* files.readFileString(path)
      assert.deepStrictEqual(decodeRequest(written), decodeRequest(received[0]?.body ?? ""))
      assert.strictEqual((yield* files.stat(path)).mode & 0o777, 0o600)
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
