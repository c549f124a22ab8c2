/** The rules and the dashboard in examples/dashboards, against a Prometheus that scrapes our endpoint. */
import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import { spawnSync } from "node:child_process"
import { parse } from "yaml"
import { Approval, Codex, CodexError, Metrics, Prometheus } from "effect-codex"
import { Scripted } from "effect-codex/testing"
import * as Convention from "../../src/semconv/Convention.ts"
import * as SelfMetrics from "../../src/telemetry/delivery/SelfMetrics.ts"
import * as Settings from "../../src/telemetry/config/Settings.ts"
import * as EverythingDurable from "../support/everythingDurable.ts"
import { freePort } from "../support/freePort.ts"

const folder = new URL("../../examples/dashboards/", import.meta.url).pathname

const installed = (tool: string) => spawnSync(tool, ["--version"]).status === 0
const skipped = !(installed("prometheus") && installed("promtool"))
if (skipped) {
  process.stderr.write(
    "\nSKIPPED: no prometheus and promtool here (apt-get install prometheus): rules and dashboard are not tried\n"
  )
}

class QueryFailed extends Data.TaggedError("QueryFailed")<{
  readonly expr: string
  readonly detail: string
}> {
  override get message() {
    return `${this.expr}: ${this.detail}`
  }
}

const Rules = Schema.Struct({
  groups: Schema.Array(
    Schema.Struct({
      rules: Schema.Array(
        Schema.Struct({
          expr: Schema.String,
          record: Schema.optionalKey(Schema.String),
          alert: Schema.optionalKey(Schema.String)
        })
      )
    })
  )
})

const Dashboard = Schema.fromJsonString(
  Schema.Struct({
    title: Schema.String,
    templating: Schema.Struct({
      list: Schema.Array(
        Schema.Struct({ name: Schema.String, definition: Schema.optionalKey(Schema.String) })
      )
    }),
    panels: Schema.Array(
      Schema.Struct({
        title: Schema.String,
        targets: Schema.optionalKey(
          Schema.Array(
            Schema.Struct({
              /** A query of Prometheus. */
              expr: Schema.optionalKey(Schema.String),
              /** A query of traces. */
              query: Schema.optionalKey(Schema.String)
            })
          )
        )
      })
    )
  })
)

const Answer = Schema.Struct({
  status: Schema.Literal("success"),
  data: Schema.Struct({
    result: Schema.Array(
      Schema.Struct({
        metric: Schema.Record(Schema.String, Schema.String),
        value: Schema.Tuple([Schema.Finite, Schema.String])
      })
    )
  })
})

const Values = Schema.Struct({ status: Schema.Literal("success"), data: Schema.Array(Schema.String) })
const Alerts = Schema.Struct({
  data: Schema.Struct({
    alerts: Schema.Array(
      Schema.Struct({ state: Schema.String, labels: Schema.Record(Schema.String, Schema.String) })
    )
  })
})

const read = (name: string) => FileSystem.FileSystem.use((fs) => fs.readFileString(`${folder}${name}`))

const readRules = Effect.flatMap(read("prometheus-rules.yml"), (text) =>
  Schema.decodeUnknownEffect(Rules)(parse(text))
)
const readDashboard = Effect.map(
  Effect.forEach(["grafana-codex.json", "grafana-durable.json"], (name) =>
    Effect.flatMap(read(name), Schema.decodeUnknownEffect(Dashboard))
  ),
  (dashboards) => ({
    panels: dashboards.flatMap(({ panels }) => panels),
    templating: { list: dashboards.flatMap(({ templating }) => templating.list) }
  })
)
/** The queries of Prometheus of a panel. */
const queriesOf = (targets: ReadonlyArray<{ readonly expr?: string }> = []) =>
  targets.flatMap(({ expr }) => (expr === undefined ? [] : [expr]))

/** Replaces the variables of Grafana by values. */
const filled = (expr: string) =>
  expr
    .replaceAll("$__rate_interval", "1m")
    .replaceAll("$__range", "5m")
    .replaceAll(/\$(?:team|model|originator)\b/g, ".*")

