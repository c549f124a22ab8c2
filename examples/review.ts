/** A code review with typed findings, for example in CI: exits with 1 if a finding should block the merge. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer } from "effect"
import { AppServer, Codex, Review } from "effect-codex"

const program = Effect.gen(function* () {
  const codex = yield* Codex
  const thread = yield* codex.startThread({ cwd: ".", sandbox: "read-only" })

  // Also Review.branch("main"), Review.commit("abc1234") and Review.custom("Look for races in src/queue.ts").
  const { review, usage } = yield* thread.review({
    target: Review.uncommitted,
    timeout: "15 minutes",
    budget: { tokens: 1_000_000 }
  })

  for (const { confidence, lines, path, priority, title } of review.findings) {
    const sure = confidence === undefined ? "" : ` (${Math.round(confidence * 100)} % sure)`
    yield* Console.log(`P${priority ?? "?"} ${path}:${lines.start}-${lines.end} ${title}${sure}`)
  }
  yield* Console.log(`${review.verdict ?? "no verdict"}: ${review.explanation}`)

  // The review is part of the conversation: a next turn can refer to it.
  const answer = yield* thread.run("Which finding would you fix first?")
  yield* Console.log(`${answer.message} (${usage.input + usage.output} tokens for the review)`)

  return review.findings.filter(({ priority }) => priority !== undefined && priority <= 1)
}).pipe(Effect.scoped)

program.pipe(
  Effect.tap((blocking) => Console.log(`${blocking.length} findings block the merge`)),
  Effect.provide(Codex.layer.pipe(Layer.provide(AppServer.layer))),
  NodeRuntime.runMain
)
