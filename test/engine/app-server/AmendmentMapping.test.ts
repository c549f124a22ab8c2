import { assert, describe, it } from "@effect/vitest"
import type { Amendment } from "../../../src/domain/Amendment.ts"
import * as Approval from "../../../src/Approval.ts"
import { normalize } from "../../../src/approval/DecisionValidation.ts"
import { ItemId, ThreadId, TurnId } from "../../../src/domain/Ids.ts"
import { hash } from "../../../src/domain/ApprovalRequestHash.ts"
import * as AmendmentMapping from "../../../src/engine/app-server/AmendmentMapping.ts"
import * as ServerRequests from "../../../src/engine/app-server/ServerRequests.ts"

const ids = { threadId: ThreadId.make("t"), turnId: TurnId.make("u"), itemId: ItemId.make("i") }
const prefix = ["npm", "test"]
const execPolicy = { acceptWithExecpolicyAmendment: { execpolicy_amendment: prefix } }
const network = (host: string, action: string) => ({
  applyNetworkPolicyAmendment: { network_policy_amendment: { host, action } }
})
const offer = (availableDecisions: ReadonlyArray<unknown> | undefined, more: object = {}) =>
  AmendmentMapping.ofCommand(
    {
      ...ids,
      proposedExecpolicyAmendment: prefix,
      ...(availableDecisions === undefined ? {} : { availableDecisions }),
      ...more
    },
    ["npm", "test", "--ci"]
  )

const request = (amendments: ReadonlyArray<Amendment>): Approval.ApprovalRequest => ({
  _tag: "Command",
  id: "r",
  itemId: ids.itemId,
  command: "npm test --ci",
  script: "npm test --ci",
  argv: ["npm", "test", "--ci"],
  cwd: "/srv",
  extra: false,
  amendments
})
const offered: Amendment = { _tag: "ExecPolicy", prefix }

