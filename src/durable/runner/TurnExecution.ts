/**
 * Runs one durable turn on the engine: opens its thread, runs or finds the turn by its key, stores what happens, and writes
 * the outcome once. Safe to run any number of times: nothing that has happened happens again.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Policy from "../../approval/Policy.ts"
import * as Budget from "../../domain/Budget.ts"
import * as CodexError from "../../domain/CodexError.ts"
import type { TurnId } from "../../domain/Ids.ts"
import type { StorageUnavailable } from "../../domain/StorageErrors.ts"
import * as TurnOptions from "../../domain/TurnOptions.ts"
import * as Sampling from "../../instrumentation/Sampling.ts"
import * as GracefulInterrupt from "../../internal/GracefulInterrupt.ts"
import * as ToolJournal from "../../tool/ToolJournal.ts"
import type { TurnOutcome, TurnRow } from "../store/Rows.ts"
import type { Store } from "../store/Store.ts"
import * as DurableApprovals from "./DurableApprovals.ts"
import * as EventWriter from "./EventWriter.ts"
import * as LeftThreads from "./LeftThreads.ts"
import * as RecoveryMessage from "./RecoveryMessage.ts"
import * as SpentEarlier from "./SpentEarlier.ts"
import * as TurnAttempt from "./TurnAttempt.ts"
import * as TurnClaim from "./TurnClaim.ts"
import type { TurnPlace } from "./TurnPlace.ts"
import * as TurnTools from "./TurnTools.ts"

/** The format of the stored turns. A runner continues only turns of its own format. */
export const journalVersion = 1

/** How often a turn continues on a new engine before its outcome is unknown. */
const maxRecoveries = 5

const failed = (error: CodexError.CodexError): TurnOutcome => ({ _tag: "Failed", error })

/** Returns why this runner cannot continue the turn. */
const incompatibility = (
  { key, journalVersion: journal, programVersion: program }: TurnRow,
  expected: string | undefined
): CodexError.IncompatibleJournal | undefined => {
  if (journal !== null && journal !== journalVersion)
    return new CodexError.IncompatibleJournal({
      key,
      what: "journal",
      found: String(journal),
      expected: String(journalVersion)
    })
  return program === null || program === expected
    ? undefined
    : new CodexError.IncompatibleJournal({
        key,
        what: "program",
        found: program,
        expected: expected ?? "none"
      })
}

/** Whether the same attempt may succeed when the engine can be reached again. */
const isTransient = (error: TurnAttempt.RunError): boolean =>
  error._tag === "EngineExited" || error._tag === "EngineUnreachable" || error._tag === "ThreadBusy"

const pause = (failures: number): Duration.Duration =>
  Duration.millis(Math.min(10_000, 100 * 2 ** Math.min(failures, 10)))

/** The error of a turn that timed out, with the time that its submitter allowed. */
const timedOut = (
  { timeoutMillis }: TurnAttempt.Claimed,
  error: CodexError.TurnTimedOut
): CodexError.CodexError => {
  const { turn, ...fields } = error
  const whole = new CodexError.TurnTimedOut({ ...fields, timeoutMillis })
  return turn === undefined ? whole : CodexError.withTurn(whole, turn)
}

