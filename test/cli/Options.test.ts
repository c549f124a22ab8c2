import * as NodeServices from "@effect/platform-node/NodeServices"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { join } from "node:path"
import * as Approval from "../../src/Approval.ts"
import { ApprovalContext } from "../../src/approval/Policy.ts"
import * as Inputs from "../../src/cli/Inputs.ts"
import * as Options from "../../src/cli/Options.ts"
import type { RulesTarget } from "../../src/cli/RulesFile.ts"
import { ItemId } from "../../src/domain/Ids.ts"

describe("--timeout", () => {
  it("accepts positive durations with units", () => {
    const cases: ReadonlyArray<readonly [string, number | undefined]> = [
      ["500ms", 500],
      ["20s", 20_000],
      ["1.5m", 90_000],
      ["1h30m", 5_400_000],
      ["0s", undefined],
      ["5", undefined],
      ["7d", undefined],
      ["10us", undefined],
      ["5s ", undefined],
      ["-5s", undefined],
      [`${"9".repeat(400)}h`, undefined],
      ["", undefined]
    ]
    for (const [text, millis] of cases) {
      assert.strictEqual(Option.getOrUndefined(Options.parseDuration(text)), millis, text)
    }
  })
})

describe("--approve", () => {
  for (const stdin of [false, true]) {
    for (const stderr of [false, true]) {
      const expected = stdin && stderr ? "asks" : "declines"
      it.effect(
        `${expected} by default with ${stdin ? "a" : "no"} terminal in and ${stderr ? "a" : "no"} terminal out`,
        () =>
          Effect.gen(function* () {
            const policy = yield* Inputs.policy(Option.none())
            assert.strictEqual(policy, expected === "asks" ? Approval.prompt : Approval.deny)
          }).pipe(
            Effect.provide([
              NodeFileSystem.layer,
              Stdio.layerTest({
                stdinIsTerminal: Effect.succeed(stdin),
                stderrIsTerminal: Effect.succeed(stderr)
              })
            ])
          )
      )
    }
  }
})

describe("--approve with a word", () => {
  it.effect("never declines, ask asks and all accepts, whatever the terminals are", () =>
    Effect.gen(function* () {
      for (const [word, expected] of [
        ["never", Approval.deny],
        ["ask", Approval.prompt],
        ["all", Approval.allow]
      ] as const)
        assert.strictEqual(yield* Inputs.policy(Option.some(word)), expected, word)
    }).pipe(Effect.provide(Stdio.layerTest({})))
  )
})

describe("-c", () => {
  it.effect("takes key=value, and rejects anything else", () =>
    Effect.gen(function* () {
      yield* Inputs.validateOverrides(["model=gpt-5.5", 'a.b="c = d"', "a="])
      for (const invalid of ["model", "=x", "a b=c", ""]) {
        const { text } = yield* Effect.flip(Inputs.validateOverrides(["a=b", invalid]))
        assert.include(text, `"${invalid}"`)
      }
    })
  )
})

