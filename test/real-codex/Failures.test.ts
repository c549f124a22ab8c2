import { assert, describe } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as CodexError from "../../src/domain/CodexError.ts"
import * as Stream from "effect/Stream"
import * as M from "../../src/testing/ModelServer.ts"
import * as Real from "../support/realEngine.ts"
import { test, timed } from "../support/live.ts"

const config = "model_providers.mock.request_max_retries = 0\nmodel_providers.mock.stream_max_retries = 0"

interface Expected {
  readonly reason: CodexError.TurnFailedReason
  readonly class: CodexError.Class
  readonly retryable: boolean
  readonly status?: number
}

const cases: ReadonlyArray<readonly [what: string, reply: M.Reply, expected: Expected]> = [
  ["401", M.httpError(401), { reason: "Unauthorized", class: "auth", retryable: false, status: 401 }],
  ["403", M.httpError(403), { reason: "Unauthorized", class: "auth", retryable: false, status: 403 }],
  ["429", M.httpError(429), { reason: "RateLimited", class: "transient", retryable: true, status: 429 }],
  ["400", M.httpError(400, { message: "bad" }), { reason: "BadRequest", class: "request", retryable: false }],
  ["404", M.httpError(404), { reason: "BadRequest", class: "request", retryable: false, status: 404 }],
  ["500", M.httpError(500), { reason: "ServerError", class: "transient", retryable: true }],
  ["502", M.httpError(502), { reason: "ServerError", class: "transient", retryable: true, status: 502 }],
  ["503", M.httpError(503), { reason: "Overloaded", class: "transient", retryable: true, status: 503 }],
  ["504", M.httpError(504), { reason: "ServerError", class: "transient", retryable: true, status: 504 }],
  [
    "404 model_not_found",
    M.httpError(404, { code: "model_not_found" }),
    { reason: "ModelNotFound", class: "config", retryable: false }
  ],
  [
    "429 insufficient_quota",
    M.httpError(429, { code: "insufficient_quota", type: "insufficient_quota" }),
    { reason: "UsageLimit", class: "quota", retryable: false }
  ],
  [
    "429 usage_limit_reached",
    M.httpError(429, { type: "usage_limit_reached" }),
    { reason: "UsageLimit", class: "quota", retryable: false }
  ],
  [
    "400 context_length_exceeded",
    M.httpError(400, { code: "context_length_exceeded" }),
    { reason: "ContextOverflow", class: "request", retryable: false }
  ],
  [
    "failed context_length_exceeded",
    M.reply(M.failed({ code: "context_length_exceeded", message: "too long" })),
    { reason: "ContextOverflow", class: "request", retryable: false }
  ],
  [
    "failed insufficient_quota",
    M.reply(M.failed({ code: "insufficient_quota", message: "no money" })),
    { reason: "UsageLimit", class: "quota", retryable: false }
  ],
  [
    "failed server_is_overloaded",
    M.reply(M.failed({ code: "server_is_overloaded", message: "busy" })),
    { reason: "Overloaded", class: "transient", retryable: true }
  ],
  [
    "a stream that is cut",
    M.reply(M.text("half", { deltas: true }), M.cut),
    { reason: "Disconnected", class: "transient", retryable: true }
  ],
  [
    "a stream cut in a call",
    M.truncate(M.reply(M.shell("touch made")), 300),
    { reason: "Disconnected", class: "transient", retryable: true }
  ],
  [
    "an answer that never comes",
    M.truncate(M.reply(M.text("x")), 0),
    { reason: "Disconnected", class: "transient", retryable: true }
  ]
]