/** Runs the turn to its outcome, over the ends of engines. */
const runToOutcome = Effect.fnUntraced(function* (
  runner: TurnAttempt.RunnerContext,
  claimed: TurnAttempt.Claimed
): Effect.fn.Return<TurnOutcome, StorageUnavailable> {
  const { row } = claimed
  let attempt = 0
  let input: TurnOptions.TurnInput = row.input
  let failures = 0
  let lastError: TurnAttempt.RunError | undefined
  /** The turn whose engine has died, as the last try has reported it. */
  let died: TurnId | undefined
  while (true) {
    yield* claimed.place.enter
    const exit = yield* TurnAttempt.run(runner, claimed, attempt, input, lastError).pipe(
      Effect.scoped,
      Effect.exit
    )
    claimed.open = undefined
    if (Exit.isSuccess(exit)) return { _tag: "Completed", turn: exit.value }
    const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
    if (error === undefined) return yield* withoutErrors(exit.cause)
    // With a turn, the journal of its tools could not be written, so the turn was ended.
    if (error._tag === "StorageUnavailable" && error.turn === undefined) return yield* error
    if (error._tag === "TurnInterrupted" && !claimed.isInterrupted)
      return failed((yield* unknownTool(runner, claimed, error)) ?? error)
    if (error._tag === "TurnTimedOut") return failed(timedOut(claimed, error))
    if (error._tag === "BudgetExceeded")
      return failed(SpentEarlier.ofWholeTurn(error, row.options.budget, claimed.spent))
    if (!isTransient(error)) return failed(error)
    if (claimed.isInterrupted && error._tag === "EngineExited")
      return failed(new CodexError.TurnInterrupted({ by: "caller" }))
    if ((yield* Clock.currentTimeMillis) >= claimed.deadline)
      return failed(new CodexError.TurnTimedOut({ timeoutMillis: claimed.timeoutMillis }))
    // The second time, the history of the thread says it: the turn has started, and has no end.
    if (error._tag === "EngineExited" && error.turnId !== undefined && error.turnId === died) {
      if (row.options.recovery === "fail" || attempt === maxRecoveries)
        return failed(new CodexError.TurnOutcomeUnknown({ key: row.key }))
      attempt++
      died = undefined
      failures = 0
      yield* claimed.report({ _tag: "Recovering" })
      yield* claimed.telemetry.recover(error)
      yield* runner.store.recovered(row.key, row.epoch, claimed.telemetry.traceParent())
      yield* claimed.writer.flush
      const events = (yield* allEvents(runner.store, row.key)).map(({ event }) => event)
      const { model } = row.threadOptions
      const spent = SpentEarlier.spentBy(
        events,
        error.turnId,
        model === undefined ? undefined : runner.prices(model)
      )
      claimed.spent = {
        ...Budget.add(claimed.spent, spent),
        timeMillis: (yield* Clock.currentTimeMillis) - claimed.startedAt
      }
      const message = RecoveryMessage.make(RecoveryMessage.effectsOf(events))
      input = claimed.isInputLost ? RecoveryMessage.withTask(row.input, message) : message
      continue
    }
    if (error._tag === "EngineExited") died = error.turnId
    lastError = error
    yield* claimed.report({ _tag: "Retrying", errorType: error.errorType })
    if (failures === 0) yield* Effect.logWarning(`a durable turn is tried again: ${error.message}`)
    yield* claimed.place.leave
    yield* Effect.sleep(pause(failures++))
  }
})

/**
 * Returns why a turn was interrupted that nobody wanted to end: an earlier runner ended it because of a tool that must not
 * run twice, and died before it could write this.
 */
const unknownTool = Effect.fnUntraced(function* (
  { store }: TurnAttempt.RunnerContext,
  { row }: TurnAttempt.Claimed,
  { turn, turnId }: CodexError.TurnInterrupted
) {
  const call = (yield* store.tools.list(row.key)).find(
    (call) => call.turnId === turnId && call.sideEffect === "once" && call.state === "intent"
  )
  if (call === undefined) return undefined
  const error = new CodexError.ToolOutcomeUnknown({ tool: call.tool, callId: call.callId })
  return turn === undefined ? error : CodexError.withTurn(error, turn)
})

const withoutErrors = (cause: Cause.Cause<unknown>) =>
  Effect.failCause(Cause.fromReasons<never>(cause.reasons.filter((reason) => !Cause.isFailReason(reason))))

const allEvents = Effect.fnUntraced(function* (store: Store["Service"], key: string) {
  const events: Array<{ readonly seq: number; readonly event: unknown }> = []
  while (true) {
    const page = yield* store.events.after(key, events.at(-1)?.seq ?? 0, 500)
    events.push(...page)
    if (page.length < 500) return events
  }
})

