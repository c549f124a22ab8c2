import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Codex } from "../../../src/Codex.ts"
import * as Captured from "../../../src/testing/Captured.ts"
import * as Scripted from "../../../src/testing/Scripted.ts"
import type * as Signal from "../../../src/instrumentation/Signal.ts"
import * as SignalBus from "../../../src/instrumentation/SignalBus.ts"
import type * as Engine from "../../../src/engine/Engine.ts"
import * as AccountLimits from "../../../src/engine/app-server/AccountLimits.ts"
import { test } from "../../support/live.ts"
import * as Fake from "../../support/fakeCodex.ts"

const window = (usedPercent: number, resetsAt: number | null = 1_795_300_000) => ({
  usedPercent,
  windowDurationMins: 300,
  resetsAt
})
const empty = {
  limitId: null,
  limitName: null,
  normalModelSlug: null,
  primary: null,
  secondary: null,
  credits: null,
  individualLimit: null,
  spendControlReached: null,
  planType: null,
  rateLimitReachedType: null
}
const reply = {
  ordinaryUsageAllowed: true,
  rateLimits: { ...empty, primary: window(1) },
  rateLimitsByLimitId: {
    codex: { ...empty, limitId: "codex", primary: window(50), planType: "plus" },
    review: { ...empty, limitId: "review", limitName: "Reviews", secondary: window(5, null) }
  },
  rateLimitResetCredits: null,
  accountId: null,
  rateLimitUpsell: null
}
const codexLimit = {
  id: "codex",
  primary: { usedPercent: 50, windowMillis: 18_000_000, resetsAt: 1_795_300_000_000 },
  plan: "plus"
}
const review = { id: "review", name: "Reviews", secondary: { usedPercent: 5, windowMillis: 18_000_000 } }

