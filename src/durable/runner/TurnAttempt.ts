/** One attempt to run a durable turn: takes an engine, opens the thread, and runs or finds the turn by its key. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ApprovalAudit } from "../../approval/ApprovalAudit.ts"
import type * as Policy from "../../approval/Policy.ts"
import type { BudgetUsage } from "../../domain/Budget.ts"
import * as CodexError from "../../domain/CodexError.ts"
import { type ThreadId, TurnId } from "../../domain/Ids.ts"
import type * as Prices from "../../domain/Prices.ts"
import type { StorageUnavailable } from "../../domain/StorageErrors.ts"
import type * as Turn from "../../domain/Turn.ts"
import * as TurnOptions from "../../domain/TurnOptions.ts"
import type * as DurableTelemetry from "../../instrumentation/DurableTelemetry.ts"
import * as GracefulInterrupt from "../../internal/GracefulInterrupt.ts"
import { ActivityFromOpening, BeforeStart, Deadline, type Thread } from "../../Thread.ts"
import type { ThreadRow, TurnRow } from "../store/Rows.ts"
import type { Store } from "../store/Store.ts"
import type { AttemptStart } from "../store/TurnQueries.ts"
import type { EnginePool, PoolEngine } from "./EnginePool.ts"
import type * as EventWriter from "./EventWriter.ts"
import * as Rollouts from "./Rollouts.ts"
import type { RunnerEvent } from "./RunnerEvent.ts"
import * as ThreadOpening from "./ThreadOpening.ts"
import type { TurnPlace } from "./TurnPlace.ts"
import type * as TurnTools from "./TurnTools.ts"
import type { TurnWatch } from "./TurnWatch.ts"

/** What the turns of a runner share. */
export interface RunnerContext {
  readonly store: Store["Service"]
  readonly pool: EnginePool
  readonly watch: TurnWatch
  /** Identifies the runner: its machine, its process and a random part. */
  readonly runner: string
  readonly programVersion: string | undefined
  /** The price of a model, for budgets of money. */
  readonly prices: Prices.PriceOf
  readonly policy: Policy.Policy | undefined
  readonly audit: ApprovalAudit["Service"] | undefined
  readonly expiry: Duration.Duration
  /** Completes when the runner leaves its turns to the next one. */
  readonly leaving: Deferred.Deferred<void>
  /** How long a runner that leaves waits for the tools that run. */
  readonly drainDeadline: Duration.Duration
  /** How long another runner, from which a turn has moved, may take to end the tools that it runs. */
  readonly patience: Duration.Duration
  /** Whether other runners share the database, so that one from which a turn has moved may live. */
  readonly hasOthers: boolean
  readonly report: (event: RunnerEvent) => void
}

/** A turn that this runner has claimed. */
export interface Claimed {
  readonly row: TurnRow
  readonly thread: ThreadRow
  readonly tools: TurnTools.TurnTools
  readonly writer: EventWriter.EventWriter
  /** When the turn first started, in milliseconds since the epoch. */
  readonly startedAt: number
  /** When the turn fails with `TurnTimedOut`, in milliseconds since the epoch. */
  readonly deadline: number
  readonly timeoutMillis: number
  readonly policy: Policy.Policy
  /** Its place among the turns that run at the same time. */
  readonly place: TurnPlace
  readonly report: (event: ReportedEvent) => Effect.Effect<void>
  readonly telemetry: DurableTelemetry.RunTelemetry
  /** From when on this runner may start the turn, in milliseconds since the epoch. Until then another one may start it. */
  readonly startsFrom: number
  /** The last attempt that was to start, on the engine of that time. */
  start: AttemptStart | undefined
  /** The last turn of Codex that ran an attempt. */
  turnId: TurnId | null
  /** Whether the history of the thread lacks the input of the turn: it was lost with an engine. */
  isInputLost: boolean
  /** What the turn has used on engines that died. */
  spent: BudgetUsage
  isInterrupted: boolean
  open: Thread | undefined
  /** The copy of the conversation, once it is known where Codex stores it. */
  rollout: Rollouts.Follower | undefined
}

