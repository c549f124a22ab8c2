/** Session grants: what was accepted for the session is listed, limited in time and taken back. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer } from "effect"
import { AppServer, Approval, Codex } from "effect-codex"

/** Asks on the terminal. The answer "always" holds for the same request, for an hour. */
const policy = Approval.remember(Approval.prompt, { lifetime: "1 hour" })

const program = Effect.gen(function* () {
  const codex = yield* Codex
  const thread = yield* codex.startThread({ sandbox: "read-only", approvalMode: "on-request" })
  const grants = Approval.grants(thread.id)
  yield* thread.run("Add a line to NOTES.md, then remove it again")
  for (const grant of yield* grants.list) {
    yield* Console.log(
      `accepted for the session, used ${grant.uses} times: ${Approval.summarize(grant.request)}`
    )
    // Codex itself holds permissions until the thread ends.
    if (!grant.heldByCodex) yield* grants.expire(grant.id, "10 minutes")
  }
  yield* thread.run("Add another line")
  yield* Console.log(`took back ${yield* grants.revokeAll} grants`)
}).pipe(Effect.scoped)

program.pipe(
  Effect.provide(
    Codex.layer.pipe(
      Layer.provide(AppServer.layer),
      Layer.provideMerge(Approval.layer(policy)),
      Layer.provideMerge(NodeServices.layer)
    )
  ),
  NodeRuntime.runMain
)
