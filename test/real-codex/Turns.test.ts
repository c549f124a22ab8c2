import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Approval from "../../src/Approval.ts"
import type * as Turn from "../../src/domain/Turn.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as Real from "../support/realEngine.ts"
import { test, until } from "../support/live.ts"

const Lookup = Tool.make("lookup_ticket", {
  description: "Reads a ticket",
  parameters: Schema.Struct({ id: Schema.String }),
  success: Schema.Struct({ title: Schema.String }),
  failure: Schema.Struct({ reason: Schema.String })
})
const Tickets = Toolkit.make(Lookup)
const tickets = Tickets.toLayer({
  lookup_ticket: ({ id }) =>
    id.startsWith("T-")
      ? Effect.succeed({ title: `about ${id}` })
      : Effect.fail({ reason: `no ticket ${id}` })
})

const addFile = (name: string, text: string) =>
  `*** Begin Patch\n*** Add File: ${name}\n+${text}\n*** End Patch`
const sum = ({ approvalMillis, overheadMillis, thinkingMillis, toolsMillis }: Turn.TurnTime) =>
  approvalMillis + overheadMillis + thinkingMillis + toolsMillis
const outputs = (requests: ReadonlyArray<M.RecordedRequest>, index: number) =>
  (requests[index]?.toolOutputs ?? []).map(({ output }) => output)

