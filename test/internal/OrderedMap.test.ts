import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as OrderedMap from "../../src/internal/OrderedMap.ts"

/** Sets a key, or removes it if there is no value. */
const Change = Schema.Struct({
  key: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 })),
  value: Schema.UndefinedOr(Schema.Int)
})

describe("OrderedMap", () => {
  it.prop(
    "has the keys, values and order of a Map after any changes",
    [Schema.Array(Change)],
    ([changes]) => {
      const expected = new Map<number, number>()
      let map = OrderedMap.empty<number, number>()
      for (const { key, value } of changes) {
        if (value === undefined) expected.delete(key)
        else expected.set(key, value)
        map = value === undefined ? OrderedMap.remove(map, key) : OrderedMap.set(map, key, value)
      }
      assert.deepStrictEqual(OrderedMap.toArray(map), [...expected])
      assert.deepStrictEqual(OrderedMap.values(map), [...expected.values()])
      assert.strictEqual(OrderedMap.size(map), expected.size)
    }
  )

  it("keeps the order of a few entries that many removed ones separate", () => {
    let map = OrderedMap.empty<number, string>()
    for (let key = 0; key < 1000; key++) {
      map = OrderedMap.set(map, key, `value ${key}`)
      if (key % 400 !== 0) map = OrderedMap.remove(map, key)
    }
    assert.deepStrictEqual(OrderedMap.toArray(map), [
      [0, "value 0"],
      [400, "value 400"],
      [800, "value 800"]
    ])
  })

  it("takes one small step for each of many values, and one to place it", () => {
    let map = OrderedMap.empty<number, number>()
    for (let key = 0; key < 10_000; key++) map = OrderedMap.set(map, key, key)
    const steps = OrderedMap.valueSteps(map)
    let count = 0
    let next = steps.next()
    for (; next.done !== true; next = steps.next()) count++
    assert.strictEqual(count, 20_000)
    assert.isTrue(next.value.every((value, index) => value === index))
  })
})
