import * as NodeServices from "@effect/platform-node/NodeServices"
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Cause from "effect/Cause"
import * as EffectTracer from "effect/Tracer"
import type * as Scope from "effect/Scope"
import { rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createServer, type Server } from "node:http"
import { gunzipSync } from "node:zlib"
import { ConsoleLayer, ContentCapture, File, Logging, Otlp, Prometheus } from "effect-codex"
import { Canary, ModelServer } from "effect-codex/testing"
import * as Console from "../../src/telemetry/Console.ts"
import * as Settings from "../../src/telemetry/config/Settings.ts"
import * as Leaky from "../support/leaky.ts"
import * as RealEngine from "../support/realEngine.ts"

/** A loopback server that keeps every request body. */
const receiver = Effect.map(
  Effect.acquireRelease(
    Effect.callback<{ readonly server: Server; readonly bodies: Array<string>; readonly url: string }>(
      (resume) => {
        const bodies: Array<string> = []
        const server = createServer((request, response) => {
          const chunks: Array<Buffer> = []
          request.on("data", (chunk: Buffer) => chunks.push(chunk))
          request.on("end", () => {
            const body = Buffer.concat(chunks)
            const plain = request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body
            bodies.push(`${request.url} ${plain.toString("latin1")}`)
            response.writeHead(200, { "content-type": request.headers["content-type"] ?? "" }).end()
          })
        })
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          const port = typeof address === "object" && address !== null ? address.port : 0
          resume(Effect.succeed({ server, bodies, url: `http://127.0.0.1:${port}` }))
        })
      }
    ),
    ({ server }) => Effect.sync(() => server.close())
  ),
  ({ bodies, url }) => ({ bodies, url, sent: Effect.sync(() => bodies.join("\n")) })
)

const test = (
  name: string,
  body: Effect.Effect<unknown, unknown, NodeServices.NodeServices | Scope.Scope>,
  timeout?: number
) => it.live(name, () => Effect.scoped(Effect.provide(body, NodeServices.layer)), timeout)

const clean = (report: Canary.CanaryReport<unknown, unknown>) => assert.deepStrictEqual(report.leaks, [])

/** Asserts that a source contains these texts, because a search of an empty source proves nothing. */
const holds = (
  report: Canary.CanaryReport<unknown, unknown>,
  source: string,
  ...texts: ReadonlyArray<string>
) => {
  for (const text of texts) assert.include(report.emitted[source] ?? "nothing", text, source)
}

const run = (layer: Layer.Layer<never>, options?: Canary.CanaryOptions) =>
  Canary.run((planted) => Effect.provide(Leaky.program(planted), layer), options)

const ended = (report: Canary.CanaryReport<unknown, unknown>) =>
  assert.isTrue(Exit.isSuccess(report.exit), String(report.exit))

