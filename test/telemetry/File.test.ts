/** Metrics and logs beside traces, in files and on stderr, where the environment names them. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Path from "effect/Path"
import * as Schema from "effect/Schema"
import { spawn } from "node:child_process"
import { Codex } from "effect-codex"
import { Scripted } from "effect-codex/testing"
import * as Console from "../../src/telemetry/Console.ts"
import * as File from "../../src/telemetry/File.ts"
import { Stderr } from "../../src/telemetry/delivery/Stderr.ts"
import * as Otlp from "../../src/telemetry/Otlp.ts"
import * as Settings from "../../src/telemetry/config/Settings.ts"

const Named = Schema.Struct({ name: Schema.String })
const scopes = <A extends Schema.Top>(records: A) => Schema.Array(records)
const Line = Schema.fromJsonString(
  Schema.Struct({
    resourceSpans: Schema.optionalKey(
      scopes(Schema.Struct({ scopeSpans: scopes(Schema.Struct({ spans: Schema.Array(Named) })) }))
    ),
    resourceMetrics: Schema.optionalKey(
      scopes(Schema.Struct({ scopeMetrics: scopes(Schema.Struct({ metrics: Schema.Array(Named) })) }))
    ),
    resourceLogs: Schema.optionalKey(
      scopes(
        Schema.Struct({
          scopeLogs: scopes(
            Schema.Struct({
              logRecords: Schema.Array(Schema.Struct({ eventName: Schema.optionalKey(Schema.String) }))
            })
          )
        })
      )
    )
  })
)
const decode = Schema.decodeSync(Line)

/** The names in a file: of spans, of metrics, of the events that log records are. */
const namesIn = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => decode(line))
    .flatMap(({ resourceLogs = [], resourceMetrics = [], resourceSpans = [] }) => [
      ...resourceSpans.flatMap(({ scopeSpans }) =>
        scopeSpans.flatMap(({ spans }) => spans.map(({ name }) => name))
      ),
      ...resourceMetrics.flatMap(({ scopeMetrics }) =>
        scopeMetrics.flatMap(({ metrics }) => metrics.map(({ name }) => name))
      ),
      ...resourceLogs.flatMap(({ scopeLogs }) =>
        scopeLogs.flatMap(({ logRecords }) => logRecords.flatMap(({ eventName }) => eventName ?? []))
      )
    ])

/** Runs a turn under exporters; gives what they wrote to stderr. */
const run = (variables: Settings.Environment, exporter: Layer.Layer<never> = Otlp.OtlpLayer) =>
  Effect.suspend(() => {
    let printed = ""
    return Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.command("ls", { exitCode: 1 }),
        Scripted.usage({ input: 5, output: 1 }),
        Scripted.completed
      ])
      const codex = yield* Codex
      const thread = yield* codex.startThread()
      yield* thread.run("go")
      yield* Effect.logInfo("a line of the program")
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Layer.fresh(Codex.layer).pipe(
          Layer.provideMerge(Layer.fresh(Scripted.layer)),
          Layer.provideMerge(Layer.fresh(exporter)),
          Layer.provideMerge(Logger.layer([]))
        )
      ),
      Effect.provideService(Stderr, (text) => void (printed += text)),
      Effect.provideService(Settings.Environment, variables),
      Effect.provideService(Metric.MetricRegistry, new Map()),
      Effect.map(() => printed)
    )
  })

const directory = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  const home = yield* files.makeTempDirectoryScoped()
  const join = (...parts: ReadonlyArray<string>) => paths.join(home, ...parts)
  return { files, home, join }
})

const test = (
  name: string,
  body: Effect.Effect<unknown, unknown, NodeServices.NodeServices | import("effect/Scope").Scope>
) => it.live(name, () => Effect.scoped(Effect.provide(body, NodeServices.layer)))

