/** The journal of the tool calls of one turn in the database, and the number of calls that run. */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { ToolFailed } from "../../domain/CodexError.ts"
import * as Item from "../../domain/Item.ts"
import { StorageUnavailable } from "../../domain/StorageErrors.ts"
import type * as ToolJournal from "../../tool/ToolJournal.ts"
import type { Store } from "../store/Store.ts"
import type { TurnOwner } from "../store/TurnOwner.ts"
import * as StorageRetry from "./StorageRetry.ts"

const Result = Schema.Union([
  Schema.TaggedStruct("Returned", {
    output: Schema.Struct({
      success: Schema.Boolean,
      text: Schema.String,
      content: Schema.optionalKey(Schema.Array(Item.ToolContent))
    })
  }),
  Schema.TaggedStruct("Failed", { error: ToolFailed })
])
const ResultJson = Schema.toCodecJson(Result)
const decode = Schema.decodeUnknownEffect(ResultJson)
const encode = Schema.encodeEffect(ResultJson)

const corrupt = (error: Schema.SchemaError) =>
  new StorageUnavailable({ reason: "Corrupt", detail: `a row of codex_tool_calls: ${error.message}` })

/** A key that is present and undefined has no JSON. */
const toStored = (result: ToolJournal.JournalResult): typeof Result.Type => {
  if (result._tag === "Failed") return result
  const { content, success, text } = result.output
  return { _tag: "Returned", output: { success, text, ...(content === undefined ? {} : { content }) } }
}

export interface TurnTools {
  readonly journal: ToolJournal.ToolJournal
  /** Waits until no tool runs. */
  readonly idle: Effect.Effect<void>
}

/** How often a call that an earlier runner may still run is looked at. */
const lookAgain = Schedule.spaced("200 millis")

/**
 * Makes the journal of a claimed turn. `isLeaving`: whether the runner leaves the turn. A call that arrives then does
 * not start: Codex sends it to the next runner. `patience`: how long an earlier runner, from which the turn has moved, may
 * take to end a call that must not run twice.
 */
export const make = (
  { tools }: Pick<Store["Service"], "tools">,
  { epoch, key }: TurnOwner,
  isLeaving: () => boolean,
  patience: Duration.Duration
): TurnTools => {
  const running = new Set<string>()
  let waiting: ReadonlyArray<Deferred.Deferred<void>> = []
  const idOf = ({ callId, turnId }: ToolJournal.JournalCall) => `${turnId}/${callId}`
  const ended = (call: ToolJournal.JournalCall) => {
    running.delete(idOf(call))
    if (running.size > 0) return
    for (const waiter of waiting) Deferred.doneUnsafe(waiter, Exit.void)
    waiting = []
  }
  return {
    idle: Effect.suspend(() => {
      if (running.size === 0) return Effect.void
      const waiter = Deferred.makeUnsafe<void>()
      waiting = [...waiting, waiter]
      return Deferred.await(waiter)
    }),
    journal: {
      find: ({ callId, sideEffect, turnId }) =>
        Effect.gen(function* () {
          if (isLeaving()) return yield* Effect.never
          const get = StorageRetry.retry(tools.get(turnId, callId))
          let row = yield* get
          if (row?.state === "intent" && sideEffect === "once") {
            const ended = Effect.repeat(get, {
              schedule: lookAgain,
              until: (found) => found?.state !== "intent"
            })
            row = Option.getOrElse(yield* Effect.timeoutOption(ended, patience), () => row)
          }
          if (row === undefined) return undefined
          return row.state === "intent" ? "started" : yield* Effect.mapError(decode(row.result), corrupt)
        }),
      begin: (call) =>
        Effect.suspend(() => {
          if (isLeaving()) return Effect.interruptible(Effect.never)
          running.add(idOf(call))
          const { callId, sideEffect, tool, turnId } = call
          return Effect.tapError(
            StorageRetry.retry(tools.begin({ turnId, callId, tool, sideEffect, key }, epoch)),
            () => Effect.sync(() => ended(call))
          )
        }).pipe(
          Effect.flatMap((begun) => {
            if (begun !== "lost") return Effect.void
            // Another runner has the turn, and Codex sends it the call.
            ended(call)
            return Effect.interruptible(Effect.never)
          })
        ),
      done: (call, result) =>
        Effect.mapError(encode(toStored(result)), corrupt).pipe(
          Effect.flatMap((encoded) => StorageRetry.retry(tools.done(call.turnId, call.callId, encoded))),
          Effect.ensuring(Effect.sync(() => ended(call))),
          Effect.asVoid
        )
    }
  }
}
