import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import { spawnSync } from "node:child_process"
import { createServer, connect, type Socket } from "node:net"
import { networkInterfaces } from "node:os"
import { Codex, CodexError, Metrics, Prometheus, PrometheusLayer, Tracer } from "effect-codex"
import { Scripted } from "effect-codex/testing"
import * as Settings from "../../src/telemetry/config/Settings.ts"
import { test } from "../support/live.ts"
import * as Scrape from "../support/scrape.ts"
import * as RawRequest from "../support/rawRequest.ts"
import { freePort } from "../support/freePort.ts"

const occupied = Effect.acquireRelease(
  Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      resume(Effect.succeed({ port, close: () => server.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

const request = (port: number, path: string, init: RequestInit = {}) =>
  Effect.tryPromise(async () => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      ...init,
      signal: AbortSignal.timeout(5000)
    })
    return {
      status: response.status,
      type: response.headers.get("content-type"),
      body: await response.text()
    }
  })

const capture = () => {
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(
    ({ logLevel, message }) => void lines.push(`${logLevel} ${[message].flat().join(" ")}`)
  )
  return { lines, layer: Logger.layer([logger]) }
}

const oneTurn = Effect.gen(function* () {
  yield* Scripted.play([
    Scripted.event({ _tag: "Retrying", errorType: "TurnFailed.ServerError", status: 503 }),
    Scripted.command("ls", { exitCode: 1 }),
    Scripted.usage({ input: 5, output: 1 }),
    Scripted.completed
  ])
  const codex = yield* Codex
  const thread = yield* codex.startThread({ model: 'a "model"\n' })
  return yield* thread.run("go")
}).pipe(Effect.scoped)

const serving = <A, E>(
  program: Effect.Effect<A, E, Codex | Scripted.Scripted>,
  exporter: Layer.Layer<never>,
  environment: Settings.Environment = {}
) =>
  Effect.suspend(() =>
    program.pipe(
      Effect.provide(Codex.layer.pipe(Layer.provideMerge(Scripted.layer), Layer.provideMerge(exporter))),
      Effect.provideService(Settings.Environment, { HOME: "/nonexistent", ...environment }),
      Effect.provideService(Tracer.Resource, { "service.name": "shop" }),
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
  )

const program = Effect.void

describe("the Prometheus endpoint", () => {
  test("serves every metric of a turn in the Prometheus text format", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const { body, status, type } = yield* serving(
        Effect.andThen(oneTurn, request(port, "/metrics")),
        Prometheus.layer({ port })
      )
      assert.strictEqual(status, 200)
      assert.strictEqual(type, "text/plain; version=0.0.4; charset=utf-8")
      const scraped = Scrape.parse(body)
      assert.strictEqual(Scrape.value(scraped, "target_info", { service_name: "shop" }), 1)
      const model = { gen_ai_request_model: 'a "model"\n', codex_originator: "sdk" }
      assert.strictEqual(
        Scrape.value(scraped, "gen_ai_client_inference_duration_count", {
          ...model,
          error_type: "TurnFailed.ServerError",
          http_response_status_code: "503"
        }),
        1
      )
      assert.strictEqual(Scrape.value(scraped, "gen_ai_client_inference_usage_input_tokens_total", model), 5)
      assert.strictEqual(
        Scrape.value(scraped, "codex_command_count_total", { codex_command_success: "false" }),
        1
      )
      const buckets = scraped.filter(({ name }) => name === "gen_ai_invoke_agent_duration_bucket")
      assert.deepStrictEqual(buckets.map(({ labels }) => labels["le"]).at(-1), "+Inf")
      assert.strictEqual(buckets.length, 14)
      assert.match(body, /^# HELP gen_ai_invoke_agent_duration The duration of turns\.$/m)
      assert.match(body, /^# UNIT gen_ai_invoke_agent_duration s$/m)
      assert.match(body, /^# TYPE gen_ai_invoke_agent_duration histogram$/m)
      assert.match(body, /^# TYPE codex_command_count_total counter$/m)
      assert.notMatch(body, /otel_scope|unit=|thread_1|turn_1/)
    }))

  test("keeps a limited number of connections", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const kept = yield* serving(RawRequest.openConnections(port, 100, 64), Prometheus.layer({ port }))
      assert.isAtMost(kept, 64)
      assert.isAtLeast(kept, 1)
    }))

  test("H23 answers only requests to a loopback name or a configured one, without a body", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const ask = (lines: ReadonlyArray<string>, body?: string) =>
        RawRequest.status(port, ["GET /metrics HTTP/1.1", ...lines], body)
      const hosts = [
        "evil.example",
        `localhost:${port}`,
        "[::1]:1",
        "LOCALHOST.",
        "metrics.example",
        "10.0.0.1"
      ]
      const answers = (options: Prometheus.PrometheusOptions) =>
        serving(
          Effect.all([
            ...hosts.map((host) => ask([`Host: ${host}`])),
            ask(["Host: localhost", "Host: evil.example"]),
            ask(["Host: localhost", "Content-Length: 4"], "text"),
            ask(["Host: localhost", `X: ${"x".repeat(9000)}`])
          ]),
          Prometheus.layer({ port, ...options })
        )
      const [evil, ...others] = yield* answers({})
      assert.strictEqual(evil, "421")
      assert.deepStrictEqual(others.slice(0, 5), ["200", "200", "200", "421", "421"])
      assert.include(["400", "421"], others[5])
      assert.deepStrictEqual(others.slice(6), ["413", "431"])
      const [, , , , configured] = yield* answers({ allowedHosts: ["metrics.example"] })
      assert.strictEqual(configured, "200")
    }))

  test("serves no other path and no other method", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const ask = (path: string, method = "GET") =>
        Effect.map(request(port, path, { method }), ({ body, status }) => [status, body === ""] as const)
      const answers = Effect.all([
        ask("/metrics?name[]=up"),
        ask("/metrics", "HEAD"),
        ask("/"),
        ask("/metrics/"),
        ask("/metrics/../secret"),
        ask("/metrics", "POST"),
        ask("/metrics", "DELETE")
      ])
      const statuses = (yield* serving(answers, Prometheus.layer({ port }))).map(([status]) => status)
      assert.deepStrictEqual(statuses, [200, 200, 404, 404, 404, 405, 405])
      const other = yield* serving(
        Effect.all([ask("/codex"), ask("/metrics")]),
        Prometheus.layer({ port, path: "/codex" })
      )
      assert.deepStrictEqual(
        other.map(([status]) => status),
        [200, 404]
      )
    }))

  test("listens on loopback only", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const outside = Object.values(networkInterfaces())
        .flatMap((addresses) => addresses ?? [])
        .find(({ family, internal }) => family === "IPv4" && !internal)
      if (outside === undefined) return yield* Effect.logWarning("this machine has loopback alone")
      const refused = Effect.callback<boolean>((resume) => {
        const socket = connect(port, outside.address, () => {
          socket.destroy()
          resume(Effect.succeed(false))
        }).on("error", () => resume(Effect.succeed(true)))
      })
      assert.isTrue(yield* serving(refused, PrometheusLayer, { OTEL_EXPORTER_PROMETHEUS_PORT: String(port) }))
    }))

  test("takes its address from code, then from the environment, and warns about invalid values", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const environment = {
        OTEL_EXPORTER_PROMETHEUS_HOST: "localhost",
        OTEL_EXPORTER_PROMETHEUS_PORT: String(port)
      }
      const there = yield* serving(request(port, "/metrics"), PrometheusLayer, environment)
      assert.strictEqual(there.status, 200)
      const mine = yield* freePort
      const wins = yield* serving(request(mine, "/metrics"), Prometheus.layer({ port: mine }), environment)
      assert.strictEqual(wins.status, 200)
      for (const bad of ["nonsense", "70000", "-1"]) {
        const { layer, lines } = capture()
        yield* serving(program, PrometheusLayer, { OTEL_EXPORTER_PROMETHEUS_PORT: bad }).pipe(
          Effect.provide(layer)
        )
        const warnings = lines.filter((line) => line.startsWith("Warn OTEL_EXPORTER_PROMETHEUS_PORT "))
        assert.strictEqual(warnings.length, 1, bad)
        assert.match(String(warnings), /ignored/)
      }
    }))

  test("is off when telemetry is disabled", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const asked = yield* serving(Effect.exit(request(port, "/metrics")), Prometheus.layer({ port }), {
        OTEL_SDK_DISABLED: "true"
      })
      assert.strictEqual(asked._tag, "Failure")
    }))

  test("logs the address that is in use, and the program continues", () =>
    Effect.gen(function* () {
      const { port } = yield* occupied
      const { layer, lines } = capture()
      const turn = yield* Effect.provide(serving(oneTurn, Prometheus.layer({ port })), layer)
      assert.strictEqual(turn.toolCalls, 1)
      assert.deepStrictEqual(lines, [
        `Warn Prometheus metrics are not served: 127.0.0.1:${port} is in use by something else`
      ])
      const elsewhere = capture()
      yield* serving(oneTurn, Prometheus.layer({ port, host: "192.0.2.1" })).pipe(
        Effect.provide(elsewhere.layer)
      )
      assert.match(
        elsewhere.lines.join("\n"),
        /^Warn Prometheus metrics are not served: 192\.0\.2\.1:\d+ cannot/
      )
    }))

  test("releases its port at once, even with open connections", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const sockets: Array<Socket> = []
      const hold = Effect.callback<void>((resume) => {
        // One that says nothing, and one in the middle of its request.
        const silent = connect(port, "127.0.0.1", () => {
          const half = connect(port, "127.0.0.1", () => {
            half.write("GET /metrics HTTP/1.1\r\nhost: x\r\n")
            resume(Effect.void)
          }).on("error", () => {})
          sockets.push(half)
        }).on("error", () => {})
        sockets.push(silent)
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => sockets.forEach((socket) => socket.destroy())))
      yield* serving(Effect.all([request(port, "/metrics"), hold]), Prometheus.layer({ port }))
      // The server closes both connections, which never send a whole request.
      yield* Effect.promise(() =>
        Promise.all(
          sockets.map((socket) => socket.closed || new Promise((resolve) => socket.once("close", resolve)))
        )
      )
      assert.lengthOf(sockets, 2)
      for (let again = 0; again < 3; again++) {
        const { status } = yield* serving(request(port, "/metrics"), Prometheus.layer({ port }))
        assert.strictEqual(status, 200)
      }
    }))

  test("serves the program's own metrics as well, separately for each registry", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const count = Metric.update(Metric.counter("shop.orders", { incremental: true }), 3)
      const first = yield* serving(
        Effect.andThen(count, request(port, "/metrics")),
        Prometheus.layer({ port })
      )
      const second = yield* serving(request(port, "/metrics"), Prometheus.layer({ port }))
      assert.strictEqual(Scrape.value(Scrape.parse(first.body), "shop_orders_total", {}), 3)
      assert.notInclude(second.body, "shop_orders")
    }))

  const promtool = spawnSync("promtool", ["--version"]).status === 0
  if (!promtool)
    process.stderr.write("\nSKIPPED: promtool is missing, so the format of /metrics is not checked\n")

  it.live.skipIf(!promtool)("passes promtool's checks", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const failing = Effect.gen(function* () {
        yield* Scripted.play([
          Scripted.command("ls", { approval: true }),
          Scripted.failed(new CodexError.TurnFailed({ reason: "Other", detail: "" }))
        ])
        const codex = yield* Codex
        const thread = yield* codex.startThread()
        yield* Effect.exit(thread.run("go")).pipe(Effect.provideService(Metrics.Team, 'pay"ments\\\n'))
      }).pipe(Effect.scoped)
      const { body } = yield* serving(
        Effect.all([oneTurn, failing]).pipe(Effect.andThen(request(port, "/metrics"))),
        Prometheus.layer({ port })
      ).pipe(Effect.provide(Logger.layer([])))
      assert.strictEqual(
        Scrape.value(Scrape.parse(body), "codex_errors_total", { codex_team: 'pay"ments\\\n' }),
        1
      )
      const { status, stderr, stdout } = spawnSync("promtool", ["check", "metrics"], {
        input: body,
        encoding: "utf8"
      })
      assert.strictEqual(status, 0, `${stdout}${stderr}`)
    })
  )
})
