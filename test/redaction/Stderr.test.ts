/** Codex's standard error: logged in whole lines, and never exported. */
import type { LogRecordProcessor } from "@opentelemetry/sdk-logs"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import { Codex, Logging } from "effect-codex"
import { Captured } from "effect-codex/testing"
import { Stderr } from "../../src/telemetry/delivery/Stderr.ts"
import * as Settings from "../../src/telemetry/config/Settings.ts"
import * as Fake from "../support/fakeCodex.ts"
import { test as live } from "../support/live.ts"

live("H15 redacts a secret in two chunks of standard error, and exports neither", () =>
  Effect.gen(function* () {
    const secret = `ghp_${"a1B2c3D4e5".repeat(4).slice(0, 36)}`
    const [first, second] = [secret.slice(0, 12), secret.slice(12)]
    let printed = ""
    const records: Array<unknown> = []
    const processor: LogRecordProcessor = {
      onEmit: ({ attributes, body }) => void records.push([body, attributes]),
      forceFlush: async () => {},
      shutdown: async () => {}
    }
    const logs = Layer.mergeAll(Logging.layer, Logging.layerRecordProcessor(Effect.succeed(processor)))
    const fake = yield* Fake.make({
      on: {
        "turn/start": [
          [{ stderr: `using ${first}` }, { wait: 50 }, { stderr: `${second} for it\n` }, ...Fake.turn("fine")]
        ]
      }
    })
    yield* Effect.gen(function* () {
      const codex = yield* Codex
      const thread = yield* codex.startThread()
      yield* Effect.withSpan(thread.run("go"), "outer")
      while (!printed.includes("for it")) yield* Effect.sleep("20 millis")
      assert.include(printed, "using [redacted] for it")
      assert.notInclude(printed, second.slice(0, 12))
      const exported = JSON.stringify([yield* Captured.spans, records])
      assert.isNotEmpty(records)
      assert.notInclude(exported, "for it")
      assert.notInclude(exported, second.slice(0, 12))
    }).pipe(
      Effect.provide(fake.layer({}).pipe(Layer.provideMerge(logs.pipe(Layer.provideMerge(Captured.layer))))),
      Effect.provideService(References.MinimumLogLevel, "Debug"),
      Effect.provideService(Stderr, (text) => void (printed += text)),
      Effect.provideService(Settings.Environment, {})
    )
  })
)
