/** Runs a turn, and runs it again as its `retry` schedule says. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import * as Budget from "../domain/Budget.ts"
import * as CodexError from "../domain/CodexError.ts"
import * as Retry from "../domain/Retry.ts"
import type * as Engine from "../engine/Engine.ts"
import type * as Turn from "../domain/Turn.ts"
import * as TraceContext from "../internal/TraceContext.ts"
import * as StructuredOutput from "./StructuredOutput.ts"
import * as ThreadMembers from "./ThreadMembers.ts"
import * as TurnRunner from "./TurnRunner.ts"

/** A handle of a thread, and what its turns share. */
export interface ThreadTurns extends ThreadMembers.Member {
  readonly engine: Engine.EngineThread
  readonly context: TurnRunner.ThreadContext
  /** The open handles of the thread, this one included. */
  readonly members: ThreadMembers.ThreadMembers
  readonly onExhausted: TurnRunner.TurnAttempt["onExhausted"]
  /** The model that the last turn with the option `model` chose. Codex keeps it for later turns. */
  model: string | undefined
  /** A retry has changed the model, which Codex keeps: later turns have to name their model. */
  hasFallenBack: boolean
}

/** How to end a turn that runs, or that waits for its next attempt. */
export interface CurrentTurn {
  /** Fails to end the attempt; `undefined` between attempts. */
  attempt: Deferred.Deferred<never, CodexError.TurnError> | undefined
  /** Whether the handle leaves the turn running when it ends the attempt. */
  isLeft: boolean
  /** Reads the attempt while it runs. */
  live: TurnRunner.LiveAttempt | undefined
  /** Fails to end the wait between attempts. */
  readonly interrupted: Deferred.Deferred<never, CodexError.TurnError>
}

/** Whether another attempt repeats no side effect and may succeed. The schedule decides about a usage limit. */
const isRetryable = (error: CodexError.TurnError, changesModel: boolean): boolean =>
  (error.retryable || isUsageLimit(error) || (changesModel && Retry.concernsModel(error))) &&
  error.turn?.sideEffects !== true

const isUsageLimit = (error: CodexError.TurnError): boolean =>
  error._tag === "TurnFailed" && error.reason === "UsageLimit"

/**
 * Waits at least as long as the provider's `retryAfter`, and at most as long as the time budget lasts. Stops at a usage
 * limit unless `Retry.untilReset` waits for it. The limits of a model do not concern another model.
 */
const governed = (
  schedule: Retry.RetrySchedule,
  timeLeft: () => number | undefined,
  changesModel: () => boolean
): Retry.RetrySchedule =>
  Schedule.fromStep(
    Effect.map(
      Schedule.toStep(schedule),
      (step) =>
        (now: number, error: CodexError.TurnError): Pull.Pull<[unknown, Duration.Duration], never, unknown> =>
          Effect.suspend(() => {
            const accepted: { error: CodexError.TurnError | undefined } = { error: undefined }
            return step(now, error).pipe(
              Effect.provideService(Retry.Accepted, accepted),
              Effect.flatMap(([output, duration]): ReturnType<typeof step> => {
                if (isUsageLimit(error) && accepted.error !== error && !changesModel())
                  return Cause.done(output)
                const wait =
                  error.retryAfter === undefined || changesModel()
                    ? duration
                    : Duration.max(duration, error.retryAfter)
                const left = timeLeft()
                // Fail now if the limit resets after the end of the time budget.
                if (left !== undefined && isUsageLimit(error) && Duration.toMillis(wait) > left)
                  return Cause.done(output)
                return Effect.succeed([
                  output,
                  left === undefined ? wait : Duration.min(wait, Duration.millis(left))
                ])
              })
            )
          })
    )
  )

/**
 * Runs a turn until an attempt succeeds or may not be repeated. Codex keeps the input of a failed turn, so once it has
 * recorded the user message, the next attempt is a turn without input.
 */
