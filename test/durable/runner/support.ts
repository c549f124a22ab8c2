/** A runner on the scripted engine and a database in memory. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as WorkflowEngine from "effect/workflow/WorkflowEngine"
import { Codex } from "../../../src/Codex.ts"
import * as DurableRunner from "../../../src/durable/runner/DurableRunner.ts"
import * as SqliteStore from "../../../src/durable/store/SqliteStore.ts"
import { Store } from "../../../src/durable/store/Store.ts"
import type { Submission } from "../../../src/durable/store/TurnQueries.ts"
import * as Scripted from "../../../src/testing/Scripted.ts"

export const layerStore = SqliteStore.layerRunner({ path: ":memory:" })

export const layerCodex = Layer.fresh(Codex.layer).pipe(Layer.provideMerge(Layer.fresh(Scripted.layer)))

/** A runner whose workflow engine is in memory: it dies with the runner, and the database stays. */
export const runner = (options: DurableRunner.RunnerOptions = {}) =>
  Layer.fresh(DurableRunner.DurableRunner.layer(options)).pipe(
    Layer.provide(Layer.fresh(WorkflowEngine.layerMemory))
  )

export const submit = (key: string, more: Partial<Submission> = {}) =>
  Store.use((store) =>
    store.submit({ key, threadId: "t", threadOptions: {}, input: `do ${key}`, options: {}, ...more })
  )

/** Waits for something in the database. */
export const waitFor = <A>(query: Effect.Effect<A | undefined, unknown, Store>) =>
  Effect.gen(function* () {
    const store = yield* Store
    const found = yield* store.changes.pipe(
      Stream.mapEffect(() => query),
      Stream.filter((found) => found !== undefined),
      Stream.take(1),
      Stream.runCollect
    )
    const value = found[0]
    assert.isDefined(value)
    return value as A
  })

export const outcome = (key: string) => waitFor(Store.use((store) => store.outcome(key)))

export const pending = waitFor(
  Effect.map(
    Store.use((store) => store.approvals.list({ pending: true })),
    ([first]) => first
  )
)

/** Waits until the turn has this status. */
export const status = (key: string, expected: string) =>
  waitFor(
    Effect.map(
      Store.use((store) => store.turn(key)),
      (row) => (row?.status === expected ? row : undefined)
    )
  )
