/** The set-ups in docs/backends.md and examples/collectors: what arrives of a turn that runs with just that. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Schema from "effect/Schema"
import { execFileSync } from "node:child_process"
import { parse } from "yaml"
import { Codex, OtlpLayer } from "effect-codex"
import { Scripted } from "effect-codex/testing"
import * as Blocks from "../../scripts/runbook/Blocks.ts"
import * as Receiver from "../../scripts/runbook/Receiver.ts"
import * as ConfigFile from "../../src/telemetry/config/ConfigFile.ts"
import { Stderr } from "../../src/telemetry/delivery/Stderr.ts"
import * as Settings from "../../src/telemetry/config/Settings.ts"
import * as Live from "../support/live.ts"

/** What the user of a set-up has, and how it looks on the wire. */
const keys = {
  HONEYCOMB_API_KEY: "hcaik_1",
  GRAFANA_INSTANCE_ID: "123456",
  GRAFANA_TOKEN: "glc_ey/J+vIjoi==",
  GRAFANA_CLOUD_KEY: Buffer.from("123456:glc_ey/J+vIjoi==").toString("base64"),
  DD_API_KEY: "dd1",
  LANGFUSE_PUBLIC_KEY: "pk-lf-1",
  LANGFUSE_SECRET_KEY: `sk-lf-${"long".repeat(20)}`,
  LANGFUSE_KEY: Buffer.from(`pk-lf-1:sk-lf-${"long".repeat(20)}`).toString("base64")
}

interface Expected {
  readonly origin: string
  /** The headers of what arrives, by path. */
  readonly arrives: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly encoding?: "json" | "protobuf"
  readonly compressed?: boolean
}

const local = "http://localhost:4318"
const all = (headers: Readonly<Record<string, string>>, prefix = "") =>
  Object.fromEntries(["traces", "metrics", "logs"].map((signal) => [`${prefix}/v1/${signal}`, headers]))

const honeycomb = { "x-honeycomb-team": keys.HONEYCOMB_API_KEY }
const grafana = { authorization: `Basic ${keys.GRAFANA_CLOUD_KEY}` }
const grafanaOrigin = "https://otlp-gateway-prod-eu-west-2.grafana.net"
const datadog = { "dd-api-key": keys.DD_API_KEY }
const langfuse = { authorization: `Basic ${keys.LANGFUSE_KEY}`, "x-langfuse-ingestion-version": "4" }
const langfusePath = "/api/public/otel/v1/traces"
const packed = { encoding: "protobuf", compressed: true } as const

const byVariables: Readonly<Record<string, Expected>> = {
  collector: { origin: local, arrives: all({}) },
  jaeger: { origin: local, arrives: { "/v1/traces": {} } },
  honeycomb: {
    origin: "https://api.honeycomb.io",
    arrives: { ...all(honeycomb), "/v1/metrics": { ...honeycomb, "x-honeycomb-dataset": "codex-metrics" } },
    ...packed
  },
  "grafana-cloud": { origin: grafanaOrigin, arrives: all(grafana, "/otlp"), ...packed },
  "datadog-agent": { origin: local, arrives: all({}), encoding: "protobuf" },
  datadog: {
    origin: "https://otlp.datadoghq.com",
    arrives: { "/v1/traces": { ...datadog, "dd-otlp-source": "llmobs" }, "/v1/logs": datadog },
    ...packed
  },
  langfuse: {
    origin: "https://cloud.langfuse.com",
    arrives: { [langfusePath]: langfuse },
    encoding: "protobuf"
  }
}

const byFile: Readonly<Record<string, Expected>> = {
  "jaeger.yaml": { origin: "http://jaeger.example.com:4318", arrives: { "/v1/traces": {} } },
  "honeycomb.yaml": { origin: "https://api.honeycomb.io", arrives: all(honeycomb), ...packed },
  "grafana-cloud.yaml": { origin: grafanaOrigin, arrives: all(grafana, "/otlp"), ...packed },
  "datadog.yaml": {
    origin: "https://otlp.datadoghq.com",
    arrives: { "/v1/traces": datadog, "/v1/logs": datadog },
    ...packed
  },
  "langfuse.yaml": { origin: "https://cloud.langfuse.com", arrives: { [langfusePath]: langfuse }, ...packed }
}

