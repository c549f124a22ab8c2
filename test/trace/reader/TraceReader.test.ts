/** The reader of telemetry files: what it finds, whatever the files are cut, packed and ordered like. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { gzipSync, zstdCompressSync } from "node:zlib"
import * as TraceReader from "../../../src/trace/reader/TraceReader.ts"
import type { TurnSummary } from "../../../src/trace/reader/TraceModel.ts"
import { test } from "../../support/live.ts"
import * as TraceFiles from "../../support/traceFiles.ts"

/** Writes files, and returns their paths. */
const write = (...contents: ReadonlyArray<string | Uint8Array>) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-traces-" })
    return yield* Effect.forEach(contents, (content, at) => {
      const path = `${directory}/traces.jsonl${at === 0 ? "" : `.${at}`}`
      const bytes = typeof content === "string" ? Buffer.from(content) : content
      return Effect.as(fs.writeFile(path, bytes), path)
    })
  })

const scanOf = (...contents: ReadonlyArray<string | Uint8Array>) =>
  Effect.flatMap(write(...contents), (paths) => TraceReader.scan(paths))

/** The turns and every turn's spans. */
const wholeOf = (paths: ReadonlyArray<string>, options?: TraceReader.ScanOptions) =>
  Effect.gen(function* () {
    const { read, turns } = yield* TraceReader.scan(paths, options)
    return { turns, traces: yield* read(turns.map(({ key }) => key)) }
  })

const textOf = (from: number, to: number, perLine?: number): string =>
  [...TraceFiles.lines(from, to, perLine)].map((line) => `${line}\n`).join("")

/** A generator of numbers that is equal in every run. */
const random = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state % below
  }
}

