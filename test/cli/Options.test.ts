import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Approval from "../../src/Approval.ts"
import * as Options from "../../src/cli/Options.ts"

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
            const policy = yield* Options.policy(Option.none())
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

describe("PROMPT", () => {
  const stdin = Stdio.layerTest({ stdin: Stream.encodeText(Stream.make("from stdin")) })

  it.effect("is read from stdin only if it is missing or -", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Options.prompt(Option.none()), "from stdin")
      assert.strictEqual(yield* Options.prompt(Option.some("-")), "from stdin")
      assert.strictEqual(yield* Options.prompt(Option.some("an argument")), "an argument")
    }).pipe(Effect.provide(stdin))
  )

  it.effect("is rejected if it is blank", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Options.prompt(Option.some(" \n")))
      assert.strictEqual(error.text, "there is no prompt; pass one as an argument or on stdin")
    }).pipe(Effect.provide(stdin))
  )
})
