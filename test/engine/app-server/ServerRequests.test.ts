import { assert, describe } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as TestClock from "effect/testing/TestClock"
import * as Approval from "../../../src/Approval.ts"
import { Codex } from "../../../src/Codex.ts"
import * as Engine from "../../../src/engine/Engine.ts"
import * as Fake from "../../support/fakeCodex.ts"
import { onTestClock, test } from "../../support/live.ts"

const command = (id: string, text = "rm x"): Fake.Step =>
  Fake.ofTurn("item/started", {
    item: { type: "commandExecution", id, command: text, cwd: "/", status: "inProgress", commandActions: [] }
  })
const askCommand = (id: string | number, itemId: string, params: object = {}): Fake.Step =>
  Fake.ask(id, "item/commandExecution/requestApproval", {
    threadId: "$thread",
    turnId: "$turn",
    itemId,
    command: "/bin/bash -c 'rm x'",
    cwd: "/",
    ...params
  })
const call = (id: string | number, tool: string, args: object = {}): Fake.Step =>
  Fake.ask(id, "item/tool/call", {
    threadId: "$thread",
    turnId: "$turn",
    callId: `call-${id}`,
    tool,
    arguments: args
  })

/** The steps of a turn that sends requests and ends when all of them are answered. */
const asking = (...steps: ReadonlyArray<Fake.Step>) => {
  const ids = steps.flatMap((step) => {
    const sent = "send" in step ? JSON.stringify(step.send) : ""
    const id: unknown = sent === "" ? undefined : JSON.parse(sent).id
    return typeof id === "string" || typeof id === "number" ? [{ received: id }] : []
  })
  return [...Fake.begin, ...steps, ...ids, Fake.said("done"), Fake.ended()]
}

type Fake_ = Effect.Success<ReturnType<typeof Fake.make>>

/** Returns the only reply to a request; a second reply fails the test. */
const answer = Effect.fnUntraced(function* (fake: Fake_, id: string | number) {
  const answers = yield* fake.answers(id)
  assert.lengthOf(answers, 1, `answers to ${id}`)
  return answers[0]
})

const Tools = Toolkit.make(
  Tool.make("fine", { parameters: Schema.Struct({}), success: Schema.String }),
  Tool.make("fails", {
    parameters: Schema.Struct({}),
    success: Schema.String,
    failure: Schema.Struct({ why: Schema.String })
  }),
  Tool.make("dies", { parameters: Schema.Struct({}), success: Schema.String }),
  Tool.make("slow", { parameters: Schema.Struct({}), success: Schema.String }),
  Tool.make("deaf", { parameters: Schema.Struct({}), success: Schema.String }),
  Tool.make("careful", { parameters: Schema.Struct({}), success: Schema.String, needsApproval: true })
)
const startWithTools = Effect.gen(function* () {
  const codex = yield* Codex
  return yield* codex.startThread({ tools: yield* Tools })
})
const toolLayer = (ran: Array<string> = []) => {
  const note = (name: string) => Effect.sync(() => void ran.push(name))
  return Tools.toLayer({
    fine: () => Effect.as(note("fine"), "good"),
    fails: () => Effect.andThen(note("fails"), Effect.fail({ why: "because" })),
    dies: () => Effect.die(new Error("secret of the handler")),
    slow: () => Effect.andThen(note("slow"), Effect.never),
    deaf: () => Effect.andThen(note("deaf"), Effect.uninterruptible(Effect.never)),
    careful: () => Effect.as(note("careful"), "done with care")
  })
}
const toolAnswer = (success: boolean, text: string) => ({
  contentItems: [{ type: "inputText", text }],
  success
})