/** Limits of a login cannot be tested with the real Codex, which needs an account: Scripted and the fake play its messages. */
describe("codex.limits", () => {
  it.effect("has the limits that Codex reads, and merges its sparse updates", () =>
    Effect.gen(function* () {
      const { limits } = yield* Codex
      yield* Scripted.answer("account/rateLimits/read", () => reply)
      assert.deepStrictEqual((yield* limits.read).limits, [codexLimit, review])
      const updates = yield* Effect.forkChild(limits.updates.pipe(Stream.take(2), Stream.runCollect), {
        startImmediately: true
      })
      yield* Effect.yieldNow
      yield* Scripted.notify("account/rateLimits/updated", {
        rateLimits: { ...empty, primary: window(100), rateLimitReachedType: "rate_limit_reached" }
      })
      yield* Scripted.notify("account/rateLimits/updated", { rateLimits: { ...empty, primary: window(0) } })
      const [reached, reset] = yield* Fiber.join(updates)
      const used = (usedPercent: number) => ({ ...codexLimit.primary, usedPercent })
      assert.deepStrictEqual(reached?.limits, [
        { ...codexLimit, primary: used(100), reached: "rate_limit_reached" },
        review
      ])
      assert.deepStrictEqual(reset?.limits, [{ ...codexLimit, primary: used(0) }, review])
    }).pipe(Effect.provide(Layer.fresh(Codex.layer).pipe(Layer.provideMerge(Scripted.layer))))
  )

  it.effect("fails if Codex has no account, or answers with something else", () =>
    Effect.gen(function* () {
      const { limits } = yield* Codex
      assert.deepInclude(yield* Effect.flip(limits.read), { _tag: "InvalidRequest" })
      yield* Scripted.answer("account/rateLimits/read", () => ({ rateLimits: 7 }))
      assert.deepInclude(yield* Effect.flip(limits.read), { _tag: "ProtocolError" })
    }).pipe(Effect.provide(Layer.fresh(Codex.layer).pipe(Layer.provideMerge(Scripted.layer))))
  )

  it.effect("emits a signal and a metric for each window", () =>
    Effect.gen(function* () {
      const signals: Array<Signal.Signal> = []
      const listening = SignalBus.layerListener(
        Effect.succeed((observed: SignalBus.SignalEvent) => void signals.push(observed.signal))
      )
      yield* Effect.gen(function* () {
        yield* Codex
        yield* Scripted.notify("account/rateLimits/updated", {
          rateLimits: { ...empty, primary: window(25), secondary: window(5, null) }
        })
        const metrics = yield* Captured.Captured.use(({ metrics }) => metrics)
        const used = metrics.flatMap(({ attributes, id, state }) =>
          id === "codex.rate_limit.used" ? [[attributes?.["codex.rate_limit.window"], state]] : []
        )
        assert.deepStrictEqual(
          used.map(([window]) => window),
          ["primary", "secondary"]
        )
      }).pipe(
        Effect.provide(Layer.fresh(Codex.layer).pipe(Layer.provideMerge(Scripted.layer))),
        Effect.provide(listening.pipe(Layer.provideMerge(Captured.layer), Layer.fresh))
      )
      assert.deepStrictEqual(
        signals.map((signal) => (signal._tag === "LimitUpdated" ? [signal.window, signal.usedPercent] : [])),
        [
          ["primary", 25],
          ["secondary", 5]
        ]
      )
    })
  )

  it.effect("ignores updates that cannot be read, and works on an engine without notifications", () =>
    Effect.gen(function* () {
      const limits = yield* AccountLimits.make({ request: () => Effect.succeed(reply) }, () => {})
      assert.lengthOf((yield* limits.read).limits, 2)

      let receive: (notification: Engine.EngineNotification) => void = () => {}
      const changed: Array<string> = []
      const followed = yield* AccountLimits.make(
        {
          request: () => Effect.succeed(reply),
          subscribe: (listener) => Effect.sync(() => void (receive = listener))
        },
        ({ id, primary }) => changed.push(`${id} ${primary?.usedPercent}`)
      )
      const before = (yield* followed.read).limits
      const updates = yield* Effect.forkChild(followed.updates.pipe(Stream.take(1), Stream.runCollect), {
        startImmediately: true
      })
      yield* Effect.yieldNow
      const send = (params: Schema.Json) => receive({ method: "account/rateLimits/updated", params, at: 5 })
      const broken: ReadonlyArray<Schema.Json> = [
        null,
        [],
        {},
        { rateLimits: null },
        { rateLimits: [] },
        { rateLimits: { ...empty, limitId: 7 } },
        { rateLimits: { ...empty, primary: { ...window(1), usedPercent: "1" } } },
        { rateLimits: { ...empty, primary: { windowDurationMins: 300 } } },
        { rateLimits: { ...empty, primary: { ...window(1), resetsAt: "soon" } } },
        { rateLimits: { ...empty, primary: window(2), secondary: 7 } }
      ]
      for (const params of broken) send(params)
      assert.deepStrictEqual(changed, [])
      send({ rateLimits: { ...empty, primary: window(60) } })
      assert.deepStrictEqual(changed, ["codex 60"])
      const [latest] = yield* Fiber.join(updates)
      assert.deepStrictEqual(latest?.limits, [
        { ...codexLimit, primary: { ...codexLimit.primary, usedPercent: 60 } },
        ...before.slice(1)
      ])
    }).pipe(Effect.scoped)
  )

  it.effect("keeps a reset in the past as it is, and leaves out times and lengths that are no times", () =>
    Effect.gen(function* () {
      const { limits } = yield* Codex
      const wire = (resetsAt: number, windowDurationMins = 300) => ({
        ...empty,
        primary: { usedPercent: 100, windowDurationMins, resetsAt }
      })
      const read = Effect.fnUntraced(function* (rateLimits: object) {
        yield* Scripted.answer("account/rateLimits/read", () => ({
          ...reply,
          rateLimits,
          rateLimitsByLimitId: null
        }))
        return (yield* limits.read).limits[0]?.primary
      })
      const windowMillis = 18_000_000
      assert.deepStrictEqual(yield* read(wire(1_000)), {
        usedPercent: 100,
        windowMillis,
        resetsAt: 1_000_000
      })
      for (const resetsAt of [0, -1, 1e300, Number.MAX_VALUE])
        assert.deepStrictEqual(
          yield* read(wire(resetsAt)),
          { usedPercent: 100, windowMillis },
          String(resetsAt)
        )
      for (const minutes of [0, -5, Number.MAX_VALUE])
        assert.deepStrictEqual(yield* read(wire(1_000, minutes)), { usedPercent: 100, resetsAt: 1_000_000 })
    }).pipe(Effect.provide(Layer.fresh(Codex.layer).pipe(Layer.provideMerge(Scripted.layer))))
  )

  test("are those of the process of Codex", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "account/rateLimits/read": [[{ reply }]] } })
      yield* Effect.gen(function* () {
        const { limits } = yield* Codex
        assert.deepStrictEqual((yield* limits.read).limits, [codexLimit, review])
      }).pipe(Effect.provide(fake.layer()))
    }))
})
