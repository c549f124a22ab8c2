/** Approvals as a service: requests wait in a queue, and another part of the program (a web page, a bot) answers them. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer, Stream } from "effect"
import { AppServer, Approval, Codex } from "effect-codex"

// Accepts test runs. Every other request waits up to ten minutes for a person. Every decision is logged.
const policy = Approval.audit(
  Approval.firstOf(
    Approval.rules([{ command: ["docker", "ps"], decision: "accept" }]),
    Approval.timeout(Approval.queue, "10 minutes")
  )
)

/** Plays the part of the web page or bot. It passes the hash of the request, so that it answers exactly what it saw. */
const reviewer = Effect.gen(function* () {
  const queue = yield* Approval.ApprovalQueue
  yield* queue.changes.pipe(
    Stream.runForEach((pending) =>
      Effect.forEach(pending, ({ hash, id, request }) =>
        Effect.gen(function* () {
          yield* Console.log(`asked to ${Approval.describe(request)}`)
          const isGit = request._tag === "Command" && request.argv?.[0] === "git"
          yield* queue.answer(id, isGit ? Approval.accept : Approval.decline("not on this machine"), { hash })
        }).pipe(
          // Another approver was faster, or the turn has ended.
          Effect.catchTags({ AlreadyDecided: () => Effect.void, NotPending: () => Effect.void })
        )
      )
    )
  )
})

const program = Effect.gen(function* () {
  yield* Effect.forkScoped(reviewer)
  const codex = yield* Codex
  const thread = yield* codex.startThread({
    cwd: ".",
    sandbox: "workspace-write",
    approvalMode: "on-request"
  })
  const turn = yield* thread.run("Look at what changed, then publish it")
  yield* Console.log(turn.message)
}).pipe(Effect.scoped)

program.pipe(
  Effect.provide(
    Codex.layer.pipe(
      Layer.provide(AppServer.layer),
      Layer.provideMerge(Approval.layer(policy)),
      Layer.provideMerge(
        Layer.mergeAll(Approval.ApprovalQueue.layer, Approval.ApprovalAudit.layer, NodeServices.layer)
      )
    )
  ),
  NodeRuntime.runMain
)
