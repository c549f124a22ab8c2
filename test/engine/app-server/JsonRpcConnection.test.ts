import { assert, describe, it } from "@effect/vitest"
import { ItemId, ThreadId, TurnId } from "../../../src/domain/Ids.ts"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Codex } from "../../../src/Codex.ts"
import * as JsonRpcConnection from "../../../src/engine/app-server/JsonRpcConnection.ts"
import * as ErrorMapping from "../../../src/engine/app-server/ErrorMapping.ts"
import * as LineSplitter from "../../../src/engine/app-server/LineSplitter.ts"
import * as Translate from "../../../src/engine/app-server/Translate.ts"
import type * as Turn from "../../../src/domain/Turn.ts"
import * as Fake from "../../support/fakeCodex.ts"
import { test } from "../../support/live.ts"

const eventsOf = (...steps: ReadonlyArray<Fake.Step>) =>
  Effect.gen(function* () {
    const fake = yield* Fake.make({ on: { "turn/start": [steps] } })
    return yield* Effect.flatMap(Fake.startThread, (thread) => Stream.runCollect(thread.stream("go"))).pipe(
      Effect.provide(fake.layer())
    )
  })
const tags = (events: ReadonlyArray<Turn.TurnEvent>) => events.map((event) => event._tag)
const result = (events: ReadonlyArray<Turn.TurnEvent>): Turn.Turn | undefined => {
  const last = events.at(-1)
  return last?._tag === "TurnCompleted" ? last.turn : undefined
}

const garbage = (count: number) => Fake.raw("{ this is no json\n".repeat(count))

describe.concurrent("lines that are not messages", () => {
  for (const count of [1, 99]) {
    test(`F21 are skipped: ${count} consecutive malformed lines`, () =>
      Effect.gen(function* () {
        const events = yield* eventsOf(
          ...Fake.begin,
          garbage(count),
          Fake.said("ok"),
          garbage(99),
          Fake.ended()
        )
        assert.deepStrictEqual(tags(events), ["TurnStarted", "ItemCompleted", "TurnCompleted"])
      }))
  }

  test("F21 fail with a ProtocolError after 100 in a row, end the process, and the next thread gets a new one", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [[...Fake.begin, garbage(100)]] } })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        const error = yield* Effect.flip(thread.run("go"))
        assert.deepInclude(error, {
          _tag: "ProtocolError",
          threadId: ThreadId.make("thread-1"),
          turnId: TurnId.make("turn-1")
        })
        yield* Fake.startThread
        const [first] = yield* fake.pids
        assert.lengthOf(yield* fake.pids, 2)
        assert.isFalse(first !== undefined && Fake.isAlive(first))
      }).pipe(Effect.provide(fake.layer()))
    }))

  const notMessages = [
    "",
    "   ",
    "null",
    "7",
    '"text"',
    "[]",
    "{}",
    '{"id":1}',
    '{"jsonrpc":"2.0"}',
    "\u0000",
    "\ufeff{}"
  ]
  test("are skipped: JSON that is not a message, empty lines and noise", () =>
    Effect.gen(function* () {
      const events = yield* eventsOf(
        ...Fake.begin,
        ...notMessages.map(Fake.line),
        Fake.said("ok"),
        Fake.ended()
      )
      assert.deepStrictEqual(tags(events), ["TurnStarted", "ItemCompleted", "TurnCompleted"])
    }))

  test("F23 include a line of 70 MB, which is skipped without losing the next one", () =>
    Effect.gen(function* () {
      const mega = Buffer.alloc(1024 * 1024, "x")
      const events = yield* eventsOf(
        ...Fake.begin,
        ...Array.from({ length: 70 }, () => Fake.raw(mega)),
        Fake.line(""),
        Fake.said("ok"),
        Fake.ended()
      )
      assert.deepStrictEqual(tags(events), ["TurnStarted", "ItemCompleted", "TurnCompleted"])
    }))

  test("do not include a message of 5 MB, which arrives complete", () =>
    Effect.gen(function* () {
      const text = "é".repeat(2_500_000)
      const turn = result(yield* eventsOf(...Fake.begin, Fake.said(text), Fake.ended()))
      assert.isTrue(turn?.message === text)
    }))

  test("F22 do not include lines that end in CRLF or that chunks split inside a character", () =>
    Effect.gen(function* () {
      const message = (params: object) =>
        `${JSON.stringify({ method: "item/completed", params: { threadId: "thread-1", turnId: "turn-1", ...params } })}\r\n`
      const bytes = Buffer.from(message({ item: { type: "agentMessage", id: "m1", text: "naïve 🦊 日本" } }))
      const pieces = Array.from(bytes, (byte) => [Fake.raw(Uint8Array.of(byte)), { wait: 0 }]).flat()
      const turn = result(yield* eventsOf(...Fake.begin, ...pieces, Fake.ended()))
      assert.strictEqual(turn?.message, "naïve 🦊 日本")
    }))
})