describe("lasting approvals", () => {
  it("are offered only as Codex lists them", () => {
    assert.deepStrictEqual(offer(["accept", execPolicy, "cancel"]), [offered])
    const connects = { networkApprovalContext: { host: "example.com", protocol: "https" } }
    assert.deepStrictEqual(
      offer(["accept", network("example.com", "allow"), network("example.com", "deny")], connects),
      [{ _tag: "Network", host: "example.com" }]
    )
    for (const available of [undefined, [], ["accept"], [null], [{ acceptWithExecpolicyAmendment: 1 }]])
      assert.deepStrictEqual(offer(available), [])
  })

  it("are not offered for another command than the one shown, or than Codex proposes", () => {
    const of = (words: ReadonlyArray<string>) => ({
      acceptWithExecpolicyAmendment: { execpolicy_amendment: words }
    })
    for (const words of [[], ["npm", "run"], ["npm", "test", "--ci", "more"], ["npm"]])
      assert.deepStrictEqual(offer([of(words)]), [])
    for (const words of [[], ["npm", "run"], ["npm", "test", "--ci", "more"]])
      assert.deepStrictEqual(offer([of(words)], { proposedExecpolicyAmendment: words }), [])
    assert.deepStrictEqual(offer([of(["npm"])], { proposedExecpolicyAmendment: ["npm"] }), [
      { _tag: "ExecPolicy", prefix: ["npm"] }
    ])
    assert.deepStrictEqual(offer([execPolicy], { kind: "writeStdin" }), [])
    assert.deepStrictEqual(
      AmendmentMapping.ofCommand({ ...ids, availableDecisions: [execPolicy] }, undefined),
      []
    )
  })

  it("H27 are not offered for a program that runs what its arguments say, unless they are the whole command", () => {
    const of = (command: string, words: string) => {
      const wanted = words.split(" ")
      return AmendmentMapping.ofCommand(
        {
          ...ids,
          availableDecisions: [{ acceptWithExecpolicyAmendment: { execpolicy_amendment: wanted } }],
          proposedExecpolicyAmendment: wanted
        },
        command.split(" ")
      ).length
    }
    for (const words of [
      "bash",
      "bash -c",
      "/bin/bash -c",
      "env",
      "env A=b",
      "sudo -n",
      "python3",
      "git",
      "git log"
    ])
      assert.strictEqual(of(`${words} --more`, words), 0, words)
    for (const words of ["bash", "bash -s", "env A=b"]) assert.strictEqual(of(words, words), 0, words)
    for (const words of ["git log", "python3 a.py", "npm"]) assert.strictEqual(of(words, words), 1, words)
    assert.strictEqual(of("npm test", "npm"), 1)
  })

  it("H27 are not offered for another host than that of the request, nor for several hosts", () => {
    const of = (host: string, requested = host) =>
      offer([network(host, "allow")], { networkApprovalContext: { host: requested, protocol: "http" } })
        .length
    for (const host of ["example.com", "a_b.example-1.test", "localhost", "127.0.0.1", "::1", "fe80::1"])
      assert.strictEqual(of(host), 1, host)
    for (const host of [
      "",
      "*",
      "*.example.com",
      "**.com",
      ".com",
      "com.",
      "a..b",
      "a,b",
      "a b",
      "a\n",
      "[a-z].com",
      "a?",
      "-a"
    ])
      assert.strictEqual(of(host), 0, host)
    assert.strictEqual(of("example.com", "www.example.com"), 0)
    assert.deepStrictEqual(offer([network("example.com", "allow")]), [])
  })

  it("are granted only if the decision names exactly one", () => {
    const named = Approval.acceptWithAmendment(offered)
    assert.deepStrictEqual(normalize(request([offered]), named), named)
    const others: ReadonlyArray<Approval.ApprovalDecision> = [
      Approval.acceptWithAmendment({ _tag: "ExecPolicy", prefix: ["npm"] }),
      Approval.acceptWithAmendment({ _tag: "Network", host: "example.com" }),
      { _tag: "AcceptForSession", given: { _tag: "Amendment", amendment: offered } }
    ]
    for (const decision of others) assert.strictEqual(normalize(request([offered]), decision)._tag, "Decline")
    assert.strictEqual(normalize(request([]), named)._tag, "Decline")
    for (const decision of [Approval.accept, Approval.acceptForSession])
      assert.deepStrictEqual(ServerRequests.decisionReply(normalize(request([offered]), decision)), {
        decision: "accept"
      })
    assert.deepStrictEqual(ServerRequests.decisionReply(named), { decision: execPolicy })
    const host = Approval.acceptWithAmendment({ _tag: "Network", host: "example.com" })
    assert.deepStrictEqual(ServerRequests.decisionReply(host), {
      decision: network("example.com", "allow")
    })
    assert.strictEqual(Approval.decisionName(named), "acceptWithAmendment")
  })

  it("are part of the hash and of the text of the request", () => {
    const other: Amendment = { _tag: "ExecPolicy", prefix: ["npm"] }
    assert.notStrictEqual(hash(request([offered])), hash(request([other])))
    assert.include(Approval.describe(request([offered])), '"npm"')
    assert.include(Approval.describe(request([offered])), "yes does not grant")
    const places = ["rules/default.rules", "rules/default.rules", "config.toml", "until the thread is closed"]
    const all: ReadonlyArray<Amendment> = [
      offered,
      { _tag: "Network", host: "example.com" },
      { _tag: "McpTool", lasts: "always" },
      { _tag: "McpTool", lasts: "session" }
    ]
    for (const [index, amendment] of all.entries())
      assert.include(Approval.describe(request([amendment])), places[index] ?? "nothing")
  })

  it("of MCP tools last as long as the decision names", () => {
    const both = AmendmentMapping.ofMcpTool({ persist: ["session", "always", "forever"] })
    assert.deepStrictEqual(both, [
      { _tag: "McpTool", lasts: "session" },
      { _tag: "McpTool", lasts: "always" }
    ])
    assert.deepStrictEqual(AmendmentMapping.ofMcpTool({ persist: "session" }), [
      { _tag: "McpTool", lasts: "session" }
    ])
    assert.deepStrictEqual(AmendmentMapping.ofMcpTool(null), [])
    const always = Approval.acceptWithAmendment({ _tag: "McpTool", lasts: "always" })
    assert.deepStrictEqual(AmendmentMapping.mcpToolMeta(always), { persist: "always" })
    assert.isNull(AmendmentMapping.mcpToolMeta(Approval.acceptForSession))
  })

  it("leave a request declined that Codex does not offer to accept", () => {
    assert.isTrue(AmendmentMapping.canAccept({ ...ids }))
    assert.isTrue(AmendmentMapping.canAccept({ ...ids, availableDecisions: ["accept", "cancel"] }))
    assert.isFalse(AmendmentMapping.canAccept({ ...ids, availableDecisions: ["decline", execPolicy] }))
  })
})