const shuffled = <A>(items: ReadonlyArray<A>, next: (below: number) => number): ReadonlyArray<A> =>
  items
    .map((item) => ({ item, key: next(1_000_000) }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item)

describe("a reader of telemetry files", () => {
  test("lists turns with their time, tokens, cost and errors", () =>
    Effect.gen(function* () {
      const { report, turns } = yield* scanOf(textOf(0, 10))
      assert.strictEqual(turns.length, 10)
      assert.deepInclude(report, { files: 1, bad: 0, badSpans: 0, spans: 79, omittedTurns: 0 })
      const expected: TurnSummary = {
        key: TraceFiles.turnIdOf(4),
        recordedBy: "effect-codex",
        parentKey: undefined,
        agents: 0,
        turnId: TraceFiles.turnIdOf(4),
        threadId: "0199a213-0000-7800-8aa1-000000000002",
        traceId: "00000000000000000000000000000005",
        spanId: "0000000000000501",
        startUnixNano: "1790000240000000000",
        durationNanos: 4_400_000_000,
        status: "failed",
        incomplete: undefined,
        model: "gpt-5.5",
        provider: "openai",
        service: "bot",
        source: undefined,
        workflow: "triage",
        group: undefined,
        user: "user1",
        errorClass: "provider",
        errorType: "TurnFailed.ServerError",
        retryable: true,
        tokens: {
          input: 1600,
          output: 46,
          cachedInput: undefined,
          cacheWrite: undefined,
          reasoning: undefined
        },
        costUsd: 0.05,
        time: {
          thinkingNanos: 2_420_500_000,
          toolsNanos: 1_320_500_000,
          approvalNanos: 500_500_000,
          overheadNanos: 158_500_000
        },
        modelCalls: { count: 3, failed: 1 },
        toolCalls: { count: 2, failed: 0 },
        commands: { count: 1, failed: 0 },
        approvals: { count: 1, declined: 0, waitNanos: 500_000_000 },
        retries: 0,
        errors: { "TurnFailed.ServerError": 1 },
        spans: 8
      }
      assert.deepStrictEqual(JSON.parse(JSON.stringify(turns[4])), JSON.parse(JSON.stringify(expected)))
      assert.deepInclude(turns[6], { approvals: { count: 1, declined: 1, waitNanos: 500_000_000 } })
      assert.deepInclude(turns[2], { commands: { count: 1, failed: 1 }, errors: { CommandFailed: 1 } })
    }))

  test("reads the tree of a turn, and the critical path fills its time without a gap", () =>
    Effect.gen(function* () {
      const { read, turns } = yield* scanOf(textOf(0, 4))
      const [trace] = yield* read([turns[2]?.key ?? ""])
      assert.deepStrictEqual(
        trace?.spans.map(({ depth, exitCode, kind, name, parent }) => [depth, kind, name, parent, exitCode]),
        [
          [0, "turn", "invoke_agent codex", undefined, undefined],
          [1, "model", "chat gpt-5.5", 0, undefined],
          [1, "tool", "execute_tool exec_command", 0, undefined],
          [2, "approval", "codex.approval", 2, undefined],
          [2, "command", "npm", 2, 1],
          [1, "model", "chat gpt-5.5", 0, undefined],
          [1, "tool", "execute_tool apply_patch", 0, undefined],
          [1, "model", "chat gpt-5.5", 0, undefined]
        ]
      )
      let at = 0
      for (const { durationNanos, startNanos } of trace?.criticalPath ?? []) {
        assert.strictEqual(startNanos, at)
        at += durationNanos
      }
      assert.strictEqual(at, turns[2]?.durationNanos)
      assert.deepStrictEqual(
        trace?.criticalPath.map(({ span }) => span),
        [0, 1, 2, 3, 2, 4, 5, 6, 7, 0]
      )
      assert.deepStrictEqual(yield* read(["no such turn"]), [])
    }))

  test("finds the same, however the bytes are cut, the lines ordered, and the files rotated and packed", () =>
    Effect.gen(function* () {
      const next = random(7)
      const all = [...TraceFiles.lines(0, 6, 5)]
      const expected = yield* wholeOf(yield* write(all.map((line) => `${line}\n`).join("")))
      assert.strictEqual(expected.traces.length, 6)
      for (let round = 0; round < 9; round++) {
        const lines = shuffled(all, next)
        const cuts = [next(lines.length), next(lines.length)].toSorted((a, b) => a - b)
        const parts = [lines.slice(0, cuts[0]), lines.slice(cuts[0], cuts[1]), lines.slice(cuts[1])]
        const lineBreak = round % 3 === 0 ? "\r\n" : "\n"
        const contents = parts.map((part, at) => {
          // The last line may lack its line break.
          const text = part.join(lineBreak) + (round % 2 === 0 || part.length === 0 ? "" : lineBreak)
          return [Buffer.from(text), gzipSync(text), zstdCompressSync(text)][(round + at) % 3] ?? text
        })
        const found = yield* wholeOf(yield* write(...contents), { chunkBytes: 100 + next(3000) })
        assert.deepStrictEqual(found, expected)
      }
    }))

  test("takes a span once that an exporter sent twice", () =>
    Effect.gen(function* () {
      const text = textOf(0, 3)
      assert.deepStrictEqual((yield* scanOf(text, text)).turns, (yield* scanOf(text)).turns)
    }))

  test("reads what it can of damaged files, and names the lines that it cannot read", () =>
    Effect.gen(function* () {
      const [first = "", second = ""] = TraceFiles.lines(0, 2, 8)
      const paths = yield* write(
        `${first}\n\nnot json\n[1]\n{"spans":[]}\n${second.slice(0, -40)}`,
        gzipSync(textOf(2, 60)).subarray(0, -600),
        `{\n  "resourceSpans": [\n${first}\n{\n}\n`
      )
      const { report, turns } = yield* TraceReader.scan(paths)
      assert.include(
        turns.map(({ key }) => key),
        TraceFiles.turnIdOf(0)
      )
      assert.include(
        turns.map(({ key }) => key),
        TraceFiles.turnIdOf(2)
      )
      assert.deepStrictEqual(
        report.badLines.map(({ file, line, reason }) => [paths.indexOf(file), line, reason]),
        [
          [0, 3, "not JSON"],
          [0, 4, "not OTLP"],
          [0, 5, "not OTLP"],
          [0, 6, "cut"],
          ...report.badLines.flatMap(({ file, line, reason }) =>
            file === paths[1] ? [[1, line, reason] as const] : []
          ),
          [2, 1, "not JSON"],
          [2, 4, "not OTLP"]
        ]
      )
      assert.strictEqual(report.cutFiles, 1)
    }))

  test("reads documents of several lines, as Codex writes them", () =>
    Effect.gen(function* () {
      const lines = [...TraceFiles.lines(0, 3, 8)]
      const pretty = lines.map((line) => `${JSON.stringify(JSON.parse(line), null, 2)}\n`).join("")
      assert.deepStrictEqual(
        yield* wholeOf(yield* write(pretty), { chunkBytes: 1000 }),
        yield* wholeOf(yield* write(textOf(0, 3, 8)))
      )
    }))

  test("keeps the newest turns up to a limit, whatever the order, and counts the others", () =>
    Effect.gen(function* () {
      const next = random(3)
      const lines = [...TraceFiles.lines(0, 40, 8)]
      for (const ordered of [lines, lines.toReversed(), shuffled(lines, next)]) {
        const paths = yield* write(ordered.join("\n"))
        const { report, turns } = yield* TraceReader.scan(paths, { maxTurns: 8 })
        assert.deepStrictEqual(
          turns.map(({ key }) => key),
          Array.from({ length: 8 }, (_, at) => TraceFiles.turnIdOf(32 + at))
        )
        assert.strictEqual(report.omittedTurns, 32)
      }
    }))

  test("lists a turn whose own span is missing, and splits its time by its spans", () =>
    Effect.gen(function* () {
      const { read, turns } = yield* scanOf(TraceFiles.line(TraceFiles.turn(0).slice(0, -1).toReversed()))
      assert.strictEqual(turns.length, 1)
      assert.isUndefined(turns[0]?.spanId)
      assert.deepInclude(turns[0], {
        status: "unknown",
        modelCalls: { count: 3, failed: 0 },
        durationNanos: 3_840_000_000
      })
      const [trace] = yield* read([TraceFiles.turnIdOf(0)])
      assert.deepStrictEqual(trace?.turn.time, {
        thinkingNanos: 940_000_000 + 600_000_000 + 880_000_000,
        toolsNanos: 900_000_000 + 20_000_000,
        approvalNanos: 500_000_000,
        overheadNanos: 0
      })
    }))

  test("says which file it cannot read", () =>
    Effect.gen(function* () {
      const [path = ""] = yield* write("")
      const missing = yield* Effect.flip(TraceReader.scan([path, `${path}.gone`]))
      assert.deepInclude(missing, { path: `${path}.gone`, code: "ENOENT" })
      const directory = yield* Effect.flip(TraceReader.scan([path.slice(0, path.lastIndexOf("/"))]))
      assert.strictEqual(directory.code, "NotAFile")
    }))

  test("never fails on mutated lines", () =>
    Effect.gen(function* () {
      const next = random(11)
      const text = Buffer.from(textOf(0, 6, 6))
      const mutate = (): Buffer => {
        const bytes = Buffer.from(text)
        for (let n = 0; n < 40; n++) {
          const at = next(bytes.length)
          if (n % 4 === 0) bytes.copyWithin(at, next(bytes.length), next(bytes.length))
          else bytes[at] = [0x22, 0x7b, 0x5d, 0x0a, 0x30, 0xff, 0x2c, next(256)][next(8)] ?? 0
        }
        return bytes.subarray(0, bytes.length - next(500))
      }
      const contents = Array.from({ length: 60 }, mutate)
      const { turns, traces } = yield* wholeOf(yield* write(...contents), { chunkBytes: 50_000 })
      assert.strictEqual(traces.length, turns.length)
    }))
})
