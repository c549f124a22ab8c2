/** Retention: what pruning deletes, and what it never touches. The same for each database. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SqlMessageStorage from "effect/cluster/SqlMessageStorage"
import * as SqlClient from "effect/sql/SqlClient"
import { TestClock } from "effect/testing"
import { decline } from "../../../src/domain/ApprovalDecision.ts"
import { TurnInterrupted } from "../../../src/domain/CodexError.ts"
import { ItemId, ThreadId, TurnId } from "../../../src/domain/Ids.ts"
import { durableTurnWorkflow } from "../../../src/durable/store/Pruning.ts"
import { Store } from "../../../src/durable/store/Store.ts"

const submission = (key: string, threadId: string) => ({
  key,
  threadId,
  threadOptions: {},
  input: "Fix the build",
  options: {}
})

const failed = { _tag: "Failed", error: new TurnInterrupted({ by: "caller" }) } as const

/** Deletes turns that ended before a time with what belongs to them, and nothing that runs. */
export const deletesEndedTurns = Effect.gen(function* () {
  const store = yield* Store
  const sql = yield* SqlClient.SqlClient
  const codexId = ThreadId.make("codex-1")
  const event = { type: "events.omitted", deltas: 1, events: 0, at: 1 } as const
  for (const [key, thread] of [
    ["old", "done"],
    ["running", "busy"],
    ["oldToo", "busy"]
  ] as const) {
    yield* store.submit(submission(key, thread))
    yield* store.claim(key, "r1")
    yield* store.events.append(key, [{ event }])
    yield* store.tools.begin({
      turnId: TurnId.make(key),
      callId: "c",
      key,
      tool: "deploy",
      sideEffect: "once"
    })
  }
  yield* store.started("old", 1, { codexThreadId: codexId, turnId: TurnId.make("old"), engine: "e" })
  yield* store.rollouts.append(codexId, 0, new Uint8Array([1]))
  for (const [id, key] of [
    ["decided", "old"],
    ["late", "old"],
    ["pending", "running"]
  ] as const) {
    yield* store.approvals.ask({
      id,
      key,
      threadId: "t",
      turnId: TurnId.make(key),
      itemId: ItemId.make("i"),
      hash: "h",
      request: { _tag: "Unknown", id, itemId: ItemId.make("i"), method: "m", payload: {} },
      shown: "…",
      expiresAt: null
    })
  }
  yield* store.approvals.decide("decided", decline("no"), "ada")
  yield* store.finish("old", 1, failed)
  yield* store.finish("oldToo", 1, failed)
  yield* TestClock.adjust("1 hour")
  yield* store.approvals.decide("late", decline("no"), "ada")
  yield* store.submit(submission("new", "new"))
  yield* store.finish("new", 0, failed)

  const cutoff = 60 * 60_000
  assert.deepStrictEqual(yield* store.prune({ endedBefore: cutoff }), {
    turns: 2,
    threads: 1,
    approvals: 0
  })
  const keys = (yield* store.turns({})).map(({ key }) => key)
  assert.sameMembers(keys, ["running", "new"])
  assert.isUndefined(yield* store.thread("done"))
  assert.strictEqual(yield* store.rollouts.size(codexId), 0)
  const counts = yield* Effect.forEach(["codex_events", "codex_tool_calls"], (table) =>
    Effect.map(sql`select key from ${sql(table)}`, (rows) => rows.map(({ key }) => key))
  )
  assert.deepStrictEqual(counts, [["running"], ["running"]])
  assert.strictEqual((yield* store.prune({ endedBefore: 0, approvalsBefore: cutoff })).approvals, 1)
  assert.isUndefined(yield* store.approvals.get("decided"))
  for (const id of ["late", "pending"]) assert.isDefined(yield* store.approvals.get(id))
})

/** Deletes the rows of the workflow engine for the turns that it deletes, and no others. */
export const deletesWorkflows = Effect.gen(function* () {
  const store = yield* Store
  const sql = yield* SqlClient.SqlClient
  // The columns that pruning reads, as the migrations of effect/cluster name them.
  yield* Effect.scoped(Layer.build(SqlMessageStorage.layerMigrations({})))
  for (const [index, key] of ["old", "running"].entries()) {
    yield* store.submit(submission(key, key))
    const entity_id = yield* durableTurnWorkflow.executionId({ key })
    const row = {
      id: index,
      shard_id: "s",
      entity_type: "Workflow/effect-codex/DurableTurn",
      entity_id,
      kind: 0
    }
    yield* sql`insert into cluster_messages ${sql.insert({ ...row, request_id: index })}`
    yield* sql`insert into cluster_replies ${sql.insert({ id: index + 10, kind: 0, request_id: index, payload: "{}" })}`
  }
  yield* store.finish("old", 0, failed)
  yield* store.prune({ endedBefore: 1 })
  assert.deepStrictEqual(
    [yield* sql`select id from cluster_messages`, yield* sql`select id from cluster_replies`].map((rows) =>
      rows.map(({ id }) => Number(id))
    ),
    [[1], [11]]
  )
})
