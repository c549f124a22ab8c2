import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import * as Convention from "../../../src/semconv/Convention.ts"
import * as InMemorySpans from "../../../src/telemetry/tracer/InMemorySpans.ts"
import * as Otlp from "../../../src/telemetry/Otlp.ts"
import type * as Settings from "../../../src/telemetry/config/Settings.ts"
import * as Tracer from "../../../src/telemetry/tracer/Tracer.ts"
import * as Support from "./support.ts"

const { collector, environment, folder, unusedUrl, parsed, variables } = Support
const quiet = Logger.layer([])

const traces = { OTEL_LOGS_EXPORTER: "none" }

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)

/** So many spans below one, each with attributes that are easy to get wrong. */
const spans = (count: number) =>
  Effect.forEach(
    numbers(count),
    (n) =>
      Effect.void.pipe(
        Effect.withSpan(`span ${n}`, {
          attributes: { n, half: n / 3, big: 2 ** 53 - n, text: `ä "${n}" \\ \n ]}]}`, list: ["a", `${n}`] }
        })
      ),
    { discard: true }
  ).pipe(Effect.withSpan("outer"))

const through =
  (variables: Settings.Environment) =>
  <A, E>(effect: Effect.Effect<A, E>) =>
    effect.pipe(Effect.provide(Otlp.OtlpLayer), Effect.provide(environment(variables)))

/** Returns the paths of the segments that are not acknowledged. */
const segments = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".seg"))

