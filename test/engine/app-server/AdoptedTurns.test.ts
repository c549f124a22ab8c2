/** Turns that a misbehaving Codex starts by itself: each ends, and the policy decides only for an open thread. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Approval from "../../../src/Approval.ts"
import { Codex } from "../../../src/Codex.ts"
import { ThreadId } from "../../../src/domain/Ids.ts"
import type * as ThreadEvent from "../../../src/domain/ThreadEvent.ts"
import type * as Thread from "../../../src/Thread.ts"
import * as Fake from "../../support/fakeCodex.ts"
import { advancing, inRealTime, onTestClock, test, until } from "../../support/live.ts"

const threadId = "thread-1"
const started = (id: string, thread = threadId) =>
  Fake.notify("turn/started", { threadId: thread, turn: { id } })
const ended = (id: string, status = "completed", thread = threadId) =>
  Fake.notify("turn/completed", { threadId: thread, turn: { id, status, error: null } })
const said = (turnId: string, text: string) =>
  Fake.notify("item/completed", {
    threadId,
    turnId,
    item: { type: "agentMessage", id: `m-${text}`, text }
  })
const asks = (id: string, turnId: string, thread = threadId) =>
  Fake.ask(id, "item/commandExecution/requestApproval", {
    threadId: thread,
    turnId,
    itemId: "c1",
    command: "rm x",
    cwd: "/"
  })
const goal = (status: string) =>
  Fake.notify("thread/goal/updated", { threadId, goal: { objective: "count", status, tokensUsed: 0 } })
const usage = (turnId: string, total: number) =>
  Fake.notify("thread/tokenUsage/updated", {
    threadId,
    turnId,
    tokenUsage: {
      total: {
        inputTokens: total,
        outputTokens: 0,
        cachedInputTokens: 0,
        reasoningOutputTokens: 0,
        totalTokens: total
      },
      last: {
        inputTokens: 10,
        outputTokens: 0,
        cachedInputTokens: 0,
        reasoningOutputTokens: 0,
        totalTokens: 10
      }
    }
  })

/** Plays steps of the fake, which the program triggers with a request. */
const play = (name: string) => Codex.use((codex) => codex.request(name))
const reply = { reply: {} }
const interruptedTurn = (id: string) => [reply, ended(id, "interrupted")]

/** Collects the activity of a thread, until its scope closes. */
const collect = Effect.fnUntraced(function* (thread: Thread.Thread) {
  const events: Array<ThreadEvent.ThreadEvent> = []
  yield* Effect.forkScoped(
    Stream.runForEach(thread.activity, (event) => Effect.sync(() => events.push(event))),
    { startImmediately: true }
  )
  const ends = () => events.flatMap((event) => (event._tag === "TurnEnded" ? [event] : []))
  return {
    ends,
    waitForEnds: (count: number) =>
      until(
        `${count} turns end`,
        Effect.sync(() => ends().length >= count)
      )
  }
})

/** Accepts everything and records what it decided. */
const accepting = () => {
  const asked: Array<string> = []
  const policy = Approval.layer((request) =>
    Effect.sync(() => {
      asked.push(request._tag === "Command" ? request.script : request._tag)
      return Approval.accept
    })
  )
  return { asked, policy }
}

const declined = Effect.fnUntraced(function* (
  fake: Effect.Success<ReturnType<typeof Fake.make>>,
  ...ids: ReadonlyArray<string>
) {
  for (const id of ids) {
    yield* fake.until((messages) => messages.some((message) => message.id === id))
    assert.deepStrictEqual(
      (yield* fake.answers(id)).map(({ result }) => result),
      [{ decision: "decline" }]
    )
  }
})

