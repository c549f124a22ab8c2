/**
 * Runs the benchmarks, each section in its own process, and prints one table of all rows at the end.
 *
 *     node bench/main.ts [section ...] [--quick] [--rounds N]
 *
 * A value above its bar is reported and does not change the exit code, which is 1 only if a section fails.
 */
import { fork } from "node:child_process"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import * as Report from "./report.ts"

const sections: Readonly<Record<string, string>> = {
  turns: "a trivial turn compared with codex-sdk and a minimal driver",
  parallel: "20 and 60 turns at once compared with codex-sdk and a minimal driver",
  telemetry: "a turn of about a second on the real Codex, with and without telemetry",
  native: "a turn of about a second with and without Codex's own spans joined",
  timing: "how far the split of a turn's time is from Codex's own",
  scripted: "a turn in this process alone, with and without telemetry",
  spans: "a span compared with the OpenTelemetry SDK, and code inside a span",
  tail: "what tail sampling adds to a span and a turn",
  redaction: "what scrubbing a span costs",
  signals: "the cost of one event of a turn",
  growth: "how the cost of an event grows with the number of events before it",
  unobserved: "what threads pay for notifications and turns of Codex that they do not observe",
  spool: "spans with and without the spool",
  trace: "reading a file of traces compared with reading and parsing it alone",
  durable: "durable turns compared with plain ones and with a hand-written loop over the same database",
  startup: "the CPU of the command line for its version and for help",
  page: "how smoothly the page of traces scrolls 10,000 spans in a real Chromium"
}

const isRow = (row: unknown): row is Report.Row =>
  typeof row === "object" && row !== null && "name" in row && "value" in row && "unit" in row

const run = async (section: string): Promise<ReadonlyArray<Report.Row> | undefined> => {
  const child = fork(fileURLToPath(new URL(`./${section}.ts`, import.meta.url)), Report.options)
  let rows: ReadonlyArray<Report.Row> | undefined
  child.on("message", (message) => {
    if (Array.isArray(message)) rows = message.filter(isRow)
  })
  const code = await new Promise((resolve) => child.once("exit", resolve))
  return code === 0 ? rows : undefined
}

const unknown = Report.positionals.filter((name) => sections[name] === undefined)
if (unknown.length > 0) {
  console.error(`unknown section ${unknown.join(", ")}; choose from ${Object.keys(sections).join(", ")}`)
  process.exit(2)
}

const chosen = Object.keys(sections).filter(
  (name) => Report.positionals.length === 0 || Report.positionals.includes(name)
)
const results: Array<readonly [section: string, rows: ReadonlyArray<Report.Row> | undefined]> = []
for (const section of chosen) {
  console.log(`\n== ${section}: ${sections[section]}`)
  results.push([section, await run(section)])
}

console.log(`\n== all, on ${availableParallelism()} cores, node ${process.versions.node}`)
for (const [section, rows] of results) {
  console.log(`\n${section}`)
  console.log(rows === undefined ? "  BROKEN: see above" : Report.table(rows))
}
process.exitCode = results.some(([, rows]) => rows === undefined) ? 1 : 0
