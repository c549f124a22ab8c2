import { assert, describe, it } from "@effect/vitest"
import * as RecoveryMessage from "../../../src/durable/runner/RecoveryMessage.ts"

const command = (id: string, status: string, command = `run ${id}`) => ({
  type: "command_execution",
  id,
  command,
  cwd: "/",
  status,
  operations: []
})
const started = (item: object) => ({ type: "item.started", item, at: 1 })
const completed = (item: object) => ({ type: "item.completed", item, at: 2 })

describe("the message after the end of an engine", () => {
  it("lists what may have taken effect, and what has no end", () => {
    const effects = RecoveryMessage.effectsOf([
      started(command("a", "inProgress")),
      completed(command("a", "completed")),
      started(command("b", "inProgress")),
      started(command("no", "inProgress")),
      completed(command("no", "declined")),
      completed({
        type: "file_change",
        id: "f",
        changes: [{ path: "src/a.ts", kind: "update", diff: "" }],
        status: "completed"
      }),
      started({ type: "tool_call", id: "t", tool: "charge", arguments: {}, status: "inProgress" }),
      completed({ type: "agent_message", id: "m", text: "hello" }),
      { type: "from the future" }
    ])
    assert.deepStrictEqual(effects, [
      { what: "command: run a", ended: true },
      { what: "command: run b", ended: false },
      { what: "edit: update src/a.ts", ended: true },
      { what: "tool: charge", ended: false }
    ])
    const text = RecoveryMessage.make(effects)
    assert.include(text, "- command: run a\n- command: run b (its end is unknown; it may have run in part)")
    assert.include(text, "Look at the current state before you repeat any of it.")
  })

  it("says that nothing is recorded", () => {
    assert.include(RecoveryMessage.make([]), "No command, edit or tool call is recorded.")
  })

  it("has at most 50 entries of 300 characters, the latest ones", () => {
    const effects = RecoveryMessage.effectsOf(
      Array.from({ length: 60 }, (_, index) =>
        completed(command(`c${index}`, "completed", `${index} ${"x".repeat(1000)}`))
      )
    )
    const text = RecoveryMessage.make(effects)
    assert.include(text, "- 10 earlier ones, which are not listed")
    assert.include(text, "- command: 59 ")
    assert.notInclude(text, "- command: 9 ")
    assert.isBelow(text.length, 50 * 350 + 1000)
  })
})