describe("the file exporter", () => {
  test(
    "writes traces, metrics and logs where otel-config.yaml says, readable only by the user",
    Effect.gen(function* () {
      const { files, home, join } = yield* directory
      const path = join("out", "codex-traces.json")
      yield* files.makeDirectory(join(".codex"))
      yield* files.writeFileString(
        join(".codex", "otel-config.yaml"),
        "exporters: { file: { path: ~/out/codex-traces.json } }"
      )
      const before = process.env["HOME"]
      yield* Effect.acquireRelease(
        Effect.sync(() => (process.env["HOME"] = home)),
        () => Effect.sync(() => (process.env["HOME"] = before))
      )
      assert.strictEqual(yield* run({ HOME: home }), "")
      const all = {
        "codex-traces.json": "execute_tool exec_command",
        "codex-metrics.json": "codex.command.count",
        "codex-logs.json": "codex.command.exception"
      }
      assert.deepStrictEqual(
        (yield* files.readDirectory(join("out"))).toSorted(),
        Object.keys(all).toSorted()
      )
      for (const [file, name] of Object.entries(all)) {
        const names = namesIn(yield* files.readFileString(join("out", file)))
        assert.include(names, name)
        assert.strictEqual((yield* files.stat(join("out", file))).mode & 0o777, 0o600)
        for (const other of Object.values(all)) if (other !== name) assert.notInclude(names, other, file)
      }
      assert.include(yield* files.readFileString(join("out", "codex-logs.json")), "a line of the program")
      assert.isTrue(yield* files.exists(path))
    })
  )

  const only: ReadonlyArray<readonly [Settings.Environment, ReadonlyArray<string>]> = [
    [{ CODEX_OTEL_EXPORTER: "file" }, ["codex-logs.json", "codex-metrics.json", "codex-traces.json"]],
    [{ OTEL_LOGS_EXPORTER: "file" }, ["codex-logs.json"]],
    [{ OTEL_METRICS_EXPORTER: "file" }, ["codex-metrics.json"]],
    [{ OTEL_TRACES_EXPORTER: "file" }, ["codex-traces.json"]],
    [{ CODEX_OTEL_EXPORTER: "file", CODEX_OTLP_ENABLE: "0" }, []],
    [{ CODEX_OTEL_EXPORTER: "file", OTEL_SDK_DISABLED: "true" }, []]
  ]
  for (const [variables, expected] of only) {
    test(
      `writes ${expected.join(", ") || "no file"} with ${JSON.stringify(variables)}`,
      Effect.gen(function* () {
        const { files, home, join } = yield* directory
        const before = process.env["HOME"]
        yield* Effect.acquireRelease(
          Effect.sync(() => (process.env["HOME"] = home)),
          () => Effect.sync(() => (process.env["HOME"] = before))
        )
        yield* run({ HOME: home, ...variables })
        const folder = join(".codex", "telemetry")
        const found = (yield* files.exists(folder)) ? yield* files.readDirectory(folder) : []
        assert.deepStrictEqual(found.toSorted(), expected)
      })
    )
  }

  test(
    "writes nothing when the environment disables telemetry, whatever the code asks for",
    Effect.gen(function* () {
      const { files, join } = yield* directory
      const signals = ["traces", "metrics", "logs"] as const
      const asked = Layer.merge(
        File.layer({ path: join("traces.json"), signals }),
        Console.layer({ signals })
      )
      for (const variables of [{ OTEL_SDK_DISABLED: "true" }, { CODEX_OTLP_ENABLE: "0" }]) {
        assert.strictEqual(yield* run(variables, asked), "")
        assert.deepStrictEqual(yield* files.readDirectory(join()), [])
      }
    })
  )

  test(
    "rotates each file by its own size",
    Effect.gen(function* () {
      const { files, join } = yield* directory
      const path = join("traces.json")
      for (let at = 0; at < 4; at++) yield* run({}, File.layer({ path, maxBytes: 4096, keep: 1 }))
      const found = (yield* files.readDirectory(join())).toSorted()
      assert.includeMembers(found, [
        "logs.json",
        "metrics.json",
        "metrics.json.1",
        "traces.json",
        "traces.json.1"
      ])
      for (const file of found)
        for (const line of (yield* files.readFileString(join(file))).trimEnd().split("\n")) decode(line)
    })
  )

  test(
    "counts and logs the loss of each file it cannot write, and the turn continues",
    Effect.gen(function* () {
      const { files, join } = yield* directory
      yield* files.writeFileString(join("blocked"), "a file, not a folder")
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => void lines.push([message].flat().join(" ")))
      yield* run(
        {},
        File.layer({ path: join("blocked", "traces.json") }).pipe(Layer.provide(Logger.layer([logger])))
      )
      for (const file of ["traces.json", "metrics.json", "logs.json"]) assert.include(lines.join("\n"), file)
    })
  )

  it("derives the files of the other signals from the traces file", () => {
    const names = (path: string) => [
      File.pathOf(path, "traces"),
      File.pathOf(path, "metrics"),
      File.pathOf(path, "logs")
    ]
    assert.deepStrictEqual(names("~/.codex/telemetry/codex-traces.json"), [
      "~/.codex/telemetry/codex-traces.json",
      "~/.codex/telemetry/codex-metrics.json",
      "~/.codex/telemetry/codex-logs.json"
    ])
    assert.deepStrictEqual(names("/traces/run.jsonl"), [
      "/traces/run.jsonl",
      "/traces/run-metrics.jsonl",
      "/traces/run-logs.jsonl"
    ])
    assert.deepStrictEqual(names("traces-of-traces"), [
      "traces-of-traces",
      "traces-of-metrics",
      "traces-of-logs"
    ])
  })
})