describe("H07 a rules file that the agent can write", () => {
  const empty = "[]"
  /** A workspace, and a directory that the sandbox protects. */
  const folders = Effect.gen(function* () {
    const directory = process.env["XDG_STATE_HOME"] ?? ""
    Fs.mkdirSync(directory, { recursive: true })
    const make = (parent: string) =>
      Effect.acquireRelease(
        Effect.sync(() => Fs.realpathSync(Fs.mkdtempSync(join(parent, "rules-")))),
        (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
      )
    return { cwd: yield* make(directory), safe: yield* make(directory), shared: yield* make("/tmp") }
  })
  const outcome = (file: string, target: RulesTarget) =>
    Inputs.policy(Option.some(file), target).pipe(
      Effect.match({
        onFailure: ({ text }) => (text.includes("--trust-rules-file") ? "refused" : text),
        onSuccess: () => "used"
      }),
      Effect.provide(Stdio.layerTest({}))
    )

  it.live("H07 is refused: in the workspace, below /tmp, through a link there, and with a full sandbox", () =>
    Effect.gen(function* () {
      const { cwd, safe, shared } = yield* folders
      const target = { cwd }
      for (const folder of [cwd, safe, shared]) Fs.writeFileSync(join(folder, "rules.json"), empty)
      Fs.mkdirSync(join(safe, "extra"))
      Fs.writeFileSync(join(safe, "extra", "rules.json"), empty)
      Fs.symlinkSync(join(safe, "rules.json"), join(cwd, "link.json"))
      Fs.symlinkSync(safe, join(cwd, "folder"))
      Fs.symlinkSync(join(cwd, "rules.json"), join(safe, "link.json"))
      const overrides = [`sandbox_workspace_write.writable_roots=["${safe}/extra"]`]
      const cases: ReadonlyArray<readonly [string, RulesTarget, string]> = [
        [join(cwd, "rules.json"), target, "refused"],
        [join(shared, "rules.json"), target, "refused"],
        [join(cwd, "link.json"), target, "refused"],
        [join(cwd, "folder", "rules.json"), target, "refused"],
        [join(safe, "link.json"), target, "refused"],
        [join(safe, "extra", "rules.json"), { cwd, overrides }, "refused"],
        [join(safe, "rules.json"), { cwd, sandbox: "danger-full-access" }, "refused"],
        [join(safe, "rules.json"), target, "used"],
        [join(safe, "extra", "rules.json"), target, "used"],
        [join(cwd, "rules.json"), { cwd, sandbox: "read-only" }, "used"],
        [join(cwd, "rules.json"), { cwd, trust: true }, "used"]
      ]
      for (const [file, target, expected] of cases)
        assert.strictEqual(yield* outcome(file, target), expected, JSON.stringify([file, target]))
    }).pipe(Effect.scoped)
  )

  it.live("H07 decides nothing if the open thread can write it", () =>
    Effect.gen(function* () {
      const { safe } = yield* folders
      const file = join(safe, "rules.json")
      Fs.writeFileSync(file, JSON.stringify([{ kind: "tool", decision: "accept" }]))
      const decision = (trust: boolean, writableRoots: ReadonlyArray<string>) =>
        Effect.gen(function* () {
          const policy = yield* Inputs.policy(Option.some(file), { cwd: "/tmp", trust })
          const request = {
            _tag: "Tool",
            id: "t",
            itemId: ItemId.make("t"),
            tool: "x",
            arguments: {}
          } as const
          return (yield* policy(request))._tag
        }).pipe(
          Effect.updateService(ApprovalContext, (context) => ({ ...context, writableRoots })),
          Effect.provide(NodeServices.layer)
        )
      assert.strictEqual(yield* decision(false, [safe]), "Decline")
      assert.strictEqual(yield* decision(true, [safe]), "Accept")
      assert.strictEqual(yield* decision(false, [join(safe, "other")]), "Accept")
    }).pipe(Effect.scoped)
  )

  it.live("H07 is read only if it is a small regular file", () =>
    Effect.gen(function* () {
      const { safe } = yield* folders
      execFileSync("mkfifo", [join(safe, "fifo")])
      Fs.writeFileSync(join(safe, "sparse"), "")
      Fs.truncateSync(join(safe, "sparse"), 1_500_000_000)
      for (const name of ["fifo", "sparse", "."])
        assert.include(yield* outcome(join(safe, name), {}), "cannot read")
    }).pipe(Effect.scoped)
  )
})

describe("PROMPT", () => {
  const stdin = Stdio.layerTest({ stdin: Stream.encodeText(Stream.make("from stdin")) })

  it.effect("is read from stdin only if it is missing or -", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Inputs.prompt(Option.none()), "from stdin")
      assert.strictEqual(yield* Inputs.prompt(Option.some("-")), "from stdin")
      assert.strictEqual(yield* Inputs.prompt(Option.some("an argument")), "an argument")
    }).pipe(Effect.provide(stdin))
  )

  it.effect("is rejected if it is blank", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Inputs.prompt(Option.some(" \n")))
      assert.strictEqual(error.text, "there is no prompt; pass one as an argument or on stdin")
    }).pipe(Effect.provide(stdin))
  )
})
