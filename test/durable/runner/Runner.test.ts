import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Store } from "../../../src/durable/store/Store.ts"
import * as Scripted from "../../../src/testing/Scripted.ts"
import { layerCodex, layerStore, outcome, pending, runner, status, submit } from "./support.ts"

describe("a runner of durable turns", () => {
  it.live("runs the turns of a thread one after the other, and stores their events and outcomes", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.command("npm test", { exitCode: 0 }),
        Scripted.message("one"),
        Scripted.completed,
        Scripted.message("two")
      ])
      yield* submit("k1")
      yield* submit("k2")
      yield* Effect.gen(function* () {
        const first = yield* outcome("k1")
        const second = yield* outcome("k2")
        assert.strictEqual(first._tag === "Completed" && first.turn.message, "one")
        assert.strictEqual(second._tag === "Completed" && second.turn.message, "two")
      }).pipe(Effect.provide(runner()))
      assert.deepStrictEqual(yield* Scripted.inputs, ["do k1", "do k2"])
      const store = yield* Store
      const events = yield* store.events.after("k1", 0)
      assert.deepStrictEqual(
        events.map(({ event }) => event.type),
        ["turn.started", "item.started", "item.completed", "item.started", "item.completed"]
      )
      const turn = yield* store.turn("k1")
      assert.strictEqual(turn?.status, "completed")
      assert.isNotNull(turn?.turnId)
    }).pipe(Effect.provide([layerStore, layerCodex]))
  )

  it.live("asks about an approval in the database, and goes on after the answer", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.command("rm -r build", { exitCode: 0, approval: true }),
        Scripted.message("done")
      ])
      yield* submit("k1")
      yield* Effect.gen(function* () {
        const store = yield* Store
        const row = yield* pending
        assert.include(row.shown, "rm -r build")
        yield* status("k1", "waiting")
        assert.strictEqual(yield* store.approvals.decide(row.id, { _tag: "Accept" }, "ada"), "accepted")
        const end = yield* outcome("k1")
        assert.strictEqual(end._tag, "Completed")
      }).pipe(Effect.provide(runner()))
    }).pipe(Effect.provide([layerStore, layerCodex]))
  )
})
