import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Approval from "../../src/Approval.ts"
import * as Permissions from "../../src/domain/Permissions.ts"
import * as requests from "../approval/requests.ts"

describe("a decision that the library remembers itself", () => {
  const decision: Approval.ApprovalDecision = { _tag: "AcceptForSession", rememberedLocally: true }
  const encoded = { _tag: "acceptForSession", kept: true } as const

  it("is encoded with the key `kept`, which cassettes contain", () => {
    assert.deepStrictEqual(Schema.encodeUnknownSync(Approval.ApprovalDecision)(decision), encoded)
  })

  it("is decoded from the key `kept`", () => {
    assert.deepStrictEqual(Schema.decodeUnknownSync(Approval.ApprovalDecision)(encoded), decision)
  })
})

describe("the encoded form of a tag, which cassettes contain", () => {
  const encodeRequest = Schema.encodeSync(Approval.ApprovalRequest)
  const encodeDecision = Schema.encodeSync(Approval.ApprovalDecision)

  it("is in snake case for a request", () => {
    assert.deepStrictEqual(
      requests.all.map((request) => encodeRequest(request)._tag),
      [
        "command",
        "file_change",
        "permissions",
        "tool",
        "mcp_tool",
        "elicitation",
        "elicitation",
        "user_input",
        "unknown"
      ]
    )
  })

  it("is in camel case for a decision and its answer", () => {
    assert.deepStrictEqual(
      [
        Approval.accept,
        Approval.acceptForSession,
        Approval.decline("no"),
        Approval.cancel,
        Approval.answer({ which: ["red"] }),
        Approval.submit({ name: "Bob" })
      ].map((decision) => encodeDecision(decision)),
      [
        { _tag: "accept" },
        { _tag: "acceptForSession" },
        { _tag: "decline", reason: "no" },
        { _tag: "cancel" },
        { _tag: "accept", given: { _tag: "answers", answers: { which: ["red"] } } },
        { _tag: "accept", given: { _tag: "content", content: { name: "Bob" } } }
      ]
    )
  })

  it("is in lower case for a place of a permission", () => {
    const places = [
      { _tag: "Path", path: "/a" },
      { _tag: "Glob", pattern: "*.ts" },
      { _tag: "Special", value: "tmp" }
    ] as const
    const permissions = {
      network: false,
      fileSystem: places.map((place) => ({ access: "read", place }) as const)
    }
    const encoded = encodeDecision(Approval.grant(permissions))
    assert.deepStrictEqual<unknown>(encoded, {
      _tag: "accept",
      given: {
        _tag: "permissions",
        permissions: {
          network: false,
          fileSystem: [
            { access: "read", place: { _tag: "path", path: "/a" } },
            { access: "read", place: { _tag: "glob", pattern: "*.ts" } },
            { access: "read", place: { _tag: "special", value: "tmp" } }
          ]
        }
      }
    })
    assert.deepStrictEqual(Schema.decodeSync(Approval.ApprovalDecision)(encoded), Approval.grant(permissions))
  })

  it("is optional for constructors, which fill in the tag", () => {
    assert.deepStrictEqual(Permissions.FileSystemPlace.cases.Path.make({ path: "/a" }), {
      _tag: "Path",
      path: "/a"
    })
  })
})
