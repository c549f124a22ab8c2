/** The turns that HTTP requests started: one at a time for each conversation, with their events for any number of streams. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { randomUUID } from "node:crypto"
import { type Conversation, Conversations } from "../conversations/Conversations.ts"
import type * as CodexError from "../domain/CodexError.ts"
import * as EventJson from "../domain/EventJson.ts"
import type { ThreadId } from "../domain/Ids.ts"
import type * as Turn from "../domain/Turn.ts"
import type * as TurnOptions from "../domain/TurnOptions.ts"
import { jsonLine } from "../internal/VisibleText.ts"
import * as Redaction from "../redaction/Redaction.ts"
import * as HttpLimits from "./HttpLimits.ts"
import { ThreadOwners } from "./ThreadOwners.ts"
import * as TurnLog from "./TurnLog.ts"

/** A turn that runs or has run. `id` begins the ids of its events. */
export interface TurnRun {
  readonly id: string
  readonly log: TurnLog.TurnLog
  readonly fiber: Fiber.Fiber<void>
  readonly isRunning: () => boolean
}

/** Returns an event without the reason of a retry, which may name addresses of the host. */
const withoutReason = <E extends Turn.TurnEvent>(event: E): E => {
  if (event._tag === "AgentEvent") return { ...event, event: withoutDetail(event.event) }
  return withoutDetail(event)
}

const withoutDetail = <E extends { readonly _tag: string }>(event: E): E =>
  event._tag === "Retrying" ? { ...event, detail: undefined } : event

/** Counts what runs, in total and for each user. */
const makeCounter = (max: { readonly total: number; readonly perUser: number }) => {
  const byUser = new Map<string, number>()
  let total = 0
  return {
    /** Takes a place; returns the limit that forbids it. */
    take: (user: string): number | undefined => {
      const count = byUser.get(user) ?? 0
      if (count >= max.perUser) return max.perUser
      if (total >= max.total) return max.total
      total++
      byUser.set(user, count + 1)
      return undefined
    },
    give: (user: string): void => {
      total--
      const count = (byUser.get(user) ?? 1) - 1
      if (count > 0) byUser.set(user, count)
      else byUser.delete(user)
    }
  }
}

/** Why a turn or a stream does not start. */
export class RunRefused {
  readonly _tag: "TurnRunning" | "TooManyTurns" | "TooManyStreams"
  readonly limit: number
  constructor(tag: RunRefused["_tag"], limit: number) {
    this._tag = tag
    this.limit = limit
  }
}