/** Writes the outcome, once. Returns false, and changes nothing, if another runner has claimed the turn. */
const finish = Effect.fnUntraced(function* (
  { store }: TurnAttempt.RunnerContext,
  { report, rollout, row, telemetry, writer }: TurnAttempt.Claimed,
  outcome: TurnOutcome
) {
  yield* writer.flush
  yield* rollout?.save ?? Effect.void
  const isFirst = yield* store.finish(row.key, row.epoch, outcome)
  if (!isFirst && (yield* store.turn(row.key))?.endedAt === null) return false
  yield* store.approvals.end(row.key)
  const error = outcome._tag === "Failed" ? outcome.error : undefined
  if (isFirst) yield* telemetry.stopped(error)
  yield* report({
    _tag: "Ended",
    status: error === undefined ? "completed" : error._tag === "TurnInterrupted" ? "interrupted" : "failed",
    ...(error === undefined ? {} : { errorType: error.errorType })
  })
  return true
})

/**
 * Returns the outcome of an interrupted turn whose engine cannot be reached. An open thread ends its turn by itself, also
 * without an answer of the engine.
 */
const interruptAway = ({ pool, store }: TurnAttempt.RunnerContext, claimed: TurnAttempt.Claimed) =>
  Effect.gen(function* () {
    const { thread } = claimed
    const stored = yield* Effect.orElseSucceed(store.thread(thread.id), () => undefined)
    yield* pool.unreached(stored ?? thread)
  }).pipe(
    Effect.repeat({ until: () => claimed.open === undefined }),
    Effect.as(failed(new CodexError.TurnInterrupted({ by: "caller" })))
  )

/** How long a turn that another version has started is waited for, until its engine can be reached to interrupt it. */
const interruptDeadline = Duration.minutes(1)

/**
 * Interrupts a turn that Codex still runs for a worker of another version. Meanwhile its approvals get no answer and its tools
 * do not start.
 */
const interruptOld = (runner: TurnAttempt.RunnerContext, claimed: TurnAttempt.Claimed): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { codexThreadId, engine: owner } = (yield* runner.store.thread(claimed.thread.id)) ?? claimed.thread
    if (codexThreadId === null) return
    const engine = yield* runner.pool.acquire({ ...claimed.thread, codexThreadId, engine: owner })
    // The turn ended with the engine that had it.
    if (engine.name !== owner) return
    yield* LeftThreads.interrupt(engine.threads, codexThreadId, claimed.tools.journal)
  }).pipe(
    Effect.scoped,
    Effect.retry({ while: isTransient, schedule: Schedule.spaced("1 second") }),
    Effect.timeoutOption(interruptDeadline),
    // Without the thread there is no turn.
    Effect.ignore({ log: "Warn" })
  )

/**
 * Runs the turn with this key. Returns whether the turn has ended; otherwise the runner leaves it to the next one. A failure of the
 * database leaves the turn as it is.
 */
