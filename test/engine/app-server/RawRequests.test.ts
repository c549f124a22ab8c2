/** Requests of the caller: their deadlines, and what ends when the caller no longer waits. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Codex } from "../../../src/Codex.ts"
import * as Fake from "../../support/fakeCodex.ts"
import { advancing, onTestClock, test, timed } from "../../support/live.ts"

const start = <A, E, R>(request: Effect.Effect<A, E, R>) =>
  Effect.forkScoped(Effect.exit(request), { startImmediately: true })

describe.concurrent("a request that may take long", () => {
  test("has no deadline of its own, and `timeout` gives it one", () =>
    Effect.gen(function* () {
      const never = [{ received: "never" }]
      const fake = yield* Fake.make({ on: { "command/exec": [never], "fs/readFile": [never] } })
      yield* onTestClock(
        Effect.gen(function* () {
          const codex = yield* Codex
          const exec = yield* start(codex.request("command/exec", { command: ["make"] }))
          yield* fake.waitFor("command/exec")
          const [short, error] = yield* advancing(
            Effect.flip(codex.request("fs/readFile", { path: "/x" })),
            "1 second"
          )
          assert.deepInclude(error, {
            _tag: "ProtocolError",
            detail: "codex app-server did not answer fs/readFile in time"
          })
          assert.isAtLeast(short, 30_000)
          assert.isUndefined(exec.pollUnsafe())
          const limited = codex.request("command/exec", { command: ["make"] }, { timeout: "90 seconds" })
          const [long, late] = yield* advancing(Effect.flip(limited), "1 second")
          assert.strictEqual(late._tag, "ProtocolError")
          assert.isAtLeast(long, 90_000)
          assert.isUndefined(exec.pollUnsafe())
          yield* Fiber.interrupt(exec)
        }).pipe(Effect.provide(fake.layer()))
      )
    }))

  test("ends the command of an interrupted `command/exec`, with the name that it was given", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "command/exec": [[{ received: "never" }]] } })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const first = yield* start(codex.request("command/exec", { command: ["make"] }))
        const second = yield* start(codex.request("command/exec", { command: ["make"], processId: "mine" }))
        yield* fake.waitFor("command/exec", 2)
        yield* Fiber.interruptAll([first, second])
        const [one, two] = yield* fake.of("command/exec")
        assert.match(String(one?.params?.["processId"]), /^effect-codex-\d+$/)
        assert.strictEqual(two?.params?.["processId"], "mine")
        assert.sameDeepMembers(
          (yield* fake.of("command/exec/terminate")).map(({ params }) => params),
          [{ processId: one?.params?.["processId"] }, { processId: "mine" }]
        )
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))

  test("ends what a request started that exceeds its `timeout`", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "process/spawn": [[{ received: "never" }]] } })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const params = { command: ["make"], processHandle: "p1", cwd: "/" }
        yield* Effect.flip(codex.request("process/spawn", params, { timeout: "50 millis" }))
        assert.deepStrictEqual((yield* fake.of("process/kill"))[0]?.params, { processHandle: "p1" })
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))

  test("is ended by the id of its message where Codex knows no other name", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "thread/sample": [[{ received: "never" }]] } })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const params = { threadId: "t", expectedTurnId: "u", prompt: "go" }
        const sample = yield* start(codex.request("thread/sample", params))
        yield* fake.waitFor("thread/sample")
        yield* Fiber.interrupt(sample)
        const [sent] = yield* fake.of("thread/sample")
        assert.deepStrictEqual((yield* fake.of("thread/sample/cancel"))[0]?.params, { requestId: sent?.id })
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))

  test("does not hold up short requests, however many there are", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "mcpServer/tool/call": [[{ received: "never" }]] } })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const params = { threadId: "t", server: "s", tool: "t" }
        const calls = yield* Effect.forEach(Array.from({ length: 100 }), () =>
          start(codex.request("mcpServer/tool/call", params))
        )
        yield* fake.waitFor("mcpServer/tool/call", 32)
        yield* codex.request("fs/readFile", { path: "/x" })
        assert.lengthOf(yield* fake.of("mcpServer/tool/call"), 32)
        yield* Fiber.interruptAll(calls)
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))
})

describe.concurrent("a request whose reply names what it started", () => {
  const turn = { threadId: "thread-1", input: [] }

  test("is interrupted before the reply: Codex interrupts the turn after it", () =>
    Effect.gen(function* () {
      const reply = { reply: { turn: { id: "turn-9" } } }
      const fake = yield* Fake.make({
        on: {
          "turn/start": [[{ received: "fs/readFile" }, reply]],
          "turn/interrupt": [
            [{ refuse: { code: -32600, message: "no active turn to interrupt" } }],
            [{ reply: {} }]
          ]
        }
      })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const running = yield* start(codex.request("turn/start", turn))
        yield* fake.waitFor("turn/start")
        const left = yield* start(Fiber.interrupt(running))
        yield* codex.request("fs/readFile", { path: "/x" })
        yield* Fiber.join(left)
        const ends = yield* fake.of("turn/interrupt")
        assert.deepStrictEqual(
          ends.map(({ params }) => params),
          [
            { threadId: "thread-1", turnId: "turn-9" },
            { threadId: "thread-1", turnId: "turn-9" }
          ]
        )
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))

  test("does not hold up its caller when Codex never replies", () =>
    Effect.gen(function* () {
      const never = [{ received: "never" }]
      const fake = yield* Fake.make({ on: { "turn/start": [never] } })
      yield* onTestClock(
        Effect.gen(function* () {
          const codex = yield* Codex
          const running = yield* start(codex.request("turn/start", turn))
          yield* fake.waitFor("turn/start")
          const [took] = yield* advancing(Fiber.interrupt(running), "100 millis")
          assert.isAtMost(took, 3_000)
          assert.lengthOf(yield* fake.of("turn/interrupt"), 0)
        }).pipe(Effect.provide(fake.layer()))
      )
    }))

  test("ends nothing when the reply names nothing", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: { "account/login/start": [[{ wait: 200 }, { reply: { type: "apiKey" } }]] }
      })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const login = yield* start(codex.request("account/login/start", { type: "apiKey", apiKey: "k" }))
        yield* fake.waitFor("account/login/start")
        const [took] = yield* timed(Fiber.interrupt(login))
        assert.isAtLeast(took, 100)
        assert.lengthOf(yield* fake.of("account/login/cancel"), 0)
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))
})

describe.concurrent("the reply to a request", () => {
  test("must be a JSON object", () =>
    Effect.gen(function* () {
      const replies = [null, [1], "yes", 7]
      const fake = yield* Fake.make({ on: { "no/such": replies.map((reply) => [{ reply }]) } })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        for (const _ of replies)
          assert.deepInclude(yield* Effect.flip(codex.request("no/such")), {
            _tag: "ProtocolError",
            detail: "the reply of codex to no/such is not a JSON object"
          })
      }).pipe(Effect.provide(fake.layer()))
    }))
})