describe.concurrent("every request of Codex gets exactly one reply, which declines without an approval policy", () => {
  const kinds: ReadonlyArray<readonly [id: string, step: Fake.Step, expected: object]> = [
    ["command", askCommand("command", "c1"), { result: { decision: "decline" } }],
    ["no command", askCommand("no command", "c1", { command: null }), { result: { decision: "decline" } }],
    [
      "unknown item",
      Fake.ask("unknown item", "item/fileChange/requestApproval", {
        threadId: "$thread",
        turnId: "$turn",
        itemId: "nowhere"
      }),
      { result: { decision: "decline" } }
    ],
    [
      "command as a patch",
      Fake.ask("command as a patch", "item/fileChange/requestApproval", {
        threadId: "$thread",
        turnId: "$turn",
        itemId: "c1"
      }),
      { result: { decision: "decline" } }
    ],
    [
      "other thread",
      askCommand("other thread", "c1", { threadId: "thread-99" }),
      { result: { decision: "decline" } }
    ],
    [
      "other turn",
      askCommand("other turn", "c1", { turnId: "turn-99" }),
      { result: { decision: "decline" } }
    ],
    ["tool", call("tool", "no_such_tool"), { result: toolAnswer(false, "There is no tool no_such_tool.") }],
    [
      "tool of another thread",
      Fake.ask("tool of another thread", "item/tool/call", {
        threadId: "thread-99",
        turnId: "turn-1",
        callId: "c",
        tool: "fine",
        arguments: {}
      }),
      { result: toolAnswer(false, "The call was interrupted.") }
    ],
    [
      "permissions",
      Fake.ask("permissions", "item/permissions/requestApproval", { threadId: "$thread" }),
      { result: { permissions: {}, scope: "turn" } }
    ],
    [
      "user input",
      Fake.ask("user input", "item/tool/requestUserInput", { threadId: "$thread" }),
      { result: { answers: {} } }
    ],
    [
      "elicitation",
      Fake.ask("elicitation", "mcpServer/elicitation/request", {}),
      { result: { action: "decline", content: null, _meta: null } }
    ],
    [
      "legacy patch",
      Fake.ask("legacy patch", "applyPatchApproval", {}),
      { result: { decision: { denied: { rejection: "effect-codex does not support this request" } } } }
    ],
    [
      "legacy command",
      Fake.ask("legacy command", "execCommandApproval", {}),
      { result: { decision: { denied: { rejection: "effect-codex does not support this request" } } } }
    ],
    [
      "unreadable approval",
      Fake.ask("unreadable approval", "item/commandExecution/requestApproval", { itemId: 7 }),
      { error: -32601 }
    ],
    [
      "unreadable call",
      Fake.ask("unreadable call", "item/tool/call", { threadId: "$thread" }),
      { error: -32601 }
    ],
    ["tokens", Fake.ask("tokens", "account/chatgptAuthTokens/refresh", {}), { error: -32601 }],
    ["attestation", Fake.ask("attestation", "attestation/generate", {}), { error: -32601 }],
    ["time", Fake.ask("time", "currentTime/read", {}), { error: -32601 }],
    [
      "news",
      Fake.ask("news", "item/newThing/requestApproval", {
        threadId: "$thread",
        turnId: "$turn",
        itemId: "c1"
      }),
      { error: -32601 }
    ],
    ["object's own", Fake.ask("object's own", "toString", {}), { error: -32601 }],
    ["constructor", Fake.ask("constructor", "constructor", {}), { error: -32601 }],
    ["no params", { send: { id: "no params", method: "item/tool/call" } }, { error: -32601 }]
  ]
  const check = (fake: Fake_, expectations = kinds) =>
    Effect.forEach(expectations, ([id, , expected]) =>
      Effect.map(answer(fake, id), (message) => {
        const error: unknown = message?.error
        const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined
        assert.deepStrictEqual(
          error === undefined ? { result: message?.result } : { error: code },
          expected,
          id
        )
      })
    )

  test("during a turn", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: { "turn/start": [asking(command("c1"), ...kinds.map(([, step]) => step))] }
      })
      const turn = yield* Effect.flatMap(Fake.startThread, (thread) => thread.run("go")).pipe(
        Effect.provide(fake.layer())
      )
      assert.strictEqual(turn.message, "done")
      yield* check(fake)
    }))

  test("without a running turn, even with a policy that accepts everything", () =>
    Effect.gen(function* () {
      const ran: Array<string> = []
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            asking(
              command("c1"),
              askCommand("other thread", "c1", { threadId: "thread-99" }),
              askCommand("other turn", "c1", { turnId: "turn-99" }),
              Fake.ask("unknown item", "item/fileChange/requestApproval", {
                threadId: "$thread",
                turnId: "$turn",
                itemId: "nowhere"
              }),
              Fake.ask("tool", "item/tool/call", {
                threadId: "$thread",
                turnId: "turn-99",
                callId: "c",
                tool: "fine",
                arguments: {}
              }),
              askCommand("mine", "c1")
            )
          ]
        }
      })
      yield* Effect.flatMap(startWithTools, (thread) => thread.run("go")).pipe(
        Effect.provideService(Approval.Current, Approval.allow),
        Effect.provide([toolLayer(ran), fake.layer()])
      )
      for (const id of ["other thread", "other turn", "unknown item"]) {
        assert.deepStrictEqual((yield* answer(fake, id))?.result, { decision: "decline" })
      }
      assert.deepInclude((yield* answer(fake, "tool"))?.result, { success: false })
      assert.deepStrictEqual(ran, [])
      assert.deepStrictEqual((yield* answer(fake, "mine"))?.result, { decision: "accept" })
    }))

  test("between turns and before the end of the handshake", () =>
    Effect.gen(function* () {
      const kindsWithoutTool = kinds.filter(([id]) => id !== "tool")
      const all = kindsWithoutTool.map(([, step]) => step)
      const initialized = { reply: { userAgent: "fake/0.169.0" } }
      for (const when of ["initialize", "thread/start"]) {
        const last = { received: "no params" }
        const reply =
          when === "initialize"
            ? [initialized]
            : [{ reply: { thread: { id: "thread-1" }, model: "m", cwd: "/" } }]
        const fake = yield* Fake.make({ on: { [when]: [[...all, last, ...reply]] } })
        yield* Effect.provide(Fake.startThread, fake.layer())
        yield* check(fake, kindsWithoutTool)
        assert.lengthOf(yield* fake.pids, 1)
      }
    }))

  test("with a reused id and with an id that equals one of the client's", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            asking(askCommand(0, "c1"), { received: 0 }, askCommand(0, "c2"), askCommand(1, "c3"), {
              wait: 50
            })
          ]
        }
      })
      const turn = yield* Effect.flatMap(Fake.startThread, (thread) => thread.run("go")).pipe(
        Effect.provide(fake.layer())
      )
      assert.strictEqual(turn.message, "done")
      assert.lengthOf(yield* fake.answers(0), 2)
      assert.lengthOf(yield* fake.answers(1), 1)
    }))

  test("while the turn is being interrupted", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "turn/start": [[...Fake.begin, command("c1"), askCommand("first", "c1"), call("tool", "slow")]],
          "turn/interrupt": [
            [
              { reply: {} },
              askCommand("late", "c1"),
              { received: "late" },
              Fake.ended("interrupted"),
              askCommand("later", "c1"),
              { received: "later" },
              Fake.said("end")
            ]
          ]
        }
      })
      yield* Effect.gen(function* () {
        const ran: Array<string> = []
        yield* Effect.gen(function* () {
          const thread = yield* startWithTools
          const running = yield* Effect.forkScoped(thread.run("go"), { startImmediately: true })
          yield* fake.waitFor("turn/start")
          yield* Effect.sync(() => ran.length).pipe(Effect.repeat({ until: (count) => count === 1 }))
          yield* Fiber.interrupt(running)
          yield* fake.until((messages) =>
            messages.some(({ id, method }) => id === "later" && method === undefined)
          )
        }).pipe(Effect.provide(toolLayer(ran)))
        for (const id of ["first", "late", "later"]) {
          assert.deepStrictEqual((yield* answer(fake, id))?.result, { decision: "decline" })
        }
        assert.deepStrictEqual(
          (yield* answer(fake, "tool"))?.result,
          toolAnswer(false, "The call was interrupted.")
        )
      }).pipe(
        Effect.provideService(Approval.Current, () => Effect.never),
        Effect.provide(fake.layer())
      )
    }))
})

