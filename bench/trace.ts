/**
 * What reading traces costs: the list of all turns of a file of OTLP JSON lines, beside reading the same file and parsing each
 * line with `JSON.parse`, which any reader has to do. `node bench/trace.ts [--megabytes N] [--quick] [--rounds N]`
 *
 * The file has 200 MB, or `--megabytes 1000` for a gigabyte. "memory" is the largest resident set of this process during the
 * first scan, Node itself included. "show" reads the file a second time for one turn.
 */
import * as Effect from "effect/Effect"
import { once } from "node:events"
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as TraceReader from "../src/trace/reader/TraceReader.ts"
import * as TraceStatistics from "../src/trace/reader/TraceStatistics.ts"
import * as TraceFiles from "../test/support/traceFiles.ts"
import * as Report from "./report.ts"

const rounds = Report.roundsOf(5, 2)
const bytes = Report.megabytes * 1_000_000

const write = async (path: string): Promise<number> => {
  const out = createWriteStream(path)
  let written = 0
  let turns = 0
  for (; written < bytes; turns += 64)
    for (const line of TraceFiles.lines(turns, turns + 64)) {
      written += line.length + 1
      if (!out.write(`${line}\n`)) await once(out, "drain")
    }
  out.end()
  await once(out, "close")
  return turns
}

const parseAlone = async (path: string): Promise<void> => {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    let from = 0
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      const line = chunk.subarray(from, at)
      JSON.parse((rest.length === 0 ? line : Buffer.concat([rest, line])).toString())
      rest = Buffer.alloc(0)
      from = at + 1
    }
    rest = Buffer.concat([rest, chunk.subarray(from)])
  }
}

const measure = async (run: () => Promise<unknown>) => {
  const started = performance.now()
  const cpu = await Report.cpuOf(run)
  return { cpu, wall: performance.now() - started }
}

const directory = mkdtempSync(join(tmpdir(), "effect-codex-bench-"))
try {
  const path = join(directory, "traces.jsonl")
  const turns = await write(path)
  let largest = 0
  const watch = setInterval(() => (largest = Math.max(largest, process.memoryUsage().rss)), 20)
  const scanned = await Effect.runPromise(TraceReader.scan([path]))
  clearInterval(watch)
  console.log(
    `${turns} turns, ${scanned.report.spans} spans, ${scanned.report.bytes} bytes; ` +
      `${scanned.turns.length} turns in the list, ${scanned.report.omittedTurns} older ones left out`
  )
  const measured = { parse: Array.of<number>(), wallRatio: Array.of<number>() }
  const lists: Array<number> = []
  const stats: Array<number> = []
  const shows: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const alone = await measure(() => parseAlone(path))
    const list = await measure(() => Effect.runPromise(TraceReader.scan([path])))
    const statistics = new TraceStatistics.Statistics()
    const counted = await measure(() =>
      Effect.runPromise(TraceReader.scan([path], { maxTurns: 0, onSpan: statistics.add }))
    )
    const show = await measure(() => Effect.runPromise(scanned.read([scanned.turns.at(-1)?.key ?? ""])))
    measured.parse.push(alone.cpu)
    measured.wallRatio.push(list.wall / alone.wall)
    lists.push(list.cpu)
    stats.push(counted.cpu)
    shows.push(show.cpu)
  }
  Report.finish([
    { name: "reading and JSON.parse alone, CPU", unit: "ms", ...Report.spreadOf(measured.parse) },
    {
      name: "list, CPU compared with it",
      unit: "x",
      bar: 2,
      ...Report.spreadOf(Report.ratios(lists, measured.parse))
    },
    { name: "list, time compared with it", unit: "x", bar: 2, ...Report.spreadOf(measured.wallRatio) },
    {
      name: "stats, CPU compared with it",
      unit: "x",
      bar: 2,
      ...Report.spreadOf(Report.ratios(stats, measured.parse))
    },
    {
      name: "one turn again, CPU compared with it",
      unit: "x",
      bar: 1,
      ...Report.spreadOf(Report.ratios(shows, measured.parse))
    },
    { name: "list, memory", unit: "MiB", bar: 500, value: largest / 1024 / 1024 }
  ])
} finally {
  rmSync(directory, { recursive: true, force: true })
}
