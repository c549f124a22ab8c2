/**
 * Plays set-ups in which a turn fails, on the real Codex, and writes docs/failures.md.
 *
 *     node scripts/failures.ts [--only ID] [--check]
 *
 * Exits with 1 if an error is not the expected one, or if its message lacks the reason that Codex gave.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { readFileSync, writeFileSync } from "node:fs"
import { difference } from "./catalogue/markdown.ts"
import { groups } from "./failures/index.ts"
import * as Table from "./failures/table.ts"
import { parseArguments } from "./scriptArguments.ts"

const { values } = parseArguments(
  `Plays set-ups in which a turn fails, on the real Codex, and writes docs/failures.md.

Usage: npm run failures -- [options]

  --only ID    play only this set-up, such as missing-home, and write nothing
  --check      write nothing, and fail if docs/failures.md is out of date`,
  { options: { only: { type: "string" }, check: { type: "boolean" } } }
)

const services = Layer.merge(NodeServices.layer, Logger.layer([]))
const played: Array<Table.Played> = []
let failed = false

for (const group of groups) {
  const rows: Array<Table.Row> = []
  for (const failure of group.failures) {
    if (values.only !== undefined && failure.id !== values.only) continue
    const outcome = await Effect.runPromise(failure.run.pipe(Effect.scoped, Effect.provide(services)))
    const [, error, kind, retryable, message, next] = Table.row(failure, outcome)
    rows.push(Table.row(failure, outcome))
    const problems = Table.problems(failure, outcome)
    if (problems.length > 0) failed = true
    console.log(
      `${problems.length > 0 ? "WRONG " : ""}${failure.id}: ${error} ${kind}, retryable: ${retryable}`
    )
    console.log(`  ${message}\n  -> ${next}`)
    for (const problem of problems) console.log(`  WRONG: ${problem}`)
  }
  played.push({ group, rows })
}

if (values.only === undefined) {
  const text = Table.document(played)
  if (values.check !== true) writeFileSync(Table.file, text)
  else {
    const before = readFileSync(Table.file, "utf8")
    if (before !== text) {
      failed = true
      console.log(`${Table.file} is out of date; run \`npm run failures\`\n${difference(before, text)}`)
    }
  }
}
process.exit(failed ? 1 : 0)