describe.concurrent("a faulty approval policy declines", () => {
  const policies: Readonly<Record<string, Approval.Policy>> = {
    fails: () => Effect.fail("no idea"),
    dies: () => Effect.die(new Error("bug")),
    throws: () => {
      throw new Error("bug")
    },
    "interrupts itself": () => Effect.interrupt,
    "gives nothing": () => Effect.succeed(JSON.parse("null")),
    "gives something else": () => Effect.succeed(JSON.parse('{"_tag":"yes"}')),
    "is no effect": () => JSON.parse('{"_tag":"Accept"}'),
    "accepts in another's words": () => Effect.succeed(JSON.parse('"accept"'))
  }
  for (const [how, policy] of Object.entries(policies)) {
    test(`when it ${how}`, () =>
      Effect.gen(function* () {
        const ran: Array<string> = []
        const fake = yield* Fake.make({
          on: { "turn/start": [asking(command("c1"), askCommand("ask", "c1"), call("tool", "careful"))] }
        })
        const events = yield* Effect.flatMap(startWithTools, (thread) =>
          Stream.runCollect(thread.stream("go"))
        ).pipe(
          Effect.provide(toolLayer(ran)),
          Effect.provideService(Approval.Current, policy),
          Effect.provide(fake.layer())
        )
        assert.deepStrictEqual((yield* answer(fake, "ask"))?.result, { decision: "decline" })
        assert.deepInclude((yield* answer(fake, "tool"))?.result, { success: false })
        assert.deepStrictEqual(ran, [])
        const decided = events.flatMap((event) =>
          event._tag === "ApprovalDecided" ? [event.decision._tag] : []
        )
        assert.deepStrictEqual(decided, ["Decline", "Decline"])
        assert.strictEqual(events.at(-1)?._tag, "TurnCompleted")
      }))
  }

  test("F16 when it never answers, and the turn still ends in time", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: { "turn/start": [asking(command("c1"), askCommand("ask", "c1"))] }
      })
      for (const policy of [() => Effect.never, () => Effect.uninterruptible(Effect.never)]) {
        const error = yield* Effect.flatMap(Fake.startThread, (thread) =>
          thread.run("go", { timeout: "100 millis" })
        ).pipe(Effect.flip, Effect.provideService(Approval.Current, policy), Effect.provide(fake.layer()))
        assert.strictEqual(error._tag, "TurnTimedOut")
      }
      assert.deepStrictEqual(
        (yield* fake.answers("ask")).map(({ result }) => result),
        [{ decision: "decline" }, { decision: "decline" }]
      )
    }))

  test("and cancel ends the turn as interrupted by the policy", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: { "turn/start": [[...Fake.begin, command("c1"), askCommand("ask", "c1")]] }
      })
      const error = yield* Effect.flatMap(Fake.startThread, (thread) => thread.run("go")).pipe(
        Effect.flip,
        Effect.provideService(Approval.Current, () => Effect.succeed(Approval.cancel)),
        Effect.provide(fake.layer())
      )
      assert.deepInclude(error, { _tag: "TurnInterrupted", by: "policy" })
      assert.deepStrictEqual((yield* answer(fake, "ask"))?.result, { decision: "cancel" })
    }))

  test("and a rule does not accept a command with extra permissions", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            asking(
              command("c1"),
              askCommand("plain", "c1"),
              askCommand("network", "c1", { networkApprovalContext: { host: "x" } }),
              askCommand("permissions", "c1", { additionalPermissions: {} }),
              askCommand("stdin", "c1", { kind: "writeStdin" }),
              askCommand("two commands", "c1", { command: "/bin/bash -c 'rm x; rm y'" })
            )
          ]
        }
      })
      const start = Effect.flatMap(Codex, (codex) => codex.startThread({ cwd: "/" }))
      yield* Effect.flatMap(start, (thread) => thread.run("go")).pipe(
        Effect.provide([
          Approval.layer(Approval.rules([{ command: ["rm", "x"], decision: "accept" }])),
          fake.layer()
        ])
      )
      const decisions: Array<unknown> = []
      for (const id of ["plain", "network", "permissions", "stdin", "two commands"]) {
        decisions.push((yield* answer(fake, id))?.result)
      }
      assert.deepStrictEqual(decisions, [
        { decision: "accept" },
        { decision: "decline" },
        { decision: "decline" },
        { decision: "decline" },
        { decision: "decline" }
      ])
    }))
})

