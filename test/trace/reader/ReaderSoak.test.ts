/** The memory of the reader does not grow with the file: 10 MB, or 1 GB in a soak. */
import { assert } from "@effect/vitest"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { once } from "node:events"
import { createWriteStream } from "node:fs"
import * as TraceReader from "../../../src/trace/reader/TraceReader.ts"
import * as TraceStatistics from "../../../src/trace/reader/TraceStatistics.ts"
import { heapUsed } from "../../support/heap.ts"
import { test } from "../../support/live.ts"
import { isSoak } from "../../support/soak.ts"
import * as TraceFiles from "../../support/traceFiles.ts"

const turns = isSoak ? 106_000 : 1_000
const maxTurns = 200

const write = async (path: string): Promise<void> => {
  const out = createWriteStream(path)
  for (const line of TraceFiles.lines(0, turns)) if (!out.write(`${line}\n`)) await once(out, "drain")
  out.end()
  await once(out, "close")
}

test("the list, the statistics and the spans of one turn take the same memory for a file of any size", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = `${yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-soak-" })}/traces.jsonl`
    yield* Effect.promise(() => write(path))
    const statistics = new TraceStatistics.Statistics()
    // The reader remembers the ids of the last 100,000 spans, so a large file fills them before the first measurement.
    const first = isSoak ? 150_000 : 2_400
    const heap: Array<number> = []
    let spans = 0
    const onSpan: TraceReader.ScanOptions["onSpan"] = (span) => {
      statistics.add(span)
      spans++
      if (spans === first || spans === 3 * first) heap.push(heapUsed())
    }
    const scanned = yield* TraceReader.scan([path], { maxTurns, onSpan })
    heap.push(heapUsed())
    assert.strictEqual(scanned.turns.length, maxTurns)
    assert.strictEqual(scanned.report.omittedTurns, turns - maxTurns)
    assert.strictEqual(statistics.finish().turns, turns)
    const grown = Math.max(...heap) - (heap[0] ?? 0)
    yield* Console.log(
      `${scanned.report.bytes} bytes, ${scanned.report.spans} spans: the heap grew by ${grown} bytes, ` +
        `the process had at most ${process.resourceUsage().maxRSS * 1024} bytes`
    )
    // Most of the file, some 6 MB of JSON, are read between the measurements.
    assert.isBelow(grown, 3_000_000)
    const before = heapUsed()
    const [trace] = yield* scanned.read([scanned.turns[0]?.key ?? ""])
    assert.isAbove(trace?.spans.length ?? 0, 6)
    assert.isBelow(heapUsed() - before, 1_000_000)
  }))
