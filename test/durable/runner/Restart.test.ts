/** Runners of one file, one after the other, with the workflow engine that keeps its rows in the file. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Fs from "node:fs"
import { join } from "node:path"
import { Codex } from "../../../src/Codex.ts"
import { Durable } from "../../../src/durable/Durable.ts"
import { DurableRunner } from "../../../src/durable/runner/DurableRunner.ts"
import * as Scripted from "../../../src/testing/Scripted.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync("/var/tmp/effect-codex-restart-")),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
)

/** A scripted Codex whose turns go on without a runner. */
const layerCodex = Layer.fresh(Codex.layer).pipe(
  Layer.provideMerge(Layer.provideMerge(Layer.fresh(Scripted.layerClient), Layer.fresh(Scripted.layerSocket)))
)

describe("a runner of durable turns that stops", () => {
  it.live("leaves the turns that wait for a place to the next runner", () =>
    Effect.gen(function* () {
      const path = join(yield* temporary, "turns.db")
      const runner = (concurrency: number) => Layer.fresh(DurableRunner.layerSqlite({ path, concurrency }))
      const durable = Context.get(yield* Layer.build(Durable.layerSqlite({ path })), Durable)
      yield* Scripted.play([
        Scripted.silence,
        Scripted.message("two"),
        Scripted.completed,
        Scripted.message("three")
      ])
      yield* durable.submit("runs", { key: "k1", thread: "a" })
      yield* durable.submit("waits", { key: "k2", thread: "b" })
      yield* durable.submit("waits", { key: "k3", thread: "c" })
      yield* Effect.provide(Scripted.begun(), runner(1))
      assert.strictEqual((yield* durable.turn("k2")).status, "submitted")
      yield* Effect.provide(Effect.all([durable.await("k2"), durable.await("k3")]), runner(2))
      assert.strictEqual((yield* durable.turn("k1")).status, "running")
    }).pipe(Effect.scoped, Effect.provide([layerCodex, Logger.layer([])]))
  )
})
