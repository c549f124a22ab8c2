import { assert, describe, it } from "@effect/vitest"
import * as Prices from "../../src/domain/Prices.ts"
import * as PageContent from "../../src/trace-page/PageContent.ts"
import type { TurnTrace } from "../../src/trace/reader/TraceModel.ts"
import { span, turnOf } from "../support/samplePage.ts"

const prices = Prices.make({ a: { input: 1, cachedInput: 0.1, output: 10 } })
const call = (model: string, parent: number) =>
  span({
    name: `chat ${model}`,
    kind: "model",
    model,
    parent,
    tokens: { input: 1_000_000, cachedInput: 500_000, output: 100_000 }
  })
const turn = span({ name: "invoke_agent codex", kind: "turn" })
const costsOf = ({ spans }: TurnTrace) => spans.map(({ costUsd }) => costUsd)

describe("the content of a page", () => {
  it("has the newest turns that fit, and at least one", () => {
    const { turn: summary } = turnOf([turn])
    const turns = [5, 3, 4].map((spans, index) => ({ ...summary, key: `turn ${index}`, spans }))
    const choose = (limits: PageContent.PageLimits) => PageContent.chooseTurns(turns, limits)
    assert.deepStrictEqual(choose({ turns: 9, spans: 12 }), ["turn 2", "turn 1", "turn 0"])
    assert.deepStrictEqual(choose({ turns: 9, spans: 11 }), ["turn 2", "turn 1"])
    assert.deepStrictEqual(choose({ turns: 1, spans: 99 }), ["turn 2"])
    assert.deepStrictEqual(choose({ turns: 9, spans: 1 }), ["turn 2"])
  })

  it("adds the cost of each call and of a turn that has none of its own", () => {
    const page = PageContent.withCosts(turnOf([turn, call("a", 0), call("a", 0)]), prices)
    assert.deepStrictEqual(costsOf(page), [undefined, 1.55, 1.55])
    assert.strictEqual(page.turn.costUsd, 3.1)
    const known = PageContent.withCosts(turnOf([turn, call("a", 0)], { costUsd: 7 }), prices)
    assert.strictEqual(known.turn.costUsd, 7)
  })

  it("keeps the costs that the program recorded, also without a price list", () => {
    const recorded = { ...call("b", 0), costUsd: 2 }
    const page = PageContent.withCosts(turnOf([turn, recorded, { ...call("a", 0), costUsd: 3 }]), prices)
    assert.deepStrictEqual(costsOf(page), [undefined, 2, 3])
    assert.strictEqual(page.turn.costUsd, 5)
  })

  it("gives a turn no cost if a call of its own has no price; calls of sub-agents do not count", () => {
    const partly = PageContent.withCosts(turnOf([turn, call("a", 0), call("b", 0)]), prices)
    assert.isUndefined(partly.turn.costUsd)
    assert.deepStrictEqual(costsOf(partly), [undefined, 1.55, undefined])
    const agent = span({ name: "invoke_agent codex", kind: "agent", parent: 0 })
    const spans = [turn, call("a", 0), agent, call("a", 2), call("b", 2)]
    assert.strictEqual(PageContent.withCosts(turnOf(spans), prices).turn.costUsd, 1.55)
  })
})