describe("the line splitter", () => {
  const Chunking = Schema.Struct({
    lines: Schema.Array(Schema.String),
    cuts: Schema.Array(Schema.Natural),
    crlf: Schema.Boolean
  })

  it.prop("F22 returns the same lines for every split into chunks", [Chunking], ([{ crlf, cuts, lines }]) => {
    const whole = lines.map((line) => line.replaceAll(/[\r\n]/g, "").toWellFormed())
    const bytes = Buffer.from(whole.map((line) => line + (crlf ? "\r\n" : "\n")).join(""))
    const splitter = LineSplitter.make(1_000_000)
    const places = [...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length].toSorted((a, b) => a - b)
    const out = places.flatMap((place, i) =>
      splitter.push(bytes.subarray(place, places[i + 1] ?? bytes.length))
    )
    assert.deepStrictEqual(
      out,
      whole.filter((line) => line !== "")
    )
  })

  it("F23 skips and counts lines above the limit without buffering them", () => {
    const splitter = LineSplitter.make(10)
    const out = ["0123456789\n", "0123456789a\nshort\n", "01234", "56789", "abc", "def\n", "x\n"].flatMap(
      (text) => splitter.push(Buffer.from(text))
    )
    assert.deepStrictEqual(out, ["0123456789", "short", "x"])
    assert.strictEqual(splitter.skipped(), 2)
  })

  it("F23 uses no memory for a line of one gigabyte", () => {
    const splitter = LineSplitter.make(1024 * 1024)
    const chunk = Buffer.alloc(1024 * 1024, "x")
    const before = process.memoryUsage().rss
    for (let i = 0; i < 1024; i++) splitter.push(chunk)
    assert.isBelow(process.memoryUsage().rss - before, 200 * 1024 * 1024)
    assert.deepStrictEqual(splitter.push(Buffer.from("\nx\n")), ["x"])
  })
})

