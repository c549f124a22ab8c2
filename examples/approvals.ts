/** An approval policy: rules for common requests, a function for special cases. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer } from "effect"
import { AppServer, Approval, Codex } from "effect-codex"

// No rule for git or npm: they run what the files of the workspace say, and the agent can write those.
const rules = Approval.rules([
  { command: ["docker", "ps"], decision: "accept" },
  { kind: "file_change", path: "docs/**", decision: "accept" },
  { decision: "decline" }
])

/** A policy is a function from a request to a decision. A policy that fails declines the request. */
const policy: Approval.Policy = (request) =>
  request._tag === "Command" && request.argv?.[0] === "rm"
    ? Effect.succeed(Approval.decline("do not remove files here"))
    : rules(request)

const program = Effect.gen(function* () {
  const codex = yield* Codex
  const thread = yield* codex.startThread({
    cwd: ".",
    sandbox: "workspace-write",
    approvalMode: "on-request"
  })
  const turn = yield* thread.run("Look at the state of the repository, then clean it up")
  for (const item of turn.items) {
    if (item._tag === "CommandExecution") yield* Console.log(item.status, item.command)
  }
}).pipe(Effect.scoped)

program.pipe(
  Effect.provide(
    Codex.layer.pipe(Layer.provide(AppServer.layer), Layer.provideMerge(Approval.layer(policy)))
  ),
  NodeRuntime.runMain
)
