/** Setting the wall clock while turns run, for summer time or by NTP, does not change their durations. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as TestClock from "effect/testing/TestClock"
import * as Approval from "../../src/Approval.ts"
import { Codex } from "../../src/Codex.ts"
import * as Scripted from "../../src/testing/Scripted.ts"
import * as ToolProgress from "../../src/tool/ToolProgress.ts"
import * as Captured from "../../src/testing/Captured.ts"
import { TestLayer } from "../../src/testing/TestLayer.ts"
import * as Fake from "../support/fakeCodex.ts"
import { test } from "../support/live.ts"

const hour = 3_600_000

/** A wall clock that can be set; sleeps and the monotonic clock do not notice. */
const settable = (inner: Clock.Clock) => {
  let set = 0
  const millis = () => inner.currentTimeMillisUnsafe() + set
  const nanos = () => inner.currentTimeNanosUnsafe() + BigInt(set) * 1_000_000n
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: () => inner.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: inner.monotonicTimeNanos,
    sleep: (duration) => inner.sleep(duration)
  }
  return { clock, set: (by: number) => Effect.sync(() => void (set += by)) }
}

const Lookup = Tool.make("lookup", { parameters: Schema.Struct({}), success: Schema.String })
const Tools = Toolkit.make(Lookup)

describe("F30 a wall clock that is set while a turn runs", () => {
  for (const [name, by] of [
    ["an hour forward", hour],
    ["an hour back", -hour],
    ["half a second forward", 500]
  ] as const) {
    it.effect(`F30 ${name}: changes no duration of the turn and expires no deadline early`, () =>
      Effect.gen(function* () {
        // So that an hour back is not before the epoch.
        yield* TestClock.adjust("10 days")
        const { clock, set } = settable(yield* Clock.Clock)
        yield* Scripted.play([
          Scripted.message("one", { takes: "2 seconds" }),
          Scripted.command("npm test", { takes: "3 seconds", approval: true }),
          Scripted.toolCall("lookup", {}),
          Scripted.message("two", { takes: "1 second" })
        ])
        const program = Effect.gen(function* () {
          const codex = yield* Codex
          const thread = yield* codex.startThread({ tools: yield* Tools, approvalMode: "on-request" })
          return yield* Stream.runCollect(thread.stream("go", { timeout: "20 seconds" }))
        }).pipe(
          Effect.scoped,
          Effect.provide(Tools.toLayer({ lookup: () => Effect.as(Effect.sleep("4 seconds"), "found") })),
          Effect.provideService(Approval.Current, () =>
            Effect.as(Effect.sleep("5 seconds"), Approval.accept)
          ),
          Effect.provideService(Clock.Clock, clock)
        )
        const fiber = yield* Effect.forkChild(program)
        // In the message, in the approval, in the command, in the tool and in the last message.
        for (const wait of [1_000, 3_000, 4_000, 4_000, 2_500]) {
          yield* TestClock.adjust(wait)
          yield* set(by)
        }
        yield* TestClock.adjust("1 minute")
        const events = yield* Fiber.join(fiber)
        const last = events.at(-1)
        if (last?._tag !== "TurnCompleted") return assert.fail("the turn has not completed")
        const { approvalMillis, overheadMillis, thinkingMillis, toolsMillis, totalMillis } = last.turn.time
        const close = (value: number, expected: number, what: string) =>
          // What is not a jump is not corrected: NTP moves a clock by so little all the time.
          assert.closeTo(value, expected, by === 500 ? 3_000 : 0.01, what)
        close(totalMillis, 15_000, "total")
        close(approvalMillis, 5_000, "approval")
        close(toolsMillis, 7_000, "tools")
        close(thinkingMillis + overheadMillis, 3_000, "the rest")
        assert.closeTo(thinkingMillis + toolsMillis + approvalMillis + overheadMillis, totalMillis, 0.01)
        for (const [index, event] of events.entries())
          assert.isAtLeast(
            event.at,
            events[index - 1]?.at ?? 0,
            `${event._tag} is before the event before it`
          )

        const spans = yield* Captured.spans
        const turn = yield* Captured.span("invoke_agent codex")
        close(turn.durationMillis, 15_000, "the span")
        for (const span of spans) assert.isAtLeast(span.durationMillis, 0, span.name)
        const command = spans.find(({ name }) => name === "npm")
        if (command !== undefined) close(command.durationMillis, 3_000, "the span of the command")
      }).pipe(Effect.provide(TestLayer))
    )
  }

  it.effect("F30 expires no deadline early or late", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("10 days")
      const { clock, set } = settable(yield* Clock.Clock)
      yield* Scripted.play([Scripted.silence])
      const fiber = yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.startThread()
        return yield* Effect.flip(thread.run("go", { timeout: "2 hours" }))
      }).pipe(Effect.scoped, Effect.provideService(Clock.Clock, clock), Effect.forkChild)
      yield* TestClock.adjust("1 hour")
      yield* set(hour)
      yield* TestClock.adjust("59 minutes")
      assert.isUndefined(fiber.pollUnsafe())
      yield* set(-3 * hour)
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error._tag, "TurnTimedOut")
      assert.strictEqual(error.turn?.time.totalMillis, 2 * hour)
    }).pipe(Effect.provide(TestLayer))
  )
})

