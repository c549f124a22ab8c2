/** The settings of a handle, against an app-server that applies others. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Codex } from "../../../src/Codex.ts"
import { ThreadId } from "../../../src/domain/Ids.ts"
import * as ContentCapture from "../../../src/instrumentation/ContentCapture.ts"
import * as Captured from "../../../src/testing/Captured.ts"
import * as Fake from "../../support/fakeCodex.ts"
import { test } from "../../support/live.ts"

const updated = (settings: object) =>
  Fake.notify("thread/settings/updated", {
    threadId: "$thread",
    threadSettings: {
      cwd: "/",
      model: "m",
      sandboxPolicy: { type: "readOnly" },
      approvalPolicy: "on-request",
      ...settings
    }
  })

describe.concurrent("a turn whose settings Codex does not apply", () => {
  test("is refused and interrupted", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "turn/start": [[Fake.accepted, updated({}), Fake.started]],
          "turn/interrupt": [[{ reply: {} }, Fake.ended("interrupted")]]
        }
      })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        const error = yield* Effect.flip(thread.run("go", { sandbox: "danger-full-access" }))
        assert.deepInclude(error, { _tag: "InvalidRequest", reason: "Rejected", method: "turn/start" })
        assert.include(
          error._tag === "InvalidRequest" ? error.detail : "",
          'with the sandbox "readOnly" instead of "dangerFullAccess"'
        )
        assert.deepInclude(yield* thread.settings, { sandbox: "read-only" })
        yield* fake.waitFor("turn/interrupt")
      }).pipe(Effect.provide(fake.layer()))
    }))

  test("completes if only other settings differ", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            [Fake.accepted, updated({ serviceTier: "flex" }), Fake.started, Fake.said("hi"), Fake.ended()]
          ]
        }
      })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        assert.strictEqual((yield* thread.run("go", { sandbox: "read-only" })).message, "hi")
        assert.deepInclude(yield* thread.settings, { serviceTier: "flex", approvalMode: "on-request" })
      }).pipe(Effect.provide(fake.layer()))
    }))
})

describe.concurrent("instructions of a second handle", () => {
  test("are given again after Codex has compacted the conversation in a turn of its own", () =>
    Effect.gen(function* () {
      const own = (method: string, more: object) => Fake.notify(method, { threadId: "t", ...more })
      const fake = yield* Fake.make({
        on: {
          own: [
            [
              own("turn/started", { turn: { id: "own" } }),
              own("item/completed", { turnId: "own", item: { type: "contextCompaction", id: "c1" } }),
              own("turn/completed", { turn: { id: "own", status: "completed", error: null } }),
              { reply: {} }
            ]
          ]
        }
      })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.resumeThread(ThreadId.make("t"), { instructions: "Speak BBB." })
        yield* thread.run("one")
        yield* thread.run("two")
        assert.lengthOf(yield* fake.of("thread/inject_items"), 1)
        yield* codex.request("own")
        yield* thread.run("three")
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
      assert.lengthOf(yield* fake.of("thread/inject_items"), 2)
    }))
})

describe.concurrent("instructions that Codex does not accept", () => {
  test("after a compaction fail the turn that compacts", () =>
    Effect.gen(function* () {
      const refused = { refuse: { code: -32600, message: "no items" } }
      const compacted = Fake.ofTurn("item/completed", { item: { type: "contextCompaction", id: "c1" } })
      const fake = yield* Fake.make({
        on: {
          "thread/inject_items": [[{ reply: {} }], [refused]],
          "turn/start": [[...Fake.begin, compacted]],
          "turn/interrupt": [[{ reply: {} }, Fake.ended("interrupted")]]
        }
      })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.resumeThread(ThreadId.make("t"), { instructions: "Speak BBB." })
        const error = yield* Effect.flip(thread.run("go"))
        assert.deepInclude(error, { _tag: "InvalidRequest", method: "thread/inject_items" })
        yield* fake.waitFor("turn/interrupt")
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))

  test("fail the turn, which then never starts and reports no instructions", () =>
    Effect.gen(function* () {
      const refused = { refuse: { code: -32600, message: "no items" } }
      const fake = yield* Fake.make({ on: { "thread/inject_items": [[refused]] } })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.resumeThread(ThreadId.make("t"), { instructions: "Speak BBB." })
        const error = yield* Effect.flip(thread.run("go"))
        assert.deepInclude(error, { _tag: "InvalidRequest", method: "thread/inject_items" })
        const span = yield* Captured.span("invoke_agent codex")
        assert.property(span.attributes, "gen_ai.input.messages")
        assert.notProperty(span.attributes, "gen_ai.system_instructions")
      }).pipe(
        Effect.provide(fake.layer()),
        Effect.provide(ContentCapture.layer({ prompts: true })),
        Effect.provide(Layer.fresh(Captured.layer))
      )
      assert.isFalse((yield* fake.received).some(({ method }) => method === "turn/start"))
    }))
})
