import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Tracer from "effect/Tracer"
import { Codex } from "../../src/Codex.ts"
import * as Scripted from "../../src/testing/Scripted.ts"

it.effect("a turn keeps the ids of the span of the turn before it, and not that span", () => {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      if (span.name === "invoke_agent codex") spans.push(span)
      return span
    }
  })
  return Effect.gen(function* () {
    yield* Scripted.play([Scripted.message("one"), Scripted.completed, Scripted.message("two")])
    const thread = yield* (yield* Codex).startThread()
    yield* thread.run("first")
    yield* thread.run("second")
    const [first, second] = spans
    const [link] = second?.links ?? []
    assert.deepStrictEqual([link?.span.traceId, link?.span.spanId], [first?.traceId, first?.spanId])
    // A span that links to the span before it would keep the spans of all turns of the thread.
    assert.strictEqual(link?.span._tag, "ExternalSpan")
  }).pipe(
    Effect.scoped,
    Effect.withTracer(tracer),
    Effect.provide(Codex.layer.pipe(Layer.provideMerge(Scripted.layer)))
  )
})
