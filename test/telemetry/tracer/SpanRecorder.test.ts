import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Otlp from "../../../src/telemetry/Otlp.ts"
import * as TailSampling from "../../../src/telemetry/tail-sampling/TailSampling.ts"
import * as InMemorySpans from "../../../src/telemetry/tracer/InMemorySpans.ts"
import * as Tracer from "../../../src/telemetry/tracer/Tracer.ts"
import * as Support from "../spool/support.ts"

const secret = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"
const attributes = { note: `the key is ${secret}`, password: "hunter2" }

const openFiles = (directory: string): ReadonlyArray<string> =>
  existsSync(directory)
    ? readdirSync(directory, { recursive: true, encoding: "utf8" })
        .filter((path) => path.endsWith("open"))
        .map((path) => readFileSync(join(directory, path), "latin1"))
    : []

describe("redaction", () => {
  it.live("masks secrets of an open span before the spool writes it to disk", () =>
    Effect.gen(function* () {
      const directory = yield* Support.folder
      const url = yield* Support.unusedUrl
      const found = yield* Effect.gen(function* () {
        yield* Support.until(() => openFiles(directory).some((text) => text.includes("outer span")))
        return openFiles(directory).join("")
      }).pipe(
        Effect.withSpan("outer span", { attributes }),
        Effect.provide(Otlp.OtlpLayer),
        Effect.provide(Support.environment(Support.variables(url, directory, { OTEL_LOGS_EXPORTER: "none" })))
      )
      assert.include(found, "the key is ")
      assert.notInclude(found, secret)
      assert.notInclude(found, "hunter2")
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([])))
  )

  it.effect("masks secrets for a processor that also receives the spans that tail sampling drops", () =>
    Effect.gen(function* () {
      const kept = yield* InMemorySpans.make
      const everything = yield* InMemorySpans.make
      const telemetry = Layer.mergeAll(
        Tracer.layerProcessor(Effect.succeed(kept.processor)),
        Tracer.layerProcessor(Effect.succeed(everything.processor), { everything: true })
      ).pipe(Layer.provide(TailSampling.layer({ keep: 0, firsts: false })))
      yield* Effect.void.pipe(
        Effect.withSpan("chat gpt-5.5", { attributes }),
        Effect.withSpan("invoke_agent codex", { attributes: { ...attributes, "codex.turn.id": "turn" } }),
        Effect.provide(Layer.fresh(telemetry))
      )
      const spans = yield* everything.spans
      assert.deepStrictEqual(yield* kept.spans, [])
      assert.strictEqual(spans.length, 2)
      for (const span of spans) {
        assert.include(String(span.attributes["note"]), "the key is ")
        assert.notInclude(JSON.stringify(span.attributes), secret)
        assert.notInclude(JSON.stringify(span.attributes), "hunter2")
      }
    })
  )
})