describe("no secret leaks", () => {
  test(
    "F36 in spans, records and metrics of turns that go well, fail, time out, are interrupted and die",
    Effect.gen(function* () {
      const report = yield* run(Logging.layerOptions({ level: "All" }))
      ended(report)
      clean(report)
      holds(report, "spans", "invoke_agent codex", "execute_tool works", "codex.approval", "inside", "dying")
      holds(
        report,
        "logs",
        "codex.turn.exception",
        "codex.turn.stop",
        "a tool has failed",
        "an approval policy failed"
      )
      holds(report, "metrics", "gen_ai.invoke_agent.duration", "codex.approval.count")
      holds(report, "stderr", "[codex] turn exception", "a tool has worked")
    })
  )

  for (const format of ["pretty", "logfmt", "json"] as const) {
    test(
      `in ${format} lines and those of the console exporter`,
      Effect.gen(function* () {
        const report = yield* run(
          Layer.mergeAll(Logging.layerOptions({ format, level: "All" }), ConsoleLayer)
        )
        clean(report)
        holds(report, "stderr", "[codex] command exception", "execute_tool works  ", "[redacted]")
      })
    )
  }

  for (const protocol of ["http/json", "http/protobuf"] as const) {
    test(
      `over OTLP, ${protocol}`,
      Effect.gen(function* () {
        const { sent, url } = yield* receiver
        const otlp = Otlp.layer({ endpoint: url, protocol })
        const report = yield* run(Layer.mergeAll(otlp, Logger.layer([])), { sources: { sent } })
        clean(report)
        holds(
          report,
          "sent",
          "/v1/traces",
          "/v1/metrics",
          "/v1/logs",
          "execute_tool works",
          "codex.turn.stop"
        )
      })
    )
  }

  test(
    "in what the console exporter shows of every signal",
    Effect.gen(function* () {
      const everything = Console.layer({ signals: ["traces", "metrics", "logs"] })
      const report = yield* run(everything)
      ended(report)
      clean(report)
      holds(
        report,
        "stderr",
        "execute_tool works  ",
        "gen_ai.invoke_agent.duration  count=",
        "[codex] turn exception",
        "a tool has worked"
      )
    })
  )

  test(
    "in files",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const path = `${directory}/traces.json`
      const report = yield* run(Layer.mergeAll(File.layer({ path }), Logging.layer), { files: [directory] })
      ended(report)
      clean(report)
      holds(report, path, "execute_tool works")
      holds(report, `${directory}/metrics.json`, "gen_ai.invoke_agent.duration")
      holds(report, `${directory}/logs.json`, "codex.turn.exception", "a tool has worked")
    })
  )

  test(
    "in what Prometheus fetches",
    Effect.gen(function* () {
      let fetched = ""
      const report = yield* Canary.run(
        (planted) =>
          Effect.gen(function* () {
            yield* Leaky.program(planted)
            const [port] = /http:\/\/127\.0\.0\.1:\d+\/metrics/.exec(served) ?? [""]
            fetched = yield* Effect.promise(() => fetch(port).then((response) => response.text()))
          }).pipe(
            Effect.provide(
              Prometheus.layer({ host: "127.0.0.1", port: 0 }).pipe(
                Layer.provideMerge(
                  Logger.layer([Logger.make(({ message }) => void (served += [message].flat().join(" ")))])
                )
              )
            )
          ),
        { sources: { fetched: Effect.sync(() => fetched) } }
      )
      ended(report)
      clean(report)
      holds(report, "fetched", "gen_ai_invoke_agent_duration")
    })
  )
  let served = ""

  test(
    "F36 from a turn of the real Codex",
    Effect.gen(function* () {
      const { sent, url } = yield* receiver
      const report = yield* Canary.run(
        (planted) =>
          Effect.gen(function* () {
            const real = yield* RealEngine.make([
              ModelServer.reply(
                ModelServer.reasoning(planted.message),
                ModelServer.shell(`echo '${planted.output}' # ${planted.command}`, { callId: "c1" }),
                ModelServer.call(
                  "works",
                  { text: planted.argument, password: planted.token },
                  { callId: "t1" }
                ),
                ModelServer.call("dies", { text: planted.argument }, { callId: "t2" })
              ),
              ModelServer.reply(ModelServer.text(`${planted.message} ${planted.token}`, { deltas: true })),
              ModelServer.httpError(400, { message: planted.error })
            ])
            yield* Effect.gen(function* () {
              const thread = yield* real.start({ tools: yield* Leaky.Tools, instructions: planted.prompt })
              yield* thread.run(planted.prompt)
              assert.isTrue(Exit.isFailure(yield* Effect.exit(thread.run(planted.prompt))))
            }).pipe(Effect.provide([Leaky.handlers(planted), real.layer]))
          }).pipe(
            Effect.scoped,
            Effect.provide(
              Layer.mergeAll(Otlp.layer({ endpoint: url }), Logging.layerOptions({ level: "All" }))
            )
          ),
        { sources: { sent } }
      )
      ended(report)
      clean(report)
      holds(report, "sent", "execute_tool works", "codex.turn.exception")
    }),
    60_000
  )
})

describe("content that is enabled", () => {
  const asked = { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "SPAN_AND_EVENT" }
  // These are secrets at any position; text without such a form is content.
  const never = new Set(["token", "environment"])

  test(
    "gets out, and secrets in it still do not",
    Effect.gen(function* () {
      const { sent, url } = yield* receiver
      const layers = Layer.mergeAll(
        Otlp.layer({ endpoint: url }),
        Logging.layerOptions({ level: "All" }),
        ConsoleLayer
      )
      const report = yield* run(layers, { sources: { sent } }).pipe(
        Effect.provideService(Settings.Environment, asked)
      )
      ended(report)
      for (const source of ["spans", "logs", "sent"]) {
        const found = report.leaks.filter((leak) => leak.source === source).map((leak) => leak.location)
        assert.includeMembers(found, [
          "prompt",
          "message",
          "argument",
          "result",
          "output",
          "command",
          "diff",
          "error",
          "path"
        ])
      }
      assert.deepStrictEqual(
        report.leaks.filter((leak) => never.has(leak.location)),
        []
      )
      assert.include(report.emitted["sent"], "[redacted]")
      // Log lines are for people: content appears only where it is enabled.
      const lines = report.leaks.filter((leak) => leak.source === "stderr").map((leak) => leak.location)
      assert.notIncludeMembers(lines, ["prompt"])
    })
  )

  test(
    "gets out kind by kind",
    Effect.gen(function* () {
      for (const [kinds, places] of [
        [{ prompts: true }, ["prompt"]],
        [{ responses: true }, ["message"]],
        [{ toolArguments: true }, ["argument"]],
        [{ diffs: true }, ["diff"]]
      ] as const) {
        const report = yield* run(Layer.merge(ContentCapture.layer(kinds), Logger.layer([])))
        assert.deepStrictEqual([...new Set(report.leaks.map((leak) => leak.location))], [...places])
      }
    })
  )
})

