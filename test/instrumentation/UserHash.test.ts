import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { Approval, Codex, CodexError, Tracer } from "effect-codex"
import { Captured, Scripted, TestLayer } from "effect-codex/testing"
import * as UserHash from "../../src/instrumentation/UserHash.ts"
import * as InMemorySpans from "../../src/telemetry/tracer/InMemorySpans.ts"
import * as Settings from "../../src/telemetry/config/Settings.ts"

/** What a handler does: logs, opens spans, forks, streams, and does more of it inside. */
type Doing =
  | { readonly do: "log" }
  | {
      readonly do: "span" | "fork" | "detach" | "stream" | "race" | "interrupted"
      readonly inside: ReadonlyArray<Doing>
    }

const Leaf = Schema.Literals(["log", "span", "fork", "detach", "stream", "race", "interrupted"])
const nest = (kinds: ReadonlyArray<typeof Leaf.Type>): ReadonlyArray<Doing> => {
  const [first, ...rest] = kinds
  if (first === undefined) return [{ do: "log" }]
  if (first === "log") return [{ do: "log" }, ...nest(rest)]
  // Half of the remaining steps go inside, half beside.
  const half = Math.ceil(rest.length / 2)
  return [{ do: first, inside: nest(rest.slice(0, half)) }, ...nest(rest.slice(half)).slice(0, 2)]
}

const carryOut = (all: ReadonlyArray<Doing>): Effect.Effect<void> =>
  Effect.forEach(
    all,
    (doing): Effect.Effect<unknown> => {
      if (doing.do === "log") return Effect.logInfo("inside")
      const inside = Effect.withSpan(carryOut(doing.inside), `user.${doing.do}`)
      switch (doing.do) {
        case "span":
          return inside
        case "fork":
          return Effect.flatMap(Effect.forkChild(inside), Fiber.join)
        case "detach":
          return Effect.flatMap(Effect.forkDetach(inside), Fiber.join)
        case "stream":
          return Stream.range(1, 2).pipe(
            Stream.mapEffect(() => inside, { concurrency: 2 }),
            Stream.withSpan("user.stream.whole"),
            Stream.runDrain
          )
        case "race":
          return Effect.raceFirst(inside, Effect.never)
        case "interrupted":
          return Effect.flatMap(
            Effect.forkChild(Effect.andThen(inside, Effect.never), { startImmediately: true }),
            Fiber.interrupt
          )
      }
    },
    { concurrency: "unbounded", discard: true }
  )

const deep = Tool.make("deep", { parameters: Schema.Struct({}), success: Schema.String })
const Tools = Toolkit.make(deep)

const key = { CODEX_OTEL_USER_HASH_KEY: "a secret key" }
const expected = {
  "codex.originator": "sdk",
  "codex.source": "test",
  "codex.workflow": "nightly",
  "codex.group": "g1",
  "gen_ai.conversation.id": "thread_1",
  "session.id": "thread_1",
  "codex.turn.id": "turn_1",
  "user.hash": UserHash.hash("ada@example.com", Redacted.make(key.CODEX_OTEL_USER_HASH_KEY))
}

const options = { source: "test", workflow: "nightly", group: "g1", user: "ada@example.com" }

