/** Many threads, and one slow consumer. The assertions do not depend on the speed of the machine. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as TestClock from "effect/testing/TestClock"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { ApprovalQueue } from "../../../src/approval/ApprovalQueue.ts"
import { Codex } from "../../../src/Codex.ts"
import * as Engine from "../../../src/engine/Engine.ts"
import * as Scripted from "../../../src/testing/Scripted.ts"
import { ItemId, TurnId } from "../../../src/domain/Ids.ts"
import type * as TurnOptions from "../../../src/domain/TurnOptions.ts"
import * as ToolHost from "../../../src/tool/ToolHost.ts"
import * as ToolSettings from "../../../src/tool/ToolSettings.ts"
import * as SingleThreadEngine from "../../support/singleThreadEngine.ts"
import { isSoak } from "../../support/soak.ts"

setFlagsFromString("--expose-gc")
const collect: unknown = runInNewContext("gc")

const memory = () => {
  if (typeof collect === "function") collect()
  const { heapUsed, rss } = process.memoryUsage()
  return { heap: heapUsed / 2 ** 20, rss: rss / 2 ** 20 }
}

const print = (text: string) => Effect.sync(() => void process.stdout.write(`${text}\n`))

const layer = Layer.fresh(Codex.layer).pipe(
  Layer.provideMerge(Layer.fresh(Scripted.layer)),
  Layer.provideMerge(Logger.layer([]))
)

describe("F34 thousands of threads", () => {
  for (const count of isSoak ? [1_000, 10_000] : [1_000]) {
    it.effect(
      `F34 ${count} concurrent threads all end and leave nothing behind`,
      () =>
        Effect.gen(function* () {
          const before = memory()
          const started = performance.now()
          const result = yield* Effect.gen(function* () {
            for (let thread = 0; thread < count; thread++) {
              yield* Scripted.play([
                Scripted.delay("1 minute"),
                Scripted.command("npm test"),
                Scripted.message("one two three four five six seven", { deltas: true }),
                thread % 10 === 0 ? Scripted.silence : Scripted.completed
              ])
            }
            const codex = yield* Codex
            const latencies: Array<number> = []
            const one = Effect.gen(function* () {
              const thread = yield* codex.startThread()
              const exit = yield* Effect.result(thread.run("go", { timeout: "10 minutes" }))
              latencies.push(performance.now())
              return exit._tag
            }).pipe(Effect.scoped)
            const fiber = yield* Effect.forkChild(
              Effect.forEach(Array.from({ length: count }), () => one, { concurrency: "unbounded" })
            )
            yield* TestClock.adjust("30 seconds")
            const waiting = memory()
            const woken = performance.now()
            yield* TestClock.adjust("1 minute")
            yield* TestClock.adjust("1 hour")
            const ends = yield* Fiber.join(fiber)
            const sorted = latencies.map((at) => at - woken).toSorted((a, b) => a - b)
            return { ends, waiting, p99: sorted[Math.floor(count * 0.9 * 0.99)] ?? 0 }
          }).pipe(Effect.provide(layer))
          const after = memory()
          const perThread = ((result.waiting.heap - before.heap) / count) * 1024
          const rss = ((result.waiting.rss - before.rss) / count) * 1024
          yield* print(
            `${count} threads: ${((performance.now() - started) / 1000).toFixed(1)} s, while they wait ` +
              `${perThread.toFixed(1)} kB of heap and ${rss.toFixed(1)} kB of RSS each (RSS ${result.waiting.rss.toFixed(0)} MB), ` +
              `99 of 100 that complete have within ${result.p99.toFixed(0)} ms; heap ${before.heap.toFixed(0)} MB before, ${after.heap.toFixed(0)} MB after`
          )
          assert.lengthOf(result.ends, count)
          assert.lengthOf(
            result.ends.filter((end) => end === "Failure"),
            count / 10
          )
          assert.isBelow(perThread, 100)
          assert.isBelow(after.heap - before.heap, 20 + count / 500)
        }),
      120_000
    )
  }
})

/** Emits a turn with an item of some size. */
const short = async ({ emit }: Engine.Handlers) => {
  emit({ _tag: "TurnStarted", threadId: SingleThreadEngine.threadId, turnId: TurnId.make("turn"), at: 0 })
  const id = ItemId.make("m")
  emit({ _tag: "ItemStarted", item: { _tag: "AgentMessage", id, text: "" }, at: 0 })
  emit({ _tag: "ItemCompleted", item: { _tag: "AgentMessage", id, text: "word ".repeat(2_000) }, at: 0 })
}