describe("the connection", () => {
  const open = () => {
    const sent: Array<string> = []
    const unasked: Array<string> = []
    const connection = JsonRpcConnection.make(
      (line) => void sent.push(line),
      {
        onNotification: (method) => void unasked.push(method),
        onRequest: (request, method) => {
          unasked.push(method)
          request.reply(1)
          request.reply(2)
          request.refuse(3, "three")
        },
        onUnparsable: () => void unasked.push("GARBAGE")
      },
      Duration.seconds(1)
    )
    return { connection, sent, unasked, say: (text: string) => connection.receive(Buffer.from(text)) }
  }

  it("F21 survives a hundred thousand arbitrary lines", () => {
    const { say, unasked } = open()
    const seeds = [
      '{"id":0,"result":1}',
      '{"method":"x"}',
      '{"id":"a","method":"y","params":{}}',
      "[[[",
      "\u2028",
      "é🦊"
    ]
    let random = 42
    const next = (n: number) => (random = (random * 48_271) % 2_147_483_647) % n
    for (let i = 0; i < 100_000; i++) {
      const seed = seeds[next(seeds.length)] ?? ""
      const at = next(seed.length + 1)
      say(`${seed.slice(0, at)}${String.fromCharCode(next(256))}${seed.slice(at)}\n`)
    }
    say('{"method":"alive"}\n')
    assert.strictEqual(unasked.at(-1), "alive")
  })

  it("replies once to each request of the peer, even if its host replies more often", () => {
    const { say, sent } = open()
    say('{"id":"a","method":"ask"}\n{"id":0,"method":"ask"}\n')
    assert.deepStrictEqual(sent, ['{"id":"a","result":1}\n', '{"id":0,"result":1}\n'])
  })

  it("accepts a message with an unexpected value in an optional field", () => {
    const { say, unasked } = open()
    say(
      '{"method":"a","emittedAtMs":"soon"}\n{"method":"b","emittedAtMs":null,"error":[]}\n{"id":null,"method":"c"}\n'
    )
    assert.deepStrictEqual(unasked, ["a", "b", "c"])
  })

  it.live("F25 counts a reply that arrives after its request has timed out", () =>
    Effect.gen(function* () {
      const { connection, say } = open()
      const error = yield* Effect.flip(connection.request("slow", {}, { timeout: "1 millis" }))
      assert.strictEqual(error._tag, "RequestTimeout")
      say('{"id":0,"result":1}\n')
      assert.strictEqual(connection.counters().unknownReplies, 1)
    })
  )

  it("F25 counts replies without a pending request", () => {
    const { connection, say } = open()
    say('{"id":99,"result":1}\n{"id":"99","error":{}}\n{"id":null,"error":{"code":1,"message":"parse"}}\n')
    assert.deepStrictEqual(connection.counters(), { malformed: 0, skipped: 0, unknownReplies: 3 })
  })
})