describe("stderr", () => {
  test(
    "prints metrics and logs, one line each, when the environment asks for them",
    Effect.gen(function* () {
      const metrics = yield* run({ OTEL_METRICS_EXPORTER: "console" })
      assert.match(metrics, /^codex\.command\.count  1 \{command\}  .*codex\.command\.success=false/m)
      assert.match(metrics, /^gen_ai\.invoke_agent\.duration  count=1 sum=[\d.e-]+ s  /m)
      assert.match(metrics, /^gen_ai\.client\.inference\.usage\.input_tokens  5 \{token\}  /m)
      assert.notInclude(metrics, "[codex]")
      const logs = yield* run({ OTEL_LOGS_EXPORTER: "console" })
      assert.match(logs, /ERROR \[codex\] command exception /)
      assert.include(logs, "a line of the program")
      assert.notInclude(logs, "codex.command.count  ")
      const all = yield* run({ CODEX_OTEL_EXPORTER: "console" })
      for (const part of [
        "codex.command.count  1",
        "[codex] command exception",
        "execute_tool exec_command  "
      ])
        assert.include(all, part)
      assert.strictEqual(yield* run({ CODEX_OTEL_EXPORTER: "console", CODEX_OTEL_ENABLED: "no" }), "")
    })
  )

  test(
    "prints the signals the code asks for, by default spans only",
    Effect.gen(function* () {
      const spans = yield* run({}, Console.ConsoleLayer)
      assert.include(spans, "execute_tool exec_command  ")
      assert.notMatch(spans, /\[codex\]|codex\.command\.count {2}/)
      const logs = yield* run({}, Console.layer({ signals: ["logs"] }))
      assert.include(logs, "[codex] turn stop")
      assert.notInclude(logs, "execute_tool exec_command  ")
      assert.strictEqual(yield* run({}, Console.layer({ signals: [] })), "")
    })
  )

  test(
    "is the only stream that the console exporter writes to",
    Effect.callback<{ readonly stdout: string; readonly stderr: string }>((resume) => {
      const source = `
        import * as Effect from "effect/Effect"
        import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
        import * as Otlp from "./src/telemetry/Otlp.ts"
        Effect.logInfo("logged").pipe(
          Effect.andThen(Effect.sync(() => process.stdout.write("42"))),
          Effect.withSpan("traced"),
          Effect.provide(Otlp.OtlpLayer),
          NodeRuntime.runMain
        )`
      const child = spawn(
        process.execPath,
        ["--no-warnings", "--input-type=module-typescript", "--eval", source],
        {
          env: {
            PATH: process.env["PATH"],
            NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
            HOME: "/nonexistent",
            CODEX_OTEL_EXPORTER: "console"
          }
        }
      )
      const output = { stdout: "", stderr: "" }
      child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()))
      child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()))
      child.on("close", () => resume(Effect.succeed(output)))
    }).pipe(
      Effect.map(({ stderr, stdout }) => {
        assert.strictEqual(stdout, "42")
        assert.match(stderr, /INFO +logged/)
        assert.match(stderr, /^traced {2}/m)
      })
    )
  )
})
