import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import { join } from "node:path"
import * as PriceFlags from "../../src/cli/PriceFlags.ts"

const none: PriceFlags.PriceInput = {
  usd: Option.none(),
  price: [],
  prices: Option.none(),
  model: Option.none()
}
const problem = (input: Partial<PriceFlags.PriceInput>, cwd = "/tmp") =>
  Effect.map(Effect.flip(PriceFlags.read({ ...none, ...input }, { cwd })), ({ text }) => text)

describe("--price", () => {
  it("takes the prices of input, output and cached input, and rejects anything else", () => {
    assert.deepStrictEqual(PriceFlags.parsePrice("gpt-5.5=5,30"), ["gpt-5.5", { input: 5, output: 30 }])
    assert.deepStrictEqual(PriceFlags.parsePrice("a=b=1.25,10,0.125"), [
      "a=b",
      { input: 1.25, output: 10, cachedInput: 0.125 }
    ])
    for (const invalid of [
      "gpt",
      "=1,2",
      "m=1",
      "m=1,2,3,4",
      "m=-1,2",
      "m=1,x",
      "m=,",
      "m=1,2,",
      "m=1e9,2",
      ""
    ])
      assert.isUndefined(PriceFlags.parsePrice(invalid), invalid)
  })
})

describe("--budget-usd", () => {
  it.effect("fails without a price of the model, and if it is not more than 0", () =>
    Effect.gen(function* () {
      const usd = Option.some(1)
      assert.include(yield* problem({ usd }), "needs the price of the model")
      assert.include(
        yield* problem({ usd, price: ["a=1,2"], model: Option.some("b") }),
        'no price for the model "b"'
      )
      assert.include(yield* problem({ usd: Option.some(0), price: ["a=1,2"] }), "more than 0")
      assert.include(yield* problem({ price: ["a"] }), 'not "a"')
      for (const model of [Option.some("a"), Option.none()])
        assert.deepStrictEqual(yield* PriceFlags.read({ ...none, usd, price: ["a=1,2"], model }, {}), {
          a: { input: 1, output: 2 }
        })
    })
  )
})

describe("--prices", () => {
  it.effect("reads a file that the agent cannot write, and --price overrides it", () =>
    Effect.gen(function* () {
      const directory = process.env["XDG_STATE_HOME"] ?? ""
      Fs.mkdirSync(directory, { recursive: true })
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => Fs.realpathSync(Fs.mkdtempSync(join(directory, "prices-")))),
        (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
      )
      const file = join(folder, "prices.json")
      const prices = Option.some(file)
      Fs.writeFileSync(
        file,
        JSON.stringify({ a: { input: 1, cachedInput: 0.1, output: 2 }, b: { input: 3, output: 4 } })
      )
      assert.deepStrictEqual(yield* PriceFlags.read({ ...none, prices, price: ["b=5,6"] }, { cwd: "/tmp" }), {
        a: { input: 1, cachedInput: 0.1, output: 2 },
        b: { input: 5, output: 6 }
      })
      const exposed = yield* problem({ prices }, folder)
      assert.include(exposed, `the agent can write "${folder}"`)
      assert.include(exposed, "--price")
      assert.deepStrictEqual(
        Object.keys(yield* PriceFlags.read({ ...none, prices }, { cwd: folder, sandbox: "read-only" })),
        ["a", "b"]
      )
      Fs.writeFileSync(file, JSON.stringify({ a: { input: -1, output: 2 } }))
      assert.include(yield* problem({ prices }), "is not a table of prices")
      Fs.writeFileSync(file, JSON.stringify({ a: { input: 1, outptu: 2 } }))
      assert.include(yield* problem({ prices }), "is not a table of prices")
      assert.include(yield* problem({ prices: Option.some(join(folder, "none.json")) }), "cannot read")
    }).pipe(Effect.scoped)
  )
})
