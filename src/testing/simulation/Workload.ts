/** A program that uses everything at once and badly: what a simulation runs where it is given no other. */
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
import type { Ledger } from "./History.ts"
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
const vital = Tool.make("vital", {
  parameters,
  success: Schema.String,
  failure: Schema.String,
  failureMode: "error"
})
  .annotate(ToolSettings.OnFailure, "turn")
  .annotate(ToolSettings.Deadline, toolDeadline)
  .annotate(ToolSettings.Grace, toolGrace)
const guarded = Tool.make("guarded", { parameters, success: Schema.String, needsApproval: true })

const Tools = Toolkit.make(work, vital, guarded)

/** What the engine calls these tools with; sometimes it is not what they take. */
export const args = (_tool: string, call: string, random: SeededRandom.Random): unknown =>
  random.chance(5) ? { call: 7 } : { call }

const handler = (seed: number, ledger: Ledger, call: string): Effect.Effect<string, string> => {
  const random = SeededRandom.make(seed, `tool ${call}`)
  const behave = Effect.suspend(() => {
    switch (random.below(9)) {
      case 0:
        return Effect.fail("the tool does not work")
      case 1:
        return Effect.die(new Error("a bug of the tool"))
      case 2:
        return Effect.never
      case 3:
        return Effect.uninterruptible(Effect.as(Effect.sleep("30 seconds"), "deaf"))
      case 4:
        return Effect.interrupt
      case 5:
        return Effect.gen(function* () {
          const below = yield* Effect.forkChild(Effect.never)
          yield* Effect.sleep(random.below(100))
          yield* Fiber.interrupt(below)
          return "done below"
        })
      default:
        return Effect.as(Effect.sleep(random.below(200)), "done")
    }
  })
  return Effect.acquireUseRelease(
    Effect.sync(() => ledger.handlers.add(call)),
    () => behave,
    () => Effect.sync(() => ledger.handlers.delete(call))
  )
}

