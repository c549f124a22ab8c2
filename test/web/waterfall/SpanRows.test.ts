import { assert, describe, it } from "@effect/vitest"
import { visibleRows } from "../../../src/web/waterfall/SpanRows.ts"

//  0 turn
//  ├ 1 model
//  └ 2 tool
//    ├ 3 approval
//    └ 4 command
//  5 other
const spans = [
  { depth: 0 },
  { depth: 1, parent: 0 },
  { depth: 1, parent: 0 },
  { depth: 2, parent: 2 },
  { depth: 2, parent: 2 },
  { depth: 0 }
]
const visible = (collapsed: ReadonlyArray<number>, matches?: (span: number) => boolean) =>
  visibleRows(spans, new Set(collapsed), matches)

describe("the rows of a waterfall", () => {
  it("shows all spans with their depth and their number of children", () => {
    assert.deepStrictEqual(
      visible([]).map(({ children, depth, span }) => [span, depth, children]),
      [
        [0, 0, 2],
        [1, 1, 0],
        [2, 1, 2],
        [3, 2, 0],
        [4, 2, 0],
        [5, 0, 0]
      ]
    )
  })

  it("hides everything below a collapsed span, and nothing else", () => {
    assert.deepStrictEqual(
      visible([0]).map(({ expanded, span }) => [span, expanded]),
      [
        [0, false],
        [5, true]
      ]
    )
    assert.deepStrictEqual(
      visible([2]).map(({ span }) => span),
      [0, 1, 2, 5]
    )
  })

  it("shows a match with its ancestors, also below a collapsed span", () => {
    assert.deepStrictEqual(
      visible([0], (span) => span === 4).map(({ matches, span }) => [span, matches]),
      [
        [0, false],
        [2, false],
        [4, true]
      ]
    )
    assert.deepStrictEqual(
      visible([], () => false),
      []
    )
  })
})
