import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { readdirSync, readFileSync } from "node:fs"
import { test } from "../support/live.ts"
import * as Golden from "./files.ts"
import { replay } from "./run.ts"
import { scenarios } from "./scenarios.ts"
import { canonical, type Line, normalizer } from "./wire.ts"

const versions = readdirSync(Golden.root, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : []
)
const parse = (text: string): unknown => JSON.parse(text)

describe("what the real Codex said", () => {
  it("is there for the version that is installed", () => assert.include(versions, Golden.version))

  for (const version of versions) {
    for (const [name, make] of Object.entries(scenarios)) {
      test(`is understood as it was: ${name} (${version})`, () =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const file = Golden.fileOf(name, version)
          const replayed = yield* replay(make(), file)
          assert.deepStrictEqual(replayed.differences, [])
          const expected = Golden.resultOf(yield* fs.readFileString(file))
          assert.deepStrictEqual(parse(canonical(replayed.result)), parse(canonical(expected)))
        }))
    }
  }

  it("has every kind of item, and none that is unknown", () => {
    const kinds = new Set<string>()
    for (const name of Object.keys(scenarios)) {
      for (const [, kind] of readFileSync(Golden.fileOf(name), "utf8").matchAll(/\{"_tag":"(\w+)","id"/g)) {
        kinds.add(kind ?? "")
      }
    }
    assert.sameMembers(
      [...kinds],
      [
        "UserMessage",
        "AgentMessage",
        "Reasoning",
        "CommandExecution",
        "FileChange",
        "ToolCall",
        "McpToolCall",
        "WebSearch",
        "ContextCompaction"
      ]
    )
  })

  it("has nothing of the machine that it was said on", () => {
    for (const name of Object.keys(scenarios)) {
      const text = readFileSync(Golden.fileOf(name), "utf8")
      assert.notMatch(text, /\/tmp\/|\/root|\/home\/|127\.0\.0\.1:\d|MOCK_API_KEY/, name)
      const lines = text.split("\n").filter((line) => /^\{"[<>]"/.test(line))
      const normal = normalizer([])
      // Made alike once more nothing changes.
      for (const line of lines) {
        const said = JSON.parse(line) as Line
        const message = ">" in said ? said[">"] : said["<"]
        assert.strictEqual(canonical(normal(message)).length, canonical(message).length, name)
      }
    }
  })
})
