/** The default program of a simulation: it uses every feature concurrently, and misuses many. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Approval from "../../Approval.ts"
import type * as CodexError from "../../domain/CodexError.ts"
import { Codex } from "../../Codex.ts"
import * as Retry from "../../domain/Retry.ts"
import * as Review from "../../domain/Review.ts"
import type * as TurnOptions from "../../domain/TurnOptions.ts"
import type * as Thread from "../../Thread.ts"
import type * as Turn from "../../domain/Turn.ts"
import { interruptGrace } from "./FaultyEngine.ts"
import type { RunHistory } from "./History.ts"
import * as HandleObserver from "./HandleObserver.ts"
import * as LimitObserver from "./LimitObserver.ts"
import * as NotificationObserver from "./NotificationObserver.ts"
import * as SeededRandom from "./SeededRandom.ts"
import * as WorkloadActors from "./WorkloadActors.ts"
import * as WorkloadChecks from "./WorkloadChecks.ts"

/** How long a turn may wait for a limit to reset, in milliseconds. */
const maxWait = 3 * 3_600_000

/** The maximum time from the deadline of a turn to its end: the engine stops, tools and policies end. */
export const grace = interruptGrace + WorkloadActors.toolGrace + 1_000

/** The program. `threads` run concurrently; each starts some turns, several of them concurrently. */
export const program = Effect.fnUntraced(function* (
  seed: number,
  threads: number,
  history: RunHistory
): Effect.fn.Return<void, unknown, Codex | Scope.Scope | Approval.ApprovalQueue> {
  const codex = yield* Codex
  const checkLimits = yield* LimitObserver.observe(codex, history)
  const answered = new Map<string, string>()
  for (const name of ["anna", "bert", "cleo"]) yield* WorkloadActors.approver(seed, history, name, answered)

  const tools = WorkloadActors.Tools.toLayer({
    work: ({ call }) => WorkloadActors.toolHandler(seed, history, call),
    critical: ({ call }) => WorkloadActors.toolHandler(seed, history, call),
    guarded: ({ call }) =>
      Effect.sync(() => {
        history.log(undefined, `the tool runs for ${call}`)
        if (!history.granted.has(call))
          history.addViolation(3, undefined, `the tool runs for ${call} without an approval`)
        return "done"
      })
  })

  const runTurn = Effect.fnUntraced(function* (
    thread: Thread.Thread,
    random: SeededRandom.Random,
    input: string
  ) {
    const timeout = random.oneOf([100, 3_000, 60_000, 600_000])
    const extras = SeededRandom.make(seed, `extras ${input}`)
    const retriesOften = random.chance(20)
    const waitsForReset = !retriesOften && extras.chance(70)
    const options: TurnOptions.TurnOptions = {
      timeout,
      ...(retriesOften ? { retry: Schedule.recurs(2) } : {}),
      ...(waitsForReset ? { retry: Retry.untilReset(maxWait) } : {}),
      ...(extras.chance(20) ? { terminals: "end" } : {}),
      ...(extras.chance(40) ? { subAgents: "await" } : {})
    }
    const isReview = extras.chance(10)
    const start = history.turns().length
    const received: Array<Turn.TurnEvent> = []
    const readTime = random.oneOf([0, 0, 50, 3_000])
    const stream = thread.stream(input, options).pipe(
      Stream.runForEachArray((batch) => {
        WorkloadChecks.checkMergedDeltas(history, thread.id, batch)
        received.push(...batch)
        return readTime === 0 ? Effect.void : Effect.sleep(readTime)
      })
    )
    const mode = random.below(9)
    const checksDelivery = mode < 3 && !isReview && options.retry === undefined
    const cut = Effect.sleep(random.below(5_000))
    const run = Effect.tap(thread.run(input, options), (turn) =>
      WorkloadChecks.checkLeft(history, thread, options, turn)
    )
    const effect: Effect.Effect<unknown, CodexError.TurnError> = isReview
      ? thread.review({ ...options, target: Review.uncommitted })
      : mode < 3
        ? stream
        : mode === 3
          ? Stream.runDrain(Stream.take(thread.stream(input, options), random.below(8)))
          : mode === 4
            ? Effect.raceFirst(run, cut)
            : mode === 5
              ? Effect.raceFirst(stream, cut)
              : mode === 6
                ? Effect.andThen(Effect.forkChild(Effect.andThen(cut, thread.interrupt)), run)
                : mode === 7
                  ? Stream.runForEach(thread.stream(input, options), () =>
                      random.chance(20) ? Effect.die("a bug of the consumer") : Effect.void
                    )
                  : run
    const exit = yield* Effect.exit(effect)
    const engineInput = isReview ? "review" : input
    const turns = history
      .turns()
      .slice(start)
      .filter((turn) => turn.threadId === thread.id && turn.input === engineInput)
    for (const turn of turns) {
      if (turn.end === undefined)
        history.addViolation(2, thread.id, `the caller of "${input}" continues, but the engine still runs it`)
    }
    const last = turns.at(-1)
    // A consumer receives the end only after it has read the events before it.
    const duration = last === undefined ? 0 : history.now() - last.startedAt - received.length * readTime
    // The wait for a limit has no timeout.
    const isWaiting = waitsForReset && last?.limitResetsAt !== undefined
    if (!isWaiting && duration > timeout + grace)
      history.addViolation(1, thread.id, `"${input}" took ${duration} ms with a timeout of ${timeout} ms`)
    const end = received.at(-1)
    if (Exit.isSuccess(exit) && end?._tag === "TurnCompleted")
      yield* Effect.ignore(WorkloadChecks.checkLeft(history, thread, options, end.turn))
    if (waitsForReset) WorkloadChecks.checkResets(history, thread.id, turns, maxWait, exit)
    if (checksDelivery)
      WorkloadChecks.checkDelivery(history, thread.id, input, received, Exit.isSuccess(exit))
    return history.log(thread.id, `"${input}" (mode ${mode}): ${describeExit(exit)}`)
  })

  /** Pursues a goal to its end, or interrupts the pursuit. */
  const pursueGoal = Effect.fnUntraced(function* (thread: Thread.Thread, random: SeededRandom.Random) {
    const cut = random.oneOf([0, 3_000, 600_000, 600_000])
    // Turns that run before do not belong to the goal.
    yield* Effect.sleep(4_000)
    const before = history.turns().length
    const runs = history.runningTurns().some(({ threadId }) => threadId === thread.id)
    const pursuit = thread.runGoal({ objective: "tidy up" }).pipe(
      Effect.map(({ turns }) => turns),
      Effect.raceFirst(Effect.as(Effect.sleep(cut), undefined)),
      Effect.exit
    )
    const exit = yield* pursuit
    WorkloadChecks.checkGoal(history, thread.id, before, runs ? Exit.map(exit, () => undefined) : exit)
    history.log(thread.id, `pursues a goal: ${describeExit(exit)}`)
  })

  const conversation = Effect.fnUntraced(function* (index: number) {
    const random = SeededRandom.make(seed, `conversation ${index}`)
    yield* Effect.sleep(random.below(50))
    const goals = true
    const thread = yield* codex.startThread({
      tools: yield* WorkloadActors.Tools,
      approvalMode: random.oneOf(["on-request", "never"]),
      goals
    })
    yield* NotificationObserver.observe(thread, history, SeededRandom.make(seed, `notifications ${index}`))
    const handles = SeededRandom.make(seed, `handles ${index}`)
    const second = handles.chance(30)
      ? [yield* codex.resumeThread(thread.id, { tools: yield* WorkloadActors.Tools, goals })]
      : []
    const checks = yield* Effect.forEach([thread, ...second], (handle) =>
      HandleObserver.observe(handle, history)
    )
    const turns = Array.from({ length: 1 + random.below(5) }, (_, turn) => turn)
    let waiting = 0
    yield* Effect.forEach(
      turns,
      Effect.fnUntraced(function* (turn) {
        const turnRandom = SeededRandom.make(seed, `ask ${index}.${turn}`)
        yield* Effect.sleep(turnRandom.oneOf([0, 0, 10, 30_000]))
        const isIdle = !history.runningTurns().some(({ threadId }) => threadId === thread.id)
        if (waiting++ === 0 && isIdle) history.expectedStarts.set(thread.id, history.now())
        yield* runTurn(thread, turnRandom, `${index}.${turn}`)
        history.expectedStarts.delete(thread.id)
        waiting--
      }),
      { concurrency: "unbounded", discard: true }
    )
    const pursuits = SeededRandom.make(seed, `goal ${index}`)
    if (pursuits.chance(40)) yield* pursueGoal(thread, pursuits)
    // Turns that no caller requested may still run.
    yield* Effect.sleep(handles.oneOf([0, 10, 3_000]))
    yield* Effect.forEach(checks, (check) => check, { concurrency: "unbounded", discard: true })
    return thread.id
  })

  yield* Effect.forEach(
    Array.from({ length: threads }, (_, index) => index),
    (index) =>
      Effect.map(Effect.scoped(conversation(index)), (id) => {
        for (const { input, rootThreadId } of history.runningTurns())
          if (rootThreadId === id)
            history.addViolation(2, id, `the thread is closed, but the engine still runs "${input}"`)
      }),
    {
      concurrency: "unbounded",
      discard: true
    }
  ).pipe(Effect.provide(tools))
  yield* checkLimits
})

const describeExit = (exit: Exit.Exit<unknown, CodexError.TurnError>): string => {
  if (Exit.isSuccess(exit)) return "completed"
  return exit.cause.reasons
    .map((reason) =>
      Cause.isFailReason(reason)
        ? reason.error.errorType
        : Cause.isDieReason(reason)
          ? `died: ${String(reason.defect)}`
          : "interrupted"
    )
    .join(", ")
}
