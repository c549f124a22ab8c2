import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import { join } from "node:path"
import * as M from "../../src/testing/ModelServer.ts"
import * as CommandLine from "../support/commandLine.ts"
import * as ReviewReply from "../support/reviewReply.ts"
import * as Live from "../support/live.ts"
import * as Real from "../support/realEngine.ts"

const test = (name: string, body: Parameters<typeof Live.test>[1]) => Live.test(name, body, 180_000)

/** A directory that no sandbox of a test lets the agent write. */
const outside = Effect.acquireRelease(
  Effect.sync(() => {
    const directory = process.env["XDG_STATE_HOME"] ?? ""
    Fs.mkdirSync(directory, { recursive: true })
    return Fs.realpathSync(Fs.mkdtempSync(join(directory, "extra-")))
  }),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
)

const inputOf = (request: M.RecordedRequest | undefined) => JSON.stringify(request?.body["input"])

const answer = ReviewReply.message

describe("effect-codex review", () => {
  test("prints the findings for a person, and as JSON", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(M.shell("touch made"), M.usage({ input: 10_000, output: 0 })),
        M.reply(M.text(answer), M.usage({ input: 0, output: 1000 })),
        M.reply(M.text(answer)),
        M.reply(M.text(answer))
      ])
      const person = yield* CommandLine.runIn(real, "review", "--uncommitted", "--price", "gpt-5.5=200,1000")
      assert.strictEqual(person.code, 0, person.stderr)
      assert.strictEqual(
        person.stdout,
        "It leaks.\n\nReview comment:\n\n- [P1] Close the file — /repo/a.ts:3-5\n  It stays open.\n"
      )
      assert.include(person.stderr, "cost   $3.0000")
      assert.isFalse(yield* real.exists("made"), "the default sandbox of a review is read-only")

      const { code, lines } = yield* CommandLine.runIn(real, "review", "--commit", "abc1234", "--json")
      assert.strictEqual(code, 0)
      const last = lines.at(-1)
      assert.deepInclude(last, { type: "turn.completed", error: null })
      assert.deepStrictEqual<unknown>(last?.["review"], ReviewReply.review)
      const requests = yield* real.server.requests
      assert.include(requests[2]?.lastUserText, "abc1234")
      assert.strictEqual((yield* CommandLine.runIn(real, "review", "Look for races")).code, 0)
      const [, , , custom] = yield* real.server.requests
      assert.include(inputOf(custom), "Look for races")
    }))

  test("takes exactly one target, and starts nothing without", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([])
      const invalid = [
        [],
        ["--uncommitted", "--branch", "main"],
        ["--commit", "a", "text"],
        ["--branch", " "]
      ]
      for (const args of invalid) {
        const { code, stderr, stdout } = yield* CommandLine.runIn(real, "review", ...args)
        assert.deepStrictEqual([code, stdout], [2, ""], args.join(" "))
        assert.include(stderr, args[1] === " " ? "must not be empty" : "name one thing to review")
      }
      assert.deepStrictEqual(yield* real.server.requests, [])
    }))
})

const proposal = "Let me plan.\n<proposed_plan>\n# Split it\n- types\n</proposed_plan>\n"

