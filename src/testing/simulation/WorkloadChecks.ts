/** What the default program checks after each of its turns. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as CodexError from "../../domain/CodexError.ts"
import type * as Turn from "../../domain/Turn.ts"
import type * as TurnOptions from "../../domain/TurnOptions.ts"
import type * as Thread from "../../Thread.ts"
import { type EngineTurn, type RunHistory, startedId } from "./History.ts"

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
export const checkDelivery = (
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
export const checkMergedDeltas = (
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

/** Checks what the result of a turn says about the commands and the sub-agents that outlive it. */
export const checkLeft = (
  history: RunHistory,
  thread: Thread.Thread,
  { subAgents, terminals: policy }: TurnOptions.TurnOptions,
  turn: Turn.Turn
): Effect.Effect<void, CodexError.RequestError> =>
  Effect.map(thread.terminals.list, (terminals) => {
    const mentioned = new Set<string>(
      turn.items.flatMap((item) => ("status" in item && item.status === "background" ? [item.id] : []))
    )
    for (const { itemId } of terminals) {
      if (!itemId.startsWith(`${turn.id}-`)) continue
      if (policy === "end")
        history.addViolation(4, thread.id, `${itemId} runs, although it was to end with its turn`)
      if (!mentioned.has(itemId))
        history.addViolation(4, thread.id, `${itemId} runs, and the result of its turn does not mention it`)
    }
    for (const { end, input } of history.turns()) {
      if (!input.startsWith(`sub-agent ${turn.id}-`)) continue
      if (end === undefined)
        history.addViolation(4, thread.id, `the ${input} works after the end of its turn`)
      if (end === "Interrupt" && subAgents === "await")
        history.addViolation(1, thread.id, `the ${input} was interrupted, although its turn awaits it`)
    }
  })

/** `Retry.untilReset` waits this much longer, because Codex cuts the seconds of a reset. */
const resetSlack = 60_000

/** Checks that each attempt after an exhausted limit starts exactly when the limit resets, and that there is one. */
export const checkResets = (
  history: RunHistory,
  threadId: string,
  attempts: ReadonlyArray<EngineTurn>,
  maxWait: number,
  exit: Exit.Exit<unknown, CodexError.TurnError>
): void => {
  let waited = 0
  for (const [index, attempt] of attempts.entries()) {
    const { endedAt, input, limitResetsAt } = attempt
    if (limitResetsAt === undefined || endedAt === undefined) continue
    // A limit that has reset before the attempt ends needs no wait but the minute that Codex may have cut.
    const expected = Math.max(limitResetsAt, endedAt) + resetSlack
    waited += expected - endedAt
    const next = attempts[index + 1]
    if (next === undefined) {
      const error = Option.getOrUndefined(Exit.findErrorOption(exit))
      const gaveUp =
        error?._tag === "TurnFailed" && error.reason === "UsageLimit" && error.turn?.sideEffects !== true
      if (gaveUp && waited < maxWait)
        history.addViolation(1, threadId, `"${input}" does not wait for the limit, which resets in time`)
      continue
    }
    history.count("waits for a limit")
    if (waited > maxWait)
      history.addViolation(1, threadId, `"${input}" waits for ${waited} ms, longer than it may`)
    const isBusy = history
      .turns()
      .some(
        (turn) =>
          turn.threadId === threadId &&
          turn !== next &&
          turn.startedAt <= expected &&
          (turn.endedAt ?? Infinity) >= expected
      )
    if (next.startedAt < expected || (next.startedAt > expected && !isBusy))
      history.addViolation(
        1,
        threadId,
        `the limit of "${input}" resets at ${expected}, and the next attempt starts at ${next.startedAt}`
      )
  }
}

/** Checks that a goal that the program no longer pursues is not active, and that its result has its turns. */
export const checkGoal = (
  history: RunHistory,
  threadId: string,
  before: number,
  exit: Exit.Exit<ReadonlyArray<Turn.Turn> | undefined, CodexError.TurnError>
): void => {
  if (history.goals.get(threadId) === "active")
    history.addViolation(4, threadId, "the program no longer pursues its goal, which is still active")
  if (Exit.isFailure(exit) || exit.value === undefined) return
  const expected = history
    .turns()
    .slice(before)
    .filter((turn) => turn.threadId === threadId)
    .flatMap((turn) => startedId(turn) ?? [])
  const actual = exit.value.map(({ id }) => id)
  if (expected.join() !== actual.join())
    history.addViolation(
      4,
      threadId,
      `the goal had the turns ${expected.join(", ")}, and its result has ${actual.join(", ")}`
    )
}
