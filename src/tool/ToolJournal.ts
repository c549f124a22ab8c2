/**
 * A record of tool calls that outlives the process. Codex sends a call again to the next program when the program that ran
 * it has died: the journal then has the result, or says that the call was running.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as CodexError from "../domain/CodexError.ts"
import type { ItemId, TurnId } from "../domain/Ids.ts"
import type * as Engine from "../engine/Engine.ts"
import type { SideEffect } from "./ToolSettings.ts"

/**
 * A call of a tool. The id of the turn and the id of the call together identify it, also in another process.
 * @since 0.1.0
 * @category models
 */
export interface JournalCall {
  readonly turnId: TurnId
  readonly callId: ItemId
  readonly tool: string
  readonly sideEffect: SideEffect
}

/**
 * How a call ended: what the model receives, or the error that the turn fails with.
 * @since 0.1.0
 * @category models
 */
export type JournalResult =
  | { readonly _tag: "Returned"; readonly output: Engine.EngineToolOutput }
  | { readonly _tag: "Failed"; readonly error: CodexError.ToolFailed }

/**
 * Stores the calls of tools. A failure of a function fails the turn. The handler of a tool starts only after `begin` has
 * succeeded, and the model gets the result only after `done` has.
 * @since 0.1.0
 * @category models
 */
export interface ToolJournal {
  /** Returns the result of a call, `started` for a call that has started and has no result, or `undefined`. */
  readonly find: (
    call: JournalCall
  ) => Effect.Effect<JournalResult | "started" | undefined, CodexError.TurnError>
  /** Stores that the call starts. */
  readonly begin: (call: JournalCall) => Effect.Effect<void, CodexError.TurnError>
  /** Stores how the call ended. */
  readonly done: (call: JournalCall, result: JournalResult) => Effect.Effect<void, CodexError.TurnError>
}

/**
 * The journal of the tool calls of a turn. Default: none, so that calls are not stored. The worker of durable turns provides
 * one.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codex, ToolJournal } from "effect-codex"
 *
 * const results = new Map<string, ToolJournal.JournalResult>()
 * const key = ({ callId, turnId }: ToolJournal.JournalCall) => `${turnId}/${callId}`
 * // In memory: only the shape. A journal is useful where the process can die.
 * const journal: ToolJournal.ToolJournal = {
 *   find: (call) => Effect.sync(() => results.get(key(call))),
 *   begin: () => Effect.void,
 *   done: (call, result) => Effect.sync(() => void results.set(key(call), result))
 * }
 * const program = Codex.use(({ startThread }) => startThread()).pipe(
 *   Effect.flatMap((thread) => thread.run("Fix ticket T-42")),
 *   Effect.provideService(ToolJournal.Current, journal)
 * )
 * ```
 */
export const Current = Context.Reference<ToolJournal | undefined>("effect-codex/ToolJournal/Current", {
  defaultValue: () => undefined
})

/**
 * Identifies the running call of a tool. It is the same when the call is run again after the process died, so that an
 * `idempotent` tool can pass it on to another system. "" outside a call.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { ToolJournal } from "effect-codex"
 * import { Tool, Toolkit } from "effect/ai"
 *
 * const Charge = Tool.make("charge", {
 *   parameters: Schema.Struct({ cents: Schema.Int }),
 *   success: Schema.String
 * }).annotate(Tool.Idempotent, true)
 * const Payments = Toolkit.make(Charge)
 * const PaymentsLive = Payments.toLayer({
 *   charge: ({ cents }) => Effect.map(ToolJournal.IdempotencyKey, (key) => `charged ${cents} once for ${key}`)
 * })
 * ```
 */
export const IdempotencyKey = Context.Reference<string>("effect-codex/ToolJournal/IdempotencyKey", {
  defaultValue: () => ""
})

/**
 * Returns the key of a call.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { ItemId, ToolJournal, TurnId } from "effect-codex"
 *
 * ToolJournal.keyOf({ turnId: TurnId.make("turn_1"), callId: ItemId.make("call_1") }) // "turn_1/call_1"
 * ```
 */
export const keyOf = ({ callId, turnId }: Pick<JournalCall, "callId" | "turnId">): string =>
  `${turnId}/${callId}`

type Output = Effect.Effect<Engine.EngineToolOutput, CodexError.TurnError>

const give = (result: JournalResult): Output =>
  result._tag === "Returned" ? Effect.succeed(result.output) : Effect.fail(result.error)

/**
 * @internal Answers a call from the journal, or runs it. `decide` says whether the call may run: it returns the answer to a
 * call that may not. `run` runs the handler. A call of a `once` tool that has started and has no result does not run again.
 */
export const around = (
  journal: ToolJournal | undefined,
  call: JournalCall,
  decide: Effect.Effect<Engine.EngineToolOutput | undefined, CodexError.TurnError>,
  run: Effect.Effect<Engine.EngineToolOutput, CodexError.ToolFailed>,
  limit: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
): Output => {
  const keyed = Effect.provideService(run, IdempotencyKey, keyOf(call))
  if (journal === undefined)
    return Effect.flatMap(decide, (answer) => (answer === undefined ? limit(keyed) : Effect.succeed(answer)))
  const journalled = Effect.uninterruptibleMask((restore) =>
    journal.begin(call).pipe(
      Effect.andThen(
        restore(keyed).pipe(
          Effect.map((output): JournalResult => ({ _tag: "Returned", output })),
          Effect.catch((error) => Effect.succeed<JournalResult>({ _tag: "Failed", error }))
        )
      ),
      // The result is stored although the turn may be interrupted meanwhile: the tool has taken effect.
      Effect.tap((result) => journal.done(call, result)),
      Effect.flatMap(give)
    )
  )
  return Effect.gen(function* () {
    const found = yield* journal.find(call)
    if (found === "started" && call.sideEffect === "once")
      return yield* new CodexError.ToolOutcomeUnknown({ tool: call.tool, callId: call.callId })
    if (found !== undefined && found !== "started") return yield* give(found)
    // An approval was given before the call started, so a call that starts again is not asked about again.
    const answer = found === "started" ? undefined : yield* decide
    return answer ?? (yield* limit(journalled))
  })
}