describe("effect-codex run", () => {
  test("--mode plan prints the plan, cannot write, and says how to carry it out", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(M.shell("touch planned")),
        M.reply(M.text(proposal)),
        M.reply(M.shell("touch carried-out")),
        M.reply(M.text("done"))
      ])
      const planned = yield* CommandLine.runIn(real, "run", "--mode", "plan", "Split it")
      assert.strictEqual(planned.code, 0, planned.stderr)
      assert.strictEqual(planned.stdout, "Let me plan.\n\n# Split it\n- types\n")
      assert.isFalse(yield* real.exists("planned"))
      const [, id = ""] = /--resume (\S+) --mode default --sandbox workspace-write/.exec(planned.stderr) ?? []
      const done = yield* CommandLine.runIn(
        real,
        "run",
        "--resume",
        id,
        "--mode",
        "default",
        "--sandbox",
        "workspace-write",
        "Do it"
      )
      assert.deepStrictEqual([done.code, done.stdout], [0, "done\n"])
      assert.isTrue(yield* real.exists("carried-out"))
      const modes = (yield* real.server.requests).map(
        (request) => [...inputOf(request).matchAll(/<collaboration_mode># ([^\\]+)/g)].at(-1)?.[1]
      )
      assert.deepStrictEqual(
        [modes[0], modes[3]],
        ["Plan Mode (Conversational)", "Collaboration Mode: Default"]
      )
    }))

  test("--budget-usd stops the turn at its cost, and starts nothing without a price", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(M.shell("true"), M.usage({ input: 10_000, output: 0 })),
        M.reply(M.text("too late"))
      ])
      const without = yield* CommandLine.runIn(real, "run", "--budget-usd", "1", "go")
      assert.deepStrictEqual([without.code, without.stdout], [2, ""])
      assert.include(without.stderr, "--budget-usd needs the price of the model")
      const other = yield* CommandLine.runIn(
        real,
        "run",
        "--budget-usd",
        "1",
        "--price",
        "other=1,2",
        "--json",
        "go"
      )
      assert.strictEqual(other.code, 1)
      assert.include(JSON.stringify(other.lines.at(-1)?.["error"]), "price")
      assert.deepStrictEqual(yield* real.server.requests, [])

      const stopped = yield* CommandLine.runIn(
        real,
        "run",
        "--budget-usd",
        "1",
        "--price",
        "gpt-5.5=200,1000",
        "--json",
        "go"
      )
      assert.strictEqual(stopped.code, 1)
      assert.deepInclude(stopped.lines.at(-1), { type: "turn.failed", cost: 2 })
      assert.deepInclude(stopped.lines.at(-1)?.["error"], { _tag: "BudgetExceeded", reason: "Cost" })
    }))

  test("--network and --add-dir extend the sandbox of the turn", () =>
    Effect.gen(function* () {
      const extra = yield* outside
      const script = (name: string) => [
        M.reply(M.shell(`echo x > ${extra}/${name}; readlink /proc/self/ns/net`)),
        M.reply(M.text("done"))
      ]
      const real = yield* Real.make([...script("without"), ...script("with")])
      const network = (lines: ReadonlyArray<Schema.JsonObject>) =>
        /net:\[\d+\]/.exec(JSON.stringify(lines.filter(({ type }) => type === "item.completed")))?.[0]
      const host = Fs.readlinkSync("/proc/self/ns/net")
      const without = yield* CommandLine.runIn(real, "run", "--json", "go")
      assert.deepStrictEqual([without.code, Fs.readdirSync(extra)], [0, []])
      assert.notInclude([undefined, host], network(without.lines))
      const extended = yield* CommandLine.runIn(real, "run", "--network", "--add-dir", extra, "--json", "go")
      assert.deepStrictEqual([extended.code, Fs.readdirSync(extra)], [0, ["with"]])
      assert.strictEqual(network(extended.lines), host)

      const resumed = yield* CommandLine.runIn(real, "run", "--network", "--resume", "last", "go")
      assert.deepStrictEqual([resumed.code, resumed.stdout], [2, ""])
      assert.include(resumed.stderr, "--network needs --sandbox")
      const hosted = yield* CommandLine.runIn(real, "run", "--host", extra, "-c", "a=1", "go")
      assert.deepStrictEqual([hosted.code, hosted.stdout], [2, ""])
      assert.include(hosted.stderr, "give it to effect-codex host start")
    }))

  test("--effort, --model and -c reach the model, also of a resumed thread", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.text("one")), M.reply(M.text("two"))])
      const settings = ["--effort", "high", "--model", "gpt-5.1-codex", "-c", 'model_verbosity="low"']
      assert.strictEqual((yield* CommandLine.runIn(real, "run", ...settings, "go")).stdout, "one\n")
      assert.strictEqual(
        (yield* CommandLine.runIn(real, "run", "--resume", "last", "--effort", "low", "on")).stdout,
        "two\n"
      )
      const [first, second] = yield* real.server.requests
      assert.deepInclude(first?.body["reasoning"], { effort: "high" })
      assert.strictEqual(first?.body["model"], "gpt-5.1-codex")
      assert.deepInclude(second?.body["reasoning"], { effort: "low" })
    }))
})
