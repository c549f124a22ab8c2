/** `effect-codex trace list`, `show`, `stats` and `diff`: what they print for files of telemetry. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { gzipSync } from "node:zlib"
import { expect } from "vitest"
import * as CompareTraces from "../../src/cli/handlers/compareTraces.ts"
import * as CountTraces from "../../src/cli/handlers/countTraces.ts"
import * as ListTurns from "../../src/cli/handlers/listTurns.ts"
import * as ShowTurn from "../../src/cli/handlers/showTurn.ts"
import * as TraceComparison from "../../src/trace/reader/TraceComparison.ts"
import * as TraceReader from "../../src/trace/reader/TraceReader.ts"
import * as TraceStatistics from "../../src/trace/reader/TraceStatistics.ts"
import * as DisplayWidth from "../../src/trace/DisplayWidth.ts"
import * as CommandLine from "../support/commandLine.ts"
import { test } from "../support/live.ts"
import * as TraceFiles from "../support/traceFiles.ts"

/** Writes a file of these turns, and returns its path. */
const fileOf = (from: number, to: number, change: (line: string) => string = (line) => line) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = `${yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-trace-" })}/traces.jsonl`
    yield* fs.writeFileString(
      path,
      [...TraceFiles.lines(from, to)].map((line) => `${change(line)}\n`).join("")
    )
    return path
  })

const trace = (...args: ReadonlyArray<string>) =>
  CommandLine.runHere({ args: ["trace", ...args], env: { COLUMNS: "100" } })

const keysIn = (stdout: string): ReadonlyArray<unknown> => CommandLine.jsonLines(stdout).map(({ key }) => key)

describe("effect-codex trace list", () => {
  test("shows the newest turns first, up to a limit, and says how many there are", () =>
    Effect.gen(function* () {
      const file = yield* fileOf(0, 30)
      const ran = yield* trace("list", file, "--json", "--limit", "2")
      assert.strictEqual(ran.code, 0)
      assert.deepStrictEqual(keysIn(ran.stdout), [TraceFiles.turnIdOf(29), TraceFiles.turnIdOf(28)])
      assert.deepInclude(CommandLine.jsonLines(ran.stdout)[0], { type: "turn", version: 1, status: "failed" })
      const text = yield* trace("list", file)
      assert.strictEqual(text.stdout.trimEnd().split("\n").length, 21)
      assert.strictEqual(
        text.stderr,
        "These are 20 of 30 turns; use --limit to see more\n30 turns, 236 spans in 1 file\n"
      )
    }))

  test("sorts and filters", () =>
    Effect.gen(function* () {
      const file = yield* fileOf(0, 30)
      const keys = (...args: ReadonlyArray<string>) =>
        Effect.map(trace("list", file, "--json", "--limit", "3", ...args), ({ stdout }) => keysIn(stdout))
      const ids = (...numbers: ReadonlyArray<number>) => numbers.map(TraceFiles.turnIdOf)
      assert.deepStrictEqual(yield* keys("--sort", "time"), ids(29, 19, 9))
      assert.deepStrictEqual(yield* keys("--sort", "errors"), ids(29, 14, 24))
      assert.deepStrictEqual(yield* keys("--filter", "status=failed"), ids(29, 24, 19))
      assert.deepStrictEqual(
        yield* keys("--filter", "status=failed", "--filter", "cost<0.06"),
        ids(24, 14, 4)
      )
      assert.deepStrictEqual(yield* keys("--filter", "time>4.8s"), ids(29, 19, 9))
      assert.deepStrictEqual(yield* keys("--filter", "error=command*"), ids(29, 26, 23))
      assert.deepStrictEqual(
        yield* keys("--filter", "model!=GPT-5.5", "--filter", "user=user0"),
        ids(27, 15, 3)
      )
      assert.deepStrictEqual(yield* keys("--filter", `turn=${TraceFiles.turnIdOf(7)}`), ids(7))
    }))

  test("refuses a filter that it does not understand, and a file that it cannot read", () =>
    Effect.gen(function* () {
      const file = yield* fileOf(0, 1)
      for (const filter of ["nonsense", "time>fast", "status>failed", "constructor=1", "cost=cheap"]) {
        const ran = yield* trace("list", file, "--filter", filter)
        assert.deepStrictEqual([ran.code, ran.stdout], [2, ""])
        assert.include(ran.stderr, `"${filter}" is no filter such as status=failed`)
      }
      const missing = yield* trace("list", `${file}.gone`)
      assert.strictEqual(missing.code, 2)
      assert.include(missing.stderr, `cannot read "${file}.gone" (ENOENT)`)
      const directory = yield* trace("stats", "/")
      assert.deepStrictEqual([directory.code, directory.stdout], [2, ""])
      assert.include(directory.stderr, 'cannot read "/" (not a regular file)')
    }))
})