describe.concurrent("a turn that Codex starts by itself", () => {
  test("and never completes ends with the interruption of its thread, and a waiting turn runs", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: { own: [[started("own"), reply]], "turn/interrupt": [interruptedTurn("own")] }
      })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        const activity = yield* collect(thread)
        yield* play("own")
        const waiting = yield* Effect.forkScoped(thread.run("next"), { startImmediately: true })
        yield* thread.interrupt
        assert.strictEqual((yield* Fiber.join(waiting)).message, "fine")
        assert.deepStrictEqual(
          activity.ends().map(({ errorType, requested }) => [requested, errorType]),
          [
            [false, "TurnInterrupted"],
            [true, undefined]
          ]
        )
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))

  test("and does not end when it is interrupted costs Codex its process", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { own: [[started("own"), reply]], "turn/interrupt": [[reply]] } })
      yield* onTestClock(
        Effect.gen(function* () {
          const thread = yield* Fake.startThread
          yield* play("own")
          const [millis] = yield* advancing(thread.interrupt)
          assert.isAtLeast(millis, 5000)
          const [pid = 0] = yield* fake.pids
          yield* until(
            "the process has ended",
            Effect.sync(() => !Fake.isAlive(pid))
          )
        }).pipe(Effect.provide(fake.layer()))
      )
    }))

  test("is interrupted when the scope closes, and its later approval requests are declined", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          own: [[started("own"), reply]],
          "turn/interrupt": [[asks("during", "own"), { received: "during" }, ...interruptedTurn("own")]],
          late: [[asks("after", "own"), { received: "after" }, reply]]
        }
      })
      const { asked, policy } = accepting()
      yield* Effect.gen(function* () {
        yield* Effect.scoped(Effect.andThen(Fake.startThread, play("own")))
        yield* play("late")
      }).pipe(Effect.provide(fake.layer()), Effect.provide(policy))
      yield* declined(fake, "during", "after")
      assert.deepStrictEqual(asked, [])
    }))

  test("is one turn if its start comes twice, and another turn if it starts again after its end", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          own: [
            [
              started("own"),
              started("own"),
              said("own", "first"),
              ended("own"),
              ended("own"),
              said("own", "late"),
              usage("own", 10),
              reply
            ],
            [started("own"), said("own", "second"), ended("own"), reply]
          ]
        }
      })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        const { ends, waitForEnds } = yield* collect(thread)
        yield* play("own")
        yield* waitForEnds(1)
        yield* play("own")
        yield* waitForEnds(2)
        assert.strictEqual((yield* thread.run("next")).message, "fine")
        assert.deepStrictEqual(
          ends().map(({ requested, turn }) => [requested, turn.id, turn.items.length, turn.message]),
          [
            [false, "own", 1, "first"],
            [false, "own", 1, "second"],
            [true, "turn-1", 1, "fine"]
          ]
        )
        assert.strictEqual((yield* thread.spent).tokens, 0)
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))

  test("does not exist if only its end is reported, also while another turn runs", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          own: [[ended("ghost"), said("ghost", "boo"), reply]],
          "turn/start": [[...Fake.begin, ended("ghost"), Fake.said("fine"), Fake.ended()]]
        }
      })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        const activity = yield* collect(thread)
        yield* play("own")
        assert.strictEqual((yield* thread.run("go")).message, "fine")
        assert.lengthOf(activity.ends(), 1)
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))

  test("of a thread that is closed or unknown is ignored, and its requests are declined", () =>
    Effect.gen(function* () {
      const own = (thread: string) => [
        started("own", thread),
        asks(thread, "own", thread),
        { received: thread },
        ended("own", "completed", thread),
        reply
      ]
      const fake = yield* Fake.make({ on: { closed: [own(threadId)], unknown: [own("thread-7")] } })
      const { asked, policy } = accepting()
      yield* Effect.gen(function* () {
        yield* Effect.scoped(Fake.startThread)
        const open = yield* Fake.startThread
        const activity = yield* collect(open)
        yield* play("closed")
        yield* play("unknown")
        assert.strictEqual((yield* open.run("go")).message, "fine")
        assert.lengthOf(activity.ends(), 1)
      }).pipe(Effect.scoped, Effect.provide(fake.layer()), Effect.provide(policy))
      yield* declined(fake, threadId, "thread-7")
      assert.deepStrictEqual(asked, [])
    }))

  test("while the thread opens is interrupted if the thread does not open, and its requests are declined", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "thread/resume": [[started("own"), asks("early", "own"), { reply: { thread: null } }]],
          "turn/interrupt": [interruptedTurn("own")]
        }
      })
      const { asked, policy } = accepting()
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const error = yield* Effect.flip(codex.resumeThread(ThreadId.make(threadId)))
        assert.strictEqual(error._tag, "ProtocolError")
      }).pipe(Effect.scoped, Effect.provide(fake.layer()), Effect.provide(policy))
      yield* fake.waitFor("turn/interrupt")
      yield* declined(fake, "early")
      assert.deepStrictEqual(asked, [])
    }))

  test("while a second handle opens runs on the first handle if the second does not open", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "thread/resume": [
            [
              started("own"),
              asks("early", "own"),
              { reply: { thread: null } },
              { received: "early" },
              ended("own")
            ]
          ]
        }
      })
      const { asked, policy } = accepting()
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* Fake.startThread
        const activity = yield* collect(thread)
        yield* Effect.flip(Effect.scoped(codex.resumeThread(ThreadId.make(threadId))))
        yield* activity.waitForEnds(1)
        assert.deepInclude(activity.ends()[0], { requested: false })
        assert.notProperty(activity.ends()[0], "errorType")
      }).pipe(Effect.scoped, Effect.provide(fake.layer()), Effect.provide(policy))
      assert.deepStrictEqual(asked, ["rm x"])
      assert.lengthOf(yield* fake.of("turn/interrupt"), 0)
    }))
})

describe.concurrent("a turn that another handle requested", () => {
  test("ends with the interruption of a handle that has requested none", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [Fake.begin] } })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* Fake.startThread
        const other = yield* codex.resumeThread(thread.id)
        const running = yield* Effect.forkScoped(thread.run("go"), { startImmediately: true })
        yield* fake.waitFor("turn/start")
        yield* other.interrupt
        const error = yield* Effect.flip(Fiber.join(running))
        assert.deepInclude(error, { _tag: "TurnInterrupted", by: "caller" })
        assert.lengthOf(yield* fake.of("turn/interrupt"), 1)
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))
})

