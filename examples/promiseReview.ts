/**
 * A review bot with promises: reads a git diff, annotates the pull request on GitHub with typed findings, and exits by their
 * severity.
 *
 * BASE_BRANCH=origin/main node examples/promiseReview.ts
 */
import { BudgetExceeded, Codex, isCodexError, Review } from "effect-codex/promise"
import { execFileSync } from "node:child_process"

const git = ["diff", "--merge-base", "--end-of-options", process.env["BASE_BRANCH"] ?? "HEAD"]
const diff = execFileSync("git", git, { encoding: "utf8", maxBuffer: 1_000_000 })

const codex = new Codex()
const thread = codex.startThread({ workingDirectory: ".", sandboxMode: "read-only" })

// The model writes these texts: without escapes, they could contain commands for GitHub.
const percent = (sign: string) => `%${sign.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`
const message = (text: string) => text.replace(/[%\r\n]/g, percent)
const property = (text: string) => text.replace(/[%\r\n:,]/g, percent)

/** What the check of the pull request does after an error: every error is a class, and has one. */
const exitCodeAfter = (error: unknown) => {
  if (!isCodexError(error)) throw error
  console.log(`::warning::${message(error.message)}`)
  if (error instanceof BudgetExceeded) return 0 // Too large a change for a bot: a person reviews it.
  switch (error.class) {
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

const report = async () => {
  if (diff === "") return 0
  // Review.branch("main") and Review.uncommitted leave the diff to Codex.
  const target = Review.custom(`Review this change. The repository contains its result.\n\n${diff}`)
  const signal = AbortSignal.timeout(15 * 60_000)
  const { findings } = await thread.review(target, { budget: { tokens: 1_000_000 }, signal })
  for (const { body, lines, path, priority = 3, title } of findings) {
    const place = `file=${property(path)},line=${lines.start},endLine=${lines.end},title=${property(title)}`
    console.log(`::${priority <= 1 ? "error" : "notice"} ${place}::${message(body)}`)
  }
  const blocking = findings.filter(({ priority = 3 }) => priority <= 1)
  const turn = await thread.run("Summarise your review in one sentence for the author.")
  console.log(`${message(turn.finalResponse)} (${blocking.length} findings block the merge)`)
  return blocking.length > 0 ? 1 : 0
}

process.exitCode = await report().catch(exitCodeAfter)
await codex.close()
