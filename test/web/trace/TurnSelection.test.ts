import { assert, describe, it } from "@effect/vitest"
import * as TurnSelection from "../../../src/web/trace/TurnSelection.ts"
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
const order: TurnSelection.ListOrder = { column: "duration", descending: false }
const found = (filter: Partial<TurnSelection.ListFilter>) =>
  TurnSelection.select(turns, { ...TurnSelection.noFilter, ...filter }, order)

describe("the selection of turns", () => {
  it("sorts by a column in both directions, and by the exact start", () => {
    const sorted = (column: TurnSelection.ListColumn, descending: boolean) =>
      TurnSelection.select(turns, TurnSelection.noFilter, { column, descending })
    assert.deepStrictEqual(sorted("duration", false), [1, 2, 0])
    assert.deepStrictEqual(sorted("duration", true), [0, 2, 1])
    // One nanosecond apart: a double would not tell them apart.
    assert.deepStrictEqual(sorted("started", false), [2, 0, 1])
    assert.deepStrictEqual(sorted("errors", true), [1, 2, 0])
  })

  it("puts turns without a value last in both directions", () => {
    const byCost = (descending: boolean) =>
      TurnSelection.select(turns, TurnSelection.noFilter, { column: "cost", descending })
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
    assert.deepStrictEqual(TurnSelection.choices(turns, TurnSelection.modelsOf), ["a", "b"])
    assert.deepStrictEqual(TurnSelection.choices(turns, TurnSelection.errorTypesOf), [
      "CommandFailed",
      "Timeout"
    ])
  })
})