const turn = Effect.gen(function* () {
  yield* Scripted.play([
    Scripted.command("npm test"),
    Scripted.message("Done."),
    Scripted.usage({ input: 10, output: 5 }),
    Scripted.completed
  ])
  const codex = yield* Codex
  const thread = yield* codex.startThread({ model: "gpt-5.5" })
  return yield* thread.run("go")
}).pipe(Effect.scoped, Effect.provide(Codex.layer.pipe(Layer.provideMerge(Scripted.layer))))

/** Runs the turn under `OtlpLayer` with these variables and no others; gives what was logged, and what was printed. */
const runWith = Effect.fnUntraced(function* (variables: Settings.Environment) {
  const lines: Array<string> = []
  const printed: Array<string> = []
  const logger = Logger.make<unknown, void>(({ message }) => void lines.push([message].flat().join(" ")))
  const surroundings = Layer.mergeAll(
    Layer.succeed(Settings.Environment, variables),
    Layer.succeed(Stderr, (text: string) => void printed.push(text)),
    Logger.layer([logger]),
    Layer.succeed(Metric.MetricRegistry, new Map())
  )
  yield* Effect.provide(turn, Layer.fresh(OtlpLayer).pipe(Layer.provideMerge(surroundings)))
  return { lines, printed: printed.join("") }
})

const assertArrived = (expected: Expected, received: Receiver.Receiver["received"]) => {
  const paths = [...new Set(received.map(({ path }) => path))]
  assert.sameMembers(paths, Object.keys(expected.arrives))
  const encoding = expected.encoding ?? "json"
  for (const { body, headers, path } of received) {
    for (const [name, value] of Object.entries(expected.arrives[path] ?? {})) {
      assert.strictEqual(headers[name], value, `${name} on ${path}`)
    }
    assert.strictEqual(
      headers["content-type"],
      encoding === "json" ? "application/json" : "application/x-protobuf"
    )
    assert.strictEqual(headers["content-encoding"], expected.compressed === true ? "gzip" : undefined, path)
    const text = body.toString("latin1")
    assert.strictEqual(text.startsWith("{"), encoding === "json", path)
    const telling = path.endsWith("/traces")
      ? "invoke_agent codex"
      : path.endsWith("/metrics")
        ? "gen_ai.invoke_agent.duration"
        : "turn stop"
    assert.include(text, telling, path)
  }
}

const urls = (text: string) => [...text.matchAll(/https?:\/\/[\w.:-]+/g)].map(([origin]) => origin)

const backends = Effect.map(
  FileSystem.FileSystem.use((fs) => fs.readFileString("docs/backends.md")),
  (text) => Blocks.parse("docs/backends.md", text).filter(({ marks }) => marks.has("backend"))
)

/** The variables that a shell has after the block, of those that telemetry reads. */
const variablesOf = (code: string): Record<string, string> =>
  Object.fromEntries(
    execFileSync("sh", ["-e", "-c", `${code}\nenv -0`], {
      env: { PATH: process.env["PATH"], ...keys },
      encoding: "utf8"
    })
      .split("\0")
      .filter((entry) => /^(?:CODEX_OT|OTEL_)/.test(entry))
      .map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)])
  )

describe("docs/backends.md", () => {
  Live.test("has a set-up for exactly the tested back ends", () =>
    Effect.map(backends, (blocks) =>
      assert.deepStrictEqual(
        blocks.map(({ marks }) => marks.get("backend")),
        Object.keys(byVariables)
      )
    )
  )

  for (const [name, expected] of Object.entries(byVariables)) {
    Live.test(`sends to ${name} the signals it accepts, in the form it accepts`, () =>
      Effect.gen(function* () {
        const block = (yield* backends).find(({ marks }) => marks.get("backend") === name)
        const variables = variablesOf(block?.code ?? "")
        const { port, received } = yield* Receiver.make()
        for (const [variable, value] of Object.entries(variables)) {
          for (const origin of urls(value)) assert.strictEqual(origin, expected.origin)
          variables[variable] = value.replace(expected.origin, `http://127.0.0.1:${port}`)
        }
        const { lines } = yield* runWith(variables)
        assert.deepStrictEqual(lines, [])
        assertArrived(expected, received)
      })
    )
  }
})

