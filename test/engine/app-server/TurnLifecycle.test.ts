import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as CodexError from "../../../src/domain/CodexError.ts"
import * as TurnLifecycle from "../../../src/engine/app-server/TurnLifecycle.ts"
import { TurnId } from "../../../src/domain/Ids.ts"

const first = TurnId.make("turn-1")
const second = TurnId.make("turn-2")
const failed = new CodexError.TurnFailed({ reason: "Other", detail: "" })
const stalled = new CodexError.TurnStalled({ detail: "" })
const exited = new CodexError.EngineExited({ stderr: "" })

/** A generated lifecycle input. */
const Move = Schema.Struct({
  what: Schema.Literals([
    "Accepted",
    "Nameless",
    "EventReceived",
    "Idle",
    "Failing",
    "Ended",
    "Resolved",
    "ProcessKilled",
    "ConnectionClosed"
  ]),
  turnId: Schema.Literals(["turn-1", "turn-2", "older"]),
  flag: Schema.Boolean
})
const Moves = Schema.Array(Move).check(Schema.isMaxLength(40))

const inputOf = ({ flag, turnId: text, what }: typeof Move.Type): TurnLifecycle.LifecycleInput => {
  const turnId = TurnId.make(text)
  switch (what) {
    case "Accepted":
      return { _tag: "Accepted", turnId }
    case "Nameless":
      return { _tag: "Accepted", turnId: undefined }
    case "EventReceived":
      return { _tag: "EventReceived", turnId, begins: flag }
    case "Idle":
      return { _tag: "Idle" }
    case "Failing":
      return { _tag: "Failing", turnId, error: failed }
    case "Ended":
      return { _tag: "Ended", turnId, end: flag ? "completed" : failed }
    case "Resolved":
      return { _tag: "Resolved", end: stalled }
    case "ProcessKilled":
      return { _tag: "ProcessKilled", error: stalled }
    case "ConnectionClosed":
      return { _tag: "ConnectionClosed", error: exited }
  }
}
const runs = { arbitrary: { runs: 2000 } }

const play = (inputs: ReadonlyArray<TurnLifecycle.LifecycleInput>) => {
  let state = TurnLifecycle.initial
  return inputs.map((input) => {
    const before = state
    const [next, output] = TurnLifecycle.step(state, input)
    state = next
    return { before, input, output, after: next }
  })
}
const last = (...inputs: ReadonlyArray<TurnLifecycle.LifecycleInput>) => play(inputs).at(-1)

const accepted: TurnLifecycle.LifecycleInput = { _tag: "Accepted", turnId: first }
const begun: TurnLifecycle.LifecycleInput = { _tag: "EventReceived", turnId: first, begins: true }

describe("the lifecycle of a turn", () => {
  it.prop(
    "ends at most once for all inputs in any order",
    [Moves],
    ([moves]) => {
      const steps = play(moves.map(inputOf))
      assert.isAtMost(steps.filter(({ output }) => output.end !== undefined).length, 1)
      for (const { after, before, output } of steps) {
        if (before._tag === "Over") assert.strictEqual(after, before)
        assert.strictEqual(output.end !== undefined, before._tag !== "Over" && after._tag === "Over")
      }
    },
    runs
  )

  it.prop(
    "keeps its id and ignores the inputs of other turns",
    [Moves],
    ([moves]) => {
      for (const { after, before, input, output } of play(moves.map(inputOf))) {
        const known = TurnLifecycle.turnIdOf(before)
        if (known !== undefined) assert.strictEqual(TurnLifecycle.turnIdOf(after), known)
        if (output.matches && "turnId" in input && input.turnId !== undefined && known !== undefined)
          assert.strictEqual(input.turnId, known)
      }
    },
    runs
  )

  it.prop("ends when its process ends or its end is resolved", [Moves, Schema.Boolean], ([moves, gone]) => {
    const end: TurnLifecycle.LifecycleInput = gone
      ? { _tag: "ConnectionClosed", error: exited }
      : { _tag: "Resolved", end: stalled }
    assert.strictEqual(play([...moves.map(inputOf), end]).at(-1)?.after._tag, "Over")
  })

  it("ignores events before the reply, which belong to an older turn", () => {
    assert.isFalse(last(begun)?.output.matches)
    assert.isUndefined(last({ _tag: "Ended", turnId: first, end: "completed" })?.output.end)
    assert.isTrue(last(accepted, begun)?.output.matches)
    assert.isFalse(last(accepted, { _tag: "EventReceived", turnId: second, begins: true })?.output.matches)
  })

  it("takes the id of the first turn that starts when the reply has none", () => {
    const nameless: TurnLifecycle.LifecycleInput = { _tag: "Accepted", turnId: undefined }
    assert.isFalse(last(nameless, { _tag: "EventReceived", turnId: second, begins: false })?.output.matches)
    assert.strictEqual(TurnLifecycle.turnIdOf(last(nameless, begun)?.after ?? TurnLifecycle.initial), first)
  })

  it("ends with its last error when the process dies, unless the turn continued after the error", () => {
    const failing: TurnLifecycle.LifecycleInput = { _tag: "Failing", turnId: first, error: failed }
    const gone: TurnLifecycle.LifecycleInput = { _tag: "ConnectionClosed", error: exited }
    assert.strictEqual(last(accepted, begun, failing, gone)?.output.end, failed)
    assert.strictEqual(last(accepted, begun, failing, begun, gone)?.output.end, exited)
    assert.isTrue(last(accepted, begun, failing)?.output.confirmEnd)
    assert.strictEqual(
      last(accepted, begun, { _tag: "ProcessKilled", error: stalled }, gone)?.output.end,
      stalled
    )
  })

  it("requests a confirmation when the thread goes idle, but not before it is accepted", () => {
    assert.isFalse(last({ _tag: "Idle" })?.output.confirmEnd)
    assert.isTrue(last(accepted, begun, { _tag: "Idle" })?.output.confirmEnd)
  })
})
