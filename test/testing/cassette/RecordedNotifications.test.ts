import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Codex, CodexProtocol } from "effect-codex"
import { Scripted } from "effect-codex/testing"
import * as Engine from "../../../src/engine/Engine.ts"
import * as Cassette from "../../../src/testing/Cassette.ts"
import { inFolder, on, recording } from "./support.ts"

const secret = `ghp_${"a1B2c3D4e5F6".repeat(3)}`

const steps = [
  Scripted.notification("item/agentMessage/delta", { itemId: "m1", delta: secret.slice(0, 20) }),
  Scripted.notification("item/agentMessage/delta", { itemId: "m1", delta: secret.slice(20) }),
  Scripted.notification("model/rerouted", {
    fromModel: "a",
    toModel: secret,
    reason: "highRiskCyberActivity"
  }),
  Scripted.delay("1 second"),
  Scripted.notification("thread/compacted", {}),
  Scripted.message("done")
]

/** Runs a turn and returns the method and the time of two notifications that are not parts of a text. */
const program = Effect.gen(function* () {
  const codex = yield* Codex
  const thread = yield* codex.startThread()
  const two = Effect.forkScoped(
    codex.notifications.pipe(
      Stream.filter(CodexProtocol.isNotification("model/rerouted", "thread/compacted")),
      Stream.take(2),
      Stream.runCollect
    ),
    { startImmediately: true }
  )
  const first = yield* two
  const second = yield* two
  yield* thread.run("go")
  const seen = yield* Fiber.join(first)
  assert.deepStrictEqual(yield* Fiber.join(second), seen)
  return seen
}).pipe(Effect.scoped)

const withoutSubscriber = Effect.flatMap(Codex, (codex) =>
  Effect.scoped(Effect.flatMap(codex.startThread(), (thread) => thread.run("go")))
)

/** Says something outside any turn when the models are listed. */
const saying = Layer.effect(
  Engine.Engine,
  Effect.gen(function* () {
    const engine = yield* Engine.Engine
    const { notify } = yield* Scripted.Scripted
    return Engine.Engine.of({
      ...engine,
      listModels: (cursor) =>
        Effect.tap(engine.listModels(cursor), notify("account/updated", { authMode: null, planType: null }))
    })
  })
).pipe(Layer.provide(Layer.fresh(Scripted.layer)))

const listing = Effect.gen(function* () {
  const codex = yield* Codex
  const two = yield* Effect.forkScoped(Stream.runCollect(Stream.take(codex.notifications, 2)), {
    startImmediately: true
  })
  yield* Stream.runCollect(codex.listModels)
  yield* Stream.runCollect(codex.listModels)
  return (yield* Fiber.join(two)).map((one) => (one._tag === "Notification" ? one.method : one._tag))
}).pipe(Effect.scoped)

/** Returns the methods of the recorded notifications. */
const notified = (text: string): ReadonlyArray<unknown> =>
  text.split("\n").flatMap((line) => (line.includes('"_tag":"Notified"') ? [JSON.parse(line).method] : []))

describe("a cassette with notifications", () => {
  it.effect("contains each once, without secrets and parts of texts, and replays them at their time", () =>
    inFolder(({ path, read }) =>
      Effect.gen(function* () {
        const methods = ["model/rerouted", "thread/compacted"]
        const recorded = yield* on(recording(`${path}/a.jsonl`, steps), program)
        assert.deepStrictEqual(
          recorded.map(({ method }) => method),
          methods
        )
        const text = yield* read("a.jsonl")
        assert.deepStrictEqual(notified(text), methods)
        assert.notInclude(text, secret.slice(0, 20))
        assert.notInclude(text, secret.slice(20))
        const replayed = yield* on(Cassette.replay(`${path}/a.jsonl`), program)
        assert.deepStrictEqual(
          replayed.map(({ method }) => method),
          methods
        )
        const [first, second] = replayed
        assert.strictEqual((second?.at ?? 0) - (first?.at ?? 0), 1000)
        assert.strictEqual(first?.params.threadId, second?.params.threadId)
      })
    )
  )

  it.effect("contains those outside turns, and replays them with the request that they followed", () =>
    inFolder(({ path, read }) =>
      Effect.gen(function* () {
        const recorded = yield* on(Cassette.record(`${path}/b.jsonl`).pipe(Layer.provide(saying)), listing)
        assert.deepStrictEqual(recorded, ["account/updated", "account/updated"])
        assert.deepStrictEqual(notified(yield* read("b.jsonl")), recorded)
        assert.deepStrictEqual(yield* on(Cassette.replay(`${path}/b.jsonl`), listing), recorded)
      })
    )
  )

  it.effect("contains none when the program does not subscribe", () =>
    inFolder(({ path, read }) =>
      Effect.gen(function* () {
        yield* on(recording(`${path}/c.jsonl`, steps), withoutSubscriber)
        assert.deepStrictEqual(notified(yield* read("c.jsonl")), [])
      })
    )
  )
})
