/** Several handles of one thread, while Codex starts a turn by itself. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Approval from "../../../src/Approval.ts"
import { Codex } from "../../../src/Codex.ts"
import { ThreadId } from "../../../src/domain/Ids.ts"
import * as Fake from "../../support/fakeCodex.ts"
import { test } from "../../support/live.ts"

const threadId = "thread-1"
const started = (id: string) => Fake.notify("turn/started", { threadId, turn: { id } })
const ended = (id: string, status = "completed") =>
  Fake.notify("turn/completed", { threadId, turn: { id, status, error: null } })
const asks = (id: string, turnId: string) =>
  Fake.ask(id, "item/commandExecution/requestApproval", {
    threadId,
    turnId,
    itemId: `c-${id}`,
    command: "rm x",
    cwd: "/"
  })
const usage = (turnId: string, total: number) => {
  const tokens = (inputTokens: number) => ({
    inputTokens,
    outputTokens: 0,
    cachedInputTokens: 0,
    reasoningOutputTokens: 0,
    totalTokens: inputTokens
  })
  return Fake.notify("thread/tokenUsage/updated", {
    threadId,
    turnId,
    tokenUsage: { total: tokens(total), last: tokens(10) }
  })
}

const reply = { reply: {} }
const opened = { reply: { thread: { id: threadId }, model: "m", modelProvider: "p", cwd: "/" } }
/** Plays steps of the fake, which the program triggers with a request. */
const play = (name: string) => Codex.use((codex) => codex.request(name))

describe.concurrent("a turn that Codex starts on a thread with several handles", () => {
  test("asks the policy of the newest handle that is open", () =>
    Effect.gen(function* () {
      const turn = (id: string) => [started(id), asks(id, id), { received: id }, ended(id), reply]
      const fake = yield* Fake.make({
        on: {
          "thread/resume": [[opened]],
          both: [turn("both")],
          first: [turn("first")],
          again: [turn("again")]
        }
      })
      const asked: Array<string> = []
      const policy =
        (name: string): Approval.Policy =>
        () =>
          Effect.sync(() => {
            asked.push(name)
            return Approval.accept
          })
      const open = (name: string, scope: Scope.Scope) =>
        Effect.flatMap(Codex, (codex) =>
          name === "first" ? codex.startThread() : codex.resumeThread(ThreadId.make(threadId))
        ).pipe(Effect.provideService(Approval.Current, policy(name)), Scope.provide(scope))
      yield* Effect.gen(function* () {
        const scope = yield* Effect.scope
        yield* open("first", scope)
        const second = yield* Scope.make()
        yield* open("second", second)
        yield* play("both")
        yield* Scope.close(second, Exit.void)
        yield* play("first")
        yield* open("third", scope)
        yield* play("again")
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
      assert.deepStrictEqual(asked, ["second", "first", "third"])
    }))

  test("counts against the budget of each handle, and ends with the first that is exhausted", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "thread/resume": [[opened]],
          "turn/interrupt": [[reply, ended("own", "interrupted")]],
          own: [[started("own"), ...[10, 20, 30].map((total) => usage("own", total)), reply]]
        }
      })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const first = yield* codex.startThread({ budget: { tokens: 25 } })
        const second = yield* codex.resumeThread(ThreadId.make(threadId), { budget: { tokens: 1000 } })
        yield* play("own")
        yield* fake.waitFor("turn/interrupt")
        for (const thread of [first, second])
          assert.deepInclude(yield* Effect.flip(thread.run("go")), {
            _tag: "BudgetExceeded",
            scope: "thread",
            limit: 25
          })
        assert.deepStrictEqual([(yield* first.spent).tokens, (yield* second.spent).tokens], [30, 30])
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))
})
