/** Moments that are rare: who waits while somebody else's turn dies, agents that misbehave, parameters that are no JSON. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Approval from "../../../src/Approval.ts"
import { Codex } from "../../../src/Codex.ts"
import type * as Turn from "../../../src/domain/Turn.ts"
import * as Fake from "../../support/fakeCodex.ts"
import { advancing, onTestClock, test } from "../../support/live.ts"

const start = Effect.flatMap(Codex, (codex) => codex.startThread())

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

describe.concurrent("a thread with two handles", () => {
  test("stops waiting for the other handle's turn when its own scope closes, and starts nothing", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [Fake.begin] } })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const one = yield* start
        const scope = yield* Scope.make()
        const two = yield* Scope.provide(codex.resumeThread(one.id), scope)
        yield* Effect.forkScoped(one.run("1"), { startImmediately: true })
        yield* fake.hears("turn/start")
        const waiting = yield* Effect.forkScoped(Effect.flip(two.run("2")), { startImmediately: true })
        yield* Scope.close(scope, Exit.void)
        const error = yield* Effect.timeout(Fiber.join(waiting), "10 seconds")
        assert.deepInclude(error, { _tag: "TurnInterrupted", by: "caller" })
        assert.lengthOf(yield* fake.of("turn/start"), 1)
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))

  test("continues in a new process when the other handle's turn dies with the old one", () =>
    Effect.gen(function* () {
      // Every process of the fake says the same: the second turn would die as well, and is left early.
      const dies = [...Fake.begin, { heard: "wake" }, { exit: 1 }]
      const fake = yield* Fake.make({ on: { "turn/start": [dies] } })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const one = yield* start
        const two = yield* codex.resumeThread(one.id)
        const dying = yield* Effect.forkScoped(Effect.flip(one.run("1")), { startImmediately: true })
        yield* fake.hears("turn/start")
        const waiting = yield* Effect.forkScoped(Effect.exit(two.run("2")), { startImmediately: true })
        yield* Effect.forkScoped(Effect.ignore(codex.request("wake")), { startImmediately: true })
        assert.strictEqual((yield* Fiber.join(dying))._tag, "EngineExited")
        yield* fake.hears("turn/start", 2)
        assert.lengthOf(yield* fake.pids, 2)
        assert.isUndefined(waiting.pollUnsafe())
        yield* Fiber.interrupt(waiting)
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))
})

describe.concurrent("a thread whose last handle closes during a turn", () => {
  test("is not unsubscribed when it is resumed before that turn ends", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "turn/start": [Fake.begin, Fake.turn("again")],
          "turn/interrupt": [[{ reply: {} }, { heard: "thread/resume" }, Fake.ended("interrupted")]]
        }
      })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const scope = yield* Scope.make()
        const { id, run } = yield* Scope.provide(start, scope)
        yield* Effect.forkScoped(Effect.exit(run("1")), { startImmediately: true })
        yield* fake.hears("turn/start")
        const leaving = yield* Effect.forkScoped(Scope.close(scope, Exit.void), { startImmediately: true })
        yield* fake.hears("turn/interrupt")
        const thread = yield* codex.resumeThread(id)
        yield* Fiber.join(leaving)
        assert.strictEqual((yield* thread.run("2")).message, "again")
        assert.lengthOf(yield* fake.of("thread/unsubscribe"), 0)
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))
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
              { heard: "q" },
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
      const error = yield* Effect.flatMap(start, (thread) => thread.run("go", { timeout: "5 seconds" })).pipe(
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
              { heard: "q" },
              { reply: {} },
              Fake.ended("interrupted")
            ]
          ]
        }
      })
      yield* Effect.gen(function* () {
        const thread = yield* start
        const running = yield* Effect.forkScoped(thread.run("go"), { startImmediately: true })
        yield* fake.hears("turn/start")
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
            [...Fake.begin, agentStarted, Fake.ended(), { heard: "next" }, late("q1"), { heard: "q1" }],
            Fake.turn("second", agentStarted, late("q2"), { heard: "q2" })
          ]
        }
      })
      const events: Array<Turn.TurnEvent> = []
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* start
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
        const thread = yield* start
        yield* start
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
              { heard: "q" },
              Fake.ended()
            ]
          ]
        }
      })
      yield* Effect.flatMap(start, (thread) => thread.run("go")).pipe(
        Effect.scoped,
        Effect.provideService(Approval.Current, Approval.allow),
        Effect.provide(fake.layer())
      )
      const [answer] = yield* fake.answers("q")
      assert.deepStrictEqual(answer?.result, { decision: "accept" })
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
          Effect.repeat({ schedule: Schedule.spaced("5 millis"), until: (count) => count === 2 }),
          Effect.timeout("10 seconds")
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
})

describe.concurrent("parameters that are not JSON", () => {
  test("are refused, and the next request succeeds", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({})
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const circle: Record<string, unknown> = {}
        circle["self"] = circle
        for (const params of [{ n: 1n }, circle]) {
          const error = yield* Effect.flip(codex.request("any/thing", params))
          assert.deepInclude(error, { _tag: "InvalidRequest", reason: "BadParams", method: "any/thing" })
        }
        assert.deepStrictEqual(yield* codex.request("any/thing"), {})
      }).pipe(Effect.provide(fake.layer()))
    }))
})

describe.concurrent("a compaction", () => {
  test("stalls when it never starts", () =>
    Effect.gen(function* () {
      const idle = { thread: { id: "thread-1", status: { type: "idle" }, turns: [] } }
      const fake = yield* Fake.make({
        on: {
          "thread/compact/start": [[{ reply: {} }, Fake.status("idle")]],
          "thread/read": [[{ reply: idle }]]
        }
      })
      const error = yield* Effect.gen(function* () {
        const thread = yield* start
        const [, error] = yield* onTestClock(advancing(Effect.flip(thread.compact())))
        return error
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
      assert.strictEqual(error._tag, "TurnStalled")
    }))
})

describe.concurrent("an option of a turn that Codex keeps for later turns", () => {
  test("is sent again to a new process", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [[...Fake.begin, { exit: 1 }]] } })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.startThread({
          sandbox: "danger-full-access",
          model: "big",
          config: { web_search: "disabled" }
        })
        const set = { cwd: fake.folder, sandbox: "read-only", model: "small", effort: "low" } as const
        yield* Effect.flip(thread.run("one", set))
        yield* Effect.flip(thread.run("two"))
        const [resumed] = yield* fake.of("thread/resume")
        assert.deepInclude(resumed?.params, {
          cwd: fake.folder,
          sandbox: "read-only",
          model: "small",
          config: { web_search: "disabled", model_reasoning_effort: "low" }
        })
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))
})

describe.concurrent("a turn in another directory", () => {
  test("requests approval of edits with its directory, and so does the next turn", () =>
    Effect.gen(function* () {
      const edit = (id: string): ReadonlyArray<Fake.Step> => [
        Fake.ofTurn("item/started", {
          item: {
            type: "fileChange",
            id,
            status: "inProgress",
            changes: [{ path: "a.txt", kind: { type: "add" }, diff: "a" }]
          }
        }),
        Fake.ask(`q-${id}`, "item/fileChange/requestApproval", {
          threadId: "$thread",
          turnId: "$turn",
          itemId: id
        }),
        { heard: `q-${id}` }
      ]
      const fake = yield* Fake.make({
        on: { "turn/start": [Fake.turn("a", ...edit("f1")), Fake.turn("b", ...edit("f2"))] }
      })
      const folders: Array<string> = []
      yield* Effect.gen(function* () {
        const thread = yield* start
        yield* thread.run("go", { cwd: fake.folder })
        yield* thread.run("go")
      }).pipe(
        Effect.scoped,
        Effect.provideService(Approval.Current, (request) =>
          Effect.sync(() => {
            if (request._tag === "file_change") folders.push(request.cwd)
            return Approval.decline("no")
          })
        ),
        Effect.provide(fake.layer())
      )
      assert.deepStrictEqual(folders, [fake.folder, fake.folder])
    }))
})
