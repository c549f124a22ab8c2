import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as CodexError from "../../src/domain/CodexError.ts"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import { noUsage, type Turn } from "../../src/domain/Turn.ts"

const limited = new CodexError.TurnFailed({
  reason: "RateLimited",
  detail: "slow down",
  status: 429,
  retryAfterMillis: 1500
})

const turn: Turn = {
  id: TurnId.make("turn-1"),
  threadId: ThreadId.make("thread-1"),
  message: "",
  items: [],
  usage: noUsage,
  diff: "",
  time: { totalMillis: 0, thinkingMillis: 0, toolsMillis: 0, approvalMillis: 0, overheadMillis: 0 },
  modelCalls: 0,
  toolCalls: 0,
  sideEffects: false
}

describe("CodexError", () => {
  it("derives class, retryability, error type and message from the fields", () => {
    assert.strictEqual(limited.class, "transient")
    assert.isTrue(limited.retryable)
    assert.deepStrictEqual(limited.retryAfter, Duration.millis(1500))
    assert.strictEqual(limited.errorType, "TurnFailed.RateLimited")
    assert.strictEqual(
      limited.message,
      "the provider's rate limit is reached (HTTP 429): slow down; try again later, or run fewer turns at once"
    )
    const exited = new CodexError.EngineExited({ stderr: "" })
    assert.strictEqual(exited.errorType, "EngineExited")
    assert.isUndefined(exited.retryAfter)
    assert.include(exited.message, "codex app-server ended; ")
  })

  it("takes the retryability of a failed tool from its field", () => {
    for (const retryable of [true, false])
      assert.strictEqual(
        new CodexError.ToolFailed({ tool: "search", detail: "", retryable }).retryable,
        retryable
      )
  })

  it("names the unit of an exceeded budget by its reason", () => {
    const units = CodexError.BudgetReason.literals.map((reason) => {
      const error = new CodexError.BudgetExceeded({ reason, scope: "turn", limit: 10, used: 11 })
      assert.include(error.message, `11 of 10 ${error.unit}`)
      return error.unit
    })
    assert.deepStrictEqual(units, ["tokens", "milliseconds", "tool calls", "model calls", "US dollars"])
  })

  it("makes errors that are instances of Error and of their class", () => {
    assert.instanceOf(limited, Error)
    assert.instanceOf(limited, CodexError.TurnFailed)
    assert.isTrue(CodexError.isCodexError(limited))
    assert.isFalse(CodexError.isCodexError(new Error("TurnFailed")))
    assert.include(String(limited.stack), "CodexError.test.ts")
  })

  it("encodes the fields alone, and decodes an instance with the derived properties", () => {
    const encoded = Schema.encodeSync(CodexError.CodexError)(limited)
    assert.deepStrictEqual(Object.keys(encoded), ["_tag", "reason", "detail", "status", "retryAfterMs"])
    const decoded = Schema.decodeUnknownSync(CodexError.CodexError)(encoded)
    assert.instanceOf(decoded, CodexError.TurnFailed)
    assert.strictEqual(decoded.errorType, limited.errorType)
    assert.strictEqual(decoded.message, limited.message)
  })

  it("keeps the names of durations without their unit in the encoded form", () => {
    const time = {
      totalMillis: 12.3456,
      thinkingMillis: 10.1456,
      toolsMillis: 2.2,
      approvalMillis: 0,
      overheadMillis: 0
    }
    const encoded = Schema.encodeSync(CodexError.CodexError)(
      new CodexError.TurnTimedOut({
        timeoutMillis: 1500,
        turn: {
          ...turn,
          time,
          items: [
            {
              _tag: "ToolCall",
              id: ItemId.make("call-1"),
              tool: "lookup",
              arguments: {},
              status: "completed",
              durationMillis: 2.2
            }
          ]
        }
      })
    )
    assert.deepInclude(encoded, { _tag: "TurnTimedOut", timeoutMs: 1500 })
    assert.deepStrictEqual(encoded.turn?.time, {
      total: 12.3456,
      thinking: 10.1456,
      tools: 2.2,
      approval: 0,
      overhead: 0
    })
    assert.deepInclude(encoded.turn?.items[0], { duration: 2.2 })
    const decoded = Schema.decodeUnknownSync(CodexError.CodexError)(encoded)
    assert.deepStrictEqual(decoded.turn?.time, time)
  })

  it.effect("is caught by its tag", () =>
    Effect.gen(function* () {
      const caught = yield* Effect.catchTag(Effect.fail(limited), "TurnFailed", ({ reason }) =>
        Effect.succeed(reason)
      )
      assert.strictEqual(caught, "RateLimited")
    })
  )

  it("adds the turn to an error of the same class", () => {
    const error = CodexError.withTurn(limited, turn)
    assert.instanceOf(error, CodexError.TurnFailed)
    assert.strictEqual(error.message, limited.message)
    assert.strictEqual(error.turn, turn)
    assert.strictEqual(error.threadId, turn.threadId)
    assert.strictEqual(error.turnId, turn.id)
    assert.isUndefined(limited.turn)
    assert.isUndefined(CodexError.withTurn(limited, { ...turn, id: TurnId.make("") }).turnId)
  })

  it("keeps class, retryability and error type in JSON, for logs", () => {
    assert.deepInclude(JSON.parse(JSON.stringify(limited)), {
      class: "transient",
      retryable: true,
      errorType: "TurnFailed.RateLimited"
    })
  })
})
