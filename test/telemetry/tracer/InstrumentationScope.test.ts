/** The instrumentation scope tells the spans and logs of the program from those of the library. */
import { assert, describe, it } from "@effect/vitest"
import type { LogRecordProcessor, SdkLogRecord } from "@opentelemetry/sdk-logs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { getCurrentVersion } from "effect/Version"
import { Codex, Logging, Tracer } from "effect-codex"
import { Scripted } from "effect-codex/testing"
import { version } from "../../../src/internal/version.ts"
import * as InMemorySpans from "../../../src/telemetry/tracer/InMemorySpans.ts"
import { environment } from "../../support/environment.ts"

const Lookup = Tool.make("lookup", { parameters: Schema.Struct({}), success: Schema.String })
const Tickets = Toolkit.make(Lookup)
const tickets = Tickets.toLayer({
  lookup: () => Effect.log("reads the ticket").pipe(Effect.as("found"), Effect.withSpan("shop.read"))
})

const scripted = Layer.fresh(Codex.layer).pipe(Layer.provideMerge(Scripted.layer))

/** A turn with a span and a log line of the program around it, and both in its tool. */
const turn = Effect.gen(function* () {
  yield* Scripted.play([Scripted.toolCall("lookup", {}), Scripted.message("done")])
  yield* Effect.log("starts")
  const codex = yield* Codex
  const thread = yield* codex.startThread({ tools: yield* Tickets })
  return yield* thread.run("look it up")
}).pipe(Effect.scoped, Effect.withSpan("shop.nightly"))

/** The scope of each span and log record, by name or text. */
const scopes = Effect.fnUntraced(function* (program: Layer.Layer<never> = Layer.empty) {
  const memory = yield* InMemorySpans.make
  const records: Array<SdkLogRecord> = []
  const processor: LogRecordProcessor = {
    onEmit: (record) => void records.push(record),
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve()
  }
  const telemetry = Layer.mergeAll(
    Tracer.layerProcessor(Effect.succeed(memory.processor)),
    Logging.layerRecordProcessor(Effect.succeed(processor))
  ).pipe(Layer.provide([environment(), program]))
  yield* turn.pipe(Effect.provide(tickets.pipe(Layer.provideMerge(scripted), Layer.provideMerge(telemetry))))
  const spans = yield* memory.spans
  const text = ({ name, version }: { readonly name: string; readonly version?: string | undefined }) =>
    `${name}@${version}`
  return {
    spans: Object.fromEntries(
      spans.map(({ instrumentationScope, name }) => [name, text(instrumentationScope)])
    ),
    logs: Object.fromEntries(
      records.map(({ body, eventName, instrumentationScope }) => [
        String(eventName ?? body),
        text(instrumentationScope)
      ])
    )
  }
})

const ours = `effect-codex@${version}`

describe("the instrumentation scope", () => {
  it.live("is Effect's on spans and logs of the program, inside a tool too", () =>
    Effect.gen(function* () {
      const theirs = `effect@${getCurrentVersion()}`
      const { logs, spans } = yield* scopes()
      assert.deepInclude(spans, {
        "shop.nightly": theirs,
        "shop.read": theirs,
        "codex.thread.start": ours,
        "invoke_agent codex": ours,
        "execute_tool lookup": ours
      })
      assert.deepInclude(logs, { starts: theirs, "reads the ticket": theirs, "codex.turn.stop": ours })
    })
  )

  it.live("is the program's own if it sets one", () =>
    Effect.gen(function* () {
      const { logs, spans } = yield* scopes(
        Layer.succeed(Tracer.InstrumentationScope, { name: "shop", version: "3.1" })
      )
      assert.deepInclude(spans, { "shop.nightly": "shop@3.1", "invoke_agent codex": ours })
      assert.deepInclude(logs, { starts: "shop@3.1", "codex.turn.stop": ours })
    })
  )
})