describe.concurrent("a faulty tool replies to the model", () => {
  const answers: Readonly<Record<string, object>> = {
    fine: toolAnswer(true, "good"),
    fails: toolAnswer(false, '{"why":"because"}'),
    dies: toolAnswer(false, "The tool dies failed."),
    careful: toolAnswer(false, "The call of careful was declined.")
  }
  for (const [tool, expected] of Object.entries(answers)) {
    test(`with the result of the tool "${tool}"`, () =>
      Effect.gen(function* () {
        const fake = yield* Fake.make({ on: { "turn/start": [asking(call("t", tool))] } })
        const turn = yield* Effect.flatMap(startWithTools, (thread) => thread.run("go")).pipe(
          Effect.provide([toolLayer(), fake.layer()])
        )
        assert.deepStrictEqual((yield* answer(fake, "t"))?.result, expected)
        assert.strictEqual(turn.message, "done")
      }))
  }

  test("when its schema refuses the arguments", () =>
    Effect.gen(function* () {
      const Strict = Toolkit.make(
        Tool.make("strict", { parameters: Schema.Struct({ id: Schema.String }), success: Schema.String })
      )
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            asking(
              call("number", "strict", { id: 7 }),
              call("none", "strict"),
              call("ok", "strict", { id: "7" })
            )
          ]
        }
      })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.startThread({ tools: yield* Strict })
        yield* thread.run("go")
      }).pipe(
        Effect.provide([Strict.toLayer({ strict: ({ id }) => Effect.succeed(`id ${id}`) }), fake.layer()])
      )
      assert.deepInclude((yield* answer(fake, "number"))?.result, { success: false })
      assert.deepInclude((yield* answer(fake, "none"))?.result, { success: false })
      assert.deepStrictEqual((yield* answer(fake, "ok"))?.result, toolAnswer(true, "id 7"))
    }))

  for (const tool of ["slow", "deaf"]) {
    test(`when it is ${tool}, and the turn still ends in bounded time by timeout and by interruption`, () =>
      Effect.gen(function* () {
        for (const how of ["timeout", "interruption"]) {
          const ran: Array<string> = []
          const fake = yield* Fake.make({
            on: { "turn/start": [asking(call("t", tool)), Fake.turn("next")] }
          })
          yield* Effect.gen(function* () {
            const thread = yield* startWithTools
            if (how === "timeout") yield* Effect.flip(thread.run("go", { timeout: "100 millis" }))
            else {
              const running = yield* Effect.forkScoped(thread.run("go"), { startImmediately: true })
              yield* Effect.sync(() => ran.length).pipe(Effect.repeat({ until: (count) => count === 1 }))
              yield* Fiber.interrupt(running)
            }
            assert.strictEqual((yield* thread.run("go")).message, "next")
          }).pipe(Effect.provide([toolLayer(ran), fake.layer()]))
          assert.deepInclude((yield* answer(fake, "t"))?.result, { success: false })
          assert.lengthOf(yield* fake.pids, 1)
        }
      }))
  }

  test("when it ignores interruption and Codex ends the turn", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "turn/start": [[...Fake.begin, call("t", "deaf"), { wait: 100 }, Fake.said("bye"), Fake.ended()]]
        }
      })
      const turn = yield* Effect.flatMap(startWithTools, (thread) => thread.run("go")).pipe(
        Effect.provide([toolLayer(), fake.layer()])
      )
      assert.strictEqual(turn.message, "bye")
      assert.deepInclude((yield* answer(fake, "t"))?.result, { success: false })
    }))

  test("F27 and delays neither other threads nor other calls of its own thread", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "turn/start": [asking(call("slow", "slow"), call("fine", "fine")), asking(call("other", "fine"))]
        }
      })
      yield* Effect.gen(function* () {
        const [one, two] = yield* Effect.all([startWithTools, startWithTools])
        const first = yield* Effect.forkScoped(one.run("go"), { startImmediately: true })
        yield* fake.until((messages) =>
          messages.some(({ id, method }) => id === "fine" && method === undefined)
        )
        assert.strictEqual((yield* two.run("go")).message, "done")
        assert.isUndefined(first.pollUnsafe())
        assert.lengthOf(yield* fake.answers("slow"), 0)
      }).pipe(Effect.scoped, Effect.provide([toolLayer(), fake.layer()]))
    }))

  test("and runs in the context of the turn's caller", () =>
    Effect.gen(function* () {
      const Marked = Toolkit.make(
        Tool.make("mark", { parameters: Schema.Struct({}), success: Schema.String })
      )
      const seen: Array<unknown> = []
      const look = Effect.map(
        References.CurrentLogAnnotations,
        (annotations) => void seen.push(annotations["mark"])
      )
      const fake = yield* Fake.make({
        on: {
          "turn/start": [asking(command("c1"), askCommand("ask-$turn", "c1"), call("mark-$turn", "mark"))]
        }
      })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.startThread({ tools: yield* Marked })
        yield* thread.run("go").pipe(Effect.annotateLogs({ mark: "one" }))
        yield* thread.run("go").pipe(Effect.annotateLogs({ mark: "two" }))
      }).pipe(
        Effect.provide(Marked.toLayer({ mark: () => Effect.as(look, "seen") })),
        Effect.provideService(Approval.Current, () => Effect.as(look, Approval.decline("no"))),
        Effect.provide(fake.layer())
      )
      assert.deepStrictEqual(seen, ["one", "one", "two", "two"])
    }))
})

