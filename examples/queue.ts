/** Approvals as a service: questions wait in a queue, and somebody elsewhere (a page, a bot) lists and answers them. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer, Stream } from "effect"
import { AppServer, Approval, Codex } from "effect-codex"

// Tests may run; whatever else is asked waits for a person, ten minutes at most; every decision is logged.
const policy = Approval.audit(
  Approval.firstOf(
    Approval.rules([{ command: ["npm", "test", "**"], decision: "accept" }]),
    Approval.timeout(Approval.queue, "10 minutes")
  )
)

/** Stands for the page or the bot: it answers what it is asked, by the hash of what it has seen. */
const reviewer = Effect.gen(function* () {
  const queue = yield* Approval.ApprovalQueue
  yield* queue.changes.pipe(
    Stream.runForEach((pending) =>
      Effect.forEach(pending, ({ hash, id, request }) =>
        Effect.gen(function* () {
          yield* Console.log(`asked to ${Approval.describe(request)}`)
          const yes = request._tag === "command" && request.argv?.[0] === "git"
          yield* queue.answer(id, yes ? Approval.accept : Approval.decline("not on this machine"), { hash })
        }).pipe(
          // Somebody else was faster, or the turn is over.
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