export const run = (
  runner: TurnAttempt.RunnerContext,
  key: string,
  place: TurnPlace
): Effect.Effect<boolean, StorageUnavailable> =>
  Effect.gen(function* () {
    const { store, watch } = runner
    const taken = yield* TurnClaim.take(runner, key, journalVersion)
    if (taken === undefined) {
      // A runner that wrote the outcome may have died before it ended the approvals.
      yield* store.approvals.end(key)
      return true
    }
    const { isTakenOver, row, telemetry, thread } = taken
    const report = (event: TurnAttempt.ReportedEvent) =>
      Effect.map(Clock.currentTimeMillis, (at) => runner.report({ ...event, key, thread: thread.id, at }))
    yield* report({ _tag: "Claimed" })
    const gone = yield* Deferred.make<void>()
    const interrupted = yield* Deferred.make<void>()
    let isGone = false
    let isLost = false
    const startedAt = row.startedAt ?? (yield* Clock.currentTimeMillis)
    const timeoutMillis = row.options.timeoutMillis ?? Duration.toMillis(yield* TurnOptions.DefaultTimeout)
    const claimed: TurnAttempt.Claimed = {
      row,
      thread,
      report,
      telemetry,
      place,
      timeoutMillis,
      startedAt,
      deadline: startedAt + timeoutMillis,
      tools: TurnTools.make(store, row, () => isGone, runner.patience),
      writer: yield* EventWriter.make(store, key, row.epoch),
      policy: DurableApprovals.policy({
        store,
        watch,
        key,
        threadId: thread.id,
        expiry: runner.expiry,
        first: runner.policy,
        audit: runner.audit,
        isLeaving: () => isGone,
        place,
        onWaiting: (count) =>
          Effect.ignore(
            Effect.andThen(
              store.setStatus(key, row.epoch, count > 0 ? "waiting" : "running"),
              count > 0 ? report({ _tag: "Waiting" }) : Effect.void
            )
          )
      }),
      startsFrom:
        isTakenOver && runner.hasOthers ? (yield* Clock.currentTimeMillis) + TurnAttempt.fenceMillis : 0,
      start:
        row.startAttempt === null ? undefined : { attempt: row.startAttempt, engine: row.startEngine ?? "" },
      turnId: row.turnId,
      isInputLost: false,
      spent: Budget.zero,
      isInterrupted: false,
      open: undefined,
      rollout: undefined
    }
    yield* watch.turn(key, {
      epoch: row.epoch,
      onInterrupt: Effect.suspend(() => {
        claimed.isInterrupted = true
        Deferred.doneUnsafe(interrupted, Exit.void)
        return claimed.open?.interrupt ?? Effect.void
      }),
      onLost: Effect.suspend(() => {
        isGone = true
        isLost = true
        return Effect.andThen(telemetry.lost, Deferred.succeed(gone, undefined))
      })
    })
    const incompatible = incompatibility(row, runner.programVersion)
    // The tools of the turn belong to the other version.
    if (incompatible !== undefined) isGone = true
    /** A tool that runs gets the time to end, because no other runner can know its result. No further tool starts. */
    const endTools = Effect.suspend(() => {
      isGone = true
      return Effect.timeoutOption(claimed.tools.idle, runner.drainDeadline)
    })
    const leave = Effect.andThen(Deferred.await(runner.leaving), endTools)
    const interruptedAway = Effect.andThen(Deferred.await(interrupted), interruptAway(runner, claimed))
    const outcome = yield* Effect.raceAllFirst([
      incompatible === undefined
        ? // The thread of an engine that cannot be reached may take minutes to close.
          GracefulInterrupt.unless(
            runToOutcome(runner, claimed),
            interruptedAway,
            "the attempt at an interrupted turn"
          )
        : Effect.as(interruptOld(runner, claimed), failed(incompatible)),
      claimed.writer.failed,
      Effect.as(leave, undefined),
      Effect.as(Deferred.await(gone), undefined)
    ]).pipe(
      Effect.provideService(Policy.Current, claimed.policy),
      Effect.provideService(ToolJournal.Current, claimed.tools.journal),
      interruptedAfter(endTools)
    )
    if (outcome === undefined) {
      yield* Effect.ignore(claimed.writer.flush)
      yield* Effect.ignore(claimed.rollout?.save ?? Effect.void)
      yield* TurnClaim.leave(runner, row, telemetry, isLost)
      yield* report({ _tag: "Left" })
      return false
    }
    if (yield* finish(runner, claimed, outcome)) return true
    if (!isLost) yield* telemetry.lost
    yield* report({ _tag: "Left" })
    return false
  }).pipe(Effect.scoped, Sampling.withTelemetry())

/** Delays the interruption of an effect until `ready`: the workflow engine interrupts a turn that moves to another runner. */
const interruptedAfter =
  (ready: Effect.Effect<unknown>) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.forkChild(restore(effect), { startImmediately: true }), (fiber) =>
        restore(Fiber.join(fiber)).pipe(
          Effect.onInterrupt(() => Effect.andThen(ready, Fiber.interrupt(fiber)))
        )
      )
    )