describe("effect-codex trace show", () => {
  test("shows the last turn, or the one whose id begins or ends as asked", () =>
    Effect.gen(function* () {
      const file = yield* fileOf(0, 20)
      const last = yield* trace("show", file)
      assert.include(last.stdout, `turn   ${TraceFiles.turnIdOf(19)}\n       failed after 4.90 s`)
      const chosen = yield* trace("show", file, "--turn", TraceFiles.turnIdOf(2).slice(-6))
      assert.include(chosen.stdout, `turn   ${TraceFiles.turnIdOf(2)}`)
      assert.include(chosen.stdout, "✗ exit 1")
      assert.include(chosen.stdout, "waits  command for exec_command waited 500 ms: accept by policy")
      const several = yield* trace("show", file, "--turn", "0199a213")
      assert.deepStrictEqual([several.code, several.stdout], [1, ""])
      assert.include(several.stderr, "20 turns have this id")
      const none = yield* trace("show", file, "--turn", "nothing")
      assert.strictEqual(none.code, 1)
      assert.include(none.stderr, 'no turn "nothing"')
    }))

  test("shows tokens and cost of each request to the model, and tokens only if an older file has no cost", () =>
    Effect.gen(function* () {
      const calls = (change?: (line: string) => string) =>
        Effect.map(
          Effect.flatMap(fileOf(0, 1, change), (file) => trace("show", file)),
          ({ stdout }) => stdout.slice(stdout.indexOf("\ncalls "), stdout.indexOf("\nwaits "))
        )
      assert.strictEqual(
        yield* calls(),
        [
          "",
          "calls  gpt-5.5: 200 in (50 cached), 12 out, $0.00125",
          "       gpt-5.5: 600 in (50 cached), 16 out, $0.00375",
          "       gpt-5.5: 800 in (50 cached), 18 out, $0.00500"
        ].join("\n")
      )
      assert.strictEqual(
        yield* calls((line) => line.replaceAll("codex.model_call.cost_usd", "unknown")),
        [
          "",
          "calls  gpt-5.5: 200 in (50 cached), 12 out",
          "       gpt-5.5: 600 in (50 cached), 16 out",
          "       gpt-5.5: 800 in (50 cached), 18 out"
        ].join("\n")
      )
    }))

  test("prints the whole turn as one object of JSON", () =>
    Effect.gen(function* () {
      const [object, ...others] = CommandLine.jsonLines(
        (yield* trace("show", yield* fileOf(0, 2), "--json")).stdout
      )
      assert.deepStrictEqual(others, [])
      assert.deepInclude(object, { type: "turn.trace", version: 1, omittedSpans: 0 })
      assert.deepInclude(object?.["turn"], { key: TraceFiles.turnIdOf(1) })
    }))

  test("shows names that a file contains without their control characters", () =>
    Effect.gen(function* () {
      const hostile = "\u001b]0;owned\u0007\u202eevil"
      const file = yield* fileOf(0, 3, (line) =>
        line
          .replaceAll('"exec_command"', JSON.stringify(`exec${hostile}`))
          .replaceAll('"npm"', JSON.stringify(hostile))
          .replaceAll('"gpt-5.5"', JSON.stringify(`gpt${hostile}`))
          .replaceAll('"triage"', JSON.stringify(hostile))
          .replaceAll('"CommandFailed"', JSON.stringify(hostile))
          .replaceAll(TraceFiles.turnIdOf(2), JSON.stringify(hostile).slice(1, -1))
      )
      for (const args of [
        ["list", file],
        ["show", file],
        ["stats", file],
        ["diff", file, file, "--all"],
        ["show", file, "--json"]
      ]) {
        const { code, stderr, stdout } = yield* trace(...args)
        assert.strictEqual(code, 0)
        assert.notMatch(stdout + stderr, /[\u001b\u0007\u202e]/, args.join(" "))
        assert.include(stdout, "evil")
      }
    }))
})

