/** Sub-agents: their turns belong to the turn that starts them. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Approval from "../../../src/Approval.ts"
import { Codex } from "../../../src/Codex.ts"
import type * as Turn from "../../../src/domain/Turn.ts"
import * as Fake from "../../support/fakeCodex.ts"
import { test } from "../../support/live.ts"

const agent = { threadId: "agent-1", turnId: "agent-turn" }
const agentStarted = Fake.notify("turn/started", {
  threadId: agent.threadId,
  turn: { id: agent.turnId, rootTurnId: "$turn" }
})
const agentCommand = (text: string): Fake.Step =>
  Fake.notify("item/started", {
    ...agent,
    item: {
      type: "commandExecution",
      id: "c1",
      command: text,
      cwd: "/",
      status: "inProgress",
      commandActions: []
    }
  })

describe.concurrent("a sub-agent", () => {
  test("ends the turn that it works for when it runs something other than what was approved", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            [
              ...Fake.begin,
              agentStarted,
              agentCommand("/bin/bash -c 'rm x'"),
              Fake.ask("q", "item/commandExecution/requestApproval", {
                ...agent,
                itemId: "c1",
                command: "/bin/bash -c 'rm x'",
                cwd: "/"
              }),
              { received: "q" },
              agentCommand("/bin/bash -c 'rm -rf /'")
            ]
          ],
          "turn/interrupt": [
            [
              { reply: {} },
              Fake.notify("turn/completed", {
                threadId: agent.threadId,
                turn: { id: agent.turnId, status: "interrupted", error: null }
              }),
              Fake.notify("turn/completed", {
                threadId: "thread-1",
                turn: { id: "turn-1", status: "interrupted", error: null }
              })
            ]
          ]
        }
      })
      const error = yield* Effect.flatMap(Fake.startThread, (thread) =>
        thread.run("go", { timeout: "5 seconds" })
      ).pipe(
        Effect.flip,
        Effect.scoped,
        Effect.provideService(Approval.Current, Approval.allow),
        Effect.provide(fake.layer())
      )
      assert.deepInclude(error, { _tag: "TurnInterrupted", by: "policy" })
      const interrupted = (yield* fake.of("turn/interrupt")).map(({ params }) => params?.["threadId"])
      assert.sameMembers(interrupted, ["thread-1", agent.threadId])
    }))

  test("is declined everything when it starts while the turn is being interrupted", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "turn/start": [Fake.begin],
          "turn/interrupt": [
            [
              agentStarted,
              agentCommand("rm x"),
              Fake.ask("q", "item/commandExecution/requestApproval", {
                ...agent,
                itemId: "c1",
                command: "rm x",
                cwd: "/"
              }),
              { received: "q" },
              { reply: {} },
              Fake.ended("interrupted")
            ]
          ]
        }
      })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        const running = yield* Effect.forkScoped(thread.run("go"), { startImmediately: true })
        yield* fake.waitFor("turn/start")
        yield* Fiber.interrupt(running)
      }).pipe(
        Effect.scoped,
        Effect.provideService(Approval.Current, Approval.allow),
        Effect.provide(fake.layer())
      )
      const [answer] = yield* fake.answers("q")
      assert.deepStrictEqual(answer?.result, { decision: "decline" })
    }))

  test("is detached when it outlives its turn: its requests are declined and its thread is free", () =>
    Effect.gen(function* () {
      const late = (id: string) =>
        Fake.ask(id, "item/commandExecution/requestApproval", {
          ...agent,
          itemId: "c1",
          command: "rm x",
          cwd: "/"
        })
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            [...Fake.begin, agentStarted, Fake.ended(), { received: "next" }, late("q1"), { received: "q1" }],
            Fake.turn("second", agentStarted, late("q2"), { received: "q2" })
          ]
        }
      })
      const events: Array<Turn.TurnEvent> = []
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* Fake.startThread
        yield* thread.run("one")
        yield* codex.request("next")
        yield* fake.until((messages) =>
          messages.find(({ id, method }) => id === "q1" && method === undefined)
        )
        yield* Stream.runForEach(thread.stream("two"), (event) => Effect.sync(() => events.push(event)))
      }).pipe(
        Effect.scoped,
        Effect.provideService(Approval.Current, Approval.allow),
        Effect.provide(fake.layer())
      )
      const answers = yield* Effect.forEach(["q1", "q2"], (id) => fake.answers(id))
      assert.deepStrictEqual(
        answers.flat().map(({ result }) => result),
        // In the second turn it works for that one.
        [{ decision: "decline" }, { decision: "accept" }]
      )
      assert.isTrue(events.some((event) => event._tag === "AgentEvent"))
    }))

  const command = Fake.ask("q", "item/commandExecution/requestApproval", {
    ...agent,
    itemId: "c1",
    command: "rm x",
    cwd: "/"
  })
  const interruptedAgent = [
    { reply: {} },
    Fake.notify("turn/completed", {
      threadId: agent.threadId,
      turn: { id: agent.turnId, status: "interrupted", error: null }
    })
  ]

  test("is interrupted when it starts after the end of its turn, and its requests are declined", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            [...Fake.begin, Fake.said("a"), Fake.ended(), { received: "next" }, agentStarted, command]
          ],
          "turn/interrupt": [interruptedAgent]
        }
      })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* Fake.startThread
        yield* thread.run("one")
        yield* codex.request("next")
        yield* fake.waitFor("turn/interrupt")
        yield* fake.until((messages) => messages.find(({ id, method }) => id === "q" && method === undefined))
      }).pipe(
        Effect.scoped,
        Effect.provideService(Approval.Current, Approval.allow),
        Effect.provide(fake.layer())
      )
      const interrupted = (yield* fake.of("turn/interrupt")).map(({ params }) => params)
      assert.deepStrictEqual<unknown>(interrupted, [agent])
      const [answer] = yield* fake.answers("q")
      assert.deepStrictEqual(answer?.result, { decision: "decline" })
    }))

  test("is interrupted when it starts a second turn for an unknown turn after the end of its own", () =>
    Effect.gen(function* () {
      const again = { threadId: agent.threadId, turnId: "again" }
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            [
              ...Fake.begin,
              agentStarted,
              Fake.notify("turn/completed", {
                threadId: agent.threadId,
                turn: { id: agent.turnId, status: "completed", error: null }
              }),
              Fake.said("a"),
              Fake.ended(),
              { received: "next" },
              Fake.notify("turn/started", {
                threadId: again.threadId,
                turn: { id: again.turnId, rootTurnId: "unknown" }
              })
            ]
          ],
          "turn/interrupt": [[{ reply: {} }]]
        }
      })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* Fake.startThread
        yield* thread.run("one")
        yield* codex.request("next")
        yield* fake.waitFor("turn/interrupt")
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
      const interrupted = (yield* fake.of("turn/interrupt")).map(({ params }) => params)
      assert.deepStrictEqual<unknown>(interrupted, [again])
    }))

  test("is not one when the caller has its thread open", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            Fake.turn(
              "done",
              Fake.notify("turn/started", {
                threadId: "thread-2",
                turn: { id: "other-turn", rootTurnId: "$turn" }
              })
            )
          ]
        }
      })
      const events = yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        yield* Fake.startThread
        return yield* Stream.runCollect(thread.stream("go"))
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
      assert.isFalse(events.some((event) => event._tag === "AgentEvent"))
    }))

  test("of a sub-agent requests approval like any other", () =>
    Effect.gen(function* () {
      const inner = { threadId: "agent-2", turnId: "inner-turn" }
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            [
              ...Fake.begin,
              agentStarted,
              Fake.notify("turn/started", {
                threadId: inner.threadId,
                turn: { id: inner.turnId, rootTurnId: agent.turnId }
              }),
              Fake.ask("q", "item/commandExecution/requestApproval", {
                ...inner,
                itemId: "c1",
                command: "rm x",
                cwd: "/"
              }),
              { received: "q" },
              Fake.ended()
            ]
          ]
        }
      })
      yield* Effect.flatMap(Fake.startThread, (thread) => thread.run("go")).pipe(
        Effect.scoped,
        Effect.provideService(Approval.Current, Approval.allow),
        Effect.provide(fake.layer())
      )
      const [answer] = yield* fake.answers("q")
      assert.deepStrictEqual(answer?.result, { decision: "accept" })
    }))

  test("H12 leaves its session grants with the thread of its caller, who can revoke them", () =>
    Effect.gen(function* () {
      const request = Fake.ask("q", "item/commandExecution/requestApproval", {
        ...agent,
        itemId: "c1",
        command: "/bin/bash -c 'rm x'",
        cwd: "/"
      })
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            [...Fake.begin, agentStarted, request, { received: "q" }, Fake.said("a"), Fake.ended()]
          ]
        }
      })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        yield* thread.run("go", { timeout: "5 seconds" })
        const grants = Approval.grants(thread.id)
        const ids = Effect.map(grants.list, (all) =>
          all.map(({ agentThreadId, threadId }) => [threadId, agentThreadId])
        )
        assert.deepStrictEqual<unknown>(yield* ids, [["thread-1", agent.threadId]])
        assert.strictEqual(yield* grants.revokeAll, 1)
        assert.deepStrictEqual(yield* ids, [])
      }).pipe(
        Effect.scoped,
        Effect.provideService(Approval.Current, () => Effect.succeed(Approval.acceptForSession)),
        Effect.provide(fake.layer())
      )
    }))

  test("does not cost other threads their process when its tool and the turn's tool ignore interruption", () =>
    Effect.gen(function* () {
      const Deaf = Toolkit.make(Tool.make("deaf", { parameters: Schema.Struct({}), success: Schema.String }))
      const call = (id: string, of: object) =>
        Fake.ask(id, "item/tool/call", { ...of, callId: `call-${id}`, tool: "deaf", arguments: {} })
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            [
              ...Fake.begin,
              call("own", { threadId: "$thread", turnId: "$turn" }),
              agentStarted,
              call("agents", agent)
            ]
          ]
        }
      })
      const ran: Array<string> = []
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.startThread({ tools: yield* Deaf })
        const running = yield* Effect.forkScoped(thread.run("go"), { startImmediately: true })
        yield* Effect.sync(() => ran.length).pipe(
          Effect.repeat({ schedule: Schedule.spaced("5 millis"), until: (count) => count === 2 })
        )
        yield* Fiber.interrupt(running)
        yield* codex.request("still/there")
        assert.lengthOf(yield* fake.pids, 1)
      }).pipe(
        Effect.scoped,
        Effect.provide([
          fake.layer(),
          Deaf.toLayer({
            deaf: () =>
              Effect.andThen(
                Effect.sync(() => void ran.push("deaf")),
                Effect.uninterruptible(Effect.never)
              )
          })
        ])
      )
    }))

  test("has its background terminals cleaned before and after the end of its turn", () =>
    Effect.gen(function* () {
      const ended = (threadId: string, id: string) =>
        Fake.notify("turn/completed", { threadId, turn: { id, status: "interrupted", error: null } })
      const clean = "thread/backgroundTerminals/clean"
      const fake = yield* Fake.make({
        on: {
          "turn/start": [[...Fake.begin, agentStarted]],
          "turn/interrupt": [
            [{ reply: {} }],
            // The agent's turn ends only after the first clean of its terminals.
            [
              { reply: {} },
              { received: clean },
              ended(agent.threadId, agent.turnId),
              ended("thread-1", "turn-1")
            ]
          ]
        }
      })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        const events = thread.stream("go")
        // The stream stops, and interrupts its turn, as soon as the agent's turn has started.
        yield* Stream.runDrain(Stream.takeUntil(events, (event) => event._tag === "AgentEvent"))
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
      const cleaned = (yield* fake.of(clean)).map(({ params }) => params?.["threadId"])
      assert.lengthOf(
        cleaned.filter((threadId) => threadId === agent.threadId),
        2
      )
    }))
})