/** Turns of two teams on two models that produce every metric. */
const turns = Effect.gen(function* () {
  const codex = yield* Codex
  const change = (kind: "add" | "update") => ({
    path: "a",
    kind,
    diff: "--- a\n+++ a\n@@ -1 +1 @@\n-x\n+y\n"
  })
  const chunk = Scripted.event({ _tag: "MessageDelta", itemId: "m", delta: "word " })
  const good = [
    Scripted.event({ _tag: "Retrying", errorType: "TurnFailed.Overloaded", status: 529 }),
    Scripted.delay("20 millis"),
    Scripted.command("npm test", { exitCode: 1, approval: true, takes: "10 millis" }),
    Scripted.usage({ input: 1000, cachedInput: 600, output: 50, reasoning: 20 }),
    Scripted.fileChange([change("update"), change("add")]),
    Scripted.event({
      _tag: "ItemCompleted",
      item: { _tag: "McpToolCall", id: "mcp", server: "s", tool: "search", arguments: {}, status: "failed" }
    }),
    Scripted.event({
      _tag: "ItemStarted",
      item: {
        _tag: "McpToolCall",
        id: "m2",
        server: "s",
        tool: "search",
        arguments: {},
        status: "inProgress"
      }
    }),
    Scripted.event({
      _tag: "ItemCompleted",
      item: { _tag: "McpToolCall", id: "m2", server: "s", tool: "search", arguments: {}, status: "failed" }
    }),
    chunk,
    Scripted.delay("5 millis"),
    chunk,
    Scripted.usage({ input: 2000, output: 10 }),
    Scripted.completed
  ]
  const bad = [
    Scripted.command("ls"),
    Scripted.failed(new CodexError.TurnFailed({ reason: "Unauthorized", detail: "", status: 401 }))
  ]
  const stuck = [Scripted.silence]
  const run = Effect.fnUntraced(function* (
    script: ReadonlyArray<Scripted.ScriptedStep>,
    model: string,
    team: string
  ) {
    yield* Scripted.play(script)
    const thread = yield* codex.startThread({ model, sandbox: "workspace-write" })
    yield* Effect.exit(thread.run("go", { timeout: script === stuck ? "100 millis" : "1 minute" })).pipe(
      Effect.provideService(Metrics.Team, team)
    )
  }, Effect.scoped)
  yield* run(good, "gpt-5.5", "payments")
  yield* run(bad, "gpt-5.5", "search")
  yield* run(good, "o-mini", "search")
  yield* run(stuck, "o-mini", "search")
  const self = yield* SelfMetrics.make
  self.exported("traces", 10)
  self.dropped("logs", "queue_full", 2)
  self.spooled("traces", 3)
  self.queue("traces", 4)
  yield* Effect.provideService(EverythingDurable.emitAll, Metrics.Team, "payments")
  yield* EverythingDurable.operateHost
})