describe("effect-codex trace stats", () => {
  test("counts and times every tool, model, error class and user", () =>
    Effect.gen(function* () {
      const ran = yield* trace("stats", yield* fileOf(0, 30), "--json")
      const [object] = CommandLine.jsonLines(ran.stdout)
      assert.deepInclude(object, { type: "stats", version: 1, turns: 30 })
      const groups = (Array.isArray(object?.["groups"]) ? object["groups"] : []).map((group) =>
        JSON.stringify(group)
      )
      const find = (kind: string, name: string) =>
        JSON.parse(groups.find((group) => group.startsWith(`{"kind":"${kind}","name":"${name}"`)) ?? "{}")
      assert.deepInclude(find("turn", "codex"), {
        count: 30,
        failed: 6,
        successRate: 0.8,
        maxNanos: 4_900_000_000
      })
      assert.closeTo(find("turn", "codex").p50Nanos, 4_400_000_000, 44_000_000)
      assert.deepInclude(find("model", "gpt-5.1-codex"), { count: 21, failed: 1, tokens: 7 * (1600 + 46) })
      assert.deepInclude(find("command", "npm"), { count: 26, failed: 9 })
      assert.deepInclude(find("approval", "command"), { count: 30, failed: 4 })
      assert.deepInclude(find("error", "provider"), { count: 6 })
      assert.deepInclude(find("user", "user0"), { count: 10, failed: 2 })
    }))
})

describe("effect-codex trace diff", () => {
  test("says what got slower, fails more or is called more, the worst first", () =>
    Effect.gen(function* () {
      const before = yield* fileOf(0, 20)
      const after = yield* fileOf(0, 20, (line) =>
        line.replaceAll("apply_patch", "write_file").replaceAll('"accept"', '"decline"')
      )
      const same = yield* trace("diff", before, before)
      assert.deepStrictEqual([same.code, same.stdout], [0, ""])
      assert.include(same.stderr, "Nothing got slower, failed more or was called more.")
      const [object] = CommandLine.jsonLines((yield* trace("diff", before, after, "--json")).stdout)
      const groups = Array.isArray(object?.["groups"]) ? object["groups"] : []
      assert.deepStrictEqual(
        groups.map((group) =>
          JSON.stringify(group)
            .slice(0, 70)
            .replace(/,"(?:before|after)".*/, "")
        ),
        [
          '{"kind":"tool","name":"write_file","changes":["new"]',
          '{"kind":"approval","name":"command","changes":["fails more"]',
          '{"kind":"tool","name":"apply_patch","changes":["gone"]'
        ]
      )
    }))

  test("takes several files on each side, rotated and gzipped, in any order", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const early = yield* fileOf(0, 12)
      const late = `${yield* fileOf(12, 20)}.1.gz`
      yield* fs.writeFile(late, gzipSync(yield* fs.readFile(late.slice(0, -5))))
      const after = yield* fileOf(20, 30)
      const whole = yield* trace("diff", yield* fileOf(0, 20), after, "--json", "--all")
      const sides = ["--before", late, "--before", early, "--after", after]
      const parts = yield* trace("diff", ...sides, "--json", "--all")
      assert.deepStrictEqual([parts.code, parts.stdout], [0, whole.stdout])
      assert.include(parts.stdout, '"turnsBefore":20,"turnsAfter":10')
      for (const wrong of [
        [early],
        [early, after, late],
        ["--before", early],
        [early, after, ...sides],
        []
      ]) {
        const ran = yield* trace("diff", ...wrong)
        assert.deepStrictEqual([ran.code, ran.stdout], [2, ""], wrong.join(" "))
        assert.include(ran.stderr, "trace diff takes two files, BEFORE and AFTER, or --before FILE")
      }
    }))

  it("ignores small changes", () => {
    const group = {
      kind: "tool",
      name: "x",
      count: 100,
      failed: 10,
      successRate: 0.9,
      p50Nanos: 100e6,
      p95Nanos: 200e6,
      maxNanos: 1e9,
      tokens: 0,
      costUsd: 0
    } as const
    const changesTo = (after: Partial<TraceStatistics.GroupStats>, turns = 10) =>
      TraceComparison.compare(
        { turns: 10, groups: [group] },
        { turns, groups: [{ ...group, ...after }] }
      ).map(({ changes }) => changes)
    assert.deepStrictEqual(changesTo({ p50Nanos: 119e6, successRate: 0.86, count: 119 }), [[]])
    assert.deepStrictEqual(changesTo({ p50Nanos: 120e6 }), [["slower"]])
    const quick = { ...group, p50Nanos: 1e6, p95Nanos: 2e6 }
    const slower = { ...group, p50Nanos: 3e6, p95Nanos: 6e6 }
    assert.deepStrictEqual(
      TraceComparison.compare({ turns: 10, groups: [quick] }, { turns: 10, groups: [slower] })[0]?.changes,
      []
    )
    assert.deepStrictEqual(changesTo({ p95Nanos: 100e6, successRate: 0.96 }), [["faster", "fails less"]])
    assert.deepStrictEqual(changesTo({ successRate: 0.84, count: 130 }), [["fails more", "more calls"]])
    assert.deepStrictEqual(changesTo({ count: 200 }, 20), [[]])
    assert.deepStrictEqual(changesTo({}, 20), [["fewer calls"]])
  })
})

