import { assert, describe, it } from "@effect/vitest"
import * as TurnTable from "../../../src/web/trace/TurnTable.ts"
import { span, turnOf } from "../../support/samplePage.ts"

const turn = (name: string, summary: Parameters<typeof turnOf>[1], failure?: string) =>
  turnOf(
    [
      span({ name: "invoke_agent codex", kind: "turn" }),
      span({
        name,
        kind: "command",
        parent: 0,
        ...(failure === undefined ? {} : { failed: true, errorType: failure })
      })
    ],
    summary
  )

const turns = [
  turn("git", { status: "completed", durationNanos: 30, model: "a", startUnixNano: "1795333949674050379" }),
  turn(
    "node",
    { status: "failed", durationNanos: 10, model: "b", startUnixNano: "1795333949674050380" },
    "CommandFailed"
  ),
  turn(
    "rg",
    {
      status: "completed",
      durationNanos: 20,
      model: "b",
      costUsd: 0.5,
      startUnixNano: "1795333949674050378"
    },
    "Timeout"
  )
]
const order: TurnTable.TurnOrder = { column: "duration", descending: false }
const found = (filter: Partial<TurnTable.TurnFilter>) =>
  TurnTable.select(turns, { ...TurnTable.noFilter, ...filter }, order)

describe("the table of turns", () => {
  it("sorts by a column in both directions, and by the exact start", () => {
    const sorted = (column: TurnTable.TurnColumn, descending: boolean) =>
      TurnTable.select(turns, TurnTable.noFilter, { column, descending })
    assert.deepStrictEqual(sorted("duration", false), [1, 2, 0])
    assert.deepStrictEqual(sorted("duration", true), [0, 2, 1])
    // One nanosecond apart: a double would not tell them apart.
    assert.deepStrictEqual(sorted("started", false), [2, 0, 1])
    assert.deepStrictEqual(sorted("errors", true), [1, 2, 0])
  })

  it("puts turns without a value last in both directions", () => {
    const byCost = (descending: boolean) =>
      TurnTable.select(turns, TurnTable.noFilter, { column: "cost", descending })
    assert.deepStrictEqual(byCost(false), [2, 0, 1])
    assert.deepStrictEqual(byCost(true), [2, 0, 1])
  })

  it("filters by status, model, error, and words of which all must occur", () => {
    assert.deepStrictEqual(found({ status: "completed" }), [2, 0])
    assert.deepStrictEqual(found({ model: "b" }), [1, 2])
    assert.deepStrictEqual(found({ error: "*" }), [1, 2])
    assert.deepStrictEqual(found({ error: "Timeout" }), [2])
    assert.deepStrictEqual(found({ text: "NODE commandfailed" }), [1])
    assert.deepStrictEqual(found({ text: "node timeout" }), [])
    assert.deepStrictEqual(found({ status: "completed", error: "*" }), [2])
  })

  it("offers the values that occur", () => {
    assert.deepStrictEqual(TurnTable.choices(turns, TurnTable.modelsOf), ["a", "b"])
    assert.deepStrictEqual(TurnTable.choices(turns, TurnTable.errorTypesOf), ["CommandFailed", "Timeout"])
  })
})