describe.concurrent("messages of a newer Codex", () => {
  test("F24 pass through with unknown methods, kinds, values and fields", () =>
    Effect.gen(function* () {
      const events = yield* eventsOf(
        ...Fake.begin,
        Fake.ofTurn("turn/newThing", { payload: [1] }),
        Fake.notify("global/newThing", { x: 1 }),
        Fake.ofTurn("item/started", { item: { type: "hologram", id: ItemId.make("h1"), beam: true } }),
        Fake.ofTurn("item/completed", {
          item: {
            type: "fileChange",
            id: "f1",
            changes: [{ path: "a", kind: { type: "teleport" }, diff: "" }],
            status: "odd"
          }
        }),
        Fake.ofTurn("item/completed", {
          item: { type: "agentMessage", id: "m1", text: "ok", colour: "red" },
          more: 1
        }),
        Fake.notify(
          "turn/completed",
          { threadId: "$thread", turn: { id: "$turn", status: "completed", error: null, mood: "good" } },
          { unexpected: { nested: [] } }
        )
      )
      assert.deepStrictEqual(tags(events), [
        "TurnStarted",
        "Unknown",
        "ItemStarted",
        "ItemCompleted",
        "ItemCompleted",
        "TurnCompleted"
      ])
      const [, unknown, hologram] = events
      assert.deepInclude(unknown, { method: "turn/newThing" })
      assert.deepInclude(hologram, {
        item: {
          _tag: "Unknown",
          id: ItemId.make("h1"),
          kind: "hologram",
          payload: { type: "hologram", id: "h1", beam: true }
        }
      })
      assert.strictEqual(result(events)?.message, "ok")
    }))

  test("F24 keep fields of the wrong type unchanged and end nothing", () =>
    Effect.gen(function* () {
      const events = yield* eventsOf(
        ...Fake.begin,
        Fake.ofTurn("item/agentMessage/delta", { itemId: 7, delta: null }),
        Fake.ofTurn("thread/tokenUsage/updated", { tokenUsage: { last: { inputTokens: -1 } } }),
        Fake.ofTurn("error", { error: "text", willRetry: "no" }),
        Fake.ofTurn("item/completed", { item: { type: "commandExecution", id: "c1", command: ["ls"] } }),
        Fake.ofTurn("item/completed", { item: null }),
        Fake.notify("turn/started", { threadId: "$thread", turn: null }),
        Fake.notify("thread/status/changed", { threadId: "$thread", status: "idle" }),
        Fake.notify("turn/completed", { threadId: 7, turn: { id: "$turn" } }),
        Fake.said("ok"),
        Fake.ended()
      )
      assert.deepStrictEqual(tags(events), [
        "TurnStarted",
        "Unknown",
        "Unknown",
        "Unknown",
        "ItemCompleted",
        "Unknown",
        "ItemCompleted",
        "TurnCompleted"
      ])
    }))

  test("F25 change nothing as repeated replies or replies without a request", () =>
    Effect.gen(function* () {
      const noise = [
        Fake.line('{"id":12345,"result":{}}'),
        Fake.line('{"id":"x","error":{"code":1,"message":"?"}}')
      ]
      const other: Fake.Step = { reply: { turn: { id: "another" } } }
      const turn = result(
        yield* eventsOf(
          Fake.accepted,
          other,
          ...noise,
          Fake.started,
          other,
          Fake.said("ok"),
          Fake.ended(),
          other
        )
      )
      assert.deepInclude(turn, { id: TurnId.make("turn-1"), message: "ok" })
    }))

  test("F25 reach the right request when replies arrive out of order", () =>
    Effect.gen(function* () {
      const opened = (id: string) => ({ thread: { id }, model: id, modelProvider: "p", cwd: "/" })
      const fake = yield* Fake.make({
        on: {
          "thread/start": [
            [{ received: "turn/start" }, { reply: opened("slow") }],
            [{ reply: opened("quick") }]
          ]
        }
      })
      yield* Effect.gen(function* () {
        const slow = yield* Effect.forkScoped(Fake.startThread, { startImmediately: true })
        yield* fake.waitFor("thread/start")
        const quick = yield* Fake.startThread
        assert.strictEqual(quick.id, "quick")
        assert.isUndefined(slow.pollUnsafe())
        yield* quick.run("go")
        assert.strictEqual((yield* Fiber.join(slow)).id, "slow")
      }).pipe(Effect.provide(fake.layer()))
    }))

  test("fail the request when the error has an unknown format", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "thread/start": [[{ refuse: "go away" }]] } })
      const error = yield* Effect.flip(Fake.startThread).pipe(Effect.provide(fake.layer()))
      assert.deepInclude(error, { _tag: "InvalidRequest", reason: "Rejected", detail: '"go away"' })
    }))

  test("fail with a ProtocolError when the reply has no thread", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "thread/start": [[{ reply: { thread: "?" } }]] } })
      const error = yield* Effect.flip(Fake.startThread).pipe(Effect.provide(fake.layer()))
      assert.strictEqual(error._tag, "ProtocolError")
    }))

  test("start the turn once when turn/started precedes the reply", () =>
    Effect.gen(function* () {
      for (const steps of [
        [Fake.started, Fake.accepted, Fake.said("ok"), Fake.ended()],
        [Fake.accepted, Fake.said("ok"), Fake.started, Fake.ended()],
        [Fake.started, Fake.accepted, Fake.ended()]
      ]) {
        const events = yield* eventsOf(...steps)
        assert.deepStrictEqual(
          events.flatMap((event, at) => (event._tag === "TurnStarted" ? [[at, event.turnId]] : [])),
          [[0, "turn-1"]]
        )
        assert.strictEqual(result(events)?.id, "turn-1")
      }
    }))

  test("start the turn by turn/started when the reply has no turn", () =>
    Effect.gen(function* () {
      const events = yield* eventsOf({ reply: {} }, Fake.started, Fake.said("ok"), Fake.ended())
      assert.deepInclude(result(events), { id: TurnId.make("turn-1"), message: "ok" })
    }))
})

