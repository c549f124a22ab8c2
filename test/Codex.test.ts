/** The requests of `Codex` that open no thread, on the scripted engine. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Codex } from "../src/Codex.ts"
import { ThreadId } from "../src/domain/Ids.ts"
import * as InMemorySpans from "../src/telemetry/tracer/InMemorySpans.ts"
import * as Tracer from "../src/telemetry/tracer/Tracer.ts"
import * as Scripted from "../src/testing/Scripted.ts"
import * as TestLayer from "../src/testing/TestLayer.ts"

/** Runs `program` and returns the spans that ended meanwhile, in the order in which they ended. */
const spansOf = <E, R>(program: Effect.Effect<unknown, E, R>) =>
  Effect.gen(function* () {
    const memory = yield* InMemorySpans.make
    yield* Effect.provide(program, Tracer.layerProcessor(Effect.succeed(memory.processor)))
    return (yield* memory.spans).map(({ attributes, name }) => ({ name, attributes }))
  })

describe("a request about threads or models", () => {
  it.effect("has a span with the thread it is about", () =>
    Effect.gen(function* () {
      const codex = yield* Codex
      const { id } = yield* codex.startThread()
      const spans = yield* spansOf(
        Effect.gen(function* () {
          yield* codex.readThread(id)
          yield* codex.renameThread(id, "a secret name")
          yield* codex.archiveThread(id)
          yield* codex.unarchiveThread(id)
          yield* codex.deleteThread(id)
        })
      )
      const attributes = { "codex.originator": "sdk", "gen_ai.conversation.id": id }
      assert.deepStrictEqual(
        spans,
        ["readThread", "renameThread", "archiveThread", "unarchiveThread", "deleteThread"].map((method) => ({
          name: `Codex.${method}`,
          attributes
        }))
      )
    }).pipe(Effect.scoped, Effect.provide(TestLayer.TestLayer))
  )

  it.effect("has a span for each page of a list, which ends before the page is consumed", () =>
    Effect.gen(function* () {
      const codex = yield* Codex
      for (let count = 0; count < 30; count++) yield* codex.startThread()
      const listed = codex
        .listThreads()
        .pipe(Stream.mapEffect(() => Effect.void.pipe(Effect.withSpan("use"))))
      const names = (spans: ReadonlyArray<{ readonly name: string }>) => spans.map(({ name }) => name)
      const all = yield* spansOf(Stream.runDrain(listed))
      const uses = (count: number) => Array.from({ length: count }, () => "use")
      assert.deepStrictEqual(names(all), ["Codex.listThreads", ...uses(25), "Codex.listThreads", ...uses(5)])
      const first = yield* spansOf(Stream.runHead(codex.listThreads()))
      assert.deepStrictEqual(names(first), ["Codex.listThreads"])
      assert.deepStrictEqual(names(yield* spansOf(Stream.runDrain(codex.listModels))), ["Codex.listModels"])
    }).pipe(Effect.scoped, Effect.provide(TestLayer.TestLayer))
  )

  it.effect("has an error type in its span when it fails", () =>
    Effect.gen(function* () {
      const codex = yield* Codex
      const gone = ThreadId.make("gone")
      const spans = yield* spansOf(Effect.flip(codex.readThread(gone)))
      assert.deepStrictEqual(spans, [
        {
          name: "Codex.readThread",
          attributes: {
            "codex.originator": "sdk",
            "gen_ai.conversation.id": gone,
            "error.type": "InvalidRequest.ThreadNotFound"
          }
        }
      ])
    }).pipe(Effect.provide(TestLayer.TestLayer))
  )

  it.effect("names the method of `request` and nothing of its parameters", () =>
    Effect.gen(function* () {
      const codex = yield* Codex
      yield* Scripted.answer("config/read", () => ({}))
      const spans = yield* spansOf(codex.request("config/read", { cwd: "a secret" }))
      assert.deepStrictEqual(spans, [
        { name: "Codex.request", attributes: { "codex.originator": "sdk", "rpc.method": "config/read" } }
      ])
    }).pipe(Effect.provide(TestLayer.TestLayer))
  )

  it.effect("is inside `resumeLast`, which looks for the newest thread", () =>
    Effect.gen(function* () {
      const codex = yield* Codex
      const { id } = yield* codex.startThread({ cwd: "/project" })
      const spans = yield* spansOf(Effect.scoped(codex.resumeLast({ cwd: "/project" })))
      assert.deepStrictEqual(
        spans.map(({ name }) => name),
        ["Codex.listThreads", "codex.thread.resume"]
      )
      assert.strictEqual(spans.at(-1)?.attributes["gen_ai.conversation.id"], id)
    }).pipe(Effect.scoped, Effect.provide(TestLayer.TestLayer))
  )
})
