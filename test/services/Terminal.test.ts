import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { terminal } from "../../scripts/attacks/terminal.ts"
import * as Live from "../support/live.ts"

describe("a person at a real terminal, with the real Codex", () => {
  for (const { id, run, title } of terminal) {
    Live.test(
      `${id} ${title}`,
      () => Effect.map(run, (outcome) => assert.strictEqual(outcome, "held")),
      180_000
    )
  }
})
