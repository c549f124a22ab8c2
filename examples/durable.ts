/**
 * A durable turn: a worker runs it, and other parts of the program submit it, answer its approval and read its outcome. In
 * production they are different processes, which share only the database. Behind a socket (`AppServer.layerSocket`), turns
 * go on while no worker runs.
 *
 * DURABLE_DIR=/var/lib/agents node examples/durable.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Console, Effect, Layer, Stream } from "effect"
import { AppServer, Approval, Codex } from "effect-codex"
import { Durable, DurableRunner } from "effect-codex/durable"

/** Answers the approvals of all turns, from wherever people are: a chat, a web page, a command line. */
const approver = Effect.gen(function* () {
  const durable = yield* Durable
  yield* durable.approvals.pending.pipe(
    Stream.flatMap((pending) => Stream.fromIterable(pending)),
    Stream.runForEach(
      Effect.fnUntraced(function* ({ hash, id, text }) {
        yield* Console.log(text)
        const answer = { decision: Approval.accept, hash }
        // Somebody else may have been faster.
        yield* Effect.catchTag(
          durable.approvals.answer(id, answer, "ada"),
          "AlreadyDecided",
          () => Effect.void
        )
      })
    )
  )
})

const program = Effect.gen(function* () {
  const durable = yield* Durable
  yield* Effect.forkScoped(approver)
  // The same key again finds this turn, and starts no other one.
  const { key } = yield* durable.submit("Look at the state of the repository", {
    key: "look-1",
    sandbox: "read-only",
    approvalMode: "on-request"
  })
  yield* Console.log(`submitted ${key}`)
  const turn = yield* durable.await(key)
  yield* Console.log(turn.message)
}).pipe(Effect.scoped)

const Services = Layer.unwrap(
  Effect.map(Config.String("DURABLE_DIR"), (directory) => {
    const path = `${directory}/turns.db`
    const Worker = DurableRunner.layerSqlite({ path }).pipe(
      Layer.provide(Codex.layer),
      Layer.provide(AppServer.layer)
    )
    return Layer.merge(Worker, Durable.layerSqlite({ path }))
  })
)

program.pipe(Effect.provide(Services), NodeRuntime.runMain)
