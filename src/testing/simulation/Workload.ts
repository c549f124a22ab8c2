/** The default program of a simulation: it uses every feature concurrently, and misuses many. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Approval from "../../Approval.ts"
import type * as CodexError from "../../domain/CodexError.ts"
import { Codex } from "../../Codex.ts"
import type * as Thread from "../../Thread.ts"
import * as ToolSettings from "../../tool/ToolSettings.ts"
import type * as Turn from "../../domain/Turn.ts"
import { interruptGrace } from "./FaultyEngine.ts"
import type { RunHistory } from "./History.ts"
import * as HandleObserver from "./HandleObserver.ts"
import * as NotificationObserver from "./NotificationObserver.ts"
import * as SeededRandom from "./SeededRandom.ts"

const parameters = Schema.Struct({ call: Schema.String })
const toolGrace = 2_000
const toolDeadline = 20_000

const work = Tool.make("work", {
  parameters,
  success: Schema.String,
  failure: Schema.String,
  failureMode: "error"
})
  .annotate(ToolSettings.Deadline, toolDeadline)
  .annotate(ToolSettings.Grace, toolGrace)
const critical = Tool.make("critical", {
  parameters,
  success: Schema.String,
  failure: Schema.String,
  failureMode: "error"
})
  .annotate(ToolSettings.OnFailure, "turn")
  .annotate(ToolSettings.Deadline, toolDeadline)
  .annotate(ToolSettings.Grace, toolGrace)
const guarded = Tool.make("guarded", { parameters, success: Schema.String, needsApproval: true })

const Tools = Toolkit.make(work, critical, guarded)

/** Returns arguments for these tools; sometimes the arguments are invalid. */
export const args = (_tool: string, call: string, random: SeededRandom.Random): unknown =>
  random.chance(5) ? { call: 7 } : { call }

const toolHandler = (seed: number, history: RunHistory, call: string): Effect.Effect<string, string> => {
  const random = SeededRandom.make(seed, `tool ${call}`)
  const behave = Effect.suspend(() => {
    switch (random.below(9)) {
      case 0:
        return Effect.fail("the tool fails")
      case 1:
        return Effect.die(new Error("a bug of the tool"))
      case 2:
        return Effect.never
      case 3:
        return Effect.uninterruptible(Effect.as(Effect.sleep("30 seconds"), "uninterruptible"))
      case 4:
        return Effect.interrupt
      case 5:
        return Effect.gen(function* () {
          const child = yield* Effect.forkChild(Effect.never)
          yield* Effect.sleep(random.below(100))
          yield* Fiber.interrupt(child)
          return "child done"
        })
      default:
        return Effect.as(Effect.sleep(random.below(200)), "done")
    }
  })
  return Effect.acquireUseRelease(
    Effect.sync(() => history.runningHandlers.add(call)),
    () => behave,
    () => Effect.sync(() => history.runningHandlers.delete(call))
  )
}

/** A policy that fails in every way a policy can. Some requests go to a queue with several approvers. */
export const policy =
  (seed: number): Approval.Policy<Approval.ApprovalQueue> =>
  (request) => {
    const random = SeededRandom.make(seed, `policy ${request.id}`)
    switch (random.below(10)) {
      case 0:
        return Effect.fail("the policy fails")
      case 1:
        return Effect.die(new Error("a bug of the policy"))
      case 2:
        return Approval.timeout(() => Effect.never, "30 seconds")(request)
      case 3:
        return Effect.succeed(Approval.decline("no"))
      case 4:
        return Effect.succeed(random.chance(20) ? Approval.cancel : Approval.abstain)
      case 5:
        return Effect.as(Effect.sleep(random.below(5_000)), Approval.accept)
      case 6:
        return Effect.succeed(Approval.accept)
      default:
        return Approval.timeout(Approval.queue, "20 seconds")(request)
    }
  }