describe.concurrent("a turn of the real Codex", () => {
  test("streams events and ends with the complete turn; the next turn has its own usage, diff and items", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(
          M.reasoning("let me see", { deltas: true }),
          M.shell("echo hi", { callId: "c1" }),
          M.call("lookup_ticket", { id: "T-1" }, { callId: "t1" }),
          M.usage({ input: 100, cachedInput: 40, output: 10, reasoning: 4 })
        ),
        M.reply(M.patch(addFile("a.txt", "hello"), { callId: "p1" }), M.usage({ input: 150, output: 20 })),
        M.reply(M.text("All is well.", { deltas: true }), M.usage({ input: 200, output: 5 })),
        M.reply(M.text("Again."), M.usage({ input: 7, output: 3 }))
      ])
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ tools: yield* Tickets })
        const events = yield* Stream.runCollect(thread.stream("first"))
        const last = events.at(-1)
        assert.strictEqual(events[0]?._tag, "TurnStarted")
        assert.strictEqual(last?._tag, "TurnCompleted")
        if (last?._tag !== "TurnCompleted") return
        const { turn } = last
        assert.deepInclude(turn, {
          threadId: thread.id,
          message: "All is well.",
          modelCalls: 3,
          toolCalls: 3
        })
        assert.deepInclude(turn.usage, { input: 450, cachedInput: 40, output: 35, reasoning: 4 })
        assert.isTrue(turn.sideEffects)
        assert.include(turn.diff, "+hello")
        const kinds = turn.items.map((item) => item._tag)
        assert.includeMembers(kinds, [
          "UserMessage",
          "Reasoning",
          "CommandExecution",
          "ToolCall",
          "FileChange",
          "AgentMessage"
        ])
        const said = events.map((event) => (event._tag === "MessageDelta" ? event.delta : "")).join("")
        assert.strictEqual(said, "All is well.")
        assert.closeTo(sum(turn.time), turn.time.totalMillis, 1)
        assert.isAbove(turn.time.toolsMillis, 0)
        assert.isTrue(events.every((event, i) => event.at >= (events[i - 1]?.at ?? 0)))
        assert.isTrue(yield* real.exists("a.txt"))

        const next = yield* thread.run("second")
        assert.deepInclude(next.usage, { input: 7, cachedInput: 0, output: 3, reasoning: 0 })
        assert.deepInclude(next, {
          message: "Again.",
          diff: "",
          modelCalls: 1,
          toolCalls: 0,
          sideEffects: false
        })
        assert.notStrictEqual(next.id, turn.id)
      }).pipe(Effect.provide([tickets, real.layer]))
      const requests = yield* real.server.requests
      assert.isTrue(outputs(requests, 1).some((output) => output.includes("hi")))
      assert.isTrue(outputs(requests, 1).some((output) => output.includes("about T-1")))
    }))

  test("reports a command's exit code as a result, not as an error", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.shell("exit 3")), M.reply(M.text("it failed"))])
      const turn = yield* Effect.flatMap(real.start(), (thread) => thread.run("go")).pipe(
        Effect.provide(real.layer)
      )
      const command = turn.items.find((item) => item._tag === "CommandExecution")
      assert.deepInclude(command, { exitCode: 3, status: "failed" })
      assert.strictEqual(turn.message, "it failed")
    }))

  for (const sandbox of ["read-only", "workspace-write", "danger-full-access"] as const) {
    test(`counts two seconds of a command as two seconds of tools (${sandbox})`, () =>
      Effect.gen(function* () {
        const real = yield* Real.make([M.reply(M.shell("sleep 2")), M.reply(M.text("done"))])
        const { time } = yield* Effect.flatMap(real.start({ sandbox }), (thread) => thread.run("go")).pipe(
          Effect.provide(real.layer)
        )
        assert.isAtLeast(time.toolsMillis, 1900)
        assert.isAtMost(time.toolsMillis, time.totalMillis)
        assert.closeTo(sum(time), time.totalMillis, 1)
        assert.strictEqual(time.approvalMillis, 0)
      }))
  }

  test("runs the tool calls of one response concurrently, and sends a failure to the model as text", () =>
    Effect.gen(function* () {
      const Meet = Toolkit.make(
        Tool.make("meet", { parameters: Schema.Struct({ n: Schema.Finite }), success: Schema.String }),
        Lookup
      )
      const real = yield* Real.make([
        M.reply(M.call("meet", { n: 1 }), M.call("meet", { n: 2 }), M.call("meet", { n: 3 })),
        M.reply(M.call("lookup_ticket", { id: "X-1" }), M.call("lookup_ticket", { id: 7 })),
        M.reply(M.text("done"))
      ])
      let here = 0
      const all = yield* Deferred.make<void>()
      const turn = yield* Effect.gen(function* () {
        const thread = yield* real.start({ tools: yield* Meet })
        return yield* thread.run("go", { timeout: "1 minute" })
      }).pipe(
        Effect.provide([
          Meet.toLayer({
            // No call ends before all have started: sequential calls would wait forever.
            meet: ({ n }) =>
              Effect.suspend(() => (++here === 3 ? Deferred.succeed(all, undefined) : Effect.void)).pipe(
                Effect.andThen(Deferred.await(all)),
                Effect.as(`met ${n}`)
              ),
            lookup_ticket: ({ id }) => Effect.fail({ reason: `no ticket ${id}` })
          }),
          real.layer
        ])
      )
      const calls = turn.items.flatMap((item) => (item._tag === "ToolCall" ? [item.status] : []))
      assert.deepStrictEqual(calls, ["completed", "completed", "completed", "failed", "failed"])
      const requests = yield* real.server.requests
      assert.deepStrictEqual(outputs(requests, 1), ["met 1", "met 2", "met 3"])
      const [, , , failed, refused] = outputs(requests, 2)
      assert.include(failed, "no ticket X-1")
      assert.isAbove(refused?.length ?? 0, 0)
    }))

  test("waits for the previous turn and never steers it", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const real = yield* Real.make([
        M.reply(M.text("zero")),
        M.reply(M.until(Deferred.await(gate)), M.text("one")),
        M.reply(M.text("two")),
        M.reply(M.text("three"))
      ])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        // Codex has nothing to resume before the first turn.
        yield* thread.run("0")
        const again = yield* real.resume(thread.id)
        const [turns] = yield* Effect.all(
          [
            Effect.all([thread.run("1"), thread.run("2"), again.run("3")], { concurrency: "unbounded" }),
            until(
              "the first turn waits for the model",
              Effect.map(real.server.requests, ({ length }) => length > 1)
            ).pipe(
              // A second turn that does not wait would send its request now.
              Effect.andThen(Effect.sleep("200 millis")),
              Effect.andThen(Effect.map(real.server.requests, (requests) => assert.lengthOf(requests, 2))),
              Effect.andThen(Deferred.succeed(gate, undefined))
            )
          ],
          { concurrency: 2 }
        )
        assert.sameMembers(
          turns.map(({ message }) => message),
          ["one", "two", "three"]
        )
        assert.lengthOf(new Set(turns.map(({ id }) => id)), 3)
      }).pipe(Effect.provide(real.layer))
    }))

  test("runs concurrently with 19 other threads on one process", () =>
    Effect.gen(function* () {
      const real = yield* Real.make((request) =>
        M.reply(
          M.delay("100 millis"),
          M.text(`answer to ${request.lastUserText}`),
          M.usage({ input: 3, output: 1 })
        )
      )
      yield* Effect.gen(function* () {
        const turns = yield* Effect.forEach(
          Array.from({ length: 20 }, (_, n) => String(n)),
          (n) => Effect.flatMap(real.start(), (thread) => thread.run(n)),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          turns.map(({ message }) => message),
          turns.map((_, n) => `answer to ${n}`)
        )
        assert.isTrue(turns.every(({ usage }) => usage.input === 3 && usage.output === 1))
        assert.lengthOf(
          (yield* real.processes).filter(({ parent }) => parent === process.pid),
          1
        )
      }).pipe(Effect.provide(real.layer))
    }))
})

