/**
 * A review bot for CI: reads a git diff, prints typed findings, and exits by their severity.
 *
 * BASE_BRANCH=origin/main node examples/review.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Config, Console, Effect, Layer } from "effect"
import { AppServer, Codex, CodexError, Review, ToolCommand } from "effect-codex"
import { ChildProcess } from "effect/process"

/** By the worst priority of a finding: 0 and 1 block the merge. */
const exitCodeOf = ({ findings }: Review.Review) =>
  findings.some(({ priority = 3 }) => priority <= 1) ? 1 : 0

/** What the check of the pull request does after an error. The type checker knows all classes. */
const exitCodeAfter = ({ class: kind }: CodexError.TurnError | CodexError.StartError) => {
  switch (kind) {
    case "budget":
      return 0 // Too large a change for a bot: a person reviews it.
    case "transient":
    case "quota":
    case "timeout":
      return 75 // Try again later.
    case "config":
    case "engine":
    case "auth":
      return 78 // The set-up is wrong.
    default:
      return 70
  }
}

const readDiff = Effect.gen(function* () {
  const base = yield* Config.String("BASE_BRANCH").pipe(Config.withDefault("HEAD"))
  const git = ChildProcess.make("git", ["diff", "--merge-base", "--end-of-options", base])
  const { exitCode, stderr, stdout, truncated } = yield* ToolCommand.run(git, { maxOutput: 400_000 })
  if (exitCode !== 0) return yield* Effect.die(new Error(`git diff: ${stderr}`))
  return truncated ? `The beginning of the diff is missing.\n${stdout}` : stdout
})

const program = Effect.gen(function* () {
  const diff = yield* readDiff
  if (diff === "") return yield* Effect.as(Console.log("nothing to review"), 0)
  const codex = yield* Codex
  const thread = yield* codex.startThread({ cwd: ".", sandbox: "read-only", workflow: "review" })
  // Review.branch("main") and Review.uncommitted leave the diff to Codex.
  const { review, usage } = yield* thread.review({
    target: Review.custom(`Review this change. The repository contains its result.\n\n${diff}`),
    timeout: "15 minutes",
    budget: { tokens: 1_000_000 }
  })
  for (const { confidence, lines, path, priority, title } of review.findings) {
    const sure = confidence === undefined ? "" : ` (${Math.round(confidence * 100)} % sure)`
    yield* Console.log(`P${priority ?? "?"} ${path}:${lines.start}-${lines.end} ${title}${sure}`)
  }
  yield* Console.log(`${review.verdict ?? "no verdict"}: ${review.explanation}`)
  yield* Console.log(`${usage.input + usage.output} tokens`)
  return exitCodeOf(review)
}).pipe(
  Effect.scoped,
  Effect.catchIf(CodexError.isCodexError, (error) =>
    Effect.as(Console.error(`${error.class}: ${error.message}`), exitCodeAfter(error))
  )
)

program.pipe(
  Effect.tap((code) => Effect.sync(() => void (process.exitCode = code))),
  Effect.provide(Layer.merge(Codex.layer.pipe(Layer.provide(AppServer.layer)), NodeServices.layer)),
  NodeRuntime.runMain
)