export const make = Effect.gen(function* () {
  const conversations = yield* Conversations
  const owners = yield* ThreadOwners
  const limits = yield* HttpLimits.Current
  const redaction = yield* Redaction.Current
  const runs = new WeakMap<Conversation, TurnRun>()
  /** The id of the thread for which the owner is stored. */
  const claimed = new WeakMap<Conversation, ThreadId>()
  const turns = makeCounter({ total: limits.turns, perUser: limits.turnsPerUser })
  const streams = makeCounter({ total: limits.streams, perUser: limits.streamsPerUser })

  /**
   * Runs the turn and writes its lines. The last one says how it ended, also if it was interrupted. Calls `ended` before that,
   * so that a client that has read the last line can start the next turn.
   */
  const runTurn = (
    conversation: Conversation,
    log: TurnLog.TurnLog,
    ended: () => void,
    input: TurnOptions.TurnInput,
    options: TurnOptions.TurnOptions
  ): Effect.Effect<void> => {
    let turn: Turn.Turn | undefined
    let turnId: string | undefined
    const { owner, thread } = conversation
    const finish = (exit: Exit.Exit<void, CodexError.TurnError>) =>
      Effect.sync(() => {
        const error = Exit.isSuccess(exit)
          ? undefined
          : Option.getOrElse(Cause.findErrorOption(exit.cause), () => "interrupted" as const)
        const last = turn ?? (error === undefined || error === "interrupted" ? undefined : error.turn)
        const ids = { threadId: thread.id, turnId }
        ended()
        // The reason that Codex gives can name paths and settings of the server.
        log.append(jsonLine(EventJson.last(last, error, ids, ({ summary }) => redaction.text(summary))))
        log.end()
      })
    return thread.stream(input, options).pipe(
      Stream.runForEach((event) =>
        Effect.suspend(() => {
          if (event._tag === "TurnCompleted") turn = event.turn
          else log.append(jsonLine(EventJson.event(withoutReason(event))))
          if (event._tag !== "TurnStarted") return Effect.void
          turnId = event.turnId
          // Codex stores a thread with its first turn, and not before. Its id is new if Codex's process died meanwhile.
          if (claimed.get(conversation) === event.threadId) return Effect.void
          return Effect.andThen(
            owners.claim(event.threadId, owner),
            Effect.sync(() => claimed.set(conversation, event.threadId))
          )
        })
      ),
      // For the client, a turn that a defect ends is interrupted.
      Effect.tapCause((cause) =>
        Cause.hasDies(cause) ? Effect.logError("a turn of the HTTP API failed", cause) : Effect.void
      ),
      Effect.onExit(finish),
      Effect.ignore
    )
  }

  /** Starts a turn of a conversation, which ends with the conversation. */
  const start = (
    user: string,
    threadId: ThreadId,
    input: TurnOptions.TurnInput,
    options: TurnOptions.TurnOptions
  ) =>
    Effect.uninterruptible(
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const close = Scope.close(scope, Exit.void)
        const conversation = yield* Scope.provide(conversations.acquire(user, threadId), scope)
        const refused =
          runs.get(conversation)?.isRunning() === true
            ? new RunRefused("TurnRunning", 1)
            : ((limit) => (limit === undefined ? undefined : new RunRefused("TooManyTurns", limit)))(
                turns.take(user)
              )
        if (refused !== undefined) return yield* Effect.andThen(close, Effect.fail(refused))
        let running = true
        const ended = () => {
          if (running) turns.give(user)
          running = false
        }
        const log = TurnLog.make({ bytes: limits.replayBytes, heartbeat: limits.heartbeat })
        const fiber = yield* Effect.interruptible(runTurn(conversation, log, ended, input, options)).pipe(
          Effect.ensuring(Effect.andThen(Effect.sync(ended), close)),
          Effect.forkIn(conversation.scope, { startImmediately: true })
        )
        const run: TurnRun = { id: randomUUID(), log, fiber, isRunning: () => running }
        runs.set(conversation, run)
        return run
      })
    )

  /** Takes a place for an event stream until the scope closes. */
  const openStream = (user: string) =>
    Effect.acquireRelease(
      Effect.suspend(() => {
        const limit = streams.take(user)
        return limit === undefined ? Effect.void : Effect.fail(new RunRefused("TooManyStreams", limit))
      }),
      () => Effect.sync(() => streams.give(user))
    )

  /**
   * Interrupts the turn that the conversation runs, and waits for its end. A turn that Codex does not end in time is
   * interrupted as its fiber.
   */
  const interrupt = (conversation: Conversation): Effect.Effect<void> =>
    Effect.suspend(() => {
      const run = runs.get(conversation)
      if (run?.isRunning() !== true) return conversation.thread.interrupt
      return conversation.thread.interrupt.pipe(
        Effect.andThen(Fiber.await(run.fiber)),
        Effect.timeoutOption("5 seconds"),
        Effect.andThen(Fiber.interrupt(run.fiber))
      )
    })

  return { start, openStream, interrupt, find: (conversation: Conversation) => runs.get(conversation) }
})

/** The turns of the HTTP API. */
export class TurnRuns extends Context.Service<TurnRuns, Effect.Success<typeof make>>()(
  "effect-codex/http/TurnRuns"
) {}