/** A Prometheus with our rules that scrapes the port five times a second, and a way to ask it. */
const prometheus = Effect.fnUntraced(function* (scraped: number) {
  const fs = yield* FileSystem.FileSystem
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const home = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-prometheus-" })
  const port = yield* freePort
  const rules = yield* read("prometheus-rules.yml")
  yield* fs.writeFileString(`${home}/rules.yml`, rules.replaceAll(/interval: \S+/g, "interval: 200ms"))
  const config = {
    global: { scrape_interval: "200ms", scrape_timeout: "200ms", evaluation_interval: "200ms" },
    rule_files: ["rules.yml"],
    scrape_configs: [{ job_name: "codex", static_configs: [{ targets: [`localhost:${scraped}`] }] }]
  }
  yield* fs.writeFileString(`${home}/prometheus.yml`, JSON.stringify(config))
  yield* spawner.spawn(
    ChildProcess.make(
      "prometheus",
      [
        `--config.file=${home}/prometheus.yml`,
        `--storage.tsdb.path=${home}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
        "--log.level=error"
      ],
      { stdin: "ignore", stdout: "ignore", stderr: "ignore", forceKillAfter: "3 seconds" }
    )
  )
  const get = (path: string) =>
    Effect.tryPromise(async () => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(5000) })
      const body: unknown = await response.json()
      return body
    })
  yield* Effect.retry(
    Effect.tryPromise(async () => {
      const { status } = await fetch(`http://127.0.0.1:${port}/-/ready`, {
        signal: AbortSignal.timeout(1000)
      })
      if (status !== 200) throw new Error(`not ready: ${status}`)
    }),
    { schedule: Schedule.spaced("100 millis"), times: 600 }
  )
  return {
    query: (expr: string) =>
      get(`/api/v1/query?query=${encodeURIComponent(expr)}`).pipe(
        Effect.flatMap(Schema.decodeUnknownEffect(Answer)),
        Effect.map(({ data }) => data.result),
        Effect.mapError((error) => new QueryFailed({ expr, detail: error.message }))
      ),
    values: (label: string, series: string) =>
      get(`/api/v1/label/${label}/values?match[]=${series}`).pipe(
        Effect.flatMap(Schema.decodeUnknownEffect(Values)),
        Effect.map(({ data }) => data)
      ),
    firing: get("/api/v1/alerts").pipe(
      Effect.flatMap(Schema.decodeUnknownEffect(Alerts)),
      Effect.map(({ data }) =>
        data.alerts.filter(({ state }) => state === "firing").map(({ labels }) => labels["alertname"])
      )
    )
  }
})

/** Repeats a query until it has a result: a scrape that is late on a loaded machine hides the series for a moment. */
const some = <A, E, R>(query: Effect.Effect<ReadonlyArray<A>, E, R>) =>
  Effect.repeat(query, {
    until: (found) => found.length > 0,
    schedule: Schedule.spaced("100 millis"),
    times: 600
  })

const services = Layer.merge(NodeServices.layer, Logger.layer([]))