describe.concurrent("two turns on one thread", () => {
  test("run one after the other in the order of their requests", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [Fake.turn("x", { wait: 20 })] } })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        const order: Array<string> = []
        yield* Effect.forEach(
          ["1", "2", "3", "4", "5"],
          (n) => Effect.tap(thread.run(n), () => Effect.sync(() => order.push(n))),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(order, ["1", "2", "3", "4", "5"])
        const inputs = (yield* fake.of("turn/start")).map(({ params }) => JSON.stringify(params?.["input"]))
        assert.deepStrictEqual(
          inputs.map((input) => /"text":"(\d)"/.exec(input)?.[1]),
          order
        )
      }).pipe(Effect.provide(fake.layer()))
    }))

  test("run one after the other when the thread was opened twice", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: { "turn/start": [Fake.turn("first", { wait: 100 }), Fake.turn("second")] }
      })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const one = yield* Fake.startThread
        const two = yield* codex.resumeThread(one.id)
        const turns = yield* Effect.all([one.run("1"), two.run("2")], { concurrency: 2 })
        assert.deepStrictEqual(
          turns.map(({ message }) => message),
          ["first", "second"]
        )
        assert.deepStrictEqual(
          turns.map(({ id }) => id),
          ["turn-1", "turn-2"]
        )
      }).pipe(Effect.provide(fake.layer()))
    }))

  test("do not spend their timeout while they wait", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: { "turn/start": [Fake.turn("first", { received: "release" }), Fake.turn("second")] }
      })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* Fake.startThread
        const running = yield* Effect.forkScoped(
          Effect.all([thread.run("1"), thread.run("2", { timeout: "1 second" })], { concurrency: 2 }),
          { startImmediately: true }
        )
        yield* fake.waitFor("turn/start")
        yield* TestClock.adjust("1500 millis")
        yield* codex.request("release")
        const turns = yield* Fiber.join(running)
        assert.deepStrictEqual(
          turns.map(({ message }) => message),
          ["first", "second"]
        )
        assert.strictEqual(turns[1].time.totalMillis, 0)
      }).pipe(Effect.provide(fake.layer()), onTestClock)
    }))

  test("never start when they are interrupted while they wait", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: { "turn/start": [Fake.turn("only", { received: "release" })] }
      })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* Fake.startThread
        const first = yield* Effect.forkScoped(thread.run("1"), { startImmediately: true })
        const second = yield* Effect.forkScoped(thread.run("2"), { startImmediately: true })
        yield* Fiber.interrupt(second)
        assert.isUndefined(first.pollUnsafe())
        yield* codex.request("release")
        assert.strictEqual((yield* Fiber.join(first)).message, "only")
        assert.lengthOf(yield* fake.of("turn/start"), 1)
      }).pipe(Effect.provide(fake.layer()))
    }))
})

