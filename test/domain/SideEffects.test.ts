import { assert, describe, it } from "@effect/vitest"
import { ItemId } from "../../src/domain/Ids.ts"
import type * as Item from "../../src/domain/Item.ts"
import * as SideEffects from "../../src/domain/SideEffects.ts"
import type * as Turn from "../../src/domain/Turn.ts"
import * as TurnEvents from "../support/turnEvents.ts"

const readOnly = new Set(["lookup"])
const requested = (callId: string, tool: string, nested?: ReadonlyArray<string>): Turn.EngineEvent => ({
  _tag: "ToolRequested",
  callId: ItemId.make(callId),
  tool,
  ...(nested === undefined ? {} : { nested }),
  at: 0
})
const returned = (callId: string): Turn.EngineEvent => ({
  _tag: "ToolReturned",
  callId: ItemId.make(callId),
  at: 0
})
const declined = (id: string): ReadonlyArray<Turn.EngineEvent> => [
  { _tag: "ItemStarted", item: TurnEvents.command(id, "inProgress"), at: 0 },
  { _tag: "ItemCompleted", item: TurnEvents.command(id, "declined"), at: 0 }
]
const happened = (...events: ReadonlyArray<Turn.EngineEvent>) =>
  SideEffects.atEnd(
    events.reduce((state, event) => SideEffects.step(state, event, readOnly), SideEffects.none)
  )

describe("side effects", () => {
  it("include a call that returns without an item, or does not return", () => {
    assert.isTrue(happened(requested("a", "exec_command"), returned("a")))
    assert.isTrue(happened(requested("a", "exec_command")))
    assert.isTrue(happened(requested("a", "unknown_tool"), returned("a")))
  })

  it("exclude a call whose item was declined", () => {
    assert.isFalse(happened(requested("a", "exec_command"), ...declined("a"), returned("a")))
    assert.isTrue(
      happened(
        requested("a", "exec_command"),
        requested("b", "exec_command"),
        ...declined("a"),
        returned("b")
      )
    )
  })

  it("exclude calls of tools that only read", () => {
    for (const tool of ["lookup", "view_image", "get_goal"])
      assert.isFalse(happened(requested("a", tool), returned("a")), tool)
  })

  it("include a script only if a call in it has no item", () => {
    const script = (...nested: ReadonlyArray<string>) => requested("s", "exec", nested)
    assert.isFalse(happened(script(), returned("s")))
    assert.isFalse(happened(script("lookup", "view_image"), returned("s")))
    assert.isFalse(happened(script("exec_command"), ...declined("x"), returned("s")))
    assert.isTrue(happened(script("exec_command"), returned("s")))
    assert.isTrue(happened(script("exec_command", "exec_command"), ...declined("x"), returned("s")))
    assert.isTrue(happened(script("*"), returned("s")))
  })

  it("include a declined call of an MCP tool in a script only if another call has no item", () => {
    const item: Item.Item = {
      _tag: "McpToolCall",
      id: ItemId.make("m"),
      server: "files",
      tool: "write-file",
      arguments: {},
      status: "declined"
    }
    const started: Turn.EngineEvent = { _tag: "ItemStarted", item, at: 0 }
    const script = requested("s", "exec", ["mcp__files__write_file"])
    assert.isFalse(happened(script, started, returned("s")))
  })
})
