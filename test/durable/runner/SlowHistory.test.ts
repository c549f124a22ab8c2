import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Codex } from "../../../src/Codex.ts"
import * as Engine from "../../../src/engine/Engine.ts"
import * as Scripted from "../../../src/testing/Scripted.ts"
import { advancing } from "../../support/live.ts"
import { layerStore, outcome, runner, submit } from "./support.ts"

/** A Codex that searches the history of a thread for this many seconds. */
const layerCodexWithSearch = (seconds: number) =>
  Layer.fresh(Codex.layer).pipe(
    Layer.provideMerge(
      Layer.effect(
        Engine.Engine,
        Effect.map(Engine.Engine, (engine) =>
          Engine.Engine.of({
            ...engine,
            resumeThread: (id, options) =>
              Effect.map(engine.resumeThread(id, options), (thread) => ({
                ...thread,
                findTurn: () => Effect.as(Effect.sleep(`${seconds} seconds`), undefined)
              }))
          })
        )
      )
    ),
    Layer.provideMerge(Layer.fresh(Scripted.layer))
  )

describe("a durable turn whose history Codex searches for a long time", () => {
  it.effect("starts, although the runner checked that it owns the turn before the search", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.message("one"), Scripted.completed, Scripted.message("two")])
      yield* submit("k1")
      yield* submit("k2")
      const [, end] = yield* advancing(outcome("k2"), "250 millis").pipe(Effect.provide(runner()))
      assert.strictEqual(end._tag, "Completed")
      assert.lengthOf(yield* Scripted.inputs, 2)
    }).pipe(Effect.provide([layerStore, layerCodexWithSearch(10)]))
  )
})