/** An approver who answers pending requests, sometimes too late, without knowledge of the other approvers. */
const approver = (seed: number, history: RunHistory, name: string, answered: Map<string, string>) =>
  Effect.gen(function* () {
    const queue = yield* Approval.ApprovalQueue
    const handled = new Set<string>()
    const answer = ({ hash, id, request }: Approval.Pending) => {
      handled.add(id)
      const random = SeededRandom.make(seed, `${name} ${request.id}`)
      const decision = random.chance(60) ? Approval.accept : Approval.decline(name)
      return queue.answer(id, decision, { hash }).pipe(
        Effect.delay(random.oneOf([5, 5, 5, 900, 19_999, 20_000, 20_001, 60_000])),
        Effect.result,
        Effect.map((result) => {
          if (Result.isFailure(result)) return
          const other = answered.get(id)
          answered.set(id, name)
          if (other !== undefined)
            history.addViolation(3, undefined, `${other} and ${name} both answered ${request.id}`)
        }),
        Effect.forkScoped
      )
    }
    yield* Effect.forkScoped(
      Stream.runForEach(queue.changes, (pending) =>
        Effect.forEach(
          pending.filter(({ id }) => !handled.has(id)),
          answer,
          { discard: true }
        )
      )
    )
  })

/** The maximum time from the deadline of a turn to its end: the engine stops, tools and policies end. */
export const grace = interruptGrace + toolGrace + 1_000

const isDelta = (event: Turn.TurnEvent): event is Extract<Turn.TurnEvent, { readonly delta: string }> =>
  "delta" in event

/** A key for events that must reach the consumer; `undefined` for events that the runtime adds. */
const keyOfEvent = (event: Turn.TurnEvent): string | undefined => {
  switch (event._tag) {
    case "ItemStarted":
    case "ItemCompleted":
      return `${event._tag} ${event.item.id}`
    case "Unknown":
    case "Retrying":
    case "UsageUpdated":
    case "TurnStarted":
      return event._tag
    default:
      return undefined
  }
}

const textOf = (events: ReadonlyArray<Turn.TurnEvent>): ReadonlyMap<string, string> => {
  const text = new Map<string, string>()
  for (const event of events) {
    if (isDelta(event)) text.set(event.itemId, (text.get(event.itemId) ?? "") + event.delta)
  }
  return text
}

/** Compares the events a consumer received with the emitted ones: promise 5. */
const checkDelivery = (
  history: RunHistory,
  threadId: string,
  input: string,
  received: ReadonlyArray<Turn.TurnEvent>,
  completed: boolean
): void => {
  const emitted =
    history.turns().findLast((turn) => turn.threadId === threadId && turn.input === input)?.emitted ?? []
  const keys = (events: ReadonlyArray<Turn.TurnEvent>) => events.flatMap((event) => keyOfEvent(event) ?? [])
  const [expected, actual] = [keys(emitted), keys(received)]
  if (expected.length !== actual.length || expected.some((key, index) => key !== actual[index]))
    history.addViolation(
      5,
      threadId,
      `"${input}": emitted ${expected.join(", ")}; received ${actual.join(", ")}`
    )
  const text = textOf(received)
  for (const [id, expectedText] of textOf(emitted)) {
    if (text.get(id) !== expectedText)
      history.addViolation(5, threadId, `"${input}": the text of ${id} is incomplete`)
  }
  const ends = received.filter(({ _tag }) => _tag === "TurnCompleted").length
  if (ends !== (completed ? 1 : 0))
    history.addViolation(5, threadId, `"${input}": the consumer received its end ${ends} times`)
}

/** Checks a batch of a slow consumer: the runtime merges waiting deltas of an item into one. */
const checkMergedDeltas = (
  history: RunHistory,
  threadId: string,
  batch: ReadonlyArray<Turn.TurnEvent>
): void => {
  const waiting = new Set<string>()
  for (const event of batch) {
    if (!isDelta(event)) {
      if (event._tag === "ItemCompleted") waiting.delete(event.item.id)
      continue
    }
    if (waiting.has(event.itemId))
      history.addViolation(5, threadId, `two deltas of ${event.itemId} waited without being merged`)
    waiting.add(event.itemId)
  }
}