describe("telemetry with a spool", () => {
  it.live("delivers spans that ended during an outage later, byte for byte and once", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const memory = yield* InMemorySpans.make
      yield* spans(40).pipe(
        Effect.provide(Layer.merge(Otlp.OtlpLayer, Tracer.layerProcessor(Effect.succeed(memory.processor)))),
        Effect.provide(environment(variables(yield* unusedUrl, directory, traces)))
      )
      const { items, url } = yield* collector()
      yield* Support.until(() => items().length >= 41).pipe(through(variables(url, directory, traces)))
      const made = yield* memory.spans
      const bytes = JsonTraceSerializer.serializeRequest([...made]) ?? new Uint8Array()
      assert.strictEqual(made.length, 41)
      assert.sameMembers([...items()], [...Support.itemsIn(Buffer.from(bytes).toString())])
      assert.deepEqual(Support.filesBelow(directory), [])
    }).pipe(Effect.scoped, Effect.provide(quiet))
  )

  it.live("spools log records, but not metrics", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const away = variables(yield* unusedUrl, directory, { OTEL_METRICS_EXPORTER: "otlp" })
      yield* Effect.logInfo("logged while the collector is down").pipe(Effect.withSpan("one"), through(away))
      assert.deepEqual(readdirSync(directory).toSorted(), ["logs", "traces"])
      const { items, url } = yield* collector()
      const back = variables(url, directory)
      yield* Support.until(() => items().length >= 2).pipe(through(back))
      const got = items().map(parsed)
      assert.isTrue(got.some(({ body }) => body?.stringValue === "logged while the collector is down"))
      assert.isTrue(got.some(({ name }) => name === "one"))
      assert.deepEqual(Support.filesBelow(directory), [])
    }).pipe(Effect.scoped, Effect.provide(quiet))
  )

  it.live("sends everything at once to a collector that is up, and leaves no file", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const { asked, items, url } = yield* collector()
      yield* spans(600).pipe(through(variables(url, directory, traces)))
      assert.strictEqual(new Set(items()).size, 601)
      assert.strictEqual(items().length, 601)
      assert.isAtMost(asked.length, 20)
      assert.deepEqual(Support.below(join(directory, "traces")), [])
    }).pipe(Effect.scoped, Effect.provide(quiet))
  )

  it.live("sends the spans of several processes in one compressed request, each with its own resource", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const away = yield* unusedUrl
      for (const name of ["a", "b"]) {
        yield* spans(2).pipe(through(variables(away, directory, { ...traces, OTEL_SERVICE_NAME: name })))
      }
      const { asked, url } = yield* collector()
      const zipped = variables(url, directory, { ...traces, OTEL_EXPORTER_OTLP_COMPRESSION: "gzip" })
      yield* Support.until(() => asked.length > 0 && Support.filesBelow(directory).length === 0).pipe(
        through(zipped)
      )
      const bodies = asked.map(({ bytes }) => gunzipSync(bytes).toString())
      assert.strictEqual(bodies.flatMap((body) => Support.itemsIn(body)).length, 6)
      for (const name of ["a", "b"]) assert.include(bodies.join(""), `"stringValue":"${name}"`)
    }).pipe(Effect.scoped, Effect.provide(quiet))
  )

  it.live("drops only the affected record after a permanent error", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const { layer, lines } = Support.capture()
      const { items, url } = yield* collector((request, response) =>
        (request.bytes.toString().includes("span 7") ? Support.status(400) : Support.ok)(request, response)
      )
      yield* spans(20).pipe(through(variables(url, directory, traces)), Effect.provide(layer))
      const names = items().map((item) => parsed(item).name)
      assert.strictEqual(names.length, 20)
      assert.notInclude(names, "span 7")
      assert.deepEqual(
        lines.filter((line) => line.includes("lost")),
        [`Warn Telemetry was lost: 1 spans (refused by the receiver: HTTP 400 from ${url})`]
      )
      assert.deepEqual(Support.filesBelow(directory), [])
    }).pipe(Effect.scoped)
  )

  it.live("waits as long as an overloaded collector requests", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const { answerWith, asked, items, url } = yield* collector((request, response) => {
        answerWith(Support.ok)
        Support.status(429, { "retry-after": "2" })(request, response)
      })
      yield* Effect.andThen(
        spans(3),
        Support.until(() => items().length > 0)
      ).pipe(through(variables(url, directory, traces)))
      assert.strictEqual(items().length, 4)
      assert.isAtLeast((asked[1]?.at ?? 0) - (asked[0]?.at ?? 0), 1990)
    }).pipe(Effect.scoped, Effect.provide(quiet))
  )

  it.live("counts records that a response reports as rejected, and does not resend them", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const { layer, lines } = Support.capture()
      const { asked, url } = yield* collector((_, response) => {
        response.writeHead(200, { "content-type": "application/json" })
        response.end(JSON.stringify({ partialSuccess: { rejectedSpans: 2, errorMessage: "no" } }))
      })
      yield* spans(5).pipe(through(variables(url, directory, traces)), Effect.provide(layer))
      assert.strictEqual(asked.length, 1)
      assert.isTrue(lines.some((line) => line.includes("2 spans (refused by the receiver)")))
      assert.deepEqual(Support.filesBelow(directory), [])
    }).pipe(Effect.scoped)
  )

  for (const [name, answer] of [
    ["never answers", () => {}],
    ["is overloaded", Support.status(503)],
    ["refuses the credentials", Support.status(401)],
    ["hangs up", (_, response) => void response.socket?.destroy()]
  ] satisfies ReadonlyArray<readonly [string, Support.Answer]>) {
    it.live(
      `F31 with a collector that ${name} changes no result, delays the end by at most 1.5 s and loses no span`,
      () =>
        Effect.gen(function* () {
          const directory = yield* folder
          const { answerWith, items, url } = yield* collector(answer)
          // The export itself may take an hour, so an end that waits for it does not come within this test.
          const patient = { ...traces, OTEL_EXPORTER_OTLP_TIMEOUT: "3600000" }
          const run = Effect.as(spans(10), 42).pipe(through(variables(url, directory, patient)))
          assert.strictEqual(yield* run, 42)
          answerWith(Support.ok)
          yield* Support.until(() => items().length >= 11).pipe(through(variables(url, directory, traces)))
          assert.strictEqual(new Set(items()).size, 11)
        }).pipe(Effect.scoped, Effect.provide(quiet))
    )
  }

  it.live("F32 with a disk that accepts no write causes one warning and bypasses the spool", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const file = join(directory, "file")
      writeFileSync(file, "")
      const { layer, lines } = Support.capture()
      const { items, url } = yield* collector()
      yield* Effect.andThen(spans(5), Effect.logDebug("x")).pipe(
        through(variables(url, join(file, "spool"))),
        Effect.provide(layer)
      )
      assert.strictEqual(items().length, 6)
      assert.deepEqual(
        lines.filter((line) => line.includes("spool")),
        ["Warn ENOTDIR: the spool is not writable; telemetry is sent without it"]
      )
    }).pipe(Effect.scoped)
  )

  it.live("F32 with a disk that fails later loses no span", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const { layer, lines } = Support.capture()
      const { items, url } = yield* collector()
      const broken = Effect.sync(() => {
        rmSync(directory, { recursive: true })
        writeFileSync(directory, "")
      })
      yield* spans(5).pipe(
        Effect.andThen(Support.until(() => items().length >= 6)),
        Effect.andThen(broken),
        Effect.andThen(spans(5)),
        through(variables(url, directory, traces)),
        Effect.provide(layer)
      )
      assert.strictEqual(new Set(items()).size, 12)
      assert.strictEqual(lines.filter((line) => line.includes("spool is not writable")).length, 1)
    }).pipe(Effect.scoped)
  )

  it.live("F32 with a disk that fails later loses no log record", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const { items, url } = yield* collector()
      const broken = Effect.sync(() => {
        rmSync(directory, { recursive: true })
        writeFileSync(directory, "")
      })
      yield* Effect.logInfo("before").pipe(
        Effect.andThen(Support.until(() => items().length >= 1)),
        // Until its records are acknowledged, the spool writes to the open file of the segment, also if it is removed.
        Effect.andThen(Support.until(() => segments(directory).length === 0)),
        Effect.andThen(broken),
        Effect.andThen(Effect.logInfo("after")),
        through(variables(url, directory, { OTEL_TRACES_EXPORTER: "none" })),
        Effect.provide(quiet)
      )
      assert.includeMembers(
        items().map((item) => parsed(item).body?.stringValue),
        ["before", "after"]
      )
    }).pipe(Effect.scoped)
  )

  it.live("counts the written records", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const { url } = yield* collector()
      const registry = new Map()
      yield* spans(5).pipe(
        through(variables(url, directory, traces)),
        Effect.provideService(Metric.MetricRegistry, registry)
      )
      const snapshot = yield* Effect.provideService(Metric.snapshot, Metric.MetricRegistry, registry)
      const found = snapshot.find(({ id }) => id === Convention.metric.telemetrySpooled)
      assert.strictEqual(found?.type === "Counter" ? Number(found.state.count) : undefined, 6)
    }).pipe(Effect.scoped, Effect.provide(quiet))
  )

  it.live("creates no file while the spool is off", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const { url } = yield* collector()
      const spool = join(directory, "spool")
      const { CODEX_OTLP_SPOOL_DIR: _, ...without } = variables(url, spool, traces)
      yield* spans(1).pipe(through(without))
      assert.isFalse(existsSync(spool))
    }).pipe(Effect.scoped, Effect.provide(quiet))
  )

  it.live("writes nothing that is not exported", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const { asked, url } = yield* collector()
      const spool = join(directory, "spool")
      yield* spans(1).pipe(through({ ...variables(url, spool), OTEL_SDK_DISABLED: "true" }))
      assert.isFalse(existsSync(spool))
      assert.strictEqual(asked.length, 0)
    }).pipe(Effect.scoped, Effect.provide(quiet))
  )

  it.live("takes the directory from code, which can also turn off that of the environment", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const [named, refused] = [join(directory, "named"), join(directory, "refused")]
      const away = yield* unusedUrl
      const run = (spool: Otlp.OtlpOptions["spool"] & {}) =>
        spans(1).pipe(
          Effect.provide(Otlp.layer({ signals: ["traces"], spool })),
          Effect.provide(environment(variables(away, refused, traces)))
        )
      yield* run({ directory: named, maxBytes: 1e6, maxAge: "1 hour" })
      assert.isAtLeast(Support.filesBelow(named).length, 1)
      yield* run(false)
      assert.isFalse(existsSync(refused))
    }).pipe(Effect.scoped, Effect.provide(quiet))
  )
})
