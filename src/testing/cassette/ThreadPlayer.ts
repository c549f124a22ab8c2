/** Replays the turns and requests of one handle of a thread. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as CodexError from "../../domain/CodexError.ts"
import { type ThreadId, TurnId } from "../../domain/Ids.ts"
import * as SettingsOptions from "../../domain/SettingsOptions.ts"
import * as ThreadSettings from "../../domain/ThreadSettings.ts"
import * as ThreadAccess from "../../domain/ThreadAccess.ts"
import type * as TurnOptions from "../../domain/TurnOptions.ts"
import type * as Engine from "../../engine/Engine.ts"
import * as AttachmentPaths from "./AttachmentPaths.ts"
import * as CassetteFormat from "./CassetteFormat.ts"
import { toJson } from "./Normalizer.ts"
import * as RecordedCommands from "./RecordedCommands.ts"
import * as Replay from "./Replay.ts"
import type * as ReplayedThread from "./ReplayedThread.ts"
import * as TurnPlayer from "./TurnPlayer.ts"

/** A recorded thread, with the id and the directory of this run. */
export interface OpenedThread {
  readonly id: ThreadId
  readonly model?: string
  readonly provider?: string
  readonly cwd: string
  /** Whether the thread has goals. */
  readonly goals?: boolean
  /** The settings that the engine reported, if it did. */
  readonly settings?: ThreadSettings.ThreadSettings
}

export interface HandleOptions {
  /** The number of the handle in the recording. */
  readonly number: number
  readonly value: OpenedThread
  readonly sandbox: TurnOptions.Sandbox | undefined
  readonly thread: ReplayedThread.ReplayedThread
  readonly replayRequest: Replay.RequestPlayer
}

const decodeSettings = Schema.decodeUnknownSync(ThreadSettings.ThreadSettings)
/** Narrows the error of a request that cannot fail. */
const isNever = (error: CodexError.CodexError): error is never => error._tag.length === 0

/** Returns what happened on the thread without a request while the handle was open. */
const pending = (
  { turns, unrequested }: Replay.Replay,
  { number, thread }: HandleOptions,
  adopt: (turn: Replay.Playable<CassetteFormat.RecordedTurn>) => void
): ReadonlyArray<ReplayedThread.PendingEvent> => [
  ...unrequested.flatMap((line): ReadonlyArray<ReplayedThread.PendingEvent> => {
    const { due } = line
    if (line.thread !== number || due === undefined) return []
    return [{ due, startsTurn: false, happen: happen(thread, line) }]
  }),
  ...turns.flatMap((turn) => {
    const { due, how, thread } = turn.value.head
    if (thread !== number || how !== "adopted" || due === undefined) return []
    return [{ due, startsTurn: true, happen: Effect.sync(() => adopt(turn)) }]
  })
]

const happen = (
  thread: ReplayedThread.ReplayedThread,
  line: CassetteFormat.Unrequested
): Effect.Effect<void> => {
  switch (line._tag) {
    case "Goal":
      return Effect.sync(() => thread.goal(line.goal))
    case "Terminal":
      return thread.terminal(line.event)
    case "Exited": {
      const { outcome } = line
      return Effect.sync(() => {
        if (outcome._tag === "Failure" && Replay.isTurnError(outcome.error)) thread.exit(outcome.error)
      })
    }
  }
}