export type RunError = CodexError.CodexError | StorageUnavailable

/** What a turn reports. The runner adds the turn and the time. */
export type ReportedEvent = RunnerEvent extends infer E
  ? E extends RunnerEvent
    ? Omit<E, "at" | "key" | "thread">
    : never
  : never

/**
 * How old the check may be that a runner owns a turn, when the turn is started, in milliseconds. Shorter than the time after which
 * another runner takes over the turns of one that does not answer.
 */
export const fenceMillis = 2000

/**
 * Checks that this runner still owns the turn, and writes that the attempt is to start. Returns a function that the engine
 * calls right before it sends the request: a process that was frozen in between may have lost the turn, and must not start it
 * again. The check is repeated until then, because Codex may search the history for seconds. A runner that took the turn over
 * waits as long as the earlier one may start it. Nor may an attempt start again that was to start on an engine whose history is
 * lost: it may have run there. `isDecided`: whether the turn has started or was found, so that no further check is needed.
 */
const fence = Effect.fnUntraced(function* (
  { runner, store }: RunnerContext,
  claimed: Claimed,
  start: AttemptStart,
  isDecided: () => boolean
) {
  const { row, start: last } = claimed
  const lost = new CodexError.ThreadBusy({
    method: "turn/start",
    detail: "another runner may have the turn"
  })
  const clock = yield* Clock.Clock
  const wasStarting = last !== undefined && last.attempt >= start.attempt
  const owns = store.owns(row.key, runner, row.epoch)
  // A turn that is to be interrupted does not start.
  let checkedAt = yield* wasStarting || claimed.isInterrupted
    ? owns
    : store.starting(row.key, row.epoch, start)
  if (checkedAt === undefined) return yield* lost
  yield* Effect.sleep(fenceMillis / 2).pipe(
    Effect.andThen(Effect.suspend(() => (isDecided() ? Effect.interrupt : owns))),
    Effect.tap((at) => Effect.sync(() => void (checkedAt = at))),
    Effect.ignore,
    Effect.forever,
    Effect.forkScoped
  )
  if (!wasStarting && !claimed.isInterrupted) claimed.start = start
  return () => {
    const now = clock.currentTimeMillisUnsafe()
    if (checkedAt === undefined || now - checkedAt > fenceMillis || now < claimed.startsFrom) return lost
    if (!wasStarting || (last.attempt === start.attempt && last.engine === start.engine)) return undefined
    // The history does not have an attempt that may have run: it was lost with another engine.
    claimed.isInputLost ||= start.attempt === 0
    const turnId = last.attempt === start.attempt ? claimed.turnId : null
    return new CodexError.EngineExited({
      stderr: "",
      turnId: turnId ?? TurnId.make(`lost:${messageIdOf(row, start.attempt)}`)
    })
  }
})

/** The id of the user message of an attempt. */
const messageIdOf = ({ messageId }: TurnRow, attempt: number): string =>
  attempt === 0 ? messageId : `${messageId}/${attempt}`

/** Stores an event. */
const record = (
  runner: RunnerContext,
  claimed: Claimed,
  engine: PoolEngine,
  threadId: ThreadId,
  event: Turn.TurnEvent
): Effect.Effect<void> => {
  claimed.writer.offer(event)
  // The copy is stored at the end in any case.
  if (event._tag === "ItemCompleted") return Effect.ignore(claimed.rollout?.save ?? Effect.void)
  if (event._tag !== "TurnStarted") return Effect.void
  const { turnId } = event
  return Effect.andThen(
    Effect.ignore(started(runner, claimed, engine, threadId, turnId)),
    claimed.report({ _tag: "Started", turnId })
  )
}

