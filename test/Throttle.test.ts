import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type * as Signal from "../src/telemetry/Signal.ts"
import * as Throttle from "../src/telemetry/Throttle.ts"

const usage = (at: number, input: number): Signal.UsageUpdated => ({
  _tag: "UsageUpdated",
  at,
  usage: { input, cachedInput: 0, output: 2 * input, reasoning: 0 }
})
const diff = (at: number, bytes: number): Signal.DiffUpdated => ({
  _tag: "DiffUpdated",
  at,
  bytes,
  added: 0,
  removed: 0
})
const retry = (at: number): Signal.Retry => ({ _tag: "Retry", at, errorType: "x", status: undefined })
const stop = (at: number): Signal.TurnStop => ({
  _tag: "TurnStop",
  at,
  duration: at,
  end: "completed",
  usage: { input: 0, cachedInput: 0, output: 0, reasoning: 0 },
  time: { total: 0, thinking: 0, tools: 0, approval: 0, overhead: 0 },
  modelCalls: 0,
  toolCalls: 0
})

/** What is told of `signals`, each with the time at which it is told. */
const tell = (signals: ReadonlyArray<Signal.Signal>, perSecond?: number) => {
  let state = Throttle.initial(perSecond)
  const told: Array<{ readonly now: number; readonly signal: Signal.Signal }> = []
  for (const signal of signals) {
    const [next, emitted] = Throttle.step(state, signal)
    state = next
    for (const one of emitted) told.push({ now: signal.at, signal: one })
  }
  return { told, state }
}

describe("a throttle", () => {
  it("tells the first at once, then one in a while, then the last", () => {
    const signals = [
      diff(0, 1),
      diff(10, 2),
      diff(99, 3),
      diff(100, 4),
      diff(120, 5),
      diff(130, 6),
      stop(131)
    ]
    const bytes = tell(signals).told.map(({ signal }) =>
      signal._tag === "DiffUpdated" ? signal.bytes : signal._tag
    )
    assert.deepStrictEqual(bytes, [1, 4, 6, "TurnStop"])
  })

  it("holds nothing back of what is rare", () => {
    const signals = [retry(0), retry(0), retry(0), stop(0)]
    assert.deepStrictEqual(
      tell(signals).told.map(({ signal }) => signal),
      signals
    )
  })

  it("gives what it held when there will be no end", () => {
    const { state } = tell([diff(0, 1), diff(1, 2), usage(1, 3), usage(2, 4)])
    const [after, held] = Throttle.flush(state)
    assert.deepStrictEqual(held, [diff(1, 2), usage(2, 4)])
    assert.deepStrictEqual(Throttle.flush(after)[1], [])
  })

  const Raw = Schema.Array(
    Schema.Struct({
      gap: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 400 })),
      kind: Schema.Literals(["usage", "diff", "retry"]),
      size: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 }))
    })
  )
  const PerSecond = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 50 }))

  it.prop(
    "tells N a second of a kind at most, loses no usage and always tells the last",
    [Raw, PerSecond],
    ([raw, n]) => {
      let at = 0
      const signals = raw.map(({ gap, kind, size }): Signal.Signal => {
        at += gap
        return kind === "usage" ? usage(at, size) : kind === "diff" ? diff(at, size) : retry(at)
      })
      const { told } = tell([...signals, stop(at)], n)
      for (const tag of ["UsageUpdated", "DiffUpdated"] as const) {
        const sent = told.filter(({ signal }) => signal._tag === tag)
        // The last one is told whenever the turn ends.
        const times = sent.map(({ now }) => now).slice(0, -1)
        for (const [index, time] of times.entries()) {
          assert.isAtMost(times.slice(index).filter((other) => other < time + 1000).length, n)
        }
        const last = signals.findLast(({ _tag }) => _tag === tag)
        const lastSent = sent.at(-1)?.signal
        assert.strictEqual(lastSent?.at, last?.at)
        if (last?._tag === "DiffUpdated") assert.deepStrictEqual(lastSent, last)
        const sum = (all: ReadonlyArray<Signal.Signal>) =>
          all.reduce(
            (total, one) => total + (one._tag === "UsageUpdated" ? one.usage.input + one.usage.output : 0),
            0
          )
        assert.strictEqual(sum(sent.map(({ signal }) => signal)), tag === "UsageUpdated" ? sum(signals) : 0)
      }
      const rare = (all: ReadonlyArray<Signal.Signal>) =>
        all.filter(({ _tag }) => _tag === "Retry" || _tag === "TurnStop")
      assert.deepStrictEqual(rare(told.map(({ signal }) => signal)), rare([...signals, stop(at)]))
      assert.strictEqual(told.at(-1)?.signal._tag, "TurnStop")
    }
  )
})
