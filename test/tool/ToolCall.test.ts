import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as AiError from "effect/ai/AiError"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import type * as Approval from "../../src/Approval.ts"
import { Codex } from "../../src/Codex.ts"
import type * as Engine from "../../src/engine/Engine.ts"
import * as Scripted from "../../src/testing/Scripted.ts"
import { ItemId } from "../../src/domain/Ids.ts"
import { TestLayer } from "../../src/testing/TestLayer.ts"
import * as ToolHost from "../../src/tool/ToolHost.ts"
import * as ToolSettings from "../../src/tool/ToolSettings.ts"
import * as ToolResultText from "../../src/tool/ToolResultText.ts"

const call = (tool: string, args: unknown = {}, id = tool): Engine.EngineToolCall => ({
  callId: ItemId.make(id),
  tool,
  arguments: args
})
const no: ToolHost.Approve = () => Effect.die("no approval is requested")
const quiet = Logger.layer([])

describe("arguments", () => {
  const Strict = Toolkit.make(
    Tool.make("pay", {
      parameters: Schema.Struct({ to: Schema.NonEmptyString, cents: Schema.Int }),
      success: Schema.String
    }).annotate(ToolSettings.OnFailure, "turn"),
    Tool.make("paySoftly", {
      parameters: Schema.Struct({ cents: Schema.Int }),
      success: Schema.String,
      failureMode: "return"
    }).annotate(ToolSettings.OnFailure, "turn"),
    Tool.make("payAsked", {
      parameters: Schema.Struct({ cents: Schema.Int }),
      success: Schema.String,
      needsApproval: true
    })
  )
  const wrong: ReadonlyArray<unknown> = [
    undefined,
    null,
    "",
    '{"to":"a","cents":1}',
    [],
    7,
    {},
    { to: "a" },
    { to: "", cents: 1 },
    { to: "a", cents: 1.5 },
    { to: "a", cents: "1" },
    { to: ["a"], cents: 1 },
    JSON.parse('{"__proto__":{"to":"a","cents":1}}')
  ]
  it.effect(
    "that do not match the schema go back to the model, without a handler or an approval request",
    () => {
      const ran: Array<unknown> = []
      const note = (given: unknown) => Effect.sync(() => (ran.push(given), "paid"))
      return Effect.gen(function* () {
        const host = yield* Effect.flatMap(Strict, ToolHost.make)
        const ask = host.turn({ approve: no })
        for (const args of wrong) {
          for (const tool of ["pay", "paySoftly", "payAsked"]) {
            const soft = tool !== "pay" && typeof args === "object" && args !== null && "cents" in args
            if (soft && args.cents === 1) continue
            const answer = yield* ask(call(tool, args))
            assert.isFalse(answer.success, `${tool} ${JSON.stringify(args)}`)
            assert.isAbove(answer.text.length, 10)
          }
        }
        assert.deepStrictEqual(ran, [])
        assert.isTrue((yield* ask(call("pay", { to: "a", cents: 1 }))).success)
        assert.deepStrictEqual(ran, [{ to: "a", cents: 1 }])
      }).pipe(Effect.provide(Strict.toLayer({ pay: note, paySoftly: note, payAsked: note })))
    }
  )

  it.effect("F39 F20 run exactly as a person saw them, whatever they contain", () => {
    const evil = "; rm -rf / $(x) `y` \n\u001b[31m -- \"'\\ \u202e"
    const ran: Array<unknown> = []
    const asked: Array<Approval.ApprovalRequest> = []
    const Asked = Toolkit.make(
      Tool.make("run", {
        parameters: Schema.Struct({ text: Schema.String }),
        success: Schema.String,
        needsApproval: true
      })
    )
    return Effect.gen(function* () {
      const host = yield* Effect.flatMap(Asked, ToolHost.make)
      const ask = (decision: Approval.ApprovalDecision) =>
        host.turn({ approve: (request) => Effect.sync(() => (asked.push(request), decision)) })
      const declined = yield* ask({ _tag: "Decline", reason: "no" })(call("run", { text: evil }))
      assert.isFalse(declined.success)
      assert.deepStrictEqual(ran, [])
      yield* ask({ _tag: "Accept" })(call("run", { text: evil }))
      assert.deepStrictEqual(ran, [evil])
      const [request] = asked
      assert.deepInclude(request, { _tag: "Tool", tool: "run", arguments: { text: evil } })
    }).pipe(Effect.provide(Asked.toLayer({ run: ({ text }) => Effect.sync(() => (ran.push(text), "ran")) })))
  })

  it.effect("F39 of an unknown tool run nothing, whatever its name", () =>
    Effect.gen(function* () {
      const host = yield* Effect.flatMap(Strict, ToolHost.make)
      const names = [
        "",
        "pay ",
        "PAY",
        "__proto__",
        "constructor",
        "toString",
        "../pay",
        "pay;x",
        "x".repeat(100_000)
      ]
      for (const name of names) {
        const answer = yield* host.turn({ approve: no })(call(name))
        assert.isFalse(answer.success)
        assert.isBelow(answer.text.length, 300)
      }
    }).pipe(
      Effect.provide(
        Strict.toLayer({
          pay: () => Effect.die(""),
          paySoftly: () => Effect.die(""),
          payAsked: () => Effect.die("")
        })
      )
    )
  )

  it.effect("F39 tool names that Codex would reject are rejected with the reason", () =>
    Effect.gen(function* () {
      for (const name of ["a b", "a.b", "a;b", "$(a)", "a\nb", "ä", "", "x".repeat(65)]) {
        const Bad = Toolkit.make(Tool.make(name, { success: Schema.String }))
        const error = yield* Effect.flip(
          Effect.flatMap(Bad, ToolHost.make).pipe(
            Effect.provide(Bad.toLayer({ [name]: () => Effect.succeed("") }))
          )
        )
        assert.strictEqual(error._tag, "InvalidRequest")
        assert.include(error.message, "rename the tool")
        assert.notInclude(error.message, "\n")
      }
    })
  )
})

