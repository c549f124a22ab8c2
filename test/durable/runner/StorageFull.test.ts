/** A runner whose SQLite file cannot be written any more in the middle of a turn: its disk is full, or read-only. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as SqlClient from "effect/sql/SqlClient"
import { Codex } from "../../../src/Codex.ts"
import type { StorageUnavailable } from "../../../src/domain/StorageErrors.ts"
import { Store } from "../../../src/durable/store/Store.ts"
import * as Scripted from "../../../src/testing/Scripted.ts"
import { layerStore, outcome, runner, submit } from "./support.ts"

const layerCodex = Codex.layer.pipe(
  Layer.provide(Scripted.layerClient),
  Layer.provideMerge(Scripted.layerSocket)
)

const setPragma = (text: string) => Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(`PRAGMA ${text}`))

const disks = [
  // SQLite limits a database that is already larger to its size.
  ["Full", setPragma("max_page_count = 1"), setPragma("max_page_count = 1000000"), "free space on its disk"],
  ["ReadOnly", setPragma("query_only = 1"), setPragma("query_only = 0"), "check the permissions"]
] as const

describe("a runner whose disk fails in the middle of a turn", () => {
  for (const [reason, breakDisk, mendDisk, advice] of disks)
    it.live(`goes on with the turn when the disk can be written again: ${reason}`, () =>
      Effect.gen(function* () {
        const store = yield* Store
        const logs: Array<unknown> = []
        const logger = Logger.make(({ message }) => void logs.push(message))
        const broken = yield* Deferred.make<void>()
        const refused = yield* Deferred.make<StorageUnavailable>()
        yield* Scripted.play([
          { _tag: "Step", play: () => Deferred.await(broken) },
          Scripted.message("x".repeat(1_000_000))
        ])
        let failures = 0
        /** Reports that the runner has tried again. */
        const observed = Store.of({
          ...store,
          events: {
            ...store.events,
            append: (...events) =>
              Effect.tapError(store.events.append(...events), (error) =>
                ++failures < 2 ? Effect.void : Deferred.succeed(refused, error)
              )
          },
          claim: (...claim) =>
            Effect.tapError(store.claim(...claim), (error) => Deferred.succeed(refused, error))
        })
        yield* submit("k")
        yield* Effect.gen(function* () {
          yield* Scripted.begun()
          yield* breakDisk
          yield* Deferred.succeed(broken, undefined)
          const error = yield* Deferred.await(refused)
          assert.deepInclude(error, { _tag: "StorageUnavailable", reason })
          assert.isUndefined(yield* store.outcome("k"))
          yield* mendDisk
          const ended = yield* outcome("k")
          assert.strictEqual(ended._tag === "Completed" ? ended.turn.message.length : ended._tag, 1_000_000)
        }).pipe(
          Effect.provide(runner()),
          Effect.provideService(Store, observed),
          Effect.provide(Logger.layer([logger]))
        )
        const warnings = logs.map(String).filter((text) => text.includes("waits for the database"))
        assert.lengthOf(warnings, 1)
        assert.include(warnings[0], advice)
        assert.deepStrictEqual(yield* Scripted.inputs, ["do k"])
      }).pipe(Effect.scoped, Effect.provide([layerCodex, layerStore]))
    )
})