const Component = Schema.NullOr(Schema.JsonObject)
const Collector = Schema.Struct({
  receivers: Schema.Record(Schema.String, Component),
  processors: Schema.Record(Schema.String, Component),
  exporters: Schema.Record(Schema.String, Component),
  service: Schema.Struct({
    pipelines: Schema.Record(
      Schema.Literals(["traces", "metrics", "logs"]),
      Schema.optionalKey(
        Schema.Struct({
          receivers: Schema.Array(Schema.String),
          processors: Schema.Array(Schema.String),
          exporters: Schema.Array(Schema.String)
        })
      )
    )
  })
})

const folder = "examples/collectors"
const readCollector = (name: string) =>
  FileSystem.FileSystem.use((fs) => fs.readFileString(`${folder}/${name}`))

/** A home with this file for `otel-config.yaml`. */
const homeWith = Effect.fnUntraced(function* (text: string) {
  const fs = yield* FileSystem.FileSystem
  const home = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-backends-" })
  yield* fs.writeFileString(`${home}/otel-config.yaml`, text)
  return { ...keys, HOME: home, CODEX_HOME: home }
})

describe("examples/collectors", () => {
  Live.test("are configurations in which every name is defined", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const files = yield* fs.readDirectory(folder)
      assert.sameMembers(files, ["local.yaml", ...Object.keys(byFile)])
      for (const file of files) {
        const config = yield* Schema.decodeUnknownEffect(Collector)(parse(yield* readCollector(file)))
        for (const pipeline of Object.values(config.service.pipelines)) {
          if (pipeline === undefined) continue
          for (const part of ["receivers", "processors", "exporters"] as const) {
            assert.isNotEmpty(pipeline[part])
            for (const name of pipeline[part]) assert.property(config[part], name, file)
          }
        }
      }
    })
  )

  // Collectors from 0.144 on warn of `otlp` and `otlphttp`.
  it("may use the old and the current collector name of OTLP", () => {
    for (const name of ["otlp", "otlphttp", "otlp_grpc", "otlp_http"]) {
      const text = `exporters: { ${name}: { endpoint: "http://c:4318" } }`
      const { config, warnings } = ConfigFile.parse("otel-config.yaml", text, {})
      assert.deepStrictEqual(warnings, [], name)
      assert.deepStrictEqual(config.destinations.traces, { url: "http://c:4318/v1/traces" }, name)
    }
  })

  Live.test("local.yaml writes traces to its file and to stderr without a collector too", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const text = yield* readCollector("local.yaml")
      assert.include(text, "path: ./codex-traces.json")
      const folder = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-backends-" })
      const variables = yield* homeWith(text.replace("path: .", `path: ${folder}`))
      const { lines, printed } = yield* runWith(variables)
      assert.deepStrictEqual(lines, [])
      assert.include(yield* fs.readFileString(`${folder}/codex-traces.json`), "invoke_agent codex")
      assert.include(printed, "invoke_agent codex")
    })
  )

  for (const [name, expected] of Object.entries(byFile)) {
    Live.test(`${name} sends the signals the back end accepts, in the form it accepts`, () =>
      Effect.gen(function* () {
        const text = yield* readCollector(name)
        const { port, received } = yield* Receiver.make()
        const exporters = text.slice(text.indexOf("exporters:"))
        assert.isNotEmpty(urls(exporters))
        for (const origin of urls(exporters)) assert.strictEqual(origin, expected.origin)
        const variables = yield* homeWith(text.replaceAll(expected.origin, `http://127.0.0.1:${port}`))
        const { lines } = yield* runWith(variables)
        assert.deepStrictEqual(lines, [])
        assertArrived(expected, received)
      })
    )
  }
})