/** The program. `threads` run concurrently; each starts some turns, several of them concurrently. */
export const program = Effect.fnUntraced(function* (
  seed: number,
  threads: number,
  history: RunHistory
): Effect.fn.Return<void, unknown, Codex | Scope.Scope | Approval.ApprovalQueue> {
  const codex = yield* Codex
  const answered = new Map<string, string>()
  for (const name of ["anna", "bert", "cleo"]) yield* approver(seed, history, name, answered)

  const tools = Tools.toLayer({
    work: ({ call }) => toolHandler(seed, history, call),
    critical: ({ call }) => toolHandler(seed, history, call),
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
    const options = { timeout, ...(random.chance(20) ? { retry: Schedule.recurs(2) } : {}) }
    const received: Array<Turn.TurnEvent> = []
    const readTime = random.oneOf([0, 0, 50, 3_000])
    const stream = thread.stream(input, options).pipe(
      Stream.runForEachArray((batch) => {
        checkMergedDeltas(history, thread.id, batch)
        received.push(...batch)
        return readTime === 0 ? Effect.void : Effect.sleep(readTime)
      })
    )
    const mode = random.below(9)
    const checksDelivery = mode < 3 && options.retry === undefined
    const cut = Effect.sleep(random.below(5_000))
    const effect: Effect.Effect<unknown, CodexError.TurnError> =
      mode < 3
        ? stream
        : mode === 3
          ? Stream.runDrain(Stream.take(thread.stream(input, options), random.below(8)))
          : mode === 4
            ? Effect.raceFirst(thread.run(input, options), cut)
            : mode === 5
              ? Effect.raceFirst(stream, cut)
              : mode === 6
                ? Effect.andThen(
                    Effect.forkChild(Effect.andThen(cut, thread.interrupt)),
                    thread.run(input, options)
                  )
                : mode === 7
                  ? Stream.runForEach(thread.stream(input, options), () =>
                      random.chance(20) ? Effect.die("a bug of the consumer") : Effect.void
                    )
                  : Effect.tap(thread.run(input, options), (turn) => checkBackground(history, thread, turn))
    const exit = yield* Effect.exit(effect)
    const turns = history.turns().filter((turn) => turn.threadId === thread.id && turn.input === input)
    for (const turn of turns) {
      if (turn.end === undefined)
        history.addViolation(2, thread.id, `the caller of "${input}" continues, but the engine still runs it`)
    }
    const last = turns.at(-1)
    // A consumer receives the end only after it has read the events before it.
    const duration = last === undefined ? 0 : history.now() - last.startedAt - received.length * readTime
    if (duration > timeout + grace)
      history.addViolation(1, thread.id, `"${input}" took ${duration} ms with a timeout of ${timeout} ms`)
    if (checksDelivery) checkDelivery(history, thread.id, input, received, Exit.isSuccess(exit))
    return history.log(thread.id, `"${input}" (mode ${mode}): ${describeExit(exit)}`)
  })

  const conversation = Effect.fnUntraced(function* (index: number) {
    const random = SeededRandom.make(seed, `conversation ${index}`)
    yield* Effect.sleep(random.below(50))
    const thread = yield* codex.startThread({
      tools: yield* Tools,
      approvalMode: random.oneOf(["on-request", "never"])
    })
    yield* NotificationObserver.observe(thread, history, SeededRandom.make(seed, `notifications ${index}`))
    const handles = SeededRandom.make(seed, `handles ${index}`)
    const second = handles.chance(30) ? [yield* codex.resumeThread(thread.id, { tools: yield* Tools })] : []
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
    // Turns that no caller requested may still run.
    yield* Effect.sleep(handles.oneOf([0, 10, 3_000]))
    yield* Effect.forEach(checks, (check) => check, { concurrency: "unbounded", discard: true })
    return thread.id
  })

  yield* Effect.forEach(
    Array.from({ length: threads }, (_, index) => index),
    (index) =>
      Effect.map(Effect.scoped(conversation(index)), (id) => {
        for (const { input, threadId } of history.runningTurns())
          if (threadId === id)
            history.addViolation(2, id, `the thread is closed, but the engine still runs "${input}"`)
      }),
    {
      concurrency: "unbounded",
      discard: true
    }
  ).pipe(Effect.provide(tools))
})

/** Checks that the result of a turn mentions every command that continues after it. */
const checkBackground = (history: RunHistory, thread: Thread.Thread, turn: Turn.Turn) =>
  Effect.map(thread.terminals.list, (terminals) => {
    const mentioned = new Set<string>(
      turn.items.flatMap((item) => ("status" in item && item.status === "background" ? [item.id] : []))
    )
    for (const { itemId } of terminals)
      if (itemId.startsWith(`${turn.id}-`) && !mentioned.has(itemId))
        history.addViolation(4, thread.id, `${itemId} runs, and the result of its turn does not mention it`)
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
