import { assert, describe, it } from "@effect/vitest"
import * as TimeWindow from "../../../src/web/waterfall/TimeWindow.ts"

const second = 1e9
const bounds = { from: 0, to: 10 * second }

describe("the window of a time axis", () => {
  it("keeps the moment under the pointer in its place when it zooms", () => {
    const window = TimeWindow.zoom(bounds, bounds, 0.5, 8 * second)
    assert.deepStrictEqual(window, { from: 4 * second, to: 9 * second })
    const before = (8 * second - bounds.from) / (bounds.to - bounds.from)
    assert.closeTo((8 * second - window.from) / (window.to - window.from), before, 1e-9)
  })

  it("never leaves the bounds and never becomes shorter than a microsecond", () => {
    assert.deepStrictEqual(TimeWindow.zoom({ from: 0, to: second }, bounds, 100, 0), bounds)
    assert.deepStrictEqual(TimeWindow.pan({ from: 9 * second, to: 10 * second }, bounds, 3), {
      from: 9 * second,
      to: 10 * second
    })
    assert.deepStrictEqual(TimeWindow.pan({ from: 1, to: second + 1 }, bounds, -3), { from: 0, to: second })
    const shortest = TimeWindow.zoom(bounds, bounds, 1e-12, 5 * second)
    assert.strictEqual(shortest.to - shortest.from, TimeWindow.minSpan)
  })

  it("shows a span with a tenth of its length on both sides", () => {
    assert.deepStrictEqual(TimeWindow.around({ from: 2 * second, to: 4 * second }, bounds), {
      from: 1.8 * second,
      to: 4.2 * second
    })
  })

  it("cuts bars at the edges, and has none for spans outside", () => {
    const window = { from: 2 * second, to: 4 * second }
    assert.deepStrictEqual(TimeWindow.bar(0, 3 * second, window), { left: 0, width: 50 })
    assert.deepStrictEqual(TimeWindow.bar(3 * second, 9 * second, window), { left: 50, width: 50 })
    assert.deepStrictEqual(TimeWindow.bar(3 * second, 3 * second, window), { left: 50, width: 0 })
    assert.isUndefined(TimeWindow.bar(0, second, window))
    assert.isUndefined(TimeWindow.bar(5 * second, 6 * second, window))
  })

  it("joins bars that have no visible gap between them", () => {
    const spans = Array.from({ length: 1_000_000 }, (_, index) => ({
      start: index * 10_000,
      end: index * 10_000 + 9_000
    }))
    assert.deepStrictEqual(TimeWindow.bars(spans, bounds).length, 1)
    assert.deepStrictEqual(
      TimeWindow.bars(
        [
          { start: 0, end: second },
          { start: second, end: 2 * second },
          { start: 2.5 * second, end: 5 * second },
          { start: 11 * second, end: 12 * second }
        ],
        bounds
      ),
      [
        { left: 0, width: 20 },
        { left: 25, width: 25 }
      ]
    )
  })

  it("has round ticks inside the window", () => {
    assert.deepStrictEqual(
      TimeWindow.ticks(bounds, 5),
      [0, 2, 4, 6, 8, 10].map((at) => at * second)
    )
    assert.deepStrictEqual(TimeWindow.ticks({ from: 1.1e6, to: 2.9e6 }, 4), [1.5e6, 2e6, 2.5e6])
    assert.isAtMost(TimeWindow.ticks({ from: 7, to: 123_456_789 }, 8).length, 9)
  })
})