/** The examples of a page: command and output. */
const examplesIn = (text: string) =>
  [...text.matchAll(/```text\n\$ effect-codex (trace .*)\n([^]*?)```/g)].map(
    ([, command = "", output = ""]) => ({
      args: command.split(" ").map((word) => word.replaceAll("'", "")),
      output
    })
  )

describe("docs/traces.md", () => {
  test("shows what the commands print", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const page = yield* fs.readFileString(new URL("../../docs/traces.md", import.meta.url).pathname)
      const files: Readonly<Record<string, string>> = {
        "traces.jsonl": yield* fileOf(0, 8),
        "traces.jsonl*": yield* fileOf(0, 8),
        "monday.jsonl": yield* fileOf(0, 8),
        "tuesday.jsonl": yield* fileOf(5, 7)
      }
      const examples = examplesIn(page)
      assert.strictEqual(examples.length, 4)
      for (const { args, output } of examples) {
        const ran = yield* CommandLine.runHere({
          args: args.map((arg) => files[arg] ?? arg),
          env: { COLUMNS: "80" }
        })
        for (const line of output.trimEnd().split("\n"))
          assert.include(`${ran.stdout}${ran.stderr}`.split("\n"), line, args.join(" "))
      }
    }))
})

describe("the layout of traces", () => {
  for (const width of [40, 80, 200])
    test(`of ${width} columns fits and looks good`, () =>
      Effect.gen(function* () {
        const statistics = new TraceStatistics.Statistics()
        const other = new TraceStatistics.Statistics()
        const style = { width, color: false }
        const { read, turns } = yield* TraceReader.scan([yield* fileOf(0, 8)], { onSpan: statistics.add })
        yield* TraceReader.scan([yield* fileOf(5, 7)], { onSpan: other.add })
        const [shown] = yield* read([turns[4]?.key ?? ""])
        if (shown === undefined) throw new Error("the turn is missing")
        const lines = [
          ...ListTurns.lines(turns, style),
          "",
          ...ShowTurn.lines(shown, style),
          "",
          ...CountTraces.lines(statistics.finish(), style),
          "",
          ...CompareTraces.lines(TraceComparison.compare(statistics.finish(), other.finish()), style)
        ]
        for (const line of lines) assert.isAtMost(DisplayWidth.of(line), width, line)
        yield* Effect.promise(() =>
          expect(`${lines.join("\n")}\n`).toMatchFileSnapshot(`trace-${width}.golden.txt`)
        )
      }))
})