it.effect("F30 does not stop the progress reports of a tool", () =>
  Effect.gen(function* () {
    yield* TestClock.adjust("10 days")
    const { clock, set } = settable(yield* Clock.Clock)
    const reports: Array<string> = []
    const fiber = yield* Effect.gen(function* () {
      const progress = ToolProgress.make(Duration.millis(100), (text) => reports.push(text))
      yield* progress.offer("one")
      yield* set(-hour)
      yield* Effect.sleep("1 second")
      yield* progress.offer("two")
    }).pipe(Effect.provideService(Clock.Clock, clock), Effect.forkChild)
    yield* TestClock.adjust("2 seconds")
    yield* Fiber.join(fiber)
    assert.deepStrictEqual(reports, ["one", "two"])
  })
)

const realClock = Context.get(Context.empty(), Clock.Clock)

describe("F30 Codex's timestamps and the clock of this machine", () => {
  for (const by of [hour, -hour]) {
    test(`F30 may differ when the clock is set by ${by / hour} h between two messages`, () =>
      Effect.gen(function* () {
        const now = Date.now
        const stamped = (at: number) => ({ emittedAtMs: at })
        const item = { item: { type: "agentMessage", id: "m1", text: "one" } }
        const of = { threadId: "$thread", turnId: "$turn" }
        const fake = yield* Fake.make({
          on: {
            "turn/start": [
              [
                ...Fake.begin,
                Fake.delta("one"),
                { received: "go/on" },
                // By its own clock, which is that of the wall.
                Fake.notify("item/completed", { ...of, ...item }, stamped(now() + by)),
                Fake.notify("item/completed", { ...of, ...item }, stamped(now() - by)),
                Fake.said("two", "m2"),
                Fake.ended()
              ]
            ]
          }
        })
        yield* Effect.addFinalizer(() => Effect.sync(() => (Date.now = now)))
        const [took, turn] = yield* Effect.gen(function* () {
          const codex = yield* Codex
          const thread = yield* codex.startThread({ cwd: "/" })
          const before = realClock.monotonicTimeNanosUnsafe()
          const running = yield* Effect.forkScoped(thread.run("go", { timeout: "1 minute" }))
          yield* fake.waitFor("turn/start")
          Date.now = () => now() + by
          yield* Effect.forkScoped(codex.request("go/on"))
          const turn = yield* Fiber.join(running)
          return [
            Duration.toMillis(Duration.nanos(realClock.monotonicTimeNanosUnsafe() - before)),
            turn
          ] as const
        }).pipe(Effect.provide(fake.layer()))
        assert.strictEqual(turn.message, "two")
        assert.isAtLeast(turn.time.totalMillis, 0)
        assert.isAtMost(turn.time.totalMillis, took + 1)
        for (const part of [
          turn.time.thinkingMillis,
          turn.time.toolsMillis,
          turn.time.approvalMillis,
          turn.time.overheadMillis
        ])
          assert.isAtLeast(part, 0)
      }))
  }
})