/** Makes a handle. Returns it with what happens on it without a request. */
export const make = (
  replay: Replay.Replay,
  options: HandleOptions
): readonly [Engine.EngineThread, ReadonlyArray<ReplayedThread.PendingEvent>] => {
  const { number, replayRequest, sandbox, thread, value } = options
  const { compare, mismatch, normalizer, notifications, turns } = replay
  let settings = value.settings
  const turnThread: TurnPlayer.TurnThread = {
    ...thread,
    setSettings: (changed) => void (settings = changed)
  }

  const playTurn = (
    found: Replay.Playable<CassetteFormat.RecordedTurn>,
    given: TurnGiven,
    handlers: Engine.Handlers
  ): Effect.Effect<void, CodexError.TurnError> =>
    Effect.suspend(() => {
      found.isPlayed = true
      const { head, line } = found.value
      const subject = `turn ${head.turn} of thread ${head.thread}`
      if (given.attached !== undefined) AttachmentPaths.bind(normalizer, given.attached, head.input)
      return compare(subject, line, head.how, given.how, "how").pipe(
        Effect.andThen(compare(subject, line, head.input, given.input, "input")),
        Effect.andThen(compare(subject, line, head.options, given.options, "options")),
        Effect.andThen(
          Effect.acquireUseRelease(
            Effect.tap(Queue.unbounded<ReplayedThread.Steer>(), (steers) =>
              Effect.sync(() => void (thread.steers = steers))
            ),
            (steers) =>
              Effect.ensuring(
                TurnPlayer.play(replay, turnThread, found.value, steers, handlers),
                notifications.playAfter(line)
              ),
            (steers) =>
              Effect.gen(function* () {
                if (thread.steers === steers) thread.steers = undefined
                for (const { done } of yield* Queue.clear(steers)) {
                  const detail = `${subject} is steered more often than in the recording`
                  yield* Deferred.complete(done, mismatch(line, detail))
                }
              })
          )
        ),
        Effect.ensuring(thread.act)
      )
    })

  const adopt = (found: Replay.Playable<CassetteFormat.RecordedTurn>): void =>
    thread.adopt({
      turnId: found.value.head.turnId ?? TurnId.make(`turn-${found.value.head.turn}`),
      run: (options, handlers) => playTurn(found, { how: "adopted", options }, handlers)
    })

  const findTurn = () =>
    turns.find(
      ({ isPlayed, value: { head } }) => !isPlayed && head.thread === number && head.how !== "adopted"
    )

  const nextTurn = (given: TurnGiven, handlers: Engine.Handlers): Effect.Effect<void, CodexError.TurnError> =>
    Effect.suspend(() => {
      const found = findTurn()
      if (found !== undefined)
        return Effect.andThen(thread.act, thread.runRequested(playTurn(found, given, handlers)))
      const count = turns.filter(({ value: { head } }) => head.thread === number).length
      return mismatch(
        undefined,
        `thread ${number} has ${count} recorded turns, and the program runs one more: ${JSON.stringify(replay.normalize(given.input ?? null))}`
      )
    })

  const counted = <A, E>(effect: Effect.Effect<A, E>) => Effect.andThen(thread.act, effect)
  const terminals = RecordedCommands.replayTerminals(number, (method, args, value) =>
    replayRequest(method, args, value, Replay.isRequestError)
  )
  const goals: Engine.ThreadGoals = {
    set: (goal) =>
      counted(replayRequest("goals.set", [number, goal], () => Effect.void, Replay.isStartError)),
    stop: (how) => counted(replayRequest("goals.stop", [number, how], () => Effect.void, isNever))
  }
  const reported = settings
  const handle: Engine.EngineThread = {
    id: value.id,
    model: value.model,
    provider: value.provider,
    cwd: value.cwd,
    access: () => ThreadAccess.make(value.cwd, sandbox ?? "read-only"),
    ...(reported === undefined
      ? {}
      : {
          settings: () => settings ?? reported,
          turnSettings: (options) => {
            const recorded = findTurn()?.value.head.settings
            return recorded === undefined
              ? SettingsOptions.apply(settings ?? reported, options)
              : decodeSettings(normalizer.restore(toJson(recorded)))
          }
        }),
    ...(value.goals === true ? { goals } : {}),
    settled: thread.settled,
    turn: (input, options, handlers) =>
      nextTurn({ how: "run", input: CassetteFormat.turnInput(input), attached: input, options }, handlers),
    terminals: {
      list: terminals.list,
      watch: thread.watch,
      terminate: (processId) => counted(terminals.terminate(processId)),
      clean: counted(terminals.clean)
    },
    compact: (handlers) => nextTurn({ how: "compact" }, handlers),
    review: (target, handlers) =>
      nextTurn({ how: "review", input: CassetteFormat.reviewTarget(target) }, handlers),
    steer: (input) =>
      Effect.suspend(() => {
        const { steers } = thread
        if (steers === undefined)
          return replayRequest(
            "steer",
            [number, CassetteFormat.turnInput(input)],
            () => Effect.void,
            Replay.isRequestError
          )
        const done = Deferred.makeUnsafe<void, CodexError.RequestError>()
        return Effect.andThen(Queue.offer(steers, { input, done }), Deferred.await(done))
      })
  }
  return [handle, pending(replay, options, adopt)]
}

/** What the program gives to a turn. */
interface TurnGiven {
  readonly how: CassetteFormat.LineOf<"Turn">["how"]
  readonly input?: unknown
  readonly attached?: TurnOptions.TurnInput
  readonly options?: unknown
}
