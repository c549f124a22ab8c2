import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Codex } from "../../../src/Codex.ts"
import * as CodexError from "../../../src/domain/CodexError.ts"
import { Durable } from "../../../src/durable/Durable.ts"
import { DurableRunner } from "../../../src/durable/runner/DurableRunner.ts"
import * as StateLock from "../../../src/durable/store/StateLock.ts"
import { Store } from "../../../src/durable/store/Store.ts"
import * as AppServer from "../../../src/engine/AppServer.ts"
import type * as Signal from "../../../src/instrumentation/Signal.ts"
import * as SignalBus from "../../../src/instrumentation/SignalBus.ts"
import * as Convention from "../../../src/semconv/Convention.ts"
import * as Settings from "../../../src/telemetry/config/Settings.ts"
import * as InMemorySpans from "../../../src/telemetry/tracer/InMemorySpans.ts"
import * as Tracer from "../../../src/telemetry/tracer/Tracer.ts"
import * as Scripted from "../../../src/testing/Scripted.ts"
import { layerCodex, layerStore, outcome, pending, runner } from "./support.ts"

const { attribute, span } = Convention

interface Seen {
  readonly spans: ReadonlyArray<ReadableSpan>
  readonly signals: ReadonlyArray<Signal.Signal>
}

/** Runs a program on the scripted engine, and returns the spans that ended and the signals. */
const observed = (program: Effect.Effect<unknown, unknown, Codex | Durable | Store | Scripted.Scripted>) =>
  Effect.gen(function* () {
    const memory = yield* InMemorySpans.make
    const signals: Array<Signal.Signal> = []
    const listening = SignalBus.layerListener(Effect.succeed(({ signal }) => void signals.push(signal)))
    const telemetry = Layer.merge(Tracer.layerProcessor(Effect.succeed(memory.processor)), listening).pipe(
      Layer.provide(Layer.succeed(Settings.Environment, {}))
    )
    yield* program.pipe(
      Effect.provide(
        Durable.layerStore.pipe(
          Layer.provideMerge(layerStore),
          Layer.provideMerge(layerCodex),
          Layer.provideMerge(telemetry)
        )
      )
    )
    return { spans: yield* memory.spans, signals } satisfies Seen
  }).pipe(Effect.scoped)

const submit = (key: string) =>
  Durable.use((durable) => durable.submit(`do ${key}`, { key, team: "payments" }))

const named = ({ spans }: Seen, name: string) => spans.filter((each) => each.name === name)
const only = (seen: Seen, name: string): ReadableSpan => {
  const [found, ...more] = named(seen, name)
  assert.isDefined(found, name)
  assert.isEmpty(more, name)
  return found as ReadableSpan
}
const idOf = (each: ReadableSpan) => each.spanContext().spanId
const links = (each: ReadableSpan) => each.links.map(({ context }) => context.spanId)
const found = (seen: Seen, tag: Signal.Signal["_tag"]) => seen.signals.filter(({ _tag }) => _tag === tag)