describe.concurrent("a request to Codex", () => {
  const overloaded: ReadonlyArray<Fake.Step> = [
    { refuse: { code: -32001, message: "Server overloaded; retry later." } }
  ]

  test("is retried when Codex is overloaded", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: { "turn/start": [overloaded, overloaded, Fake.turn("at last")] }
      })
      const turn = yield* Effect.flatMap(Fake.startThread, (thread) => thread.run("go")).pipe(
        Effect.provide(fake.layer())
      )
      assert.strictEqual(turn.message, "at last")
      const requests = yield* fake.of("turn/start")
      assert.lengthOf(new Set(requests.map(({ id }) => id)), 3)
    }))

  test("is retried while Codex unloads the thread, whose last handle has closed", () =>
    Effect.gen(function* () {
      const message = "thread thread-1 is closing; retry thread/resume after the thread is closed"
      const closing: ReadonlyArray<Fake.Step> = [{ refuse: { code: -32600, message } }]
      const opened = { thread: { id: "thread-1" }, model: "m", modelProvider: "p", cwd: "/" }
      const fake = yield* Fake.make({ on: { "thread/resume": [closing, closing, [{ reply: opened }]] } })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        assert.strictEqual((yield* codex.resumeThread(ThreadId.make("thread-1"))).id, "thread-1")
      }).pipe(Effect.provide(fake.layer()))
      assert.lengthOf(yield* fake.of("thread/resume"), 3)
    }))

  test("is retried at most six times", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "thread/start": [overloaded] } })
      const error = yield* Effect.flip(Fake.startThread).pipe(Effect.provide(fake.layer()))
      assert.strictEqual(error._tag, "InvalidRequest")
      assert.lengthOf(yield* fake.of("thread/start"), 7)
    }))

  test("fails with Codex's reason; a missing thread and a too long input have their own reasons", () =>
    Effect.gen(function* () {
      const refusals = [
        [{ code: -32600, message: "no rollout found for thread id x" }, "ThreadNotFound"],
        [
          { code: -32602, message: "too long", data: { input_error_code: "input_too_large", max_chars: 9 } },
          "InputTooLarge"
        ],
        [{ code: -32602, message: "bad" }, "BadParams"],
        [{ code: -32600, message: "odd" }, "Rejected"]
      ] as const
      const fake = yield* Fake.make({ on: { "turn/start": refusals.map(([refuse]) => [{ refuse }]) } })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        for (const [{ message }, reason] of refusals) {
          const error = yield* Effect.flip(thread.run("go"))
          assert.deepInclude(error, { _tag: "InvalidRequest", reason, method: "turn/start", detail: message })
        }
      }).pipe(Effect.provide(fake.layer()))
      assert.lengthOf(yield* fake.of("turn/interrupt"), 0)
    }))

  test("fails when it is not answered in time, and ends the process when a turn may be running", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [[]], "thread/resume": [[]] } })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        assert.strictEqual((yield* Effect.flip(codex.resumeThread(ThreadId.make("x"))))._tag, "ProtocolError")
        assert.lengthOf((yield* fake.pids).filter(Fake.isAlive), 0)
        const error = yield* Effect.flatMap(Fake.startThread, (thread) => Effect.flip(thread.run("go")))
        assert.strictEqual(error._tag, "ProtocolError")
        assert.lengthOf((yield* fake.pids).filter(Fake.isAlive), 0)
      }).pipe(Effect.provide(fake.layer({ requestTimeout: "1500 millis" })))
    }))

  test("waits while 64 requests are in flight", () =>
    Effect.gen(function* () {
      const slow = { thread: { id: "$id" }, model: "m", modelProvider: "p", cwd: "/" }
      const fake = yield* Fake.make({ on: { "thread/start": [[{ received: "go" }, { reply: slow }]] } })
      yield* Effect.gen(function* () {
        const starting = yield* Effect.forkScoped(
          Effect.forEach(Array.from({ length: 100 }), () => Effect.exit(Fake.startThread), {
            concurrency: "unbounded"
          }),
          { startImmediately: true }
        )
        yield* fake.waitFor("thread/start", 64)
        yield* Effect.sleep("50 millis")
        assert.lengthOf(yield* fake.of("thread/start"), 64)
        assert.isUndefined(starting.pollUnsafe())
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
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

describe("slow consumers", () => {
  test("F26 receive merged deltas and every other event, and do not delay other threads", () =>
    Effect.gen(function* () {
      const deltas = Array.from({ length: 20_000 }, (_, n) => Fake.delta(`${n} `))
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            [
              ...Fake.begin,
              ...deltas,
              Fake.ofTurn("turn/newThing"),
              Fake.delta("x", "m2"),
              Fake.said("all"),
              Fake.ended()
            ],
            Fake.turn("quick")
          ]
        }
      })
      yield* Effect.gen(function* () {
        const [slow, quick] = yield* Effect.all([Fake.startThread, Fake.startThread])
        const events = yield* slow.stream("go").pipe(
          // Hold the first event until the other thread has finished a turn.
          Stream.tap((event) =>
            event._tag === "TurnStarted"
              ? Effect.map(quick.run("meanwhile"), (turn) => assert.strictEqual(turn.message, "quick"))
              : Effect.void
          ),
          Stream.runCollect
        )
        const kinds = tags(events).filter((tag) => tag !== "MessageDelta")
        assert.deepStrictEqual(kinds, ["TurnStarted", "Unknown", "ItemCompleted", "TurnCompleted"])
        const text = events
          .map((event) => (event._tag === "MessageDelta" && event.itemId === "m1" ? event.delta : ""))
          .join("")
        assert.strictEqual(text, deltas.map((_, n) => `${n} `).join(""))
        assert.isBelow(events.length, 10_000)
      }).pipe(Effect.provide(fake.layer()))
    }))
})

describe("an error of Codex", () => {
  const waits: ReadonlyArray<readonly [text: string, ms: number | undefined]> = [
    ["Please try again in 0.3s.", 300],
    ["try again in 120ms", 120],
    ["Try again in 20 seconds.", 20_000],
    ["try again in 2 minutes, please", 120_000],
    ["try again in 1m30s.", 90_000],
    ["try again in 1h2m3.5s", 3_723_500],
    ["try again in 6m0s", 360_000],
    ["try again in 5 minutes and bring 3 slides", 300_000],
    ["try again in 7 mice", undefined],
    ["try again later", undefined],
    [`try again in ${"9".repeat(400)}s`, undefined]
  ]
  for (const [text, ms] of waits) {
    it(`"${text.slice(0, 50)}"`, () => {
      const error = ErrorMapping.classify({ message: text, codexErrorInfo: "rateLimitExceeded" })
      assert.strictEqual(error.retryAfterMillis, ms)
    })
  }

  it("is classified in every format", () => {
    const odd: ReadonlyArray<unknown> = [
      undefined,
      null,
      7,
      [],
      {},
      "",
      "toString",
      "constructor",
      "__proto__",
      { toString: {} },
      { httpConnectionFailed: { httpStatusCode: "503" } },
      { httpConnectionFailed: { httpStatusCode: 0.5 } },
      { brandNew: { httpStatusCode: null } }
    ]
    for (const codexErrorInfo of odd) {
      assert.strictEqual(ErrorMapping.classify({ message: "?", codexErrorInfo }).reason, "Other")
    }
    const statused = ErrorMapping.classify({
      message: "?",
      codexErrorInfo: { brandNew: { httpStatusCode: 503 } }
    })
    assert.deepInclude(statused, { reason: "Overloaded", status: 503 })
  })

  it("is not confused by item kinds named like inherited object properties", () => {
    for (const name of ["toString", "constructor", "__proto__"]) {
      const wire = {
        id: ItemId.make("c1"),
        command: "ls",
        cwd: "/",
        status: name,
        commandActions: [{ type: name }]
      }
      assert.deepInclude(Translate.item({ ...wire, type: "commandExecution" }), {
        status: "failed",
        operations: []
      })
      assert.deepInclude(Translate.item({ id: ItemId.make("x"), type: name }), {
        _tag: "Unknown",
        kind: name
      })
      const changes = [{ path: "a", kind: { type: name }, diff: "" }]
      const patch = Translate.item(
        Object.assign({ id: ItemId.make("f1"), type: "fileChange" }, { changes, status: "completed" })
      )
      assert.deepInclude(patch._tag === "FileChange" ? patch.changes[0] : {}, { kind: "update" })
      assert.strictEqual(Translate.notification(name, {}, 0)._tag, "Ignored")
    }
  })
})