describe("the dashboards", () => {
  it.effect("query only metrics and labels that exist", () =>
    Effect.gen(function* () {
      const { groups } = yield* readRules
      const { panels } = yield* readDashboard
      const exprs = [
        ...groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)),
        ...panels.flatMap(({ targets }) => queriesOf(targets))
      ]
      const known = new Set(Object.values(Convention.metric).map((name) => name.replaceAll(".", "_")))
      const labels = new Set(Object.values(Convention.attribute).map((name) => name.replaceAll(".", "_")))
      const names = exprs.flatMap((expr) => expr.match(/(?<![:\w])(?:codex|gen_ai)_\w+(?!:)/g) ?? [])
      assert.isAbove(names.length, 100)
      for (const name of new Set(names)) {
        const metric = name.replace(/_(?:total|bucket|sum|count)$/, "")
        assert.isTrue(known.has(metric) || known.has(name) || labels.has(name), name)
      }
      const attributes: ReadonlySet<string> = new Set(Object.values(Convention.attribute))
      const spans: ReadonlySet<unknown> = new Set(Object.values(Convention.span))
      const traceQueries = panels.flatMap(({ targets = [] }) => targets.flatMap(({ query = [] }) => query))
      assert.isNotEmpty(traceQueries)
      for (const query of traceQueries) {
        for (const [, name = ""] of query.matchAll(/span\.([\w.]+)/g))
          assert.isTrue(attributes.has(name), name)
        assert.isTrue(spans.has(/name = "([^"]+)"/.exec(query)?.[1]), query)
      }
    }).pipe(Effect.provide(services))
  )

  it.live.skipIf(skipped)("have rules that promtool accepts, and alerts that go off when they should", () =>
    Effect.sync(() => {
      for (const args of [
        ["check", "rules", "prometheus-rules.yml"],
        ["test", "rules", "prometheus-rules.test.yml"]
      ]) {
        const { status, stderr, stdout } = spawnSync("promtool", args, { cwd: folder, encoding: "utf8" })
        assert.strictEqual(status, 0, `${stdout}${stderr}`)
      }
    })
  )

  it.live.skipIf(skipped)(
    "show data in every panel, and alerts that go off, in a Prometheus that scrapes us",
    () =>
      Effect.gen(function* () {
        const { groups } = yield* readRules
        const { panels, templating } = yield* readDashboard
        const port = yield* freePort
        const policy: Approval.Policy = () => Effect.as(Effect.sleep("20 millis"), Approval.accept)
        yield* Effect.gen(function* () {
          yield* turns
          const server = yield* prometheus(port)
          const arrived = server.query("gen_ai_invoke_agent_duration_count").pipe(
            Effect.filterOrFail(
              (series) => series.length > 0,
              () => new QueryFailed({ expr: "", detail: "nothing was scraped" })
            )
          )
          yield* Effect.retry(arrived, { schedule: Schedule.spaced("100 millis"), times: 600 })
          for (let round = 0; round < 3; round++) {
            yield* turns
            yield* Effect.sleep("500 millis")
          }

          // Four times 3000 tokens, for each of two teams.
          const sum = server.query("sum(gen_ai_client_inference_usage_input_tokens_total)").pipe(
            Effect.map(([tokens]) => tokens?.value[1]),
            Effect.repeat({
              until: (tokens) => tokens === "24000",
              schedule: Schedule.spaced("100 millis"),
              times: 600
            })
          )
          assert.strictEqual(yield* sum, "24000")
          for (const { title, targets } of panels) {
            for (const expr of queriesOf(targets)) {
              assert.isNotEmpty(yield* some(server.query(filled(expr))), `${title}: ${expr}`)
            }
          }
          const runbook = yield* FileSystem.FileSystem.use((fs) => fs.readFileString("docs/runbook.md"))
          const [, section = ""] = /\n## Durable turns\n(.*?)\n## /s.exec(runbook) ?? []
          const rows = section.split("\n").filter((line) => /^\| (?:`|none)/.test(line))
          assert.isAbove(rows.length, 5)
          const alerts = new Set(groups.flatMap(({ rules }) => rules.map(({ alert }) => alert)))
          for (const row of rows) {
            const [alert = "", query = ""] = row.slice(2).split(" | ")
            const name = alert.trim().replaceAll("`", "")
            assert.isTrue(name === "none" || alerts.has(name), name)
            const expr = query.trim().replaceAll("`", "")
            assert.isNotEmpty(yield* some(server.query(expr)), `the runbook: ${expr}`)
          }
          for (const { definition = "" } of templating.list.filter(
            ({ definition }) => definition !== undefined
          )) {
            const [, series = "", label = ""] = /^label_values\((\w+), (\w+)\)$/.exec(definition) ?? []
            assert.isNotEmpty(yield* some(server.values(label, series)), definition)
          }
          const rules = groups.flatMap(({ rules }) => rules)
          for (const { alert, expr, record } of rules) {
            if (record === undefined) assert.isDefined(alert)
            else assert.isNotEmpty(yield* some(server.query(expr)), `${record}: ${expr}`)
          }
          const [ratio] = yield* some(
            server.query('codex:api_error_ratio:10m{gen_ai_request_model="gpt-5.5"}')
          )
          assert.isAbove(Number(ratio?.value[1]), 0.1)
          for (const alert of [
            "CodexTurnsCannotRun",
            "CodexTurnsStuck",
            "CodexTelemetryDropped",
            "CodexFailovers",
            "CodexWorkerLocked"
          ]) {
            const firing = Effect.map(server.firing, (names) => names.filter((name) => name === alert))
            assert.isNotEmpty(yield* some(firing), alert)
          }
        }).pipe(
          Effect.scoped,
          Effect.provide(
            Codex.layer.pipe(
              Layer.provideMerge(Scripted.layer),
              Layer.provideMerge(Approval.layer(policy)),
              Layer.provideMerge(Prometheus.layer({ port }))
            )
          ),
          Effect.provideService(Settings.Environment, {}),
          Effect.provideService(Metric.MetricRegistry, new Map())
        )
      }).pipe(Effect.provide(services)),
    300_000
  )
})
