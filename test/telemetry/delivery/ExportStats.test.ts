import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import * as Settings from "../../../src/telemetry/config/Settings.ts"
import * as ExportStats from "../../../src/telemetry/delivery/ExportStats.ts"

const capture = () => {
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(({ message }) => void lines.push([message].flat().join(" ")))
  return {
    lines,
    layer: ExportStats.layer.pipe(
      Layer.provide(Layer.merge(Layer.succeed(Settings.Environment, {}), Logger.layer([logger])))
    )
  }
}

it.effect("losses are summed and logged once a minute while they continue", () =>
  Effect.gen(function* () {
    const { layer, lines } = capture()
    yield* Effect.gen(function* () {
      const stats = yield* ExportStats.ExportStats
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(lines, [])
      for (let at = 0; at < 150; at++) {
        stats.dropped("traces", 2, "queue_full")
        stats.dropped("logs", 1, "export_failed", "ECONNREFUSED from http://h")
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual(lines.length, 3)
      assert.match(
        lines[1] ?? "",
        /^Telemetry was lost: 1\d\d spans \(the queue was full\), \d\d log records \(not sent: ECONNREFUSED from http:\/\/h\)$/
      )
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(lines.length, 4)
      const spans = lines.reduce((sum, line) => sum + Number(/(\d+) spans/.exec(line)?.[1] ?? 0), 0)
      assert.strictEqual(spans, 300)
    }).pipe(Effect.provide(layer))
    assert.strictEqual(lines.length, 4)
  })
)

it.effect("losses right before the end are logged at the end", () =>
  Effect.gen(function* () {
    const { layer, lines } = capture()
    yield* ExportStats.ExportStats.use((stats) =>
      Effect.sync(() => stats.dropped("metrics", 3, "shutdown"))
    ).pipe(Effect.provide(layer))
    assert.deepStrictEqual(lines, ["Telemetry was lost: 3 data points (not sent before the end)"])
  })
)

it.effect("losses since the last log line are logged at the end, however recent the line is", () =>
  Effect.gen(function* () {
    const { layer, lines } = capture()
    yield* ExportStats.ExportStats.use((stats) =>
      Effect.gen(function* () {
        stats.dropped("traces", 1, "queue_full")
        yield* TestClock.adjust("5 seconds")
        stats.dropped("traces", 500, "shutdown")
        yield* TestClock.adjust("5 seconds")
      })
    ).pipe(Effect.provide(layer))
    assert.deepStrictEqual(lines, [
      "Telemetry was lost: 1 spans (the queue was full)",
      "Telemetry was lost: 500 spans (not sent before the end)"
    ])
  })
)

it.effect("many kinds of loss do not make an endless log line", () =>
  Effect.gen(function* () {
    const { layer, lines } = capture()
    yield* ExportStats.ExportStats.use((stats) =>
      Effect.sync(() => {
        for (let at = 0; at < 100; at++) stats.dropped("traces", 1, "export_failed", `E${at}`)
        stats.dropped("traces", 0, "shutdown")
      })
    ).pipe(Effect.provide(layer))
    assert.strictEqual(lines.length, 1)
    assert.match(lines[0] ?? "", /94 more kinds of loss$/)
  })
)