/** Starts to copy the conversation of the thread. */
const copyRollout = Effect.fnUntraced(function* (
  { store }: RunnerContext,
  claimed: Claimed,
  { name, threads }: PoolEngine,
  threadId: ThreadId
) {
  const { epoch, key } = claimed.row
  const file = yield* Rollouts.fileOf(threads, threadId)
  const path = file === undefined ? undefined : Rollouts.relativePath(file)
  if (file === undefined || path === undefined) return
  yield* store.threadStarted(key, epoch, { codexThreadId: threadId, engine: name, rolloutPath: path })
  claimed.rollout = Rollouts.follow(store, threadId, file, { key, epoch })
})

/** Stores where the turn runs, and starts to copy the conversation of its thread. */
const started = (
  runner: RunnerContext,
  claimed: Claimed,
  engine: PoolEngine,
  threadId: ThreadId,
  turnId: TurnId
) => {
  const { epoch, key } = claimed.row
  claimed.turnId = turnId
  const found = { codexThreadId: threadId, turnId, engine: engine.name }
  return Effect.andThen(
    runner.store.started(key, epoch, found),
    claimed.rollout === undefined ? copyRollout(runner, claimed, engine, threadId) : Effect.void
  )
}

/** A turn that runs on an engine which does not answer gives its place to a turn on another engine. */
const yieldPlace = ({ place }: Claimed, { whenReached }: PoolEngine) =>
  whenReached(false).pipe(
    Effect.andThen(place.leave),
    Effect.andThen(whenReached(true)),
    Effect.andThen(place.enter),
    Effect.forever
  )

/**
 * Returns the last turns of the thread that were interrupted. Codex may still run one of them, if the worker was cut off
 * from Codex when it ended the turn.
 */
const interruptedEarlier = Effect.fnUntraced(function* ({ store }: RunnerContext, { row }: Claimed) {
  const isFirst = row.seq === 1
  const rows = isFirst ? [] : yield* store.turns({ threadId: row.threadId, status: ["interrupted"] })
  return new Set(rows.flatMap(({ turnId }) => (turnId === null ? [] : [turnId])))
})

/** Stores what the file of a thread that moves still has. The next engine writes another file. */
const leaveRollout = (claimed: Claimed) =>
  Effect.suspend(() => {
    const { rollout } = claimed
    claimed.rollout = undefined
    return Effect.ignore(rollout?.save ?? Effect.void)
  })

/**
 * Runs or finds the turn once. `attempt` counts the engines on which the turn has continued, and `lastError` ended the try
 * before. Fails with `EngineUnreachable` or `ThreadBusy` while the turn has to wait for an engine.
 */
