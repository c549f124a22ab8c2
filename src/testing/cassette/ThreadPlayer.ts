/** Replays the turns and requests of one handle of a thread. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as CodexError from "../../domain/CodexError.ts"
import type { ThreadId } from "../../domain/Ids.ts"
import * as ThreadAccess from "../../domain/ThreadAccess.ts"
import type * as TurnOptions from "../../domain/TurnOptions.ts"
import type * as Engine from "../../engine/Engine.ts"
import * as AttachmentPaths from "./AttachmentPaths.ts"
import * as CassetteFormat from "./CassetteFormat.ts"
import * as RecordedCommands from "./RecordedCommands.ts"
import * as Replay from "./Replay.ts"
import * as TurnPlayer from "./TurnPlayer.ts"

/** A recorded thread, with the id and the directory of this run. */
export interface OpenedThread {
  readonly id: ThreadId
  readonly model?: string
  readonly provider?: string
  readonly cwd: string
}

/** Makes a handle of the thread with this number in the recording. */
export const make = (
  replay: Replay.Replay,
  number: number,
  value: OpenedThread,
  sandbox: TurnOptions.Sandbox | undefined,
  replayRequest: RecordedCommands.ReplayRequest<CodexError.RequestError>
): Engine.EngineThread => {
  const { compare, mismatch, notifications, turns } = replay
  let running: Queue.Queue<TurnPlayer.Steer> | undefined
  const nextTurn = (
    how: CassetteFormat.LineOf<"Turn">["how"],
    given: {
      readonly input?: unknown
      readonly attached?: TurnOptions.TurnInput
      readonly options?: unknown
    },
    handlers: Engine.Handlers
  ): Effect.Effect<void, CodexError.TurnError> =>
    Effect.suspend(() => {
      const found = turns.find(({ isPlayed, value: { head } }) => !isPlayed && head.thread === number)
      if (found === undefined) {
        const count = turns.filter(({ value: { head } }) => head.thread === number).length
        return mismatch(
          undefined,
          `thread ${number} has ${count} recorded turns, and the program runs one more: ${JSON.stringify(replay.normalize(given.input ?? null))}`
        )
      }
      found.isPlayed = true
      const { head, line } = found.value
      const subject = `turn ${head.turn} of thread ${head.thread}`
      if (given.attached !== undefined) AttachmentPaths.bind(replay.normalizer, given.attached, head.input)
      return compare(subject, line, head.how, how, "how").pipe(
        Effect.andThen(compare(subject, line, head.input, given.input, "input")),
        Effect.andThen(compare(subject, line, head.options, given.options, "options")),
        Effect.andThen(
          Effect.acquireUseRelease(
            Effect.tap(Queue.unbounded<TurnPlayer.Steer>(), (steers) =>
              Effect.sync(() => void (running = steers))
            ),
            (steers) =>
              Effect.ensuring(
                TurnPlayer.play(replay, found.value, steers, handlers),
                notifications.playAfter(line)
              ),
            (steers) =>
              Effect.gen(function* () {
                running = undefined
                for (const { done } of yield* Queue.clear(steers)) {
                  const detail = `${subject} is steered more often than in the recording`
                  yield* Deferred.complete(done, mismatch(line, detail))
                }
              })
          )
        )
      )
    })
  return {
    id: value.id,
    model: value.model,
    provider: value.provider,
    cwd: value.cwd,
    access: () => ThreadAccess.make(value.cwd, sandbox ?? "read-only"),
    turn: (input, settings, handlers) =>
      nextTurn(
        "run",
        { input: CassetteFormat.turnInput(input), attached: input, options: settings },
        handlers
      ),
    terminals: RecordedCommands.replayTerminals(number, replayRequest),
    compact: (handlers) => nextTurn("compact", {}, handlers),
    review: (target, handlers) =>
      nextTurn("review", { input: CassetteFormat.reviewTarget(target) }, handlers),
    steer: (input) =>
      Effect.suspend(() => {
        if (running === undefined)
          return replayRequest("steer", [number, CassetteFormat.turnInput(input)], () => Effect.void)
        const done = Deferred.makeUnsafe<void, CodexError.RequestError>()
        return Effect.andThen(Queue.offer(running, { input, done }), Deferred.await(done))
      })
  }
}
