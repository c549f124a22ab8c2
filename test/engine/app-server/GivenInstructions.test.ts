import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as GivenInstructions from "../../../src/engine/app-server/GivenInstructions.ts"
import { test } from "../../support/live.ts"

const message = (role: string, ...texts: ReadonlyArray<string>) => ({
  type: "message",
  role,
  content: texts.map((text) => ({ type: "input_text", text }))
})
const item = (payload: object) => ({ type: "response_item", payload })
const own = item(message("developer", "AAA", "<permissions instructions>"))

describe("the last instructions of a stored thread", () => {
  const cases: ReadonlyArray<readonly [title: string, lines: ReadonlyArray<unknown>, last: string]> = [
    ["are those it was started with", [own, item(message("user", "BBB"))], "AAA"],
    ["are those that were added to it", [own, item(message("developer", "BBB"))], "BBB"],
    [
      "are not replaced by a message of Codex",
      [own, item(message("developer", "<model_switch>…</model_switch>"))],
      "AAA"
    ],
    [
      "are those that a compaction kept",
      [
        own,
        item(message("developer", "BBB")),
        {
          type: "compacted",
          payload: { replacement_history: [message("developer", "AAA", "<permissions>")] }
        }
      ],
      "AAA"
    ],
    ["are found beside lines that cannot be read", [own, "developer", { type: "x" }], "AAA"]
  ]
  for (const [title, lines, last] of cases) {
    test(title, () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = `${yield* fs.makeTempDirectoryScoped()}/rollout.jsonl`
        yield* fs.writeFileString(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""))
        for (const instructions of ["AAA", "BBB"])
          assert.strictEqual(yield* GivenInstructions.isLast(fs, path, instructions), instructions === last)
      })
    )
  }

  test("are unknown without a file", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      assert.isFalse(yield* GivenInstructions.isLast(fs, "/no/such/file", "AAA"))
      assert.isFalse(yield* GivenInstructions.isLast(fs, undefined, "AAA"))
    }))
})