describe.concurrent("a failure of the provider", () => {
  for (const [what, reply, expected] of cases) {
    test(what, () =>
      Effect.gen(function* () {
        const real = yield* Real.make(
          (request) => (request.lastUserText === "next" ? M.reply(M.text("fine")) : reply),
          { config }
        )
        yield* Effect.gen(function* () {
          const thread = yield* real.start()
          const error = yield* Effect.flip(thread.run("go"))
          assert.strictEqual(error._tag, "TurnFailed")
          if (error._tag !== "TurnFailed") return
          const { class: kind, reason, retryable, status } = error
          assert.deepStrictEqual(
            { reason, class: kind, retryable, ...(status === undefined ? {} : { status }) },
            expected,
            error.detail
          )
          assert.strictEqual(error.errorType, `TurnFailed.${expected.reason}`)
          assert.strictEqual(error.threadId, thread.id)
          assert.isAbove(error.turnId?.length ?? 0, 0)
          assert.strictEqual(error.turn?.id, error.turnId)
          assert.deepInclude(error.turn, { threadId: thread.id, sideEffects: false })
          assert.deepInclude(error.turn?.usage, { input: 0, cachedInput: 0, output: 0, reasoning: 0 })
          // A thread that is too long stays so: Codex tries to compact it first, on the same model.
          if (reason === "ContextOverflow") return
          assert.strictEqual((yield* thread.run("next")).message, "fine")
        }).pipe(Effect.provide(real.layer))
        assert.isFalse(yield* real.exists("made"))
      })
    )
  }

  test("has the wait time for a rate limit, and Codex itself retries after it", () =>
    Effect.gen(function* () {
      const limited = M.reply(
        M.failed({ code: "rate_limit_exceeded", message: "Rate limit reached. Please try again in 0.3s." })
      )
      const real = yield* Real.make([limited, limited], {
        config: "model_providers.mock.stream_max_retries = 1"
      })
      const [took, error] = yield* timed(
        Effect.flatMap(real.start(), (thread) => Effect.flip(thread.run("go"))).pipe(
          Effect.provide(real.layer)
        )
      )
      assert.deepInclude(error, { _tag: "TurnFailed", reason: "RateLimited", retryable: true })
      assert.isTrue(error.retryAfter !== undefined && Duration.equals(error.retryAfter, Duration.millis(300)))
      assert.isAtLeast(took, 300)
    }))

  test("emits an event for each retry of Codex, and counts earlier usage once", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(
        [
          M.reply(M.text("first"), M.usage({ input: 100, output: 10 })),
          M.reply(M.text("lost", { deltas: true }), M.cut),
          M.httpError(503),
          M.reply(M.text("kept"), M.usage({ input: 5, output: 1 }))
        ],
        {
          config: "model_providers.mock.request_max_retries = 2\nmodel_providers.mock.stream_max_retries = 2"
        }
      )
      const events = yield* Effect.gen(function* () {
        const thread = yield* real.start()
        yield* thread.run("first")
        return yield* Stream.runCollect(thread.stream("go"))
      }).pipe(Effect.provide(real.layer))
      const retries = events.flatMap((event) => (event._tag === "Retrying" ? [event.errorType] : []))
      assert.deepStrictEqual(retries, ["TurnFailed.Disconnected"])
      const last = events.at(-1)
      assert.strictEqual(last?._tag, "TurnCompleted")
      if (last?._tag !== "TurnCompleted") return
      assert.strictEqual(last.turn.message, "kept")
      assert.deepInclude(last.turn.usage, { input: 5, output: 1 })
    }))

  test("has the usage and the side effects in the error of a turn that fails late", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(
        [M.reply(M.shell("touch made"), M.usage({ input: 50, output: 5 })), M.httpError(401)],
        { config }
      )
      const error = yield* Effect.flatMap(real.start(), (thread) => Effect.flip(thread.run("go"))).pipe(
        Effect.provide(real.layer)
      )
      assert.deepInclude(error, { _tag: "TurnFailed", reason: "Unauthorized" })
      if (error._tag !== "TurnFailed") return
      assert.deepInclude(error.turn, { sideEffects: true, toolCalls: 1 })
      assert.deepInclude(error.turn?.usage, { input: 50, output: 5 })
    }))
})
