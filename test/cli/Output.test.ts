import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Output from "../../src/cli/Output.ts"
import * as TerminalOutput from "../../src/cli/TerminalOutput.ts"

const evil = "a\u001b]0;title\u0007b\u001b[2J\u202e\u009bc\u001b]52;c;eA==\u001b\\"
// What a terminal acts upon, other than colours and line breaks.
const controls = /(?!\u001b\[[\d;]*m)(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069]/u

describe("output of a command on a terminal", () => {
  const shown = (...chunks: ReadonlyArray<string | Uint8Array>) =>
    Stream.fromIterable(chunks).pipe(
      Stream.map((chunk) => (typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk)),
      TerminalOutput.harmless,
      Stream.decodeText,
      Stream.mkString
    )

  it.effect("H10 cannot control the terminal, wherever its chunks end", () =>
    Effect.gen(function* () {
      for (let at = 0; at <= evil.length; at++) {
        const text = yield* shown(evil.slice(0, at), evil.slice(at))
        assert.notMatch(text, controls, `${at}`)
        assert.include(text, "a\\x1b]0;title\\x07b", `${at}`)
      }
      const bytes = new TextEncoder().encode(evil)
      assert.notMatch(yield* shown(...Array.from(bytes, (byte) => Uint8Array.of(byte))), controls)
      assert.notMatch(yield* shown(Uint8Array.of(0x9b, 0x32, 0x4a, 0x1b)), controls)
    })
  )

  it.effect("keeps its text, its line breaks and its colours, which end with it", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* shown("one\r\ntwo\n", "\tthrée"), "one\ntwo\n\tthrée")
      assert.strictEqual(
        yield* shown("\u001b[3", "1mred\u001b", "[0m \u001b[8mhidden"),
        "\u001b[31mred\u001b[0m \u001b[8mhidden\u001b[0m"
      )
    })
  )
})

describe("a line of the console on a terminal", () => {
  it("H10 cannot control the terminal, also if it contains objects and errors", () => {
    for (const value of [
      evil,
      new Error(evil),
      { evil },
      { [evil]: new Error(evil) },
      new Map([[evil, evil]])
    ])
      for (const colors of [false, true]) {
        assert.notMatch(Output.consoleText([value], colors), controls)
        assert.notMatch(Output.consoleText(["%s and %o", value, value], colors), controls)
      }
    assert.strictEqual(Output.consoleText(["100 %", { a: 1 }], false), "100 % { a: 1 }")
    assert.strictEqual(Output.consoleText(["%% of 5"], false), "%% of 5")
  })
})
