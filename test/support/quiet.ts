/** Watches that nothing goes on unobserved. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Codex } from "../../src/Codex.ts"
import type * as Real from "./realEngine.ts"

type RealCodex = Effect.Success<ReturnType<typeof Real.make>>

/** For two seconds, the model gets no request, no process starts and Codex lists no terminal of the thread. */
export const staysQuiet = Effect.fnUntraced(function* (real: RealCodex, threadId: string) {
  const codex = yield* Codex
  const requests = (yield* real.server.requests).length
  const before = new Set((yield* real.processes).map(({ pid }) => pid))
  for (let round = 0; round < 8; round++) {
    yield* Effect.sleep("250 millis")
    assert.lengthOf(yield* real.server.requests, requests)
    assert.deepStrictEqual(
      (yield* real.processes).filter(({ pid }) => !before.has(pid)),
      []
    )
    // A thread that is not loaded has none.
    const listed = yield* Effect.exit(codex.request("thread/backgroundTerminals/list", { threadId }))
    if (Exit.isSuccess(listed)) assert.deepStrictEqual(listed.value.data, [])
  }
})
