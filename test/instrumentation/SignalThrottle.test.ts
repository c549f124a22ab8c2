import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { Codex, Logging, Telemetry } from "effect-codex"
import { Captured, Scripted, TestLayer } from "effect-codex/testing"
import { Stderr } from "../../src/telemetry/delivery/Stderr.ts"
import * as Settings from "../../src/telemetry/config/Settings.ts"
import type * as Signal from "../../src/instrumentation/Signal.ts"
import * as SignalThrottle from "../../src/instrumentation/SignalThrottle.ts"

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
const retry = (at: number): Signal.Retry => ({
  _tag: "Retry",
  at,
  attempt: 1,
  errorType: "x",
  status: undefined
})
const stop = (at: number): Signal.TurnStop => ({
  _tag: "TurnStop",
  at,
  durationMillis: at,
  end: "completed",
  usage: { input: 0, cachedInput: 0, output: 0, reasoning: 0 },
  time: { totalMillis: 0, thinkingMillis: 0, toolsMillis: 0, approvalMillis: 0, overheadMillis: 0 },
  modelCalls: 0,
  toolCalls: 0
})

/** Returns what the throttle emits for `signals`, each with its time. */
const tell = (signals: ReadonlyArray<Signal.Signal>, perSecond?: number) => {
  let state = SignalThrottle.initial(perSecond)
  const emitted: Array<{ readonly now: number; readonly signal: Signal.Signal }> = []
  for (const signal of signals) {
    const [next, due] = SignalThrottle.step(state, signal)
    state = next
    for (const one of due) emitted.push({ now: signal.at, signal: one })
  }
  return { emitted, state }
}

