/** Background terminals of a Codex that misbehaves. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Codex } from "../../../src/Codex.ts"
import type * as Turn from "../../../src/domain/Turn.ts"
import * as Fake from "../../support/fakeCodex.ts"
import { advancing, onSlowClock, onTestClock, test } from "../../support/live.ts"

const item = (more: object = {}) => ({
  type: "commandExecution",
  id: "c1",
  command: "/bin/bash -c 'npm run dev'",
  cwd: "/",
  status: "inProgress",
  commandActions: [],
  ...more
})
const started = Fake.ofTurn("item/started", { item: item() })
const completed = (more: object) => Fake.ofTurn("item/completed", { item: item(more) })
const terminal = { itemId: "c1", processId: "7", command: "npm run dev", cwd: "/" }
const list = "thread/backgroundTerminals/list"
const clean = "thread/backgroundTerminals/clean"

const statuses = ({ items }: Turn.Turn) =>
  items.flatMap((item) => (item._tag === "CommandExecution" ? [[item.status, item.exitCode]] : []))

describe.concurrent("a command that Codex has not completed when the turn ends", () => {
  const cases: ReadonlyArray<
    readonly [string, ReadonlyArray<Fake.Step>, ReadonlyArray<readonly [string, number | undefined]>, number]
  > = [
    [
      "is in the background if Codex lists it",
      [{ reply: { data: [terminal], nextCursor: null } }],
      [["background", undefined]],
      1
    ],
    [
      "is interrupted if Codex does not list it",
      [{ reply: { data: [], nextCursor: null } }],
      [["interrupted", undefined]],
      1
    ],
    [
      "has its end if it comes before the list",
      [completed({ status: "failed", exitCode: 3 }), { reply: { data: [], nextCursor: null } }],
      [["failed", 3]],
      1
    ],
    [
      "is interrupted if the list cannot be read",
      [{ reply: { data: [{ processId: 7 }] } }],
      [["interrupted", undefined]],
      1
    ],
    [
      "is interrupted if Codex refuses to list",
      [{ refuse: { code: -32600, message: "no" } }],
      [["interrupted", undefined]],
      1
    ],
    [
      "is interrupted if the list has no end",
      [{ reply: { data: [], nextCursor: "more" } }],
      [["interrupted", undefined]],
      100
    ]
  ]
  for (const [name, answer, expected, requests] of cases) {
    test(name, () =>
      Effect.gen(function* () {
        const fake = yield* Fake.make({
          on: { "turn/start": [Fake.turn("fine", started)], [list]: [answer] }
        })
        yield* Effect.gen(function* () {
          const thread = yield* Fake.startThread
          assert.sameDeepOrderedMembers(
            // A slow machine needs longer than the two seconds for a hundred requests.
            statuses(yield* onSlowClock(thread.run("go"))),
            expected.map((pair) => [...pair])
          )
        }).pipe(Effect.scoped, Effect.provide(fake.layer()))
        assert.lengthOf(yield* fake.of(list), requests)
        // What Codex completed has ended; the rest ends with the thread.
        assert.lengthOf(yield* fake.of(clean), expected[0]?.[0] === "failed" ? 0 : 1)
        const methods = (yield* fake.received).map(({ method }) => method)
        if (methods.includes(clean))
          assert.isBelow(methods.indexOf(clean), methods.indexOf("thread/unsubscribe"))
      })
    )
  }

  test("delays the result of the turn by two seconds if Codex does not answer", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [Fake.turn("fine", started)], [list]: [[]] } })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        const running = yield* Effect.forkScoped(thread.run("go"), { startImmediately: true })
        // The clock goes much faster than the process that has to ask first.
        yield* fake.waitFor(list)
        const [took, turn] = yield* advancing(Fiber.join(running))
        assert.isAtMost(took, 4000)
        assert.deepStrictEqual(statuses(turn), [["interrupted", undefined]])
      }).pipe(Effect.provide(fake.layer()), onTestClock)
    }))

  // The engine also configures Codex to unload a thread at once, which ends its commands. A program may set another delay.
  test("ends with the last handle of its thread, before Codex unloads the thread", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "turn/start": [Fake.turn("fine", started)],
          [list]: [[{ reply: { data: [terminal], nextCursor: null } }]],
          [clean]: [[{ reply: {} }, completed({ status: "failed", exitCode: -1 })]]
        }
      })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        yield* thread.run("go")
        yield* Effect.scoped(Codex.use((codex) => codex.resumeThread(thread.id)))
        assert.deepStrictEqual(yield* fake.of(clean), [])
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
      assert.deepStrictEqual(
        (yield* fake.received).flatMap(({ method = "" }) =>
          [clean, "thread/unsubscribe"].includes(method) ? [method] : []
        ),
        [clean, "thread/unsubscribe"]
      )
    }))

  test("costs no request in a thread that runs no such command", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: { "turn/start": [Fake.turn("fine", started, completed({ status: "completed", exitCode: 0 }))] }
      })
      yield* Effect.flatMap(Fake.startThread, (thread) => thread.run("go")).pipe(
        Effect.scoped,
        Effect.provide(fake.layer())
      )
      assert.deepStrictEqual([...(yield* fake.of(list)), ...(yield* fake.of(clean))], [])
    }))

  test("of a sub-agent ends with the turn that the sub-agent works for", () =>
    Effect.gen(function* () {
      const agent = { threadId: "agent-1", turnId: "agent-turn" }
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            Fake.turn(
              "fine",
              Fake.notify("turn/started", {
                threadId: agent.threadId,
                turn: { id: agent.turnId, rootTurnId: "$turn" }
              }),
              Fake.notify("item/started", { ...agent, item: item() }),
              Fake.notify("turn/completed", {
                threadId: agent.threadId,
                turn: { id: agent.turnId, status: "completed", error: null }
              })
            )
          ]
        }
      })
      yield* Effect.flatMap(Fake.startThread, (thread) => thread.run("go")).pipe(
        Effect.scoped,
        Effect.provide(fake.layer())
      )
      assert.deepStrictEqual(
        (yield* fake.of(clean)).map(({ params }) => params?.["threadId"]),
        ["agent-1"]
      )
    }))
})