describe("the result of a handler", () => {
  const anything = <const N extends string>(name: N) =>
    Tool.make(name, { success: Schema.Unknown, failure: Schema.Unknown })
  const cyclic: Record<string, unknown> = {}
  cyclic["self"] = cyclic
  const values: ReadonlyArray<readonly [what: string, value: unknown, success: boolean, text: string]> = [
    ["nothing", undefined, true, "null"],
    ["null", null, true, "null"],
    ["a number that has no JSON", Number.NaN, true, "null"],
    ["a text", 'a "b"', true, 'a "b"'],
    ["an object", { a: [1, undefined] }, true, '{"a":[1,null]}'],
    ["a function", () => 1, true, "null"],
    ["a cycle", cyclic, false, "The tool any returned a result that cannot be converted to JSON."],
    ["a bigint", { n: 1n }, false, "The tool any returned a result that cannot be converted to JSON."],
    [
      "a toJSON that throws",
      {
        toJSON: () => {
          throw new Error("canary")
        }
      },
      false,
      "The tool any returned a result that cannot be converted to JSON."
    ]
  ]
  const Any = Toolkit.make(anything("any"))
  for (const [what, value, success, text] of values) {
    it.effect(`${what} becomes an answer`, () =>
      Effect.gen(function* () {
        const host = yield* Effect.flatMap(Any, ToolHost.make)
        assert.deepStrictEqual(yield* host.turn({ approve: no })(call("any")), { success, text })
      }).pipe(Effect.provide([Any.toLayer({ any: () => Effect.succeed(value) }), quiet]))
    )
  }

  const shapes: ReadonlyArray<readonly [what: string, handler: () => unknown]> = [
    ["no effect", () => undefined],
    ["a value", () => "text"],
    ["a promise", () => Promise.resolve("text")],
    ["a stream", () => Stream.make("text")],
    ["an option", () => Option.none()],
    [
      "a throw",
      () => {
        throw new Error("canary")
      }
    ],
    ["a defect", () => Effect.die(new Error("canary"))],
    ["its own interruption", () => Effect.interrupt],
    ["a defect that is no error", () => Effect.die(undefined)],
    ["a failure that is none of its own", () => Effect.fail(cyclic)]
  ]
  for (const [what, handler] of shapes) {
    it.effect(`${what} is a failed call, and the turn continues`, () =>
      Effect.gen(function* () {
        yield* Scripted.play([Scripted.toolCall("any", {}), Scripted.message("and on")])
        const thread = yield* (yield* Codex).startThread({ tools: yield* Any })
        const running = yield* Effect.forkChild(thread.run("go"))
        for (let step = 0; step < 100 && running.pollUnsafe() === undefined; step++) {
          yield* TestClock.adjust("10 seconds")
        }
        const turn = yield* Fiber.join(running)
        assert.strictEqual(turn.message, "and on")
        const [item] = turn.items
        assert.deepInclude(item, { _tag: "ToolCall", status: "failed" })
        assert.notInclude(JSON.stringify(item), "canary")
      }).pipe(
        Effect.provide([
          Any.toLayer({ any: handler as () => Effect.Effect<unknown> }),
          TestLayer.pipe((layer) => layer),
          quiet
        ])
      )
    )
  }

  it.effect("F15 a failure of the turn has the failed tool and whether a retry may succeed", () => {
    const Bad = Toolkit.make(
      Tool.make("bad", {
        parameters: Schema.Struct({ how: Schema.String }),
        success: Schema.String,
        failure: Schema.Struct({ why: Schema.String, retryable: Schema.Boolean })
      }).annotate(ToolSettings.OnFailure, "turn")
    )
    const fail = (how: string) => {
      switch (how) {
        case "later":
          return Effect.fail({ why: "busy", retryable: true })
        case "never":
          return Effect.fail({ why: "gone", retryable: false })
        case "limited":
          return Effect.fail(new AiError.RateLimitError({}))
        default:
          return Effect.die(new Error("a bug"))
      }
    }
    return Effect.gen(function* () {
      const host = yield* Effect.flatMap(Bad, ToolHost.make)
      const found = yield* Effect.forEach(["later", "never", "limited", "bug"], (how) =>
        Effect.map(Effect.flip(host.turn({ approve: no })(call("bad", { how }))), (error) =>
          error._tag === "ToolFailed" ? [error.tool, error.retryable, error.detail.split("\n")[0]] : []
        )
      )
      assert.deepStrictEqual(found.slice(0, 2), [
        ["bad", true, '{"why":"busy","retryable":true}'],
        ["bad", false, '{"why":"gone","retryable":false}']
      ])
      assert.strictEqual(found[2]?.[1], true)
      assert.deepStrictEqual(found[3], ["bad", false, "Error: a bug"])
    }).pipe(Effect.provide([Bad.toLayer({ bad: ({ how }) => fail(how) }), quiet]))
  })

  it.effect("a huge result or failure is truncated, with a note", () => {
    const huge = "😀".repeat(1_000_000)
    return Effect.gen(function* () {
      const host = yield* Effect.flatMap(Any, ToolHost.make)
      const answer = yield* host.turn({ approve: no })(call("any"))
      assert.isTrue(answer.success)
      assert.isAtMost(answer.text.length, 1200)
      assert.include(answer.text, "of 2000000 characters are omitted")
      assert.isTrue(answer.text.isWellFormed())
    }).pipe(
      Effect.provide(Any.toLayer({ any: () => Effect.succeed(huge) })),
      Effect.provideService(ToolSettings.MaxResult, 1001)
    )
  })

  it.effect.prop(
    "a bounded text keeps its beginning and its end",
    [Schema.String, Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 50 }))],
    ([text, limit]) =>
      Effect.sync(() => {
        const bounded = ToolResultText.truncateMiddle(text, limit)
        if (text.length <= limit) return assert.strictEqual(bounded, text)
        const [head = "", note = "", tail = ""] = bounded.split(/\n\[(\d+) of \d+ characters[^\]]*\]\n/)
        assert.isTrue(text.startsWith(head) && text.endsWith(tail))
        assert.strictEqual(head.length + Number(note) + tail.length, text.length)
        assert.isAtMost(head.length + tail.length, limit)
        if (text.isWellFormed()) assert.isTrue(bounded.isWellFormed())
      })
  )
})

