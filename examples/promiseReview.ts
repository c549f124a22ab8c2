/** A review bot with promises: annotates a pull request on GitHub, and fails the check if a finding should block the merge. */
import { BudgetExceeded, Codex, Review } from "effect-codex/promise"

const base = process.env["BASE_BRANCH"]
const target = base === undefined ? Review.uncommitted : Review.branch(base)

const codex = new Codex()
const thread = codex.startThread({ workingDirectory: ".", sandboxMode: "read-only" })

const review = await thread
  .review(target, { budget: { tokens: 1_000_000 }, signal: AbortSignal.timeout(15 * 60_000) })
  .catch((error: unknown) => {
    // Every error is a class. The check stays neutral if the review is too expensive.
    if (!(error instanceof BudgetExceeded)) throw error
    console.log(`::warning::${error.message}`)
  })

// The model writes these texts: without escapes, they could contain commands for GitHub.
const percent = (sign: string) => `%${sign.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`
const message = (text: string) => text.replace(/[%\r\n]/g, percent)
const property = (text: string) => text.replace(/[%\r\n:,]/g, percent)

if (review !== undefined) {
  const blocking = review.findings.filter(({ priority = 3 }) => priority <= 1)
  for (const { body, lines, path, priority = 3, title } of review.findings) {
    const place = `file=${property(path)},line=${lines.start},endLine=${lines.end},title=${property(title)}`
    console.log(`::${priority <= 1 ? "error" : "notice"} ${place}::${message(body)}`)
  }
  const turn = await thread.run("Summarise your review in one sentence for the author.")
  console.log(`${message(turn.finalResponse)} (${blocking.length} findings block the merge)`)
  process.exitCode = blocking.length > 0 ? 1 : 0
}
await codex.close()