/** Runs an effect many times, after a tenth as many times to warm up. Returns the growth of the heap in MB. */
const growth = <E, R>(times: number, once: Effect.Effect<unknown, E, R>) =>
  Effect.gen(function* () {
    yield* Effect.replicateEffect(once, times / 10, { discard: true })
    const before = memory().heap
    yield* Effect.replicateEffect(once, times, { discard: true })
    return memory().heap - before
  })

const onEngine = (play: (handlers: Engine.Handlers) => Promise<void>) =>
  Effect.provide(Layer.fresh(Codex.layer).pipe(Layer.provide(SingleThreadEngine.layer(play))))

describe("H14 a long-lived program", () => {
  const rounds = isSoak ? 20_000 : 1_000
  // Each turn has a text of 10 kB, so keeping the turns would take at least 5 MB.
  const bound = 4

  it.effect(
    `H14 keeps nothing of ${rounds} turns of one thread`,
    () =>
      Effect.gen(function* () {
        const thread = yield* (yield* Codex).startThread()
        assert.isBelow(yield* growth(rounds, thread.run("go")), bound)
      }).pipe(Effect.scoped, onEngine(short)),
    120_000
  )

  it.effect(
    `H14 keeps nothing of ${rounds} threads with a turn each`,
    () =>
      Effect.gen(function* () {
        const codex = yield* Codex
        const once = Effect.scoped(Effect.flatMap(codex.startThread(), (thread) => thread.run("go")))
        assert.isBelow(yield* growth(rounds, once), bound)
      }).pipe(onEngine(short)),
    120_000
  )

  it.effect(
    `H14 keeps nothing of ${rounds / 2} streams whose consumer stops at the first event`,
    () =>
      Effect.gen(function* () {
        const thread = yield* (yield* Codex).startThread()
        const once = Stream.runDrain(Stream.take(thread.stream("go"), 1))
        assert.isBelow(yield* growth(rounds / 2, once), bound)
        assert.strictEqual((yield* thread.run("go")).items.length, 1)
      }).pipe(Effect.scoped, onEngine(short)),
    120_000
  )

  it.effect(
    `F18 drops 2000 requests that wait in a queue when their turns end`,
    () =>
      Effect.gen(function* () {
        const queue = yield* ApprovalQueue
        const request = {
          _tag: "Tool",
          itemId: ItemId.make("i"),
          tool: "deploy",
          arguments: "x".repeat(1_000)
        } as const
        const asked = Array.from({ length: 2_000 }, (_, n) => queue.ask({ ...request, id: `r${n}` }))
        const before = memory().heap
        const turn = yield* Effect.forkChild(Effect.all(asked, { concurrency: "unbounded", discard: true }))
        while ((yield* queue.pending).length < 2_000) yield* Effect.yieldNow
        yield* Fiber.interrupt(turn)
        assert.lengthOf(yield* queue.pending, 0)
        assert.isBelow(memory().heap - before, bound)
      }).pipe(Effect.provide(ApprovalQueue.layer)),
    120_000
  )

  it.effect(
    `F13 ends ${rounds / 2} tool calls whose handler never returns, and keeps none of them`,
    () =>
      Effect.gen(function* () {
        const Hung = Toolkit.make(
          Tool.make("hangs", { success: Schema.String }).annotate(ToolSettings.Deadline, "10 seconds")
        )
        const host = yield* Effect.flatMap(Hung, ToolHost.make).pipe(
          Effect.provide(Hung.toLayer({ hangs: () => Effect.never }))
        )
        const call = host.turn({ approve: () => Effect.die("no approval is needed") })
        const calls = Array.from({ length: rounds / 2 }, (_, n) =>
          call({ callId: ItemId.make(`c${n}`), tool: "hangs", arguments: {} })
        )
        const before = memory().heap
        const fiber = yield* Effect.forkChild(Effect.all(calls, { concurrency: "unbounded" }))
        // Only a few calls run at once, and each takes 10 seconds.
        for (let call = 0; call < calls.length && fiber.pollUnsafe() === undefined; call++)
          yield* TestClock.adjust("10 seconds")
        const outputs = yield* Fiber.join(fiber)
        const refused = outputs.filter(
          ({ success, text }) => !success && text.includes("did not finish within 10s")
        )
        assert.lengthOf(refused, rounds / 2)
        assert.strictEqual(host.leaked(), 0)
        assert.isBelow(memory().heap - before, bound)
      }),
    120_000
  )
})

