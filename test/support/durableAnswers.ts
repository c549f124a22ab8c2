/** Answers a thousand approvals of a database. As a program: accepts them when stdin says so, and prints those that it won. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { once } from "node:events"
import { accept, type ApprovalDecision } from "../../src/domain/ApprovalDecision.ts"
import type { ApprovalRequest } from "../../src/domain/ApprovalRequest.ts"
import { hash } from "../../src/domain/ApprovalRequestHash.ts"
import { ItemId } from "../../src/domain/Ids.ts"
import * as DurablePostgres from "../../src/durable-postgres/DurablePostgres.ts"
import { Durable } from "../../src/durable/Durable.ts"

export const ids = Array.from({ length: 1000 }, (_, index) => `p${index}`)

export const request: ApprovalRequest = {
  _tag: "Command",
  id: "r1",
  itemId: ItemId.make("item"),
  command: "npm publish",
  script: "npm publish",
  cwd: "/srv/app",
  extra: false
}

/** Returns the ids of the approvals that this process was the first to answer. */
export const answerAll = (durable: Durable["Service"], decision: ApprovalDecision, by: string) =>
  Effect.map(
    Effect.forEach(ids, (id) =>
      durable.approvals.answer(id, { decision, hash: hash(request) }, by).pipe(
        Effect.as([id]),
        Effect.catchTag("AlreadyDecided", () => Effect.succeed<ReadonlyArray<string>>([]))
      )
    ),
    (won) => won.flat()
  )

/** The client of a database: a URL of PostgreSQL, or the path of a SQLite file. */
export const layerClient = (database: string) =>
  database.startsWith("postgres:")
    ? DurablePostgres.layer({ url: Redacted.make(database) })
    : Durable.layerSqlite({ path: database })

if (import.meta.main) {
  const program = Effect.gen(function* () {
    const durable = yield* Durable
    process.stdout.write("ready\n")
    yield* Effect.promise(() => once(process.stdin, "data"))
    const won = yield* answerAll(durable, accept, "there")
    process.stdout.write(JSON.stringify(won))
  }).pipe(Effect.provide(layerClient(process.env["ANSWERS_DATABASE"] ?? "")))
  void Effect.runPromise(program)
}
