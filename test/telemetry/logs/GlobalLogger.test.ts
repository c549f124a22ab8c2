/** The log records of turns and of the program in the logger provider of the program. */
import { logs } from "@opentelemetry/api-logs"
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Codex, Logging } from "effect-codex"
import { Scripted } from "effect-codex/testing"
import { environment } from "../../support/environment.ts"

const provider = Effect.acquireRelease(
  Effect.sync(() => {
    const exporter = new InMemoryLogRecordExporter()
    const processor = new SimpleLogRecordProcessor({ exporter })
    const provider = new LoggerProvider({ processors: [processor] })
    logs.setGlobalLoggerProvider(provider)
    return { exporter, provider }
  }),
  ({ provider }) =>
    Effect.promise(() => {
      logs.disable()
      return provider.shutdown()
    })
)

const secret = "hunter2-of-the-shop"

const turn = Effect.gen(function* () {
  yield* Scripted.play([Scripted.command("npm test", { exitCode: 1 }), Scripted.message("done")])
  const codex = yield* Codex
  const thread = yield* codex.startThread()
  yield* Effect.logInfo(`the token is ${secret}`).pipe(Effect.annotateLogs({ shop: secret, order: 42 }))
  return yield* thread.run("test it")
}).pipe(Effect.scoped, Effect.withSpan("triage"))

const played = (variables: Readonly<Record<string, string>>) =>
  turn.pipe(
    Effect.provide(
      Layer.fresh(Codex.layer).pipe(
        Layer.provideMerge(Scripted.layer),
        Layer.provideMerge(Logging.layerGlobal),
        Layer.provide(environment(variables))
      )
    )
  )

describe("log records in a global logger provider", () => {
  it.live("have their names, scopes and trace, and no secret", () =>
    Effect.gen(function* () {
      const { exporter } = yield* provider
      yield* played({ SHOP_TOKEN: secret })
      const records = exporter.getFinishedLogRecords()
      const ofLibrary = records.filter(
        ({ instrumentationScope }) => instrumentationScope.name === "effect-codex"
      )
      assert.include(
        ofLibrary.map(({ eventName }) => eventName),
        "codex.turn.stop"
      )
      const [line, ...others] = records.filter((record) => !ofLibrary.includes(record))
      assert.deepStrictEqual(others, [])
      assert.strictEqual(line?.body, "the token is [redacted]")
      assert.deepStrictEqual({ ...line?.attributes }, { shop: "[redacted]", order: 42 })
      assert.strictEqual(line?.severityText, "INFO")
      const traces = new Set(records.map(({ spanContext }) => spanContext?.traceId))
      assert.lengthOf([...traces], 1)
      assert.notInclude(JSON.stringify(records.map(({ attributes, body }) => [attributes, body])), secret)
    })
  )

  it.live("are not emitted when telemetry is disabled", () =>
    Effect.gen(function* () {
      const { exporter } = yield* provider
      yield* played({ OTEL_SDK_DISABLED: "true" })
      assert.deepStrictEqual(exporter.getFinishedLogRecords(), [])
    })
  )
})
