import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Captured } from "effect-codex/testing"
import * as F from "../attachment/fixture.ts"

describe("the telemetry of attachments", () => {
  it.effect("F36 has their number, size and refusals, but no name, path or content", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      yield* Effect.scoped(
        Effect.gen(function* () {
          const attachments = yield* F.store(base, { maxBytes: 10 })
          yield* attachments.stageBytes(Buffer.from("canary1"), { name: "canary2.txt" })
          yield* attachments.stageBytes(Buffer.from("xyz"), { name: "canary3", ttl: "1 hour" })
          yield* F.refused(attachments.stage(`${base}/canary4`), "NotFound")
          yield* F.refused(attachments.stageBytes(Buffer.alloc(11), { name: "canary5" }), "TooLarge")
        })
      )
      assert.strictEqual(yield* Captured.metric("codex.attachment.staged"), 2)
      assert.strictEqual(yield* Captured.metric("codex.attachment.bytes"), 10)
      assert.strictEqual(yield* Captured.metric("codex.attachment.cleaned"), 2)
      const spans = yield* Captured.spans
      const of = (name: string) => spans.filter((span) => span.name === name)
      assert.strictEqual(of("codex.attachment.stage").length, 4)
      assert.isAtLeast(of("codex.attachment.cleanup").length, 1)
      const everything = JSON.stringify([spans, yield* Captured.logs, yield* Captured.metrics])
      assert.include(everything, "AttachmentRejected.TooLarge")
      assert.include(everything, "AttachmentRejected.NotFound")
      assert.notInclude(everything, "canary")
      assert.notInclude(everything, base)
    }).pipe(Effect.provide([NodeServices.layer, Captured.layer]))
  )
})
