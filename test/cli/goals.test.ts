import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as M from "../../src/testing/ModelServer.ts"
import * as CommandLine from "../support/commandLine.ts"
import * as Fake from "../support/fakeCodex.ts"
import * as Live from "../support/live.ts"
import * as Real from "../support/realEngine.ts"

const test = (name: string, body: Parameters<typeof Live.test>[1]) => Live.test(name, body, 180_000)

const working = M.reply(M.text("working"), M.usage({ input: 100, output: 10 }))
/** A model that reaches its goal in the given request. */
const reaches = (last: number) => (_: M.RecordedRequest, index: number) =>
  index === last ? M.reply(M.call("update_goal", { status: "complete" })) : working

describe("effect-codex goal", () => {
  test("prints every turn and the status of the goal, and exits with 0 only if it is complete", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(reaches(2))
      const { code, lines, stderr } = yield* CommandLine.runIn(
        real,
        "goal",
        "--json",
        "count",
        "--price",
        "gpt-5.5=1000,0"
      )
      assert.strictEqual(code, 0, stderr)
      const types = lines.map(({ type }) => type)
      assert.isAtLeast(types.filter((type) => type === "turn.completed").length, 2)
      assert.include(types, "goal.updated")
      const last = lines.at(-1)
      assert.deepInclude(last, { type: "goal.ended", status: "complete", error: null })
      assert.strictEqual(last?.["turns"], types.filter((type) => type === "turn.completed").length)
      assert.isAbove(Number(last?.["cost"]), 0.2)

      const invalid = yield* CommandLine.runIn(real, "goal", "--token-budget", "0", "count")
      assert.deepStrictEqual([invalid.code, invalid.stdout], [2, ""])
      assert.include(invalid.stderr, "--token-budget must be 1 or more")
    }))

  test("ends at its token budget, at the limits of the thread, and after its timeout", () =>
    Effect.gen(function* () {
      const real = yield* Real.make((request) =>
        JSON.stringify(request.body["input"]).includes("wait for it") ? M.reply(M.never) : working
      )
      const limited = yield* CommandLine.runIn(real, "goal", "count", "--token-budget", "150")
      assert.strictEqual(limited.code, 1, limited.stderr)
      assert.match(limited.stderr, /The goal is budgetLimited after \d+ turns?\./)
      assert.strictEqual(limited.stdout, "working\n")

      const exceeded = yield* CommandLine.runIn(real, "goal", "count", "--max-tokens", "200", "--json")
      assert.strictEqual(exceeded.code, 1)
      assert.deepInclude(exceeded.lines.at(-1), { type: "goal.ended", status: null })
      assert.deepInclude(exceeded.lines.at(-1)?.["error"], { _tag: "BudgetExceeded", reason: "Tokens" })

      const late = yield* CommandLine.runIn(real, "goal", "wait for it", "--timeout", "1s", "--json")
      assert.strictEqual(late.code, 124)
      assert.deepInclude(late.lines.at(-1)?.["error"], { _tag: "TurnTimedOut" })
      assert.include(
        late.lines.map(({ type }) => type),
        "turn.interrupted"
      )
    }))

  test("clears the goal on Ctrl-C, and exits with 130", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(() => M.reply(M.text("started", { deltas: true }), M.never))
      const { code, stdout } = yield* CommandLine.run({
        args: ["goal", "--json", "count"],
        cwd: real.workspace,
        env: real.env,
        interruptAt: '"type":"message.delta"'
      })
      assert.strictEqual(code, 130)
      const lines = CommandLine.jsonLines(stdout)
      assert.deepInclude(lines.at(-1), { type: "goal.ended", status: null })
      assert.deepInclude(lines.at(-1)?.["error"], { _tag: "TurnInterrupted" })
      assert.deepStrictEqual(yield* real.processes, [])
    }))
})