describe("progress", () => {
  const Chatty = Toolkit.make(
    Tool.make("chatty", { success: Schema.String }).annotate(ToolSettings.ProgressInterval, "1 second")
  )
  it.effect(
    "is reported at most once per interval: the first at once, the latest always, and nothing after the end",
    () => {
      const reports: Array<readonly [string, string]> = []
      return Effect.gen(function* () {
        const host = yield* Effect.flatMap(Chatty, ToolHost.make)
        const ask = host.turn({
          approve: no,
          progress: ({ callId, text, tool }) => {
            assert.strictEqual(tool, "chatty")
            reports.push([callId, text])
          }
        })
        const running = yield* Effect.forkChild(ask(call("chatty", {}, "c1")))
        for (let step = 0; step < 100; step++) yield* TestClock.adjust("100 millis")
        assert.deepStrictEqual(yield* Fiber.join(running), { success: true, text: "done" })
        // Ten a second for two seconds; silence; and two at the end.
        assert.deepStrictEqual(
          reports.map(([id]) => id),
          reports.map(() => "c1")
        )
        assert.deepStrictEqual(
          reports.map(([, text]) => text),
          ["0", "9", "19", "20", "nearly", "very nearly"]
        )
      }).pipe(
        Effect.provide(
          Chatty.toLayer({
            chatty: Effect.fnUntraced(function* (_, { preliminary }) {
              for (let n = 0; n <= 20; n++) {
                yield* preliminary(String(n))
                yield* Effect.sleep("100 millis")
              }
              yield* Effect.sleep("3 seconds")
              yield* preliminary("nearly")
              yield* preliminary("very nearly")
              return "done"
            })
          })
        )
      )
    }
  )

  it.effect("ignores a listener that throws, and truncates a huge text", () => {
    const reports: Array<string> = []
    return Effect.gen(function* () {
      const host = yield* Effect.flatMap(Chatty, ToolHost.make)
      const answer = yield* host.turn({
        approve: no,
        progress: ({ text }) => {
          reports.push(text)
          throw new Error("listener")
        }
      })(call("chatty"))
      assert.deepStrictEqual(answer, { success: true, text: "done" })
      assert.lengthOf(reports, 1)
      assert.isBelow(reports[0]?.length ?? 0, 4200)
    }).pipe(
      Effect.provide(
        Chatty.toLayer({
          chatty: (_, { preliminary }) => Effect.as(preliminary("x".repeat(1_000_000)), "done")
        })
      )
    )
  })
})

