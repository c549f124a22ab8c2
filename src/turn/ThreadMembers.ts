/** The open handles of one thread. Each counts every turn of the thread against its budget and shows it as activity. */
import * as Context from "effect/Context"
import type * as Scope from "effect/Scope"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type * as EffectTracer from "effect/Tracer"
import * as Budget from "../domain/Budget.ts"
import * as ContentLimits from "../domain/ContentLimits.ts"
import type * as Goal from "../domain/Goal.ts"
import { TurnId } from "../domain/Ids.ts"
import type * as ThreadEvent from "../domain/ThreadEvent.ts"
import type * as Turn from "../domain/Turn.ts"
import * as EventBuffer from "./EventBuffer.ts"

/** One handle of a thread. */
export interface Member {
  /** The limit for all turns of the thread while the handle is open. */
  readonly budget: Budget.Budget
  readonly activity: Activity
  /** What the turns of the thread used, sub-agents included, since the handle was opened. */
  spent: Budget.BudgetUsage
}

/** Where an event of the activity belongs. An event other than of a turn is in `other`, and its own event only has a size. */
type Label =
  | { readonly turnId: TurnId; readonly requested: boolean; readonly other?: undefined }
  | { readonly other: ThreadEvent.ThreadEvent }

type ActivityBuffer = EventBuffer.LabelledBuffer<Label, ThreadEvent.ThreadEvent, never>

/** The consumers of a handle's activity. */
export interface Activity {
  readonly buffers: Set<ActivityBuffer>
  /** Has the events since the handle opened, for its first consumer. */
  early: ActivityBuffer | undefined
  closed: boolean
}

/**
 * Whether the first consumer of the activity of a handle gets the events since the handle was opened: with those of a turn
 * that ran before. Otherwise it gets the events from the moment at which its stream runs.
 */
export const ActivityFromOpening = Context.Reference<boolean>("effect-codex/turn/ActivityFromOpening", {
  defaultValue: () => false
})

const labels: EventBuffer.EventLabels<Label, ThreadEvent.ThreadEvent> = {
  join: (event, label) =>
    label.other ?? {
      _tag: "TurnProgress",
      turnId: label.turnId,
      requested: label.requested,
      event,
      at: event.at
    },
  omission: { turnId: TurnId.make(""), requested: true }
}

/** Makes the activity of a handle that is opened in this context. */
export const makeActivity = (context: Context.Context<never>): Activity => {
  const early: ActivityBuffer | undefined = Context.get(context, ActivityFromOpening)
    ? EventBuffer.makeLabelled(labels, Context.get(context, ContentLimits.Current).bufferBytes)
    : undefined
  return { buffers: new Set(early === undefined ? [] : [early]), early, closed: false }
}

/** Ends the streams of a handle. */
export const closeActivity = (activity: Activity): void => {
  activity.closed = true
  for (const buffer of activity.buffers) buffer.end(Exit.void)
}

/** Returns the events from now on, or from the opening of the handle on, until the handle closes. */
export const activityStream = (activity: Activity): Stream.Stream<ThreadEvent.ThreadEvent> =>
  Stream.unwrap(
    Effect.gen(function* (): Effect.fn.Return<Stream.Stream<ThreadEvent.ThreadEvent>, never, Scope.Scope> {
      const { bufferBytes } = yield* ContentLimits.Current
      const buffer: ActivityBuffer = activity.early ?? EventBuffer.makeLabelled(labels, bufferBytes)
      activity.early = undefined
      if (activity.closed) buffer.end(Exit.void)
      yield* Effect.acquireRelease(
        Effect.sync(() => activity.buffers.add(buffer)),
        () => Effect.sync(() => activity.buffers.delete(buffer))
      )
      return buffer.stream
    })
  )

/** The attempts at turns that run, and the open handles, oldest first. */
export interface ThreadMembers<M extends Member = Member> {
  readonly open: Set<M>
  readonly running: Set<TurnShare>
  /** The ids of the span of the last turn that was sampled. */
  previous: EffectTracer.ExternalSpan | undefined
}

export const make = <M extends Member>(): ThreadMembers<M> => ({
  open: new Set(),
  running: new Set(),
  previous: undefined
})

