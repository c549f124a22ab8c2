/** Many threads that wait for an approval at the same time, and a runner that restarts meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import { join } from "node:path"
import { Codex } from "../../../src/Codex.ts"
import { accept } from "../../../src/domain/ApprovalDecision.ts"
import { Durable } from "../../../src/durable/Durable.ts"
import { DurableRunner } from "../../../src/durable/runner/DurableRunner.ts"
import * as SqliteStore from "../../../src/durable/store/SqliteStore.ts"
import { Store } from "../../../src/durable/store/Store.ts"
import * as Scripted from "../../../src/testing/Scripted.ts"
import { heapUsed } from "../../support/heap.ts"
import * as LastingEngine from "../../support/lastingEngine.ts"
import { isSoak } from "../../support/soak.ts"

const threads = isSoak ? 5_000 : 12

// A disk would take minutes to confirm the commits of 5,000 turns.
const memory = Fs.existsSync("/dev/shm") ? "/dev/shm" : "/var/tmp"

const temporary = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(`${memory}/effect-codex-scale-`)),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
)

const layerCodex = Layer.fresh(Codex.layer).pipe(Layer.provideMerge(Layer.fresh(LastingEngine.layer)))

const kilobytes = (bytes: number) => (bytes / threads / 1024).toFixed(1)

describe("a runner of durable turns", () => {
  it.live(
    `keeps ${threads} threads that wait for an approval, also over a restart, and ends all of their turns`,
    () =>
      Effect.gen(function* () {
        const path = join(yield* temporary, "turns.db")
        const keys = Array.from({ length: threads }, (_, index) => `k${index}`)
        // Fewer turns run at once than wait.
        const withRunner = Effect.provide(
          Layer.fresh(DurableRunner.layerSqlite({ path, concurrency: Math.ceil(threads / 10) }))
        )
        const client = yield* Layer.build(
          Layer.mergeAll(Store.layer, Durable.layer).pipe(
            Layer.provideMerge(SqliteStore.layerClient({ path }))
          )
        )
        const durable = Context.get(client, Durable)
        const store = Context.get(client, Store)
        const sql = Context.get(client, SqlClient.SqlClient)
        const until = (condition: string, expected: number) =>
          store.changes.pipe(
            Stream.mapEffect(
              () => sql`select count(*) as n from codex_turns where ${sql.literal(condition)}`
            ),
            Stream.takeUntil(([row]) => row?.["n"] === expected),
            Stream.runDrain
          )
        yield* Scripted.play(
          keys.flatMap(() => [
            Scripted.command("npm publish", { approval: true }),
            Scripted.message("published"),
            Scripted.completed
          ])
        )
        const started = performance.now()
        yield* Effect.forEach(keys, (key) => durable.submit("publish", { key, thread: key }))
        const submitted = performance.now()
        const before = heapUsed()
        const withFirst = yield* Effect.gen(function* () {
          yield* until("status = 'waiting'", threads)
          return heapUsed()
        }).pipe(withRunner)
        const waiting = performance.now()
        const withoutRunner = heapUsed()
        const approvals = yield* durable.approvals.list({ limit: threads })
        assert.lengthOf(approvals, threads)
        const answer = ({ hash, id }: (typeof approvals)[number]) =>
          durable.approvals.answer(id, { decision: accept, hash }, "ada")
        const half = Math.floor(threads / 2)
        // Half of the answers arrive while no runner runs.
        yield* Effect.forEach(approvals.slice(0, half), answer)
        const answered = performance.now()
        yield* Effect.gen(function* () {
          yield* until("status = 'completed'", half)
          yield* Effect.forEach(approvals.slice(half), answer)
          yield* until("status = 'completed'", threads)
        }).pipe(withRunner)
        const ended = performance.now()
        process.stdout.write(
          `${threads} threads that wait: ${kilobytes(withFirst - withoutRunner)} kB of heap each in the runner, ` +
            `${kilobytes(withoutRunner - before)} kB in the scripted engine; submitted in ${(submitted - started).toFixed(0)} ms, ` +
            `all wait after ${(waiting - submitted).toFixed(0)} ms, all end ${(ended - answered).toFixed(0)} ms after the restart\n`
        )
        assert.lengthOf(yield* Scripted.inputs, threads)
        const rows = yield* durable.approvals.list({ pending: false, limit: 2 * threads })
        assert.lengthOf(rows, threads)
        for (const { decidedBy, status } of rows)
          assert.deepStrictEqual([status, decidedBy], ["decided", "ada"])
        const outcomes = yield* Effect.forEach(keys, durable.await)
        for (const { message } of outcomes) assert.strictEqual(message, "published")
      }).pipe(Effect.scoped, Effect.provide([layerCodex, Logger.layer([])])),
    isSoak ? 3_600_000 : 120_000
  )
})