/** An engine that emits a million words in every turn. */
const talker = (words: number, done: Deferred.Deferred<void>) =>
  Layer.effect(
    Engine.Engine,
    Effect.map(Engine.Engine, (quiet) => ({
      ...quiet,
      startThread: (options: Engine.EngineThreadOptions) =>
        Effect.map(quiet.startThread(options), (thread) => ({
          ...thread,
          turn: (_: TurnOptions.TurnInput, __: Engine.EngineTurnOptions, { emit }: Engine.Handlers) =>
            Effect.gen(function* () {
              const id = ItemId.make("m1")
              emit({ _tag: "ItemStarted", item: { _tag: "AgentMessage", id, text: "" }, at: 0 })
              for (let word = 0; word < words; word++) {
                emit({ _tag: "MessageDelta", itemId: id, delta: "12345678", at: 0 })
                if (word % 1_000 === 0) {
                  const item = {
                    _tag: "Reasoning",
                    id: ItemId.make(`r${word}`),
                    summary: [],
                    content: []
                  } as const
                  emit({ _tag: "ItemCompleted", item, at: 0 })
                  yield* Effect.yieldNow
                }
              }
              emit({ _tag: "ItemCompleted", item: { _tag: "AgentMessage", id, text: "done" }, at: 0 })
              yield* Deferred.succeed(done, undefined)
            })
        }))
    }))
  ).pipe(Layer.provide(Layer.fresh(Scripted.layer)))

describe("F26 a consumer that sleeps", () => {
  it.effect(
    "F26 receives every item, every character and the end of a million deltas, without delaying the turn",
    () =>
      Effect.gen(function* () {
        const words = 1_000_000
        const done = yield* Deferred.make<void>()
        const before = memory()
        let most = 0
        const seen = { deltas: 0, items: 0, characters: 0, end: 0 }
        const codex = Context.get(
          yield* Layer.build(Layer.fresh(Codex.layer).pipe(Layer.provide(talker(words, done)))),
          Codex
        )
        const thread = yield* codex.startThread()
        const consumer = yield* thread.stream("go").pipe(
          Stream.runForEach((event) => {
            if (event._tag === "MessageDelta") {
              seen.deltas++
              seen.characters += event.delta.length
            } else if (event._tag === "ItemCompleted") seen.items++
            else if (event._tag === "TurnCompleted") seen.end++
            return Effect.sleep("10 seconds")
          }),
          Effect.forkChild
        )
        // The turn ends before the consumer reads its second event.
        yield* Deferred.await(done)
        const after = memory()
        most = after.heap - before.heap
        yield* print(
          `${words} deltas of 8 characters: ${most.toFixed(1)} MB more heap and ${(after.rss - before.rss).toFixed(0)} MB ` +
            `more RSS while they wait`
        )
        for (let hour = 0; consumer.pollUnsafe() === undefined && hour < 100; hour++)
          yield* TestClock.adjust("1 hour")
        yield* Fiber.join(consumer)
        assert.strictEqual(seen.end, 1)
        assert.strictEqual(seen.items, words / 1_000 + 1)
        assert.strictEqual(seen.characters, words * 8)
        assert.isAtMost(seen.deltas, words / 1_000 + 2)
        // Eight megabytes of text and a thousand items.
        assert.isBelow(most, 100)
      }).pipe(Effect.scoped),
    120_000
  )
})