/** Returns the first limit that a check finds. A turn of Codex's own may start before the end of the turn before it. */
const firstExcess = (
  { running }: ThreadMembers,
  members: Iterable<Member>,
  check: typeof Budget.exceeded
): Budget.Excess | undefined => {
  for (const member of members) {
    let { spent } = member
    for (const turn of running) spent = Budget.add(spent, turn.usedFor(member))
    const excess = check(member.budget, spent)
    if (excess !== undefined) return excess
  }
  return undefined
}

/** Returns the limit of an open handle that prevents another turn. */
export const exhausted = (thread: ThreadMembers): Budget.Excess | undefined =>
  firstExcess(thread, thread.open, Budget.exhausted)

/** What a turn reports to the handles of its thread. */
export interface TurnShare {
  /** Adds what the turn has used. */
  readonly add: (used: Budget.BudgetUsage) => void
  /** Returns what the turn has used so far and a handle counts. */
  readonly usedFor: (member: Member) => Budget.BudgetUsage
  /** Returns the first limit of a handle that the running turns exceed. */
  readonly exceeded: () => Budget.Excess | undefined
  /** Returns the limit of a handle that prevents another turn. */
  readonly exhausted: () => Budget.Excess | undefined
  /** The handles whose time is limited. */
  readonly members: () => ReadonlyArray<Member>
  readonly publish: (event: Turn.TurnEvent) => void
  /** Ends the turn. `usage` is all that it used, sub-agents included. */
  readonly end: (
    turn: Turn.Turn,
    usage: Budget.BudgetUsage,
    errorType: string | undefined,
    at: number
  ) => void
  /** Counts the rest of the turn for a handle that was opened during the turn. */
  readonly join: (member: Member) => void
}

const publishTo = (members: Iterable<Member>, event: Turn.TurnEvent, makeLabel: () => Label): void => {
  let label: Label | undefined
  for (const { activity } of members)
    for (const buffer of activity.buffers) buffer.offer(event, (label ??= makeLabel()))
}

/** Starts to share a turn. The handle that requested the turn counts it even after the handle has closed. */
export const share = (thread: ThreadMembers, owner: Member, requested: boolean): TurnShare => {
  let used = Budget.zero
  let label = { turnId: TurnId.make(""), requested }
  const before = new Map<Member, Budget.BudgetUsage>()
  const members = () => (thread.open.has(owner) ? [...thread.open] : [owner, ...thread.open])
  const countedFor = (member: Member, total: Budget.BudgetUsage) => {
    const start = before.get(member)
    return start === undefined ? total : Budget.subtract(total, start)
  }
  const currentLabel = () => label
  const turnShare: TurnShare = {
    add: (added) => {
      used = Budget.add(used, added)
    },
    usedFor: (member) =>
      member === owner || thread.open.has(member) ? countedFor(member, used) : Budget.zero,
    exceeded: () => firstExcess(thread, members(), Budget.exceeded),
    exhausted: () => firstExcess(thread, members(), Budget.exhausted),
    members,
    publish: (event) => {
      if (event._tag === "TurnStarted") label = { turnId: event.turnId, requested }
      publishTo(thread.open, event, currentLabel)
    },
    end: (turn, usage, errorType, at) => {
      thread.running.delete(turnShare)
      for (const member of members()) member.spent = Budget.add(member.spent, countedFor(member, usage))
      publishTo(thread.open, { _tag: "TurnCompleted", turn, at }, () => ({
        other: { _tag: "TurnEnded", turn, requested, at, ...(errorType === undefined ? {} : { errorType }) }
      }))
    },
    join: (member) => void before.set(member, used)
  }
  thread.running.add(turnShare)
  return turnShare
}

/** Adds a handle to its thread. What the running turns have used before does not count for it. */
export const join = <M extends Member>(thread: ThreadMembers<M>, member: M): void => {
  thread.open.add(member)
  for (const turn of thread.running) turn.join(member)
}

/** Shows a change of the goal as activity. */
export const publishGoal = (thread: ThreadMembers, goal: Goal.Goal | undefined, at: number): void => {
  const event = { _tag: "Unknown", method: "thread/goal", payload: goal, at } as const
  publishTo(thread.open, event, () => ({
    other: goal === undefined ? { _tag: "GoalCleared", at } : { _tag: "GoalUpdated", goal, at }
  }))
}