describe("effect-codex exec", () => {
  test("runs the command in the sandbox, with its input, its outputs and its exit code", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([])
      const script = "cat; echo $NAME >&2; touch made; exit 7"
      const plain = yield* CommandLine.run({
        args: ["exec", "--env", "NAME=a=b", "--", "sh", "-c", script],
        cwd: real.workspace,
        env: real.env,
        stdin: "from stdin\n"
      })
      assert.deepStrictEqual([plain.code, plain.stdout], [7, "from stdin\n"])
      assert.match(plain.stderr, /a=b\n/)
      assert.isFalse(yield* real.exists("made"), "the default sandbox is read-only")

      const writes = ["--sandbox", "workspace-write", "--json", "--", "sh", "-c", "echo one; touch made"]
      const json = yield* CommandLine.runIn(real, "exec", ...writes)
      assert.strictEqual(json.code, 0, json.stderr)
      assert.deepInclude(json.lines[0], { type: "exec.output", stream: "stdout", delta: "one\n" })
      assert.deepStrictEqual(json.lines.at(-1), { type: "exec.completed", exitCode: 0, error: null })
      assert.isTrue(yield* real.exists("made"))

      const late = yield* CommandLine.runIn(
        real,
        "exec",
        "--timeout",
        "300ms",
        "--json",
        "--",
        "sleep",
        "100"
      )
      assert.strictEqual(late.code, 124)
      assert.deepInclude(late.lines.at(-1), { type: "exec.failed", exitCode: null })
    }))

  test("ends the command on Ctrl-C, and exits with 130", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([])
      const { code, stdout } = yield* CommandLine.run({
        args: ["exec", "--json", "--", "sh", "-c", "echo started; sleep 100"],
        cwd: real.workspace,
        env: real.env,
        interruptAt: "started"
      })
      assert.strictEqual(code, 130)
      assert.deepInclude(CommandLine.jsonLines(stdout).at(-1), { type: "exec.interrupted", exitCode: null })
      assert.deepStrictEqual(yield* real.processes, [])
    }))

  test("checks its arguments before anything starts", () =>
    Effect.gen(function* () {
      for (const [args, explanation] of [
        [["exec", "--env", "NAME", "--", "true"], '--env takes NAME=VALUE, not "NAME"'],
        [["exec", "--env", "1=2", "--", "true"], '--env takes NAME=VALUE, not "1=2"'],
        [["exec", "-c", "x", "--", "true"], "-c takes key=value"],
        [["exec"], "COMMAND"]
      ] as const) {
        const { code, stderr, stdout } = yield* CommandLine.runHere({ args, env: { CODEX_PATH: "/nowhere" } })
        assert.strictEqual(code, 2, args.join(" "))
        assert.include(`${stdout}${stderr}`, explanation)
      }
    }))
})

describe("effect-codex limits", () => {
  // Limits need a login, so the fake app-server plays them.
  test("shows what is used of each limit and when it resets", () =>
    Effect.gen(function* () {
      const window = (usedPercent: number, resetsAt: number | null) => ({
        usedPercent,
        windowDurationMins: 300,
        resetsAt
      })
      const codex = { limitId: "codex", primary: window(50, 4_000_000_000), planType: "plus" }
      const review = { limitId: "review", limitName: "Reviews", secondary: window(5, null) }
      const reply = { rateLimits: codex, rateLimitsByLimitId: { codex, review } }
      const fake = yield* Fake.make({ on: { "account/rateLimits/read": [[{ reply }], [{ reply }]] } })
      const limits = (...args: ReadonlyArray<string>) =>
        CommandLine.runHere({ args: ["limits", ...args], env: { CODEX_PATH: fake.codexPath } })
      const shown = yield* limits()
      assert.strictEqual(shown.code, 0, shown.stderr)
      assert.match(
        shown.stdout,
        /^codex, plan plus\n {2}50 % of 5h used, resets at 2096-10-02 07:06 UTC, in \d+d.*\nReviews \(review\)\n {2}5 % of 5h used\n$/
      )
      const json = JSON.parse((yield* limits("--json")).stdout)
      assert.deepStrictEqual(json.limits[0], {
        id: "codex",
        primary: { usedPercent: 50, windowMillis: 18_000_000, resetsAt: 4_000_000_000_000 },
        plan: "plus"
      })
    }))

  test("fails without a login", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([])
      const { code, stderr, stdout } = yield* CommandLine.runIn(real, "limits")
      assert.deepStrictEqual([code, stdout], [1, ""])
      assert.include(stderr, "InvalidRequest")
    }))
})
