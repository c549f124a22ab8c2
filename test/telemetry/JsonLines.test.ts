/** H21: what is written as lines of JSON has one line for each record, for every reader, and cannot act on a terminal. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Readline from "node:readline"
import { Readable } from "node:stream"
import { File, Logging } from "effect-codex"
import { jsonLine } from "../../src/internal/VisibleText.ts"
import * as LogFormat from "../../src/telemetry/logs/LogFormat.ts"

const evil = "a\u2028b\u2029c\u0085d\u009b31m\u202ee\u2066f\u200bg\u001b]0;h\u0007\r\ni\u{e0041}"
const acting =
  /[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/u

/** The lines as `node:readline` sees them. */
const readLines = (text: string) =>
  Stream.runCollect(
    Stream.fromAsyncIterable(Readline.createInterface({ input: Readable.from([text]) }), (error) => error)
  )

const assertLines = Effect.fnUntraced(function* (text: string) {
  const lines = text.split("\n").filter((line) => line !== "")
  assert.deepStrictEqual(yield* readLines(text), lines)
  assert.notMatch(text, acting)
  return lines.map((line): unknown => JSON.parse(line))
})

const parts = Schema.Array(
  Schema.Literals([
    ...Array.from(evil),
    "\ud800",
    "\udc00",
    "\\",
    '"',
    "\\u2028",
    "\u0000",
    "é",
    "😀",
    "\u{10ffff}"
  ])
)

const record = (text: string) =>
  LogFormat.format("json", {
    at: 0,
    level: "Info",
    event: undefined,
    message: text,
    fields: [{ name: text === "" ? "x" : text, key: "k", value: [text] }],
    span: undefined,
    content: false
  })

describe("H21 lines of JSON", () => {
  it.effect.prop("are one line each for every reader, and hold the same value", [parts], ([all]) =>
    Effect.gen(function* () {
      const text = all.join("")
      const values = yield* assertLines(`${jsonLine({ text })}\n${record(text)}\n${jsonLine([text])}\n`)
      assert.strictEqual(values.length, 3)
      assert.deepStrictEqual(values[0], { text })
      assert.deepInclude(values[1], { message: text })
      assert.deepStrictEqual(values[2], [text])
    })
  )

  it.live("of the file exporter too", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      yield* Effect.logInfo(evil, { [evil]: evil }).pipe(
        Effect.withSpan(`call ${evil}`, { attributes: { [evil]: [evil] } }),
        Effect.provide(Layer.mergeAll(File.layer({ path: `${directory}/traces.json` }), Logging.layer))
      )
      for (const name of ["traces", "logs"]) {
        const text = yield* fs.readFileString(`${directory}/${name}.json`)
        const values = yield* assertLines(text)
        assert.isAtLeast(values.length, 1, name)
        assert.include(JSON.stringify(values), JSON.stringify(evil).slice(1, -1), name)
      }
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