describe.concurrent("a goal of a misbehaving Codex", () => {
  const open = (budget = {}) => Effect.flatMap(Codex, (codex) => codex.startThread({ goals: true, budget }))
  const set = [reply, goal("active")]

  test("that starts turns without an end is paused once, and every further turn is interrupted", () =>
    Effect.gen(function* () {
      const turn = (id: string, total: number) => [started(id), usage(id, total), ended(id)]
      const fake = yield* Fake.make({
        on: {
          "thread/read": [[{ reply: { thread: { id: threadId, status: { type: "idle" }, turns: [] } } }]],
          // Codex ignores that the goal is paused.
          "thread/goal/set": [
            [...set, ...turn("own-1", 10), ...turn("own-2", 20), started("own-3")],
            [reply]
          ],
          "turn/interrupt": [
            [...interruptedTurn("own-3"), started("own-4")],
            [...interruptedTurn("own-4"), started("own-5")],
            interruptedTurn("own-5")
          ]
        }
      })
      yield* Effect.gen(function* () {
        const thread = yield* open({ modelCalls: 2 })
        const activity = yield* collect(thread)
        const error = yield* Effect.flip(thread.runGoal({ objective: "count" }))
        assert.deepInclude(error, { _tag: "BudgetExceeded", scope: "thread", reason: "ModelCalls" })
        yield* activity.waitForEnds(5)
        assert.deepStrictEqual(
          activity.ends().map(({ errorType }) => errorType),
          [undefined, undefined, ...Array.from({ length: 3 }, () => "BudgetExceeded.ModelCalls")]
        )
        assert.deepInclude(yield* thread.spent, { modelCalls: 2, tokens: 20 })
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
      assert.lengthOf(yield* fake.of("turn/interrupt"), 3)
    }))

  test("that falls silent ends as Codex says when it is asked, or else as stalled", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "thread/goal/set": [[...set, started("own"), ended("own")]],
          "thread/goal/get": [
            [{ reply: { goal: { objective: "count", status: "complete", tokensUsed: 0 } } }],
            [{ reply: { goal: { objective: "count", status: "active", tokensUsed: 0 } } }]
          ]
        }
      })
      yield* onTestClock(
        Effect.gen(function* () {
          const thread = yield* open()
          const activity = yield* collect(thread)
          const run = Effect.forkScoped(thread.runGoal({ objective: "count" }), { startImmediately: true })
          // The clock goes much faster than the process, so it stands still until the turn has ended.
          const first = yield* run
          yield* inRealTime(activity.waitForEnds(1))
          const [, result] = yield* advancing(Fiber.join(first), "5 seconds")
          assert.deepInclude(result, { status: "complete" })
          assert.lengthOf(result.turns, 1)
          const second = yield* run
          yield* inRealTime(activity.waitForEnds(2))
          const [, error] = yield* advancing(Effect.flip(Fiber.join(second)), "5 seconds")
          assert.strictEqual(error._tag, "TurnStalled")
        }).pipe(Effect.provide(fake.layer({ requestTimeout: "1 hour" })))
      )
      const paused = (yield* fake.of("thread/goal/set")).map(({ params }) => params?.["status"])
      assert.deepStrictEqual(paused, ["active", "active", "paused"])
    }))

  test("that has ended while its turn runs returns at the end of the turn, which an interruption ends", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "thread/goal/set": [
            [...set, started("own"), goal("complete"), { received: "next" }, ended("own")],
            [...set, started("endless"), goal("complete"), { received: "turn/interrupt" }]
          ],
          "turn/interrupt": [interruptedTurn("endless")]
        }
      })
      yield* Effect.gen(function* () {
        const thread = yield* open()
        let complete = 0
        yield* Effect.forkScoped(
          Stream.runForEach(thread.activity, (event) =>
            Effect.sync(() => {
              if (event._tag === "GoalUpdated" && event.goal.status === "complete") complete++
            })
          ),
          { startImmediately: true }
        )
        const pursue = Effect.gen(function* () {
          const before = complete
          const running = yield* Effect.forkScoped(thread.runGoal({ objective: "count" }), {
            startImmediately: true
          })
          yield* until(
            "the goal is complete",
            Effect.sync(() => complete > before)
          )
          assert.isUndefined(running.pollUnsafe())
          return running
        })
        const first = yield* pursue
        yield* play("next")
        const result = yield* Fiber.join(first)
        assert.deepInclude(result, { status: "complete" })
        assert.lengthOf(result.turns, 1)
        yield* Fiber.interrupt(yield* pursue)
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
      assert.lengthOf(yield* fake.of("turn/interrupt"), 1)
      // Codex keeps a goal that has ended.
      assert.lengthOf(yield* fake.of("thread/goal/clear"), 0)
    }))
})
