import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { ThreadId, TurnId } from "../../../src/domain/Ids.ts"
import * as TurnHistory from "../../../src/engine/app-server/TurnHistory.ts"

/** Answers each request for the turns of a thread with the next of these turns, and then with the last one. */
const codexWith = (turns: ReadonlyArray<object>) => {
  let asked = 0
  const stored = () => ({
    id: "turn-1",
    items: [{ clientId: "key" }],
    startedAt: 1,
    ...turns[Math.min(asked++, turns.length - 1)]
  })
  return {
    asked: () => asked,
    find: TurnHistory.find(
      {
        connection: {
          request: (method) =>
            Effect.sync(() => ({ data: method === "thread/turns/list" ? [stored()] : [] })),
          notify: () => {},
          receive: () => {},
          receiveLines: () => [].values(),
          receiveMessage: () => {},
          close: () => {},
          counters: () => ({ malformed: 0, skipped: 0, unknownReplies: 0 })
        },
        mask: (text) => text
      },
      ThreadId.make("thread-1"),
      "key"
    )
  }
}

const interrupted = { status: "interrupted" }

describe("looking for a turn in the history", () => {
  it.effect("asks again about a turn without an end, which may have ended while Codex made its reply", () =>
    Effect.gen(function* () {
      const codex = codexWith([interrupted, { status: "completed", completedAt: 2 }])
      assert.deepInclude(yield* codex.find, { end: "completed", endedAt: 2000 })
      assert.strictEqual(codex.asked(), 2)
    })
  )

  it.effect("finds that the process of a turn died, if the second reply has no end of the turn either", () =>
    Effect.gen(function* () {
      const codex = codexWith([interrupted])
      const end = (yield* codex.find)?.end
      assert.strictEqual(typeof end === "object" ? end._tag : end, "EngineExited")
      assert.strictEqual(codex.asked(), 2)
    })
  )

  it.live(
    "asks again about a turn that has just started, which has no input yet and does not seem to run",
    () =>
      Effect.gen(function* () {
        const codex = codexWith([{ ...interrupted, items: [] }, { status: "inProgress" }])
        assert.deepInclude(yield* codex.find, { turnId: TurnId.make("turn-1"), end: undefined })
      })
  )

  it.effect("finds nothing if the process of a turn died before it stored the input", () =>
    Effect.gen(function* () {
      const codex = codexWith([{ ...interrupted, items: [] }])
      const finding = yield* Effect.forkChild(codex.find, { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      assert.isUndefined(yield* Fiber.join(finding))
    })
  )

  it.effect("believes an interruption that has a time", () =>
    Effect.gen(function* () {
      const codex = codexWith([{ status: "interrupted", completedAt: 2 }])
      const end = (yield* codex.find)?.end
      assert.strictEqual(typeof end === "object" ? end._tag : end, "TurnInterrupted")
      assert.strictEqual(codex.asked(), 1)
    })
  )
})