describe.concurrent("the scope of a thread", () => {
  test("does not unsubscribe a thread that another handle holds", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({})
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const one = yield* Fake.startThread
        yield* Effect.scoped(codex.resumeThread(one.id))
        assert.lengthOf(yield* fake.of("thread/unsubscribe"), 0)
        yield* one.run("go")
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
      assert.lengthOf(yield* fake.of("thread/unsubscribe"), 1)
    }))

  test("does not wait for another handle's turn when it closes", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [Fake.begin] } })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* Fake.startThread
        const running = yield* Effect.forkScoped(thread.run("go"), { startImmediately: true })
        yield* fake.waitFor("turn/start")
        yield* Effect.scoped(codex.resumeThread(thread.id))
        assert.isUndefined(running.pollUnsafe())
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))

  test("does not unsubscribe a thread that is being resumed", () =>
    Effect.gen(function* () {
      const opened = { thread: { id: "thread-1" }, model: "m", modelProvider: "p", cwd: "/" }
      const fake = yield* Fake.make({ on: { "thread/resume": [[{ wait: 100 }, { reply: opened }]] } })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const scope = yield* Scope.make()
        const { id } = yield* Scope.provide(Fake.startThread, scope)
        const resuming = yield* Effect.forkScoped(codex.resumeThread(id), { startImmediately: true })
        yield* fake.waitFor("thread/resume")
        yield* Scope.close(scope, Exit.void)
        yield* Effect.flatMap(Fiber.join(resuming), (thread) => thread.run("go"))
        assert.lengthOf(yield* fake.of("thread/unsubscribe"), 0)
      }).pipe(Effect.provide(fake.layer()))
    }))

  test("interrupts the running turn when it closes, and later turns fail with a typed error", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [Fake.begin] } })
      yield* Effect.gen(function* () {
        const opened = yield* Deferred.make<Effect.Success<typeof Fake.startThread>>()
        const close = yield* Deferred.make<void>()
        const holder = yield* Effect.forkScoped(
          Fake.startThread.pipe(
            Effect.flatMap((thread) => Deferred.succeed(opened, thread)),
            Effect.andThen(Deferred.await(close)),
            Effect.scoped
          )
        )
        const thread = yield* Deferred.await(opened)
        const running = yield* Effect.forkScoped(Effect.flip(thread.run("go")), { startImmediately: true })
        yield* fake.waitFor("turn/start")
        yield* Deferred.succeed(close, undefined)
        yield* Fiber.join(holder)
        assert.deepInclude(yield* Fiber.join(running), { _tag: "TurnInterrupted", by: "caller" })
        assert.deepInclude(yield* Effect.flip(thread.run("go")), {
          _tag: "InvalidRequest",
          reason: "ThreadNotFound"
        })
        const methods = (yield* fake.received).map(({ method }) => method)
        assert.isBelow(methods.indexOf("turn/interrupt"), methods.indexOf("thread/unsubscribe"))
      }).pipe(Effect.provide(fake.layer()))
    }))
})

