/** Turns with a key of the caller: a turn that the thread already has under its key is observed, and not started again. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as BoundedContent from "../domain/BoundedContent.ts"
import * as CodexError from "../domain/CodexError.ts"
import * as ContentLimits from "../domain/ContentLimits.ts"
import type { ThreadId } from "../domain/Ids.ts"
import * as Turn from "../domain/Turn.ts"
import * as TurnOptions from "../domain/TurnOptions.ts"
import * as TurnState from "../domain/TurnState.ts"
import type * as Engine from "../engine/Engine.ts"
import * as SharedThreads from "./SharedThreads.ts"
import type * as TurnRunner from "./TurnRunner.ts"

/**
 * When a turn that is found under its key times out, in milliseconds since the epoch. For a caller whose time counts from
 * earlier than the start of the turn. Default: the timeout after the start of the turn.
 */
export const Deadline = Context.Reference<number | undefined>("effect-codex/turn/Deadline", {
  defaultValue: () => undefined
})

/** The maximum length of a key. */
const maxKeyLength = 512

/** Returns why a key is invalid, or `undefined`. */
export const validate = (
  { key, retry }: TurnOptions.TurnOptions,
  request: TurnRunner.TurnRequest
): string | undefined => {
  if (key === undefined) return undefined
  if (key === "" || key.length > maxKeyLength) return `key must have 1 to ${maxKeyLength} characters`
  if (request._tag !== "Prompt" || request.input.length === 0)
    return "key needs a turn with input: Codex stores the key with the input"
  return retry === undefined ? undefined : "key cannot be combined with retry: a key has one outcome"
}

/** Returns the turn of the history, as its caller would have received it, and its error. */
const outcomeOf = (
  threadId: ThreadId,
  { end, endedAt, events }: Engine.FoundTurn,
  limits: ContentLimits.MemoryLimits,
  readOnly: ReadonlySet<string>
): readonly [Turn.Turn, CodexError.TurnError | undefined] => {
  const startedAt = events[0]?.at ?? 0
  let state = TurnState.initial(threadId, startedAt, Turn.noUsage, limits)
  for (const event of events)
    [state] = TurnState.step(state, BoundedContent.boundEvent(event, limits.itemBytes), readOnly)
  const error = end === "completed" ? undefined : end
  const outcome = { completed: error === undefined, ...(error && { errorType: error.errorType }) }
  const [turn] = TurnState.end(state, Math.max(endedAt ?? 0, state.time.at), outcome, readOnly)
  return [turn, error]
}

/** How long to wait before another look at a turn that runs and that this process does not see. */
const lookAgain = Duration.millis(250)

/**
 * Runs a turn with a key, once. `start` runs a turn after the turns that were requested before it; `before` is to run first,
 * and returns the turn if the thread has it by then.
 */
export const run = <A>(
  thread: SharedThreads.SharingHandle,
  key: string,
  { options, output }: TurnRunner.TurnSpec<A>,
  start: (
    running: SharedThreads.HandleTurn,
    before: Effect.Effect<Option.Option<readonly [Turn.Turn, A]>, CodexError.TurnError>
  ) => Effect.Effect<readonly [Turn.Turn, A], CodexError.TurnError>
): Effect.Effect<readonly [Turn.Turn, A], CodexError.TurnError> => {
  const { context, engine, shared } = thread
  const { findTurn } = engine
  if (findTurn === undefined)
    return Effect.fail(
      new CodexError.InvalidRequest({
        reason: "Rejected",
        method: "turn/start",
        detail: "this engine keeps no keys of turns"
      })
    )

  const decoded = (turn: Turn.Turn) =>
    output.decode({ message: turn.message, review: turn.review }).pipe(
      Effect.map((value) => [turn, value] as const),
      Effect.mapError((error) => CodexError.withTurn(error, turn))
    )

  /** Waits for the end of a turn that this process did not start. The time of the turn counts from its start. */
  const observeAdopted = (running: SharedThreads.HandleTurn) =>
    Effect.gen(function* () {
      const timeout = Duration.fromInputUnsafe(options.timeout ?? (yield* TurnOptions.DefaultTimeout))
      const timeoutMillis = Duration.toMillis(timeout)
      const { startedAt } = running
      const now = yield* Clock.currentTimeMillis
      const deadline = (yield* Deadline) ?? (startedAt ?? now) + timeoutMillis
      const stop = Effect.suspend(() =>
        SharedThreads.stopTurn(running, new CodexError.TurnTimedOut({ timeoutMillis }))
      )
      const late = Effect.delay(stop, Duration.millis(Math.max(0, deadline - now)))
      return yield* Effect.raceFirst(Deferred.await(running.result), Effect.andThen(late, Effect.never)).pipe(
        Effect.onInterrupt(() =>
          thread.isDetached ? Effect.void : SharedThreads.interruptRequested(running)
        )
      )
    })

  /** Returns the turn after its end if the thread has it. */
  const lookUp: Effect.Effect<Option.Option<readonly [Turn.Turn, A]>, CodexError.TurnError> = Effect.gen(
    function* () {
      const found = yield* findTurn(key)
      if (found === undefined) return Option.none()
      if (found.end !== undefined) {
        const limits = yield* ContentLimits.Current
        const [turn, error] = outcomeOf(engine.id, found, limits, context.tools.readOnly)
        if (error !== undefined) return yield* CodexError.withTurn(error, turn)
        return Option.some(yield* decoded(turn))
      }
      const running = [...shared.adopted].find(({ turnId }) => turnId === found.turnId)
      if (running !== undefined) return Option.some(yield* decoded(yield* observeAdopted(running)))
      yield* Effect.sleep(lookAgain)
      return yield* lookUp
    }
  )

  return Effect.suspend(() => {
    const known = shared.keyed.get(key)
    if (known !== undefined) return Effect.flatMap(Deferred.await(known.result), decoded)
    const running = SharedThreads.makeTurn()
    shared.keyed.set(key, running)
    const turn = Effect.flatMap(
      lookUp,
      Option.match({
        onSome: (found) => Effect.succeed(found),
        // The history is asked again: another process may have run the turn while this one waited.
        onNone: () => start(running, lookUp)
      })
    )
    return Effect.onExit(turn, (exit) =>
      Effect.sync(() => {
        shared.keyed.delete(key)
        // A turn that its caller has left goes on.
        if (!shared.adopted.has(running)) SharedThreads.endTurn(running, exit)
      })
    )
  })
}