describe.concurrent("a thread of the real Codex", () => {
  test("continues in a new process by its id, with its history and its tools", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(M.text("noted")),
        M.reply(M.call("lookup_ticket", { id: "T-9" })),
        M.reply(M.text("still known"))
      ])
      const id = yield* Effect.gen(function* () {
        const thread = yield* real.start({ tools: yield* Tickets })
        yield* thread.run("remember the word heron")
        return thread.id
      }).pipe(Effect.scoped, Effect.provide([tickets, real.layer]))
      const turn = yield* Effect.gen(function* () {
        const thread = yield* real.resume(id, { tools: yield* Tickets })
        assert.strictEqual(thread.id, id)
        return yield* thread.run("which word?")
      }).pipe(Effect.scoped, Effect.provide([tickets, real.layer]))
      assert.strictEqual(turn.message, "still known")
      const requests = yield* real.server.requests
      assert.include(JSON.stringify(requests[1]?.body["input"]), "heron")
      assert.isTrue(outputs(requests, 2).some((output) => output.includes("about T-9")))
    }))

  test("counts its own tokens after it is resumed, also for a turn that reports no usage", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(M.text("one"), M.usage({ input: 100, output: 10 })),
        M.reply(M.text("half", { deltas: true }), M.never),
        M.reply(M.text("three"), M.usage({ input: 7, output: 2 }))
      ])
      const id = yield* Effect.flatMap(real.start(), (thread) => Effect.as(thread.run("1"), thread.id)).pipe(
        Effect.scoped,
        Effect.provide(real.layer)
      )
      yield* Effect.gen(function* () {
        const thread = yield* real.resume(id)
        const error = yield* Real.timeOutAfter(
          thread,
          "2",
          "500 millis",
          (event) => event._tag === "MessageDelta"
        )
        assert.deepInclude(error._tag === "TurnTimedOut" ? error.turn?.usage : {}, { input: 0, output: 0 })
        assert.deepInclude((yield* thread.run("3")).usage, { input: 7, output: 2 })
      }).pipe(Effect.provide(real.layer))
    }))

  test("still receives events after close and resume, and while one of two handles is open", () =>
    Effect.gen(function* () {
      const real = yield* Real.make((_, index) => M.reply(M.text(`answer ${index}`)))
      yield* Effect.gen(function* () {
        const id = yield* Effect.flatMap(real.start(), (thread) =>
          Effect.as(thread.run("0"), thread.id)
        ).pipe(Effect.scoped)
        const thread = yield* real.resume(id)
        assert.strictEqual((yield* thread.run("1")).message, "answer 1")
        yield* Effect.scoped(real.resume(id))
        assert.strictEqual((yield* thread.run("2", { timeout: "1 minute" })).message, "answer 2")
        // Let go of and taken up again at the same moment.
        for (let n = 3; n < 8; n++) {
          const [, again] = yield* Effect.all(
            [
              Effect.scoped(real.resume(id)),
              Effect.flatMap(real.resume(id), (thread) => thread.run("x", { timeout: "1 minute" }))
            ],
            { concurrency: 2 }
          )
          assert.strictEqual(again.message, `answer ${n}`)
        }
      }).pipe(Effect.provide(real.layer))
    }))

  test("fails with a typed error if it does not exist or was never stored", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.text("hi"))])
      yield* Effect.gen(function* () {
        const unknown = yield* Effect.flip(real.resume("019e0000-0000-7000-8000-000000000000"))
        assert.deepInclude(unknown, { _tag: "InvalidRequest", reason: "ThreadNotFound" })
        const nonsense = yield* Effect.flip(real.resume("not an id"))
        assert.strictEqual(nonsense._tag, "InvalidRequest")
        const id = yield* Effect.scoped(
          Effect.flatMap(real.start({ ephemeral: true }), (thread) => Effect.as(thread.run("go"), thread.id))
        )
        yield* Effect.scoped(Effect.asVoid(Effect.exit(real.resume(id))))
      }).pipe(Effect.provide(real.layer))
    }))

  test("rejects input that is too long, and stays usable", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.text("fine"))])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const error = yield* Effect.flip(thread.run("x".repeat(1_048_577)))
        assert.deepInclude(error, { _tag: "InvalidRequest", reason: "InputTooLarge" })
        assert.strictEqual((yield* thread.run("short")).message, "fine")
      }).pipe(Effect.provide(real.layer))
    }))

  test("starts with a policy of its own", () =>
    Effect.gen(function* () {
      const real = yield* Real.make((request) =>
        request.toolOutputs.length === 0
          ? M.reply(M.shell(`touch ${request.lastUserText}`, { escalate: "please" }))
          : M.reply(M.text("ok"))
      )
      yield* Effect.gen(function* () {
        const allowed = yield* real.start().pipe(Effect.provideService(Approval.Current, Approval.allow))
        const denied = yield* real.start()
        yield* Effect.all([allowed.run("allowed"), denied.run("denied")], { concurrency: 2 })
      }).pipe(Effect.provide(real.layer))
      assert.deepStrictEqual([yield* real.exists("allowed"), yield* real.exists("denied")], [true, false])
    }))
})