describe("an event handler with a bug", () => {
  test("breaks its own turn and no other", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: { "turn/start": [[...Fake.begin, Fake.delta("x")], Fake.turn("fine")] }
      })
      yield* Effect.gen(function* () {
        const engine = yield* Engine.Engine
        const open = engine.startThread({
          cwd: undefined,
          sandbox: undefined,
          approvalMode: undefined,
          model: undefined,
          instructions: undefined,
          ephemeral: undefined,
          tools: []
        })
        const [broken, sound] = yield* Effect.all([open, open])
        const handlers = (emit: Engine.Handlers["emit"]): Engine.Handlers => ({
          emit,
          approve: () => Effect.succeed(Approval.decline("no")),
          callTool: () => Effect.succeed({ success: true, text: "" })
        })
        const options = { model: undefined, effort: undefined }
        const bug = new Error("a bug")
        const exit = yield* Effect.exit(
          broken.turn(
            "go",
            options,
            handlers((event) => {
              if (event._tag === "MessageDelta") throw bug
            })
          )
        )
        assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) === bug)
        assert.lengthOf(yield* fake.of("turn/interrupt"), 1)
        const seen: Array<string> = []
        yield* sound.turn(
          "go",
          options,
          handlers((event) => void seen.push(event._tag))
        )
        assert.deepStrictEqual(seen, ["TurnStarted", "ItemCompleted"])
      }).pipe(Effect.provide(fake.layer()))
      assert.lengthOf(yield* fake.pids, 1)
    }))
})
