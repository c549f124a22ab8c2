/** What the command line prints fits terminals of 40, 80 and 200 columns, and shows more on a wider one. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { expect } from "vitest"
import * as Approval from "../../src/Approval.ts"
import * as DoctorReport from "../../src/cli/doctor/DoctorReport.ts"
import { row } from "../../src/cli/handlers/manageThreads.ts"
import * as ProgressReport from "../../src/cli/ProgressReport.ts"
import * as WrapText from "../../src/cli/WrapText.ts"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type * as Item from "../../src/domain/Item.ts"
import type * as Turn from "../../src/domain/Turn.ts"
import { noUsage } from "../../src/domain/Turn.ts"
import { attribute, operation } from "../../src/semconv/Convention.ts"
import * as DisplayWidth from "../../src/trace/DisplayWidth.ts"
import * as Waterfall from "../../src/trace/Waterfall.ts"
import { test } from "../support/live.ts"
import * as Pty from "../support/pty.ts"

const at = (millis: number) => BigInt(millis) * 1_000_000n

const span = (
  spanId: string,
  parentSpanId: string | undefined,
  name: string,
  [start, end]: readonly [number, number],
  attributes: Readonly<Record<string, unknown>> = {},
  status: "unset" | "error" = "unset"
): Waterfall.WaterfallSpan => ({
  name,
  spanId,
  parentSpanId,
  startNanos: at(start),
  endNanos: at(end),
  status,
  attributes
})

const tool = { [attribute.operationName]: operation.executeTool }
const chat = (input: number, output: number) => ({
  [attribute.operationName]: operation.chat,
  [attribute.inputTokens]: input,
  [attribute.outputTokens]: output
})
const spans = [
  span("1", undefined, "effect-codex run", [0, 5240]),
  span("2", "1", "codex.engine.start", [1, 310]),
  span("3", "1", "invoke_agent codex", [420, 5230], { [attribute.operationName]: operation.invokeAgent }),
  span("4", "3", "chat gpt-5.5", [430, 1300], chat(2140, 31)),
  span("5", "3", "execute_tool exec_command", [1300, 2100], tool),
  span("6", "5", "node", [1350, 2090], { [attribute.exitCode]: 1 }, "error"),
  span("7", "3", "execute_tool apply_patch", [3400, 3420], tool),
  span("8", "3", "chat gpt-5.5", [3420, 5230], chat(2930, 22))
]

const id = ItemId.make("item-1")
const command: Item.CommandExecution = {
  _tag: "CommandExecution",
  id,
  command: "node --test --test-reporter=spec test/parser.test.js test/lexer.test.js test/printer.test.js",
  cwd: "/work",
  status: "failed",
  operations: [],
  exitCode: 1,
  output: "not ok 1 - parses numbers with exponents, with signs, and with separators between their digits\n"
}
const events: ReadonlyArray<Turn.TurnEvent> = [
  { _tag: "ItemStarted", item: command, at: 0 },
  {
    _tag: "ApprovalDecided",
    requestId: "1",
    itemId: id,
    decision: Approval.decline(
      "no rule of the file accepts this command, and there is no terminal to ask on"
    ),
    source: "policy",
    at: 10
  } as never,
  { _tag: "ItemCompleted", item: command, at: 1070 },
  {
    _tag: "ItemStarted",
    item: {
      _tag: "FileChange",
      id: ItemId.make("item-2"),
      status: "completed",
      changes: [{ path: "packages/compiler/src/parser/expressions.ts", kind: "update", diff: "@@\n-a\n+b\n" }]
    },
    at: 1080
  },
  {
    _tag: "Retrying",
    errorType: "TurnFailed.ServerError",
    status: 500,
    detail: "We’re currently experiencing high demand, which may cause temporary errors",
    at: 2000
  }
]

const turn: Turn.Turn = {
  id: TurnId.make("turn"),
  threadId: ThreadId.make("thread"),
  time: {
    totalMillis: 5240,
    thinkingMillis: 3580,
    toolsMillis: 1200,
    approvalMillis: 190,
    overheadMillis: 270
  },
  usage: { ...noUsage, input: 2930, cachedInput: 2790, output: 22 },
  cost: 0.0123
} as never

const thread = {
  id: ThreadId.make("0199a213-81c0-7800-8aa1-bbab2a035a53"),
  name: "Let the parser accept exponents, signs and separators in numbers",
  preview: "",
  cwd: "/home/ada/projects/compiler",
  createdAt: 0,
  updatedAt: Date.UTC(2026, 10, 22, 5, 57),
  ephemeral: false
}

const problem = DoctorReport.problem(
  "config",
  "config/read: failed to read configuration layers: ~/.codex/config.toml:3:9: extra `=`, expected nothing",
  "correct config.toml, or the override, at the place that the message names"
)

const page = (width: number): ReadonlyArray<string> => {
  const style = { width, color: false }
  let state = ProgressReport.initial
  const progress = events.flatMap((event) => {
    const [next, lines] = ProgressReport.step(state, event, style)
    state = next
    return lines
  })
  return [
    ...row(thread, width),
    "",
    ...progress,
    "",
    ...ProgressReport.summary(turn, style),
    "",
    ...Waterfall.render(spans, style).split("\n"),
    ...DoctorReport.lines(problem, style),
    "",
    ...WrapText.hang("  42 % of 5h used, resets at 2026-11-22 06:34 UTC, in 1h 12m", width)
  ]
}

describe("the layout", () => {
  for (const width of [40, 80, 200])
    it(`of ${width} columns fits and looks good`, async () => {
      const lines = page(width)
      for (const line of lines) assert.isAtMost(DisplayWidth.of(line), width, line)
      await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot(`layout-${width}.golden.txt`)
    })

  it("of a wide terminal shows the directory of a thread and the tokens of a model call", () => {
    const [narrow, wide] = [page(80).join("\n"), page(200).join("\n")]
    for (const detail of [thread.cwd, "2140 in, 31 out"]) {
      assert.notInclude(narrow, detail)
      assert.include(wide, detail)
    }
  })

  it("loses nothing on a narrow terminal: the id, the tools and the parts of the time stay whole", () => {
    const lines = page(40)
    for (const line of [thread.id, "       thinking 3.58 s", "time   5.24 s"]) assert.include(lines, line)
    for (const part of ["exec_command", "apply_patch", "✗ exit 1"]) assert.include(lines.join("\n"), part)
  })
})

describe("a terminal", () => {
  const bold = "\u001b[1m"
  const red = "\u001b[31m"

  test("gets lines that fit its width, in colours only if it and the user want them", () =>
    Effect.gen(function* () {
      for (const [columns, env, colored] of [
        [40, {}, true],
        [200, { TERM: "dumb" }, false],
        [80, { NO_COLOR: "1" }, false],
        [80, { FORCE_COLOR: "0" }, false],
        [200, { TERM: "dumb", FORCE_COLOR: "1", COLUMNS: "60" }, true]
      ] as const) {
        const terminal = yield* Pty.start({ args: ["run", "--help"], cwd: "/", columns, env })
        assert.strictEqual(yield* terminal.exit, 0)
        const output = terminal.output()
        assert.strictEqual(output.includes(bold), colored, JSON.stringify(env))
        const lines = output.replaceAll(/\u001b\[\d+m/g, "").split("\r\n")
        const widest = Math.max(...lines.map((line) => line.length))
        const width = "COLUMNS" in env ? 60 : columns
        assert.isAtMost(widest, width)
        assert.isAbove(widest, width * 0.6)
      }
    }))

  test("does not colour what goes to a file", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const stdout = `${yield* fs.makeTempDirectoryScoped()}/stdout`
      const help = yield* Pty.start({ args: ["--help"], cwd: "/", stdout })
      assert.strictEqual(yield* help.exit, 0)
      assert.notInclude(yield* fs.readFileString(stdout), "\u001b")
      const mistake = yield* Pty.start({ args: ["run", "--nonsense"], cwd: "/", stdout })
      assert.strictEqual(yield* mistake.exit, 2)
      assert.include(mistake.output(), `${red}effect-codex run has no flag --nonsense`)
      assert.strictEqual(yield* fs.readFileString(stdout), "")
    }))
})