describe("the lock of a database file", () => {
  it.live("is counted when a worker takes it, and when another worker has it", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped({ directory: "/var/tmp", prefix: "state-lock-" })
      const results: Array<string> = []
      const listening = SignalBus.layerListener(
        Effect.succeed(({ signal }) => void (signal._tag === "StateLock" && results.push(signal.result)))
      )
      const hold = StateLock.hold(`${directory}/turns.db`)
      yield* Effect.gen(function* () {
        yield* hold
        assert.strictEqual((yield* Effect.flip(hold))._tag, "StateLocked")
      }).pipe(Effect.provide(listening))
      assert.deepStrictEqual(results, ["taken", "refused"])
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})

describe("the trace of a durable turn", () => {
  it.live("has the submission, the attempt below it, and the turn below the attempt", () =>
    Effect.gen(function* () {
      const seen = yield* observed(
        Effect.gen(function* () {
          yield* Scripted.play([Scripted.message("done")])
          yield* submit("k1")
          yield* submit("k1")
          yield* Effect.provide(outcome("k1"), runner({ engine: "unix:/home/ada/codex.sock" }))
        })
      )
      const [first, again, ...more] = named(seen, span.durableSubmit)
      assert.isEmpty(more)
      assert.isDefined(first)
      assert.deepStrictEqual(links(again as ReadableSpan), [idOf(first as ReadableSpan)])
      assert.isTrue(again?.attributes[attribute.durableDuplicate])
      const run = only(seen, span.durableRun)
      assert.strictEqual(run.parentSpanContext?.spanId, idOf(first as ReadableSpan))
      assert.deepInclude(run.attributes, {
        [attribute.durableKey]: "k1",
        [attribute.durableAttempt]: 1,
        [attribute.durableReason]: "submitted",
        [attribute.durableFound]: "new",
        [attribute.durableStatus]: "completed",
        [attribute.team]: "payments"
      })
      assert.match(String(run.attributes[attribute.durableEngine]), /^[0-9a-f]{12}$/)
      const turn = only(seen, span.invokeAgent(Convention.agent))
      assert.strictEqual(turn.parentSpanContext?.spanId, idOf(run))
      assert.strictEqual(turn.attributes[attribute.team], "payments")
      assert.strictEqual(new Set([first, run, turn].map((each) => each?.spanContext().traceId)).size, 1)
      const [start] = found(seen, "DurableStart")
      assert.deepInclude(start, { attempt: 1, reason: "submitted" })
      assert.deepInclude(found(seen, "DurableStop")[0], { status: "completed", errorType: undefined })
    })
  )

  it.live("has an attempt for each engine, with a link to the one before", () =>
    Effect.gen(function* () {
      const seen = yield* observed(
        Effect.gen(function* () {
          const died = Scripted.failed(new CodexError.EngineExited({ stderr: "killed" }))
          yield* Scripted.play([
            Scripted.command("npm publish", { exitCode: 0 }),
            died,
            Scripted.message("done")
          ])
          yield* submit("k1")
          yield* Effect.provide(outcome("k1"), runner())
          const row = yield* Store.use((store) => store.turn("k1"))
          assert.strictEqual(row?.attempts, 2)
        })
      )
      const [first, second, ...more] = named(seen, span.durableRun)
      assert.isEmpty(more)
      assert.strictEqual(first?.attributes["error.type"], "EngineExited")
      assert.deepStrictEqual(links(second as ReadableSpan), [idOf(first as ReadableSpan)])
      assert.strictEqual(second?.parentSpanContext?.spanId, idOf(only(seen, span.durableSubmit)))
      assert.deepInclude(second?.attributes, {
        [attribute.durableAttempt]: 2,
        [attribute.durableReason]: "engine_lost",
        [attribute.durableStatus]: "completed"
      })
    })
  )

  it.live("tells a worker that stopped from one that is lost, whose span was never exported", () =>
    Effect.gen(function* () {
      const lost = "00-11111111111111111111111111111111-2222222222222222-01"
      const seen = yield* observed(
        Effect.gen(function* () {
          yield* Scripted.play([Scripted.silence])
          // Without telemetry, the trace begins with the first attempt.
          yield* Store.use((store) =>
            store.submit({ key: "k1", threadId: "t", threadOptions: {}, input: "do k1", options: {} })
          )
          yield* Store.use((store) => store.claim("k1", "a dead worker", { journal: 1 }, lost))
          yield* Effect.gen(function* () {
            yield* Scripted.begun()
            yield* DurableRunner.use(({ drain }) => drain)
          }).pipe(Effect.provide(runner()))
          yield* Effect.provide(outcome("k1"), runner())
        })
      )
      const [second, third] = named(seen, span.durableRun)
      assert.deepInclude(second?.attributes, {
        [attribute.durableReason]: "worker_lost",
        [attribute.durableStatus]: "left"
      })
      assert.deepStrictEqual(links(second as ReadableSpan), ["2222222222222222"])
      assert.deepInclude(third?.attributes, { [attribute.durableReason]: "worker_stopped" })
      assert.deepStrictEqual(links(third as ReadableSpan), [idOf(second as ReadableSpan)])
      for (const each of [second, third]) {
        assert.strictEqual(each?.spanContext().traceId, "1".repeat(32))
        assert.strictEqual(each?.parentSpanContext?.spanId, "2222222222222222")
      }
    })
  )

  it.effect("has one failed start of an engine that cannot be reached, however often the worker tries", () =>
    Effect.gen(function* () {
      const engine = Codex.layer.pipe(
        Layer.provide(AppServer.layerSocket({ path: "/var/tmp/no-codex.sock" })),
        Layer.fresh
      )
      const seen = yield* observed(
        Effect.gen(function* () {
          const { events } = yield* DurableRunner
          const tries = yield* Effect.forkScoped(
            events.pipe(
              Stream.filter(({ _tag }) => _tag === "Retrying"),
              // Sockets fail in real time, and the worker then waits in virtual time.
              Stream.tap(() => Effect.forkChild(TestClock.adjust("10 seconds"))),
              Stream.take(4),
              Stream.runDrain
            ),
            { startImmediately: true }
          )
          yield* submit("k1")
          yield* Fiber.join(tries)
        }).pipe(Effect.scoped, Effect.provide(runner().pipe(Layer.provide(engine))))
      )
      const [start, ...more] = named(seen, span.engineStart)
      assert.isEmpty(more)
      assert.strictEqual(start?.attributes["error.type"], "EngineUnreachable.NotConnected")
      assert.strictEqual(start?.parentSpanContext?.spanId, idOf(only(seen, span.durableRun)))
    })
  )

  it.live("has the wait for an approval from the time at which a worker that is gone asked", () =>
    Effect.gen(function* () {
      let askedAt = 0
      let decidedAt = 0
      const asking = [
        Scripted.command("rm -r build", { exitCode: 0, approval: true }),
        Scripted.message("done")
      ]
      const seen = yield* observed(
        Effect.gen(function* () {
          yield* Scripted.play(asking)
          yield* submit("k1")
          yield* Effect.gen(function* () {
            const row = yield* pending
            askedAt = row.askedAt
            yield* Store.use(({ approvals }) => approvals.decide(row.id, { _tag: "Accept" }, "ada"))
            yield* outcome("k1")
            decidedAt = (yield* Store.use(({ approvals }) => approvals.get(row.id)))?.decidedAt ?? 0
          }).pipe(Effect.provide(runner()))
        })
      )
      const wait = only(seen, span.durableApproval)
      const inProcess = only(seen, span.approval)
      assert.strictEqual(wait.parentSpanContext?.spanId, idOf(inProcess))
      const millis = ([seconds, nanos]: readonly [number, number]) => seconds * 1000 + nanos / 1e6
      assert.strictEqual(millis(wait.startTime), askedAt)
      assert.strictEqual(millis(wait.endTime), decidedAt)
      assert.deepInclude(wait.attributes, {
        [attribute.approvalDecision]: "accept",
        [attribute.approvalSource]: "policy",
        [attribute.team]: "payments"
      })
    })
  )
})
