/** What Codex's requests become for a policy, and what a decision becomes for Codex. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Approval from "../../../src/Approval.ts"
import { decide } from "../../../src/approval/PolicyRunner.ts"
import { ItemId } from "../../../src/domain/Ids.ts"
import type * as Item from "../../../src/domain/Item.ts"
import * as ServerRequests from "../../../src/engine/app-server/ServerRequests.ts"

const patch: Item.FileChange = {
  _tag: "FileChange",
  id: ItemId.make("f1"),
  changes: [{ path: "a.ts", kind: "update", diff: "@@" }],
  status: "inProgress"
}
const call: Item.McpToolCall = {
  _tag: "McpToolCall",
  id: ItemId.make("m1"),
  server: "things",
  tool: "write",
  arguments: { to: "a" },
  status: "inProgress"
}

const context = (...items: ReadonlyArray<Item.Item>): ServerRequests.RequestContext => ({
  items: new Map(items.map((item) => [item.id, item])),
  askedCalls: new Set(),
  cwd: "/thread",
  name: "question-1"
})

const ids = { threadId: "t", turnId: "u" }

const read = (method: string, params: object) => {
  const request = ServerRequests.read(method, { ...ids, ...params })
  return request._tag === "Approve" ? request : assert.fail(`${method} is ${request._tag}`)
}

describe("a request to apply a patch", () => {
  const method = "item/fileChange/requestApproval"

  it("is an extra request with the directory if it also asks for write access to one", () => {
    assert.deepInclude(read(method, { itemId: "f1", grantRoot: "/root" }).request(context(patch)), {
      extra: true,
      root: "/root"
    })
    for (const plain of [{}, { grantRoot: null }]) {
      const request = read(method, { itemId: "f1", ...plain }).request(context(patch))
      assert.deepInclude(request, { extra: false, changes: patch.changes, cwd: "/thread" })
      assert.notProperty(request, "root")
    }
  })

  it("is unknown without its item", () => {
    assert.isUndefined(read(method, { itemId: "f1" }).request(context()))
    assert.isUndefined(read(method, { itemId: ItemId.make("m1") }).request(context(call)))
  })
})

describe("a request to run a command", () => {
  const method = "item/commandExecution/requestApproval"

  it("has the directory of Codex's request, or otherwise that of the thread", () => {
    const cwdOf = (params: object) => {
      const request = read(method, { itemId: "c1", command: "ls", ...params }).request(context())
      return request?._tag === "Command" ? request.cwd : undefined
    }
    assert.deepStrictEqual(
      [cwdOf({ cwd: "/other" }), cwdOf({ cwd: null }), cwdOf({})],
      ["/other", "/thread", "/thread"]
    )
  })

  it("is an extra request if it asks for a special execution, a host or permissions", () => {
    const extraOf = (params: object) => {
      const request = read(method, { itemId: "c1", command: "ls", ...params }).request(context())
      return request?._tag === "Command" ? request.extra : undefined
    }
    assert.isFalse(extraOf({}))
    assert.isFalse(extraOf({ kind: "command", networkApprovalContext: null, additionalPermissions: null }))
    for (const extra of [
      { kind: "writeStdin" },
      { networkApprovalContext: { host: "example.com", protocol: "https" } },
      { networkApprovalContext: {} },
      { additionalPermissions: {} }
    ])
      assert.isTrue(extraOf(extra), JSON.stringify(extra))
  })
})

describe("a request to run a command with more than it can say", () => {
  const wantsOf = (params: object) => {
    const request = read("item/commandExecution/requestApproval", {
      itemId: "c1",
      command: "ls",
      ...params
    }).request(context())
    return request?._tag === "Command" ? [request.extra, request.wants] : undefined
  }
  const host = { host: "example.com", protocol: "https" }

  it("H02 describes nothing if a part cannot be read, so that the other parts do not misstate it", () => {
    assert.deepStrictEqual(wantsOf({ networkApprovalContext: host }), [true, { network: host }])
    const unreadable = [
      { fileSystem: { entries: [{ path: { type: "moon" }, access: "write" }] } },
      { fileSystem: { write: ["/"], later: true } },
      { network: { enabled: true }, later: { everything: true } },
      "everything"
    ]
    for (const additionalPermissions of unreadable)
      assert.deepStrictEqual(
        wantsOf({ kind: "writeStdin", networkApprovalContext: host, additionalPermissions }),
        [true, undefined]
      )
  })

  it.effect("H02 is declined whatever the policy says", () =>
    Effect.gen(function* () {
      const request = read("item/commandExecution/requestApproval", {
        itemId: "c1",
        command: "ls",
        additionalPermissions: { network: { enabled: true }, later: {} }
      }).request(context())
      assert.deepInclude(yield* decide(Approval.allow, request ?? assert.fail("unknown")), {
        _tag: "Decline"
      })
    })
  )
})

describe("a request for permissions", () => {
  const method = "item/permissions/requestApproval"
  const entry = (path: object, access = "read") => ({ path, access })
  const asked = (...entries: ReadonlyArray<object>) =>
    read(method, { itemId: "p1", cwd: "/", permissions: { fileSystem: { entries } } })

  it("is unknown as a whole if one entry is", () => {
    const known = entry({ type: "path", path: "/a" })
    assert.deepInclude(asked(known).request(context()), { _tag: "Permissions" })
    for (const unknown of [entry({ type: "path", path: "/b" }, "own"), entry({ type: "moon" })])
      assert.isUndefined(asked(known, unknown).request(context()))
  })

  it("is granted for the turn, or for the session if the decision says so", () => {
    const { reply, request } = asked(entry({ type: "path", path: "/a" }))
    const asks = request(context()) ?? assert.fail("unknown")
    const permissions: Approval.Permissions = {
      network: false,
      fileSystem: [{ access: "read", place: { _tag: "Path", path: "/a" } }]
    }
    const fileSystem = {
      read: null,
      write: null,
      entries: [{ path: { type: "path", path: "/a" }, access: "read" }]
    }
    assert.deepStrictEqual(
      [
        Approval.grant(permissions),
        Approval.grant(permissions, "session"),
        Approval.accept,
        Approval.decline("no"),
        Approval.cancel
      ].map((decision) => reply(decision, asks)),
      [
        { permissions: { fileSystem }, scope: "turn" },
        { permissions: { fileSystem }, scope: "session" },
        { permissions: {}, scope: "turn" },
        { permissions: {}, scope: "turn" },
        { permissions: {}, scope: "turn" }
      ]
    )
  })
})

describe("an elicitation", () => {
  const method = "mcpServer/elicitation/request"
  const form = { serverName: "things", mode: "form", requestedSchema: { type: "object", properties: {} } }

  it("belongs to the last call of its server that is in progress", () => {
    const done: Item.McpToolCall = { ...call, id: ItemId.make("m2"), status: "completed" }
    const other: Item.McpToolCall = { ...call, id: ItemId.make("m3"), server: "others" }
    const request = read(method, { ...form, message: "Who?" }).request(context(call, done, other))
    assert.deepInclude(request, { _tag: "Elicitation", itemId: ItemId.make("m1") })
  })

  it("has no content unless the decision has some", () => {
    const { reply, request } = read(method, { ...form, message: "Who?" })
    const asks = request(context()) ?? assert.fail("unknown")
    assert.deepStrictEqual(
      [Approval.submit({ name: "Bob" }), Approval.accept, Approval.decline("no"), Approval.cancel].map(
        (decision) => reply(decision, asks)
      ),
      [
        { action: "accept", content: { name: "Bob" }, _meta: null },
        { action: "accept", content: null, _meta: null },
        { action: "decline", content: null, _meta: null },
        { action: "cancel", content: null, _meta: null }
      ]
    )
  })
})
