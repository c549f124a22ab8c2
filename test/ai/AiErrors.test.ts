import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as CodexError from "../../src/domain/CodexError.ts"
import * as AiErrors from "../../src/ai/AiErrors.ts"
import { CodexLanguageModel, CodexSessions } from "effect-codex/ai"
import { Scripted, TestLayer } from "effect-codex/testing"

const layer = CodexLanguageModel.layer().pipe(
  Layer.provideMerge(CodexSessions.layer),
  Layer.provideMerge(TestLayer)
)

const turnFailed = (
  reason: CodexError.TurnFailedReason,
  more: { readonly detail?: string; readonly status?: number } = {}
) => new CodexError.TurnFailed({ reason, detail: "why", ...more })

const cases: ReadonlyArray<readonly [error: CodexError.CodexError, reason: string, retryable: boolean]> = [
  [turnFailed("RateLimited"), "RateLimitError", true],
  [turnFailed("UsageLimit"), "QuotaExhaustedError", false],
  [turnFailed("MissingKey"), "AuthenticationError", false],
  [turnFailed("Unauthorized", { status: 401 }), "AuthenticationError", false],
  [turnFailed("BadRequest"), "InvalidRequestError", false],
  [
    turnFailed("BadRequest", { detail: "flagged as violating our usage policy" }),
    "ContentPolicyError",
    false
  ],
  [turnFailed("ContextOverflow"), "InvalidRequestError", false],
  [turnFailed("ModelNotFound"), "InvalidRequestError", false],
  [turnFailed("Overloaded"), "InternalProviderError", true],
  [turnFailed("ServerError"), "InternalProviderError", true],
  [turnFailed("Disconnected"), "InternalProviderError", true],
  [turnFailed("Other"), "UnknownError", false],
  [new CodexError.EngineExited({ stderr: "" }), "InternalProviderError", true],
  [new CodexError.EngineStartFailed({ reason: "BadHome", detail: "" }), "UnknownError", false],
  [new CodexError.TurnStalled({ detail: "silent" }), "InternalProviderError", true],
  [new CodexError.CodexNotFound({ tried: ["/x"] }), "UnknownError", false],
  [new CodexError.TurnTimedOut({ timeoutMillis: 1000 }), "UnknownError", false],
  [new CodexError.TurnInterrupted({ by: "policy" }), "UnknownError", false],
  [
    new CodexError.BudgetExceeded({ reason: "Tokens", scope: "turn", limit: 1, used: 2 }),
    "UnknownError",
    false
  ],
  [new CodexError.OutputInvalid({ output: "no", detail: "not JSON" }), "StructuredOutputError", true],
  [
    new CodexError.InvalidRequest({ reason: "Rejected", method: "turn/start", detail: "no" }),
    "InvalidRequestError",
    false
  ]
]

describe("an error of Codex", () => {
  it("becomes the reason of an AiError that says whether a retry helps, with the error as its cause", () => {
    for (const [error, reason, retryable] of cases) {
      const made = AiErrors.fromCodexError("generateText")(error)
      assert.strictEqual(made.reason._tag, reason, error.errorType)
      assert.strictEqual(made.isRetryable, retryable, error.errorType)
      assert.strictEqual(made.reason.cause, error)
      if ("metadata" in made.reason)
        assert.deepInclude(made.reason.metadata["codex"], { errorType: error.errorType, class: error.class })
      // Programs keep reasons in errors of their own, which they encode.
      assert.isObject(Schema.encodeSync(AiError.AiErrorReason)(made.reason))
    }
  })

  it("keeps how long to wait, when a limit resets, and what the key lacks", () => {
    const reasonOf = (fields: ConstructorParameters<typeof CodexError.TurnFailed>[0]) =>
      AiErrors.fromCodexError("streamText")(new CodexError.TurnFailed(fields)).reason
    const limited = reasonOf({ reason: "RateLimited", detail: "", retryAfterMillis: 2500 })
    assert.isTrue(limited._tag === "RateLimitError" && Duration.toMillis(limited.retryAfter ?? 0) === 2500)
    const used = reasonOf({ reason: "UsageLimit", detail: "", resetsAt: 86_400_000 })
    assert.isTrue(used._tag === "QuotaExhaustedError" && used.resetAt !== undefined)
    if (used._tag === "QuotaExhaustedError" && used.resetAt !== undefined)
      assert.strictEqual(DateTime.formatIso(used.resetAt), "1970-01-02T00:00:00.000Z")
    assert.isUndefined(
      Reflect.get(reasonOf({ reason: "UsageLimit", detail: "", resetsAt: 1e300 }), "resetAt")
    )
    for (const [status, kind] of [
      [401, "InvalidKey"],
      [403, "InsufficientPermissions"]
    ] as const)
      assert.deepInclude(reasonOf({ reason: "Unauthorized", detail: "", status }), { kind })
  })

  it.effect("fails the request whose turn it ends", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.failed(
          new CodexError.TurnFailed({ reason: "RateLimited", detail: "", retryAfterMillis: 1000 })
        )
      ])
      const error = yield* Effect.flip(LanguageModel.generateText({ prompt: "go" }))
      assert.strictEqual(error.module, "CodexLanguageModel")
      assert.strictEqual(error.reason._tag, "RateLimitError")
      assert.deepStrictEqual(error.retryAfter, Duration.seconds(1))
      assert.isTrue(CodexError.isCodexError(error.reason.cause))
    }).pipe(Effect.provide(layer))
  )
})