export const run = <A>(
  thread: ThreadTurns,
  current: CurrentTurn,
  turn: TurnRunner.TurnSpec<A>,
  context: TurnRunner.ThreadContext = thread.context
): Effect.Effect<readonly [Turn.Turn, A], CodexError.TurnError> =>
  Effect.flatMap(Clock.Clock, (clock) => {
    const { engine } = thread
    const { budget = {}, retry } = turn.options
    const schedule = Schedule.isSchedule(retry) ? retry : retry?.schedule
    const plan = Schedule.isSchedule(retry) || turn.request._tag !== "Prompt" ? undefined : retry
    if (turn.options.model !== undefined) thread.model = turn.options.model
    /** The model that Codex has to be told, and the model that it uses. */
    let chosen = turn.options.model ?? (thread.hasFallenBack ? (thread.model ?? engine.model) : undefined)
    let model = thread.model ?? engine.model
    let next: string | undefined
    const changesModel = () => next !== undefined && next !== model
    const startedAt = clock.monotonicTimeNanosUnsafe()
    let request = turn.request
    let attempts = 0
    let used = Budget.zero
    let last: { readonly turn: Turn.Turn; readonly at: bigint } | undefined
    const usedSoFar = () => ({
      ...used,
      timeMillis: Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1e6
    })
    /** Returns the earlier attempts. The thread has used the wait after them too. */
    const earlier = () => {
      if (last === undefined) return undefined
      const waitMillis = Number(clock.monotonicTimeNanosUnsafe() - last.at) / 1e6
      thread.spent = Budget.add(thread.spent, { ...Budget.zero, timeMillis: waitMillis })
      return { turn: last.turn, waitMillis }
    }
    const attempt = Effect.suspend(() => {
      const before = earlier()
      if (changesModel()) {
        chosen = model = next
        thread.hasFallenBack = true
      }
      next = undefined
      const stopped = Deferred.makeUnsafe<never, CodexError.TurnError>()
      current.attempt = stopped
      return TurnRunner.run(
        engine,
        context,
        { ...turn, request, options: { ...turn.options, model: chosen } },
        {
          stopped,
          keepsRunning: () => current.isLeft,
          onLive: (live) => {
            current.live = live
          },
          onExhausted: thread.onExhausted,
          model,
          share: ThreadMembers.share(thread.members, thread, request._tag !== "Adopted"),
          earlier: before,
          tried: attempts++ === 0 ? Budget.zero : usedSoFar(),
          previous: thread.members.previous,
          onEnd: (result, usage, span) => {
            // Unsampled spans are not exported, so the next turn does not link to them.
            if (span.sampled) thread.members.previous = TraceContext.idsOf(span)
            used = Budget.add(used, usage)
            last = { turn: result, at: clock.monotonicTimeNanosUnsafe() }
            if (request._tag === "Prompt" && result.items.some((item) => item._tag === "UserMessage"))
              request = { ...request, input: [] }
          }
        }
      ).pipe(
        Effect.tapError((error) => Effect.sync(() => (next = plan?.model(error, attempts)))),
        Effect.ensuring(
          Effect.sync(() => {
            current.attempt = undefined
          })
        )
      )
    })
    const { repairs } = turn.output
    let repaired = 0
    /** An attempt whose answer does not match its schema asks for another answer, in an attempt of its own. */
    const attemptWithRepairs: typeof attempt =
      repairs === 0
        ? attempt
        : Effect.catchTag(attempt, "OutputInvalid", (error) =>
            Effect.suspend(() => {
              if (repaired++ >= repairs) return Effect.fail(error)
              request = { _tag: "Prompt", input: StructuredOutput.repairPrompt(error) }
              return attemptWithRepairs
            })
          )
    if (schedule === undefined && repairs === 0) return attempt
    const timeLeft = () => Budget.timeLeft(budget, usedSoFar())
    const retried =
      schedule === undefined
        ? attemptWithRepairs
        : Effect.retry(attemptWithRepairs, {
            schedule: governed(schedule, timeLeft, changesModel),
            while: (error) =>
              isRetryable(error, changesModel()) &&
              // Fail now if `retryAfter` exceeds the remaining time budget.
              (changesModel() ||
                !(Duration.toMillis(error.retryAfter ?? Duration.zero) > (timeLeft() ?? Infinity)))
          })
    return retried.pipe(
      Effect.raceFirst(
        Effect.mapError(Deferred.await(current.interrupted), (error) =>
          last === undefined ? error : CodexError.withTurn(error, last.turn)
        )
      )
    )
  })