describe("correlation attributes", () => {
  it.effect.prop(
    "are on every span and log record of a turn, at any depth",
    [Schema.Array(Leaf), Schema.Array(Leaf), Schema.Boolean],
    ([inTool, inPolicy, streamed]) =>
      Effect.gen(function* () {
        const todo = nest(inTool.slice(0, 12))
        const asked = nest(inPolicy.slice(0, 6))
        yield* Scripted.play([
          Scripted.toolCall("deep", {}),
          Scripted.command("ls", { approval: true }),
          Scripted.usage({ input: 1, output: 1 }),
          Scripted.message("done")
        ])
        yield* Effect.gen(function* () {
          const codex = yield* Codex
          const thread = yield* codex.startThread({ ...options, tools: yield* Tools })
          if (streamed) yield* Stream.runDrain(thread.stream("go"))
          else yield* thread.run("go")
        }).pipe(
          Effect.scoped,
          Effect.provide(
            Layer.mergeAll(
              Tools.toLayer({ deep: () => Effect.as(carryOut(todo), "done") }),
              Approval.layer(() => Effect.as(carryOut(asked), Approval.accept))
            )
          )
        )
        const spans = yield* Captured.spans
        const agent = yield* Captured.span("invoke_agent codex")
        const ids = new Map(spans.map((span) => [span.spanId, span]))
        const isBelow = (span: Captured.CapturedSpan | undefined): boolean =>
          span !== undefined &&
          (span.spanId === agent.spanId ||
            (span.parentSpanId !== undefined && isBelow(ids.get(span.parentSpanId))))
        const below = spans.filter(isBelow)
        assert.isAtLeast(below.length, 5)
        assert.strictEqual(below.length, spans.length - 1)
        for (const span of below) assert.deepInclude(span.attributes, expected, span.name)
        const logs = yield* Captured.logs
        assert.isAtLeast(logs.length, 2)
        for (const log of logs) assert.deepInclude(log.annotations, expected)
        assert.notInclude(JSON.stringify([spans, logs]), "ada@")
      }).pipe(Effect.provide(Layer.fresh(TestLayer)), Effect.provideService(Settings.Environment, key))
  )

  const open = (user: string) =>
    Effect.gen(function* () {
      const codex = yield* Codex
      yield* codex.startThread({ user })
    }).pipe(Effect.scoped)

  it.effect("include the user hash only with a key, and warn once without one", () =>
    Effect.gen(function* () {
      yield* open("lovelace")
      yield* open("bob")
      const spans = yield* Captured.spans
      assert.isTrue(spans.every((span) => !("user.hash" in span.attributes)))
      const logs = yield* Captured.logs
      assert.deepStrictEqual(
        logs.map((log) => log.level),
        ["Warn"]
      )
      assert.include(String(logs[0]?.message), "CODEX_OTEL_USER_HASH_KEY")
      assert.notInclude(JSON.stringify([spans, logs]), "lovelace")
    }).pipe(Effect.provide(TestLayer), Effect.provideService(Settings.Environment, {}))
  )

  it.effect("have a user hash that differs by key and user, with the key from code first", () =>
    Effect.gen(function* () {
      yield* open("lovelace")
      yield* open("bob")
      yield* Effect.provideService(open("lovelace"), UserHash.UserHashKey, Redacted.make("another"))
      const hashes = (yield* Captured.spans).map((span) => span.attributes["user.hash"])
      assert.strictEqual(new Set(hashes).size, 3)
      assert.strictEqual(hashes[2], UserHash.hash("lovelace", Redacted.make("another")))
      for (const hash of hashes) assert.match(String(hash), /^[0-9a-f]{64}$/)
    }).pipe(Effect.provide(TestLayer), Effect.provideService(Settings.Environment, key))
  )
})

it.effect(
  "each turn of a thread links to the previous one, even if that failed, but never to an unsampled one",
  () =>
    Effect.gen(function* () {
      const memory = yield* InMemorySpans.make
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.startThread()
        yield* Scripted.play([Scripted.message("done")])
        yield* thread.run("first")
        yield* Scripted.play([
          Scripted.failed(new CodexError.TurnFailed({ reason: "ServerError", detail: "upstream" }))
        ])
        yield* Scripted.play([Scripted.message("done")])
        yield* thread.run("second", { retry: Schedule.recurs(1) })
        yield* Scripted.play([Scripted.message("done"), Scripted.completed, Scripted.message("done")])
        yield* thread.run("third", { telemetry: false })
        yield* thread.run("fourth")
      }).pipe(Effect.scoped, Effect.provide(Tracer.layerProcessor(Effect.succeed(memory.processor))))
      const turns = (yield* memory.spans).filter(({ name }) => name === "invoke_agent codex")
      const ids = turns.map((span) => span.spanContext().spanId)
      assert.deepStrictEqual(
        turns.map(({ links }) => links.map(({ context }) => context.spanId)),
        [[], ...ids.slice(0, -1).map((id) => [id])]
      )
      assert.lengthOf(turns, 4)
    }).pipe(Effect.provide(TestLayer))
)
