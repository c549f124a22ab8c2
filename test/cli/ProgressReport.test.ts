/** What the command line makes of events and items, for people and for scripts. */
import { assert, describe, it } from "@effect/vitest"
import * as Approval from "../../src/Approval.ts"
import * as EventJson from "../../src/domain/EventJson.ts"
import * as ProgressReport from "../../src/cli/ProgressReport.ts"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import * as Permissions from "../../src/domain/Permissions.ts"
import type * as Item from "../../src/domain/Item.ts"

const style = { width: 80, color: false }
const id = ItemId.make("i")

describe("events as JSON", () => {
  it("nest an event of a sub-agent's turn in an event of its parent turn", () => {
    const [threadId, turnId] = [ThreadId.make("agent"), TurnId.make("turn")]
    const item = { _tag: "AgentMessage", id, text: "done" } as const
    assert.deepStrictEqual<unknown>(
      EventJson.event({
        _tag: "AgentEvent",
        threadId,
        turnId,
        event: { _tag: "ItemCompleted", item, at: 1 },
        at: 2
      }),
      {
        type: "agent.event",
        threadId,
        turnId,
        event: { type: "item.completed", item: { type: "agent_message", id, text: "done" }, at: 1 },
        at: 2
      }
    )
  })

  it("name the variants of parts and actions by type", () => {
    const json = (item: Item.Item) => EventJson.event({ _tag: "ItemCompleted", item, at: 1 })
    assert.deepStrictEqual<unknown>(
      json({ _tag: "UserMessage", id, text: "hi", content: [{ _tag: "LocalImage", path: "/a.png" }] }),
      {
        type: "item.completed",
        item: { type: "user_message", id, text: "hi", content: [{ type: "local_image", path: "/a.png" }] },
        at: 1
      }
    )
    assert.deepStrictEqual<unknown>(
      json({ _tag: "WebSearch", id, query: "x", action: { _tag: "OpenPage", url: "https://a" } }),
      {
        type: "item.completed",
        item: { type: "web_search", id, query: "x", action: { type: "open_page", url: "https://a" } },
        at: 1
      }
    )
    assert.deepStrictEqual<unknown>(json({ _tag: "Sleep", id, durationMillis: 5 }), {
      type: "item.completed",
      item: { type: "sleep", id, duration: 5 },
      at: 1
    })
  })

  it("call a decision that the library remembers itself `kept`", () => {
    assert.deepStrictEqual<unknown>(
      EventJson.event({
        _tag: "ApprovalDecided",
        requestId: "r",
        itemId: id,
        decision: { _tag: "AcceptForSession", policy: "prompt", rememberedLocally: true },
        source: "user",
        at: 1
      }),
      {
        type: "approval.decided",
        requestId: "r",
        itemId: id,
        decision: "acceptForSession",
        policy: "prompt",
        kept: true,
        source: "user",
        at: 1
      }
    )
  })
})

describe("permissions in JSON lines", () => {
  const asked = { network: true, fileSystem: [Permissions.path("write", "/x")] }
  const expected = { network: true, fileSystem: [{ access: "write", place: { _tag: "path", path: "/x" } }] }

  it("keep their names in requests", () => {
    const of = (request: Approval.ApprovalRequest) =>
      JSON.stringify(EventJson.event({ _tag: "ApprovalRequested", request, at: 1 }))
    assert.strictEqual(
      of({ _tag: "Permissions", id: "p1", itemId: ItemId.make("p1"), permissions: asked, cwd: "/srv" }),
      JSON.stringify({
        type: "approval.requested",
        request: { kind: "permissions", id: "p1", itemId: "p1", permissions: expected, cwd: "/srv" },
        at: 1
      })
    )
    assert.strictEqual(
      of({
        _tag: "Command",
        id: "c",
        itemId: id,
        command: "ls",
        script: "ls",
        cwd: "/",
        extra: true,
        wants: { as: "writeStdin", permissions: asked }
      }),
      JSON.stringify({
        type: "approval.requested",
        request: {
          kind: "command",
          id: "c",
          itemId: id,
          command: "ls",
          script: "ls",
          cwd: "/",
          extra: true,
          wants: { as: "writeStdin", permissions: expected }
        },
        at: 1
      })
    )
  })

  it("keep their names in decisions", () => {
    const decision = { ...Approval.grant(asked, "session"), policy: "mine" }
    assert.strictEqual(
      JSON.stringify(
        EventJson.event({
          _tag: "ApprovalDecided",
          requestId: "p",
          itemId: id,
          decision,
          source: "policy",
          at: 1
        })
      ),
      JSON.stringify({
        type: "approval.decided",
        requestId: "p",
        itemId: id,
        decision: "acceptForSession",
        given: { _tag: "permissions", permissions: expected },
        policy: "mine",
        source: "policy",
        at: 1
      })
    )
  })
})

describe("a past turn", () => {
  it("is printed item by item, each kind in its format", () => {
    const items: ReadonlyArray<Item.Item> = [
      { _tag: "UserMessage", id, text: "Why?\u001b[31m" },
      { _tag: "Reasoning", id, summary: ["Hm."], content: [] },
      {
        _tag: "CommandExecution",
        id,
        command: "/bin/bash -c 'npm test'",
        cwd: "/",
        status: "failed",
        operations: [],
        exitCode: 3,
        output: "1 failed",
        durationMillis: 1500
      },
      { _tag: "AgentCall", id, tool: "spawn_agent", agents: [], prompt: "look", status: "completed" },
      { _tag: "ContextCompaction", id },
      { _tag: "Unknown", id, kind: "new", payload: {} },
      { _tag: "AgentMessage", id, text: "Because." }
    ]
    assert.deepStrictEqual(ProgressReport.history(items, style), [
      "> Why?",
      "Hm.",
      "$ npm test",
      "  │ 1 failed",
      "  exit 3 (1.50 s)",
      "⚇ spawn_agent look",
      "  done",
      "(Codex summarised the conversation here)",
      "Because."
    ])
  })
})