export const run = Effect.fnUntraced(function* (
  runner: RunnerContext,
  claimed: Claimed,
  attempt: number,
  input: TurnOptions.TurnInput,
  lastError: RunError | undefined
): Effect.fn.Return<Turn.Turn, RunError, Scope.Scope> {
  const { deadline, row, telemetry, writer } = claimed
  const { pool, store } = runner
  // The row may be older than the last attempt.
  const stored = (yield* store.thread(claimed.thread.id)) ?? claimed.thread
  const engine = yield* pool.acquire(stored)
  telemetry.runsOn(engine.name)
  // The first try has a span that failed. A span for each further one would say no more.
  if (lastError?._tag === "EngineUnreachable")
    yield* Effect.provideService(engine.threads.home, References.TracerEnabled, false)
  yield* Effect.forkScoped(yieldPlace(claimed, engine))
  const scope = yield* Effect.scope
  const seen = new Set<string>()
  /** Whether Codex was asked to start the turn, and whether it is known where the turn was found. */
  let isStarted = false
  let isFound = false
  /** Whether the turn has ended, so that later events belong to another one. */
  let isOver = false
  const found = (where: "running" | "ended", threadId: ThreadId, turnId: TurnId | undefined) => {
    if (isFound) return Effect.void
    isFound = true
    return telemetry.found(isStarted ? "new" : where, { threadId, turnId })
  }
  let recording: Fiber.Fiber<void> | undefined
  const observed = Effect.gen(function* () {
    const thread = yield* ThreadOpening.open(
      {
        store,
        threads: engine.threads,
        engine: engine.name,
        spent: claimed.spent,
        onHistoryLost: () => {
          if (claimed.start !== undefined) claimed.start = { ...claimed.start, engine: "" }
        }
      },
      row,
      stored,
      telemetry.moved
      // A turn that runs is adopted when the thread opens, and only the time limit of its submission counts.
    ).pipe(
      Effect.provideService(TurnOptions.DefaultTimeout, Duration.infinity),
      // Its start and its first events come before this runner can read the activity.
      Effect.provideService(ActivityFromOpening, true)
    )
    claimed.open = thread
    const interrupted = yield* interruptedEarlier(runner, claimed)
    // The turn may have ended without a runner that would have copied it.
    if (claimed.start !== undefined && claimed.rollout === undefined)
      yield* Effect.ignore(copyRollout(runner, claimed, engine, thread.id))
    if (claimed.isInterrupted) yield* Effect.forkScoped(thread.interrupt)
    // The activity has the events of a turn that an earlier runner started, too.
    recording = yield* Stream.runForEach(thread.activity, (event) => {
      // Another runner can start the next turn of the thread before this handle of the thread closes.
      if (event._tag === "TurnEnded" && (event.requested || event.turn.id === row.turnId)) isOver = true
      if (isOver || event._tag !== "TurnProgress") return Effect.void
      const { turnId } = event
      // Codex starts the turn of this runner after it.
      if (interrupted.has(turnId))
        return event.event._tag === "TurnStarted"
          ? Effect.ignore(engine.threads.request("turn/interrupt", { threadId: thread.id, turnId }))
          : Effect.void
      if (event.event._tag === "ItemCompleted") seen.add(event.event.item.id)
      const recorded = record(runner, claimed, engine, thread.id, event.event)
      // A turn that ran already does not start again: its first event shows that it runs.
      const isThisTurn = event.event._tag === "TurnStarted" || turnId === row.turnId
      return isFound || !isThisTurn ? recorded : Effect.andThen(found("running", thread.id, turnId), recorded)
    }).pipe(Effect.forkIn(scope, { startImmediately: true }))
    const check = yield* fence(runner, claimed, { attempt, engine: engine.name }, () => isFound || isStarted)
    return yield* thread
      .run(input, {
        key: messageIdOf(row, attempt),
        // The time counts from the first start, also over restarts.
        timeout: Math.max(0, deadline - (yield* Clock.currentTimeMillis))
      })
      .pipe(
        Effect.tap((turn) => found("ended", thread.id, turn.id)),
        Effect.provideService(Deadline, deadline),
        Effect.provideService(BeforeStart, () => {
          const refused = claimed.isInterrupted ? new CodexError.TurnInterrupted({ by: "caller" }) : check()
          isStarted = refused === undefined
          return refused
        })
      )
  }).pipe(
    telemetry.within,
    Effect.scoped,
    // The activity ends with the scope, after its last event.
    Effect.onExit(() => (recording === undefined ? Effect.void : Fiber.await(recording)))
  )
  // The thread of a lost engine may take minutes to close.
  const exit = yield* GracefulInterrupt.unless(
    Effect.exit(observed),
    Effect.tap(Effect.map(engine.lost, Exit.fail), leaveRollout(claimed)),
    `the thread of a turn on the engine ${engine.name}`
  )
  claimed.open = undefined
  const at = yield* Clock.currentTimeMillis
  /** Stores the items that this runner has not observed: an earlier runner did, or the turn went on without a runner. */
  const complete = (turn: Turn.Turn | undefined) => {
    if (turn === undefined) return
    for (const item of turn.items)
      if (!seen.has(item.id)) writer.offer({ _tag: "ItemCompleted", item, at }, turn.id)
  }
  if (Exit.isSuccess(exit)) complete(exit.value)
  else complete(Option.getOrUndefined(Cause.findErrorOption(exit.cause))?.turn)
  return yield* exit
})
