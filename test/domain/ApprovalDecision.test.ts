import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Approval from "../../src/Approval.ts"

describe("a decision that the library remembers itself", () => {
  const decision: Approval.ApprovalDecision = { _tag: "acceptForSession", rememberedLocally: true }
  const encoded = { _tag: "acceptForSession", kept: true } as const

  it("is encoded with the key `kept`, which cassettes contain", () => {
    assert.deepStrictEqual(Schema.encodeUnknownSync(Approval.ApprovalDecision)(decision), encoded)
  })

  it("is decoded from the key `kept`", () => {
    assert.deepStrictEqual(Schema.decodeUnknownSync(Approval.ApprovalDecision)(encoded), decision)
  })
})
