/** D08: a thread without a turn starts again after the death of Codex, with a new id that all its handles learn. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Codex } from "../../../src/Codex.ts"
import * as Fake from "../../support/fakeCodex.ts"
import { test, until } from "../../support/live.ts"

const usage = (total: number) => {
  const tokens = { outputTokens: 0, cachedInputTokens: 0, reasoningOutputTokens: 0 }
  return Fake.ofTurn("thread/tokenUsage/updated", {
    tokenUsage: {
      total: { ...tokens, inputTokens: total, totalTokens: total },
      last: { ...tokens, inputTokens: 10, totalTokens: 10 }
    }
  })
}
const notFound: Fake.Step = {
  refuse: { code: -32600, message: "no rollout found for thread id $thread" }
}
const resumed: Fake.Step = {
  reply: { thread: { id: "$thread" }, model: "fake-model", cwd: "/", sandbox: { type: "readOnly" } }
}

/**
 * A fake whose first process loads the thread `thread-2` and whose second process names the restarted thread `thread-1`. Each
 * process refuses the first requests to resume a thread.
 */
const make = (refused: number) =>
  Fake.make({
    on: {
      "thread/resume": [...Array.from({ length: refused }, () => [notFound]), [resumed]],
      "turn/start": [Fake.turn("fine", usage(10)), Fake.turn("fine", usage(20))]
    }
  })

/** Opens a thread without a turn, and a second handle to it, and kills the process. */
const openAndKill = (fake: Effect.Success<ReturnType<typeof make>>, refused: number) =>
  Effect.gen(function* () {
    const codex = yield* Codex
    yield* Effect.scoped(codex.startThread())
    const thread = yield* codex.startThread({ budget: { tokens: 20 } })
    for (let i = 0; i < refused; i++) yield* Effect.flip(Effect.scoped(codex.resumeThread(thread.id)))
    const other = yield* codex.resumeThread(thread.id)
    const [pid = 0] = yield* fake.pids
    process.kill(pid, "SIGKILL")
    yield* until(
      "the process is gone",
      Effect.sync(() => !Fake.isAlive(pid))
    )
    return { codex, lost: thread.id, other, thread }
  })

const afterExit = <A, E extends { readonly _tag: string }, R>(turn: Effect.Effect<A, E, R>) =>
  // The library may notice the exit only after the turn has started.
  Effect.retry(turn, { while: ({ _tag }) => _tag === "EngineExited" })

describe.concurrent("D08 a thread that starts again with a new id", () => {
  test("shares its id, turns and budget with handles that were opened before and after", () =>
    Effect.gen(function* () {
      const fake = yield* make(1)
      yield* Effect.gen(function* () {
        const { codex, lost, other, thread } = yield* openAndKill(fake, 1)
        assert.strictEqual((yield* afterExit(thread.run("first"))).threadId, thread.id)
        assert.notStrictEqual(thread.id, lost)
        assert.strictEqual(other.id, thread.id)
        assert.deepInclude(yield* other.spent, { tokens: 10 })
        // A program that has kept the old id finds the thread by it.
        const later = yield* codex.resumeThread(lost)
        assert.strictEqual(later.id, thread.id)
        yield* later.run("second")
        assert.deepInclude(yield* thread.spent, { tokens: 20 })
        assert.deepInclude(yield* Effect.flip(other.run("third")), {
          _tag: "BudgetExceeded",
          scope: "thread"
        })
        const turns = (yield* fake.of("turn/start")).map(({ params }) => params?.["threadId"])
        assert.deepStrictEqual(turns, [thread.id, thread.id])
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))

  test("runs the next turn of a second handle under the new id", () =>
    Effect.gen(function* () {
      const fake = yield* make(1)
      yield* Effect.gen(function* () {
        const { other, thread } = yield* openAndKill(fake, 1)
        yield* afterExit(thread.run("first"))
        assert.strictEqual((yield* other.run("second")).threadId, thread.id)
        assert.deepInclude(yield* thread.spent, { tokens: 20 })
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))

  test("fails with the next step for a second handle that runs a turn first", () =>
    Effect.gen(function* () {
      const fake = yield* make(10)
      yield* Effect.gen(function* () {
        const { other } = yield* openAndKill(fake, 10)
        const error = yield* Effect.flip(afterExit(other.run("first")))
        assert.deepInclude(error, { _tag: "InvalidRequest", reason: "ThreadNotFound" })
        assert.include(error.message, "start a new thread")
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))
})
