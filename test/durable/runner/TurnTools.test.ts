import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { ItemId, TurnId } from "../../../src/domain/Ids.ts"
import * as TurnTools from "../../../src/durable/runner/TurnTools.ts"
import { Store } from "../../../src/durable/store/Store.ts"
import { layerStore, submit } from "./support.ts"

const call = {
  turnId: TurnId.make("turn-1"),
  callId: ItemId.make("call-1"),
  tool: "deploy",
  sideEffect: "once"
} as const
const result = { _tag: "Returned", output: { success: true, text: "deployed" } } as const

describe("a tool that runs while its turn moves to another runner", () => {
  const journals = (patience: Duration.Duration) =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* submit("k")
      const claim = Effect.map(store.claim("k", "r"), (row) =>
        TurnTools.make(store, { key: "k", epoch: row?.epoch ?? 0 }, () => false, patience)
      )
      const { journal: first } = yield* claim
      yield* first.begin(call)
      const { journal: second } = yield* claim
      return [first, second] as const
    })

  it.live("has its result on the next runner when the first one stores it", () =>
    Effect.gen(function* () {
      const [first, second] = yield* journals(Duration.minutes(1))
      const found = yield* Effect.forkChild(second.find(call), { startImmediately: true })
      yield* first.done(call, result)
      assert.deepStrictEqual(yield* Fiber.join(found), result)
    }).pipe(Effect.provide(layerStore))
  )

  it.live("is unknown on the next runner when the first one died", () =>
    Effect.gen(function* () {
      const [, second] = yield* journals(Duration.zero)
      assert.strictEqual(yield* second.find(call), "started")
    }).pipe(Effect.provide(layerStore))
  )

  it.live("does not start on a runner that has lost the turn", () =>
    Effect.gen(function* () {
      const store = yield* Store
      const [first, second] = yield* journals(Duration.zero)
      const later = { ...call, callId: ItemId.make("call-2") }
      const begun = yield* Effect.forkChild(first.begin(later), { startImmediately: true })
      yield* second.begin(later)
      assert.lengthOf(yield* store.tools.list("k"), 2)
      assert.isUndefined(begun.pollUnsafe())
    }).pipe(Effect.provide(layerStore))
  )

  it.live("runs again at once if it may run twice", () =>
    Effect.gen(function* () {
      const [, second] = yield* journals(Duration.infinity)
      assert.strictEqual(yield* second.find({ ...call, sideEffect: "idempotent" }), "started")
    }).pipe(Effect.provide(layerStore))
  )
})