describe("the signal throttle", () => {
  it("emits the first signal at once, then one per interval, then the last", () => {
    const signals = [
      diff(0, 1),
      diff(10, 2),
      diff(99, 3),
      diff(100, 4),
      diff(120, 5),
      diff(130, 6),
      stop(131)
    ]
    const bytes = tell(signals).emitted.map(({ signal }) =>
      signal._tag === "DiffUpdated" ? signal.bytes : signal._tag
    )
    assert.deepStrictEqual(bytes, [1, 4, 6, "TurnStop"])
  })

  it("delays no rare signal", () => {
    const signals = [retry(0), retry(0), retry(0), stop(0)]
    assert.deepStrictEqual(
      tell(signals).emitted.map(({ signal }) => signal),
      signals
    )
  })

  it("sums the usage of the signals it held, including cache writes", () => {
    const wrote = (at: number, cacheWrite?: number): Signal.UsageUpdated => ({
      _tag: "UsageUpdated",
      at,
      usage: {
        input: 5,
        cachedInput: 1,
        ...(cacheWrite === undefined ? {} : { cacheWrite }),
        output: 3,
        reasoning: 2
      }
    })
    const { state } = tell([wrote(0), wrote(1), wrote(2, 4), wrote(3), wrote(4, 7)])
    const [held] = SignalThrottle.flush(state)[1]
    assert.deepStrictEqual(held, {
      _tag: "UsageUpdated",
      at: 4,
      usage: { input: 20, cachedInput: 4, cacheWrite: 11, output: 12, reasoning: 8 }
    })
    // Without a report, the throttle invents none.
    const [untold] = SignalThrottle.flush(tell([wrote(0), wrote(1), wrote(2)]).state)[1]
    assert.isTrue(untold?._tag === "UsageUpdated" && !("cacheWrite" in untold.usage))
  })

  it("emits the signals it holds when a turn ends without its last event", () => {
    const { state } = tell([diff(0, 1), diff(1, 2), usage(1, 3), usage(2, 4)])
    const [after, held] = SignalThrottle.flush(state)
    assert.deepStrictEqual(held, [diff(1, 2), usage(2, 4)])
    assert.deepStrictEqual(SignalThrottle.flush(after)[1], [])
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
    "emits at most N signals of a kind per second, loses no usage and always emits the last",
    [Raw, PerSecond],
    ([raw, n]) => {
      let at = 0
      const signals = raw.map(({ gap, kind, size }): Signal.Signal => {
        at += gap
        return kind === "usage" ? usage(at, size) : kind === "diff" ? diff(at, size) : retry(at)
      })
      const { emitted } = tell([...signals, stop(at)], n)
      for (const tag of ["UsageUpdated", "DiffUpdated"] as const) {
        const sent = emitted.filter(({ signal }) => signal._tag === tag)
        // The last signal is emitted whenever the turn ends.
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
      assert.deepStrictEqual(rare(emitted.map(({ signal }) => signal)), rare([...signals, stop(at)]))
      assert.strictEqual(emitted.at(-1)?.signal._tag, "TurnStop")
    }
  )
})

describe("a turn with 1,000 updates", () => {
  const updates = Array.from({ length: 1000 }, (_, at) => [
    Scripted.delay("4 millis"),
    Scripted.usage({ input: 3, cachedInput: 2, cacheWrite: 1, output: 2, reasoning: 1 }),
    Scripted.event({ _tag: "DiffUpdated", diff: "+x\n".repeat(at) })
  ]).flat()

  /** Plays the script in 4 seconds. Returns the emitted signals, the log and the turn. */
  const run = Effect.gen(function* () {
    yield* Scripted.play([...updates, Scripted.message("done")])
    const emitted: Array<Signal.Signal> = []
    const lines: Array<string> = []
    const observer = Telemetry.layerObserver(({ signal }) => Effect.sync(() => void emitted.push(signal)))
    const turn = Effect.gen(function* () {
      const codex = yield* Codex
      const thread = yield* codex.startThread()
      return yield* thread.run("go")
    }).pipe(
      Effect.scoped,
      Effect.provide([observer, Logging.layerOptions({ level: "Debug" })]),
      Effect.provideService(Stderr, (line) => void lines.push(line))
    )
    const fiber = yield* Effect.forkChild(turn)
    yield* TestClock.adjust("1 minute")
    return { turn: yield* Fiber.join(fiber), emitted, lines }
  })

  const counts = Effect.fnUntraced(function* ({
    lines,
    emitted
  }: {
    lines: Array<string>
    emitted: Array<Signal.Signal>
  }) {
    const { events } = yield* Captured.span("invoke_agent codex")
    const named = (name: string) => events.filter((event) => event.name === name).length
    const tagged = (tag: Signal.Signal["_tag"]) => emitted.filter(({ _tag }) => _tag === tag).length
    const said = (text: string) => lines.filter((line) => line.includes(text)).length
    return {
      usage: [tagged("UsageUpdated"), named("codex.token_usage.updated"), said("[codex] usage update")],
      diff: [tagged("DiffUpdated"), named("codex.diff.updated"), said("[codex] diff update")]
    }
  })

  it.effect("emits ten signals of a kind per second and the last, and counts every token", () =>
    Effect.gen(function* () {
      const { lines, emitted, turn } = yield* run
      const all = { input: 3000, cachedInput: 2000, cacheWrite: 1000, output: 2000, reasoning: 1000 }
      assert.deepStrictEqual(turn.usage, all)
      // 4 seconds at ten a second, and the last.
      assert.deepStrictEqual(yield* counts({ lines, emitted }), { usage: [41, 41, 41], diff: [41, 41, 41] })
      const sum = { input: 0, cachedInput: 0, cacheWrite: 0, output: 0, reasoning: 0 }
      for (const signal of emitted) {
        if (signal._tag !== "UsageUpdated") continue
        sum.input += signal.usage.input
        sum.cachedInput += signal.usage.cachedInput
        sum.cacheWrite += signal.usage.cacheWrite ?? 0
        sum.output += signal.usage.output
        sum.reasoning += signal.usage.reasoning
      }
      assert.deepStrictEqual(sum, all)
      const last = emitted.findLast(({ _tag }) => _tag === "DiffUpdated")
      assert.isTrue(last?._tag === "DiffUpdated" && last.added === 999)
      const usage = "gen_ai.client.inference.usage"
      assert.strictEqual(yield* Captured.metric(`${usage}.input_tokens`), 3000)
      assert.strictEqual(yield* Captured.metric(`${usage}.output_tokens`), 2000)
      assert.strictEqual(yield* Captured.metric(`${usage}.cache_write.input_tokens`), 1000)
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("emits as many signals as the environment sets, and code overrides it", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* counts(yield* run)).usage, [9, 9, 9])
    }).pipe(
      Effect.provide(TestLayer),
      Effect.provideService(Settings.Environment, { CODEX_OTEL_UPDATES_PER_SECOND: "2" })
    )
  )

  it.effect("emits only the first and the last signal when the rate is zero", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* counts(yield* run)).diff, [2, 2, 2])
    }).pipe(
      Effect.provide(TestLayer),
      Effect.provideService(SignalThrottle.PerSecond, 0),
      Effect.provideService(Settings.Environment, { CODEX_OTEL_UPDATES_PER_SECOND: "2" })
    )
  )
})
