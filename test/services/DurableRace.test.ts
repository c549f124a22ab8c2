/** Two processes that answer the same approvals at the same time. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { decline } from "../../src/domain/ApprovalDecision.ts"
import { hash } from "../../src/domain/ApprovalRequestHash.ts"
import { ItemId, TurnId } from "../../src/domain/Ids.ts"
import { Durable } from "../../src/durable/Durable.ts"
import { layerRunner } from "../../src/durable/store/SqliteStore.ts"
import { Store } from "../../src/durable/store/Store.ts"
import { answerAll, ids, request } from "../support/durableAnswers.ts"

const other = fileURLToPath(new URL("../support/durableAnswers.ts", import.meta.url))

const temporary = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync("/var/tmp/effect-codex-race-")),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
)

describe("approvals of durable turns", () => {
  it.live("F17 accept one of two conflicting answers of two processes, a thousand times", () =>
    Effect.gen(function* () {
      const path = join(yield* temporary, "turns.db")
      yield* Effect.gen(function* () {
        const store = yield* Store
        const sql = yield* SqlClient.SqlClient
        // Another process waits for the write lock, so all of them come at once.
        const askAll = Effect.forEach(ids, (id) =>
          store.approvals.ask({
            id,
            key: "a",
            threadId: "t",
            turnId: TurnId.make("turn"),
            itemId: ItemId.make("item"),
            hash: hash(request),
            request,
            shown: "run npm publish",
            expiresAt: null
          })
        )
        yield* sql.withTransaction(askAll)
      }).pipe(Effect.provide(layerRunner({ path })))

      const child = yield* Effect.acquireRelease(
        Effect.sync(() => spawn(process.execPath, [other, path], { stdio: ["pipe", "pipe", "inherit"] })),
        (child) => Effect.sync(() => void child.kill("SIGKILL"))
      )
      let output = ""
      child.stdout.on("data", (bytes: Buffer) => {
        output += bytes.toString()
      })
      yield* Effect.promise(() => once(child.stdout, "data"))
      const ended = once(child, "close")
      const here = yield* Effect.gen(function* () {
        const durable = yield* Durable
        child.stdin.end("go\n")
        return yield* answerAll(durable, decline("no"), "here")
      }).pipe(Effect.provide(Durable.layerSqlite({ path })))
      yield* Effect.promise(() => ended)
      const there: ReadonlyArray<string> = JSON.parse(output.slice(output.indexOf("[")))

      assert.sameMembers([...here, ...there], ids)
      const rows = yield* Effect.provide(
        Durable.use(({ approvals }) => approvals.list({ pending: false, limit: ids.length })),
        Layer.fresh(Durable.layerSqlite({ path }))
      )
      assert.lengthOf(rows, ids.length)
      const won = new Set(here)
      for (const { decidedBy, decision, id } of rows) {
        assert.strictEqual(decidedBy, won.has(id) ? "here" : "there")
        assert.strictEqual(decision?._tag, won.has(id) ? "Decline" : "Accept")
      }
    }).pipe(Effect.scoped)
  )
})