describe("settings", () => {
  it.effect("define side effects by annotations, and only a reading tool has none", () => {
    const tool = (name: string) => Tool.make(name, { success: Schema.String })
    const Kinds = Toolkit.make(
      tool("silent"),
      tool("reads").annotate(Tool.Readonly, true),
      tool("again").annotate(Tool.Idempotent, true),
      tool("adds").annotate(Tool.Destructive, false),
      tool("ours").annotate(Tool.Readonly, true).annotate(ToolSettings.SideEffects, "once"),
      tool("oursReads").annotate(ToolSettings.SideEffects, "read")
    )
    const sideEffects = Object.values(Kinds.tools).map(ToolSettings.sideEffect)
    assert.deepStrictEqual(sideEffects, ["once", "read", "idempotent", "once", "once", "read"])
    const done = () => Effect.succeed("")
    return Effect.gen(function* () {
      const names = ["silent", "reads", "again", "adds", "ours", "oursReads"]
      yield* Scripted.play(names.flatMap((name) => [Scripted.toolCall(name, {}), Scripted.completed]))
      const thread = yield* (yield* Codex).startThread({ tools: yield* Kinds })
      const found = yield* Effect.forEach(names, (name) =>
        Effect.map(thread.run(name), (turn) => turn.sideEffects)
      )
      assert.deepStrictEqual(found, [true, false, true, true, true, false])
    }).pipe(
      Effect.provide([
        Kinds.toLayer({ silent: done, reads: done, again: done, adds: done, ours: done, oursReads: done }),
        TestLayer
      ])
    )
  })

  const bad: ReadonlyArray<readonly [setting: string, tool: Tool.Any]> = [
    ["Deadline", Tool.make("t").annotate(ToolSettings.Deadline, "1 fortnight" as "1 day")],
    ["Deadline", Tool.make("t").annotate(ToolSettings.Deadline, -5)],
    ["Deadline", Tool.make("t").annotate(ToolSettings.Deadline, Number.NaN)],
    ["Grace", Tool.make("t").annotate(ToolSettings.Grace, -1)],
    ["ProgressInterval", Tool.make("t").annotate(ToolSettings.ProgressInterval, -1)],
    ["Concurrency", Tool.make("t").annotate(ToolSettings.Concurrency, 0)],
    ["Concurrency", Tool.make("t").annotate(ToolSettings.Concurrency, 1.5)],
    ["MaxCalls", Tool.make("t").annotate(ToolSettings.MaxCalls, -1)],
    ["MaxResult", Tool.make("t").annotate(ToolSettings.MaxResult, Number.NaN)]
  ]
  it.effect("that are invalid are rejected when the thread starts", () =>
    Effect.forEach(bad, ([setting, tool]) =>
      Effect.gen(function* () {
        const Bad = Toolkit.make(tool)
        const handlers = yield* Bad.toHandlers({ t: () => Effect.void })
        const exit = yield* Effect.exit(
          Effect.flatMap(Bad, ToolHost.make).pipe(Effect.provide(handlers))
        ) as Effect.Effect<import("effect/Exit").Exit<unknown, unknown>>
        assert.strictEqual(exit._tag, "Failure", setting)
        if (exit._tag === "Failure") assert.include(Cause.pretty(exit.cause), `its ${setting} must be`)
      })
    )
  )

  it.effect("of the thread that are invalid are rejected too", () => {
    const One = Toolkit.make(Tool.make("one"))
    return Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.flatMap(One, ToolHost.make))
      assert.include(error.message, "Concurrency must be a positive whole number")
    }).pipe(
      Effect.provide(One.toLayer({ one: () => Effect.void })),
      Effect.provideService(ToolSettings.Concurrency, Number.NaN)
    )
  })
})
