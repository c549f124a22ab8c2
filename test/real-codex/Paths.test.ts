import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { paths } from "../../scripts/attacks/paths.ts"
import * as Live from "../support/live.ts"

describe("a hostile agent, with the real Codex", () => {
  for (const { id, run, title } of paths) {
    Live.test(
      `${id} ${title}`,
      () => Effect.map(run, (outcome) => assert.strictEqual(outcome, "held")),
      180_000
    )
  }
})