describe("the canary check fails", () => {
  const reports = (
    name: string,
    source: string,
    leak: (planted: Canary.PlantedSecrets) => Effect.Effect<unknown, unknown, never>,
    options?: Canary.CanaryOptions
  ) =>
    test(
      name,
      Effect.gen(function* () {
        const report = yield* Canary.run(leak, options)
        assert.isTrue(
          report.leaks.some((leak) => leak.source === source),
          JSON.stringify(report.leaks)
        )
        const error = yield* Effect.flip(Canary.check(leak, options))
        assert.include(error.message, `in ${source}`)
      })
    )

  const span = (name: string, attributes: Record<string, unknown>) =>
    Effect.withSpan(Effect.void, name, { attributes })

  reports("for a span's name", "spans", ({ prompt }) => span(prompt, {}))
  reports("for an attribute", "spans", ({ output }) => span("x", { note: `said ${output}` }))
  reports("for half of it", "spans", ({ output }) => span("x", { note: output.slice(0, 20) }))
  reports("for JSON in JSON", "spans", ({ argument }) =>
    span("x", { note: JSON.stringify({ body: JSON.stringify({ argument }) }) })
  )
  reports("for a URL", "spans", ({ error }) => span("x", { url: `http://h/?q=${encodeURIComponent(error)}` }))
  reports("for base64 of more", "spans", ({ result }) =>
    span("x", { b: Buffer.from(`ab${result}c`).toString("base64") })
  )
  reports("for a log line", "logs", ({ defect }) => Effect.logInfo(defect))
  reports("for an annotation", "logs", ({ path }) => Effect.annotateLogs(Effect.logDebug("x"), "p", path))
  reports("for a label of a metric", "metrics", ({ prompt }) =>
    Metric.update(Metric.withAttributes(Metric.counter("c"), { prompt }), 1)
  )
  reports("for the default logger", "console", ({ error }) => Effect.log(error))
  const file = join(tmpdir(), `canary-${process.pid}.txt`)
  reports(
    "for a file",
    file,
    ({ result }) =>
      Effect.acquireUseRelease(
        Effect.void,
        () => Effect.sync(() => writeFileSync(file, `it says ${result}`)),
        () => Effect.void
      ),
    { files: [file] }
  )
  afterAll(() => rmSync(file, { force: true }))

  test(
    "reads the files of a directory without changing them",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const written = join(directory, "written.txt")
      const report = yield* Canary.run(
        ({ result }) => Effect.sync(() => writeFileSync(written, `it says ${result}`)),
        { files: [directory, join(directory, "missing.txt")] }
      )
      assert.deepStrictEqual(
        report.leaks.map(({ location, source }) => [location, source]),
        [["result", written]]
      )
      assert.deepStrictEqual(yield* fs.readDirectory(directory), ["written.txt"])
      assert.strictEqual(yield* fs.readFileString(written), `it says ${report.planted.result}`)
    })
  )

  reports("for a logger that prints causes", "console", ({ defect }) =>
    Effect.logError("it died", Cause.die(new Error(defect))).pipe(
      Effect.provide(Logger.layer([Logger.consoleJson]))
    )
  )

  test(
    "for an exporter that receives spans before redaction",
    Effect.gen(function* () {
      let sent = ""
      const leaky = EffectTracer.make({
        span: (options) =>
          new (class extends EffectTracer.NativeSpan {
            override attribute(key: string, value: unknown) {
              sent += JSON.stringify({ [key]: value })
            }
          })(options)
      })
      const report = yield* Canary.run(
        (planted) => Leaky.program(planted).pipe(Effect.provide(Logger.layer([])), Effect.withTracer(leaky)),
        { sources: { sent: Effect.sync(() => sent) } }
      )
      assert.includeMembers(
        report.leaks.map((leak) => leak.location),
        ["argument", "token"]
      )
    })
  )
})