/** A policy that goes wrong in every way that there is; some questions go to a queue that several people look at. */
export const policy =
  (seed: number): Approval.Policy<Approval.ApprovalQueue> =>
  (request) => {
    const random = SeededRandom.make(seed, `policy ${request.id}`)
    switch (random.below(10)) {
      case 0:
        return Effect.fail("the policy does not work")
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

/** Somebody who answers what waits, sometimes too late, and never knows what the others do. */
const approver = (seed: number, ledger: Ledger, name: string, answered: Map<string, string>) =>
  Effect.gen(function* () {
    const queue = yield* Approval.ApprovalQueue
    const seen = new Set<string>()
    const answer = ({ hash, id, request }: Approval.Pending) => {
      seen.add(id)
      const random = SeededRandom.make(seed, `${name} ${request.id}`)
      const decision = random.chance(60) ? Approval.accept : Approval.decline(name)
      return queue.answer(id, decision, { hash }).pipe(
        Effect.delay(random.oneOf([5, 5, 5, 900, 19_999, 20_000, 20_001, 60_000])),
        Effect.result,
        Effect.map((result) => {
          if (Result.isFailure(result)) return
          const before = answered.get(id)
          answered.set(id, name)
          if (before !== undefined)
            ledger.broken(3, undefined, `${before} and ${name} have both answered ${request.id}`)
        }),
        Effect.forkScoped
      )
    }
    yield* Effect.forkScoped(
      Stream.runForEach(queue.changes, (pending) =>
        Effect.forEach(
          pending.filter(({ id }) => !seen.has(id)),
          answer,
          { discard: true }
        )
      )
    )
  })

/** How long a turn may go on when its time is over: its engine is stopped, its tools and policies are waited for. */
export const grace = interruptGrace + toolGrace + 1_000

const isDelta = (event: Turn.TurnEvent): event is Extract<Turn.TurnEvent, { readonly delta: string }> =>
  event._tag === "MessageDelta" || event._tag === "ReasoningDelta" || event._tag === "OutputDelta"

/** What of an event must come through, in short; nothing for what the runtime adds by itself. */
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

/** Holds what a consumer saw against what was said: promise 5. */
const compare = (
  ledger: Ledger,
  threadId: string,
  input: string,
  seen: ReadonlyArray<Turn.TurnEvent>,
  completed: boolean
): void => {
  const said =
    ledger.performed().findLast((turn) => turn.threadId === threadId && turn.input === input)?.said ?? []
  const keys = (events: ReadonlyArray<Turn.TurnEvent>) => events.flatMap((event) => keyOfEvent(event) ?? [])
  const [expected, got] = [keys(said), keys(seen)]
  if (expected.length !== got.length || expected.some((key, index) => key !== got[index]))
    ledger.broken(5, threadId, `"${input}": said ${expected.join(", ")}; seen ${got.join(", ")}`)
  const text = textOf(seen)
  for (const [id, whole] of textOf(said)) {
    if (text.get(id) !== whole) ledger.broken(5, threadId, `"${input}": the text of ${id} is not whole`)
  }
  const ends = seen.filter(({ _tag }) => _tag === "TurnCompleted").length
  if (ends !== (completed ? 1 : 0)) ledger.broken(5, threadId, `"${input}": its end was seen ${ends} times`)
}

/** Holds one batch of a slow consumer against its bound: what waits is one delta between two other events of an item. */
const bounded = (ledger: Ledger, threadId: string, batch: ReadonlyArray<Turn.TurnEvent>): void => {
  const waiting = new Set<string>()
  for (const event of batch) {
    if (!isDelta(event)) {
      if (event._tag === "ItemCompleted") waiting.delete(event.item.id)
      continue
    }
    if (waiting.has(event.itemId)) ledger.broken(5, threadId, `two deltas of ${event.itemId} waited unmerged`)
    waiting.add(event.itemId)
  }
}

/** The program. `threads` run at once; each has some turns, several of which are asked for at the same time. */
export const program = Effect.fnUntraced(function* (
  seed: number,
  threads: number,
  ledger: Ledger
): Effect.fn.Return<void, unknown, Codex | Scope.Scope | Approval.ApprovalQueue> {
  const codex = yield* Codex
  const answered = new Map<string, string>()
  for (const name of ["anna", "bert", "cleo"]) yield* approver(seed, ledger, name, answered)

  const tools = Tools.toLayer({
    work: ({ call }) => handler(seed, ledger, call),
    vital: ({ call }) => handler(seed, ledger, call),
    guarded: ({ call }) =>
      Effect.sync(() => {
        ledger.say(undefined, `the tool runs for ${call}`)
        if (!ledger.granted.has(call))
          ledger.broken(3, undefined, `the tool runs for ${call}, and nobody said yes`)
        return "done"
      })
  })

  const ask = Effect.fnUntraced(function* (
    thread: Thread.Thread,
    random: SeededRandom.Random,
    input: string
  ) {
    const timeout = random.oneOf([100, 3_000, 60_000, 600_000])
    const options = { timeout, ...(random.chance(20) ? { retry: Schedule.recurs(2) } : {}) }
    const seen: Array<Turn.TurnEvent> = []
    const slow = random.oneOf([0, 0, 50, 3_000])
    const stream = thread.stream(input, options).pipe(
      Stream.runForEachArray((batch) => {
        bounded(ledger, thread.id, batch)
        seen.push(...batch)
        return slow === 0 ? Effect.void : Effect.sleep(slow)
      })
    )
    const way = random.below(9)
    const whole = way < 3 && options.retry === undefined
    const cut = Effect.sleep(random.below(5_000))
    const asking: Effect.Effect<unknown, CodexError.TurnError> =
      way < 3
        ? stream
        : way === 3
          ? Stream.runDrain(Stream.take(thread.stream(input, options), random.below(8)))
          : way === 4
            ? Effect.raceFirst(thread.run(input, options), cut)
            : way === 5
              ? Effect.raceFirst(stream, cut)
              : way === 6
                ? Effect.andThen(
                    Effect.forkChild(Effect.andThen(cut, thread.interrupt)),
                    thread.run(input, options)
                  )
                : way === 7
                  ? Stream.runForEach(thread.stream(input, options), () =>
                      random.chance(20) ? Effect.die("a bug of the consumer") : Effect.void
                    )
                  : thread.run(input, options)
    const exit = yield* Effect.exit(asking)
    const performed = ledger.performed().filter((turn) => turn.threadId === thread.id && turn.input === input)
    for (const turn of performed) {
      if (turn.end === undefined)
        ledger.broken(2, thread.id, `who asked for "${input}" goes on, and the engine still runs it`)
    }
    const last = performed.at(-1)
    // A consumer hears the end when it has read what came before it.
    const took = last === undefined ? 0 : ledger.now() - last.startedAt - seen.length * slow
    if (took > timeout + grace)
      ledger.broken(1, thread.id, `"${input}" took ${took} ms; ${timeout} ms were allowed`)
    if (whole) compare(ledger, thread.id, input, seen, Exit.isSuccess(exit))
    return ledger.say(thread.id, `"${input}" (way ${way}): ${endingOf(exit)}`)
  })

  const conversation = Effect.fnUntraced(function* (index: number) {
    const random = SeededRandom.make(seed, `conversation ${index}`)
    yield* Effect.sleep(random.below(50))
    const thread = yield* codex.startThread({
      tools: yield* Tools,
      approvalMode: random.oneOf(["on-request", "never"])
    })
    const turns = Array.from({ length: 1 + random.below(5) }, (_, turn) => turn)
    let waiting = 0
    yield* Effect.forEach(
      turns,
      Effect.fnUntraced(function* (turn) {
        const own = SeededRandom.make(seed, `ask ${index}.${turn}`)
        yield* Effect.sleep(own.oneOf([0, 0, 10, 30_000]))
        if (waiting++ === 0) ledger.due.set(thread.id, ledger.now())
        yield* ask(thread, own, `${index}.${turn}`)
        ledger.due.delete(thread.id)
        waiting--
      }),
      { concurrency: "unbounded", discard: true }
    )
  }, Effect.scoped)

  yield* Effect.forEach(
    Array.from({ length: threads }, (_, index) => index),
    conversation,
    {
      concurrency: "unbounded",
      discard: true
    }
  ).pipe(Effect.provide(tools))
})

const endingOf = (exit: Exit.Exit<unknown, CodexError.TurnError>): string => {
  if (Exit.isSuccess(exit)) return "worked"
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
