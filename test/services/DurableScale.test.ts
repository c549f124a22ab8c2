/** Many threads of one real Codex that wait for an approval at the same time, and a worker that restarts meanwhile. */
import { assert, describe } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { proportional, tree } from "../../bench/memory.ts"
import { accept } from "../../src/domain/ApprovalDecision.ts"
import { Durable } from "../../src/durable/Durable.ts"
import { DurableRunner } from "../../src/durable/runner/DurableRunner.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as CodexSocket from "../support/codexSocket.ts"
import { heapUsed } from "../support/heap.ts"
import * as Live from "../support/live.ts"
import { isSoak } from "../support/soak.ts"

const threads = isSoak ? 200 : 5

const kilobytes = (bytes: number) => (bytes / threads / 1024).toFixed(0)

describe("a worker of the real Codex", () => {
  Live.test(
    `keeps ${threads} threads that wait for an approval, also over a restart, and ends all of their turns`,
    () =>
      Effect.gen(function* () {
        const codex = yield* CodexSocket.make(({ lastUserText, toolOutputs }) =>
          toolOutputs.length === 0
            ? M.reply(M.shell(`echo ran >> ${lastUserText}`, { escalate: "I need it" }))
            : M.reply(M.text(`${lastUserText} is published`))
        )
        const fs = yield* FileSystem.FileSystem
        const directory = yield* fs.makeTempDirectoryScoped({
          directory: "/var/tmp",
          prefix: "durable-scale-"
        })
        const path = `${directory}/turns.db`
        const keys = Array.from({ length: threads }, (_, index) => `k${index}`)
        // Fewer turns run at once than wait.
        const withWorker = Effect.provide(
          Layer.fresh(DurableRunner.layerSqlite({ path, concurrency: 4 })).pipe(Layer.provide(codex.layer))
        )
        const durable = Context.get(yield* Layer.build(Durable.layerSqlite({ path })), Durable)
        const memoryOfCodex = () => proportional(tree(codex.child.pid ?? 0))
        yield* Effect.forEach(keys, (key) =>
          durable.submit(key, {
            key,
            thread: key,
            cwd: codex.workspace,
            sandbox: "workspace-write",
            approvalMode: "on-request"
          })
        )
        const before = heapUsed()
        const codexBefore = memoryOfCodex()
        /** All requests, when every turn has asked. */
        const asked = durable.approvals.pending.pipe(
          Stream.filter((approvals) => approvals.length === threads),
          Stream.runHead,
          Effect.flatMap(Effect.fromOption)
        )
        const [approvals, inWorker] = yield* Effect.map(asked, (all) => [all, heapUsed()] as const).pipe(
          withWorker
        )
        const inCodex = memoryOfCodex()
        const answer = ({ hash, id }: (typeof approvals)[number]) =>
          durable.approvals.answer(id, { decision: accept, hash }, "ada")
        const half = Math.ceil(threads / 2)
        // Half of the answers arrive while no worker runs.
        yield* Effect.forEach(approvals.slice(0, half), answer)
        const turns = yield* Effect.andThen(
          Effect.forEach(approvals.slice(half), answer),
          Effect.forEach(keys, durable.await, { concurrency: 20 })
        ).pipe(withWorker)
        process.stdout.write(
          `${threads} threads of the real Codex that wait: ${kilobytes(inWorker - before)} kB of heap each in the worker, ` +
            `${kilobytes(inCodex - codexBefore)} kB in Codex\n`
        )
        assert.deepStrictEqual(
          turns.map(({ message }) => message),
          keys.map((key) => `${key} is published`)
        )
        for (const key of keys)
          assert.strictEqual(yield* fs.readFileString(`${codex.workspace}/${key}`), "ran\n")
      }),
    isSoak ? 3_600_000 : 60_000
  )
})
