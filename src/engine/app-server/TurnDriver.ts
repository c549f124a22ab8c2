/** One turn from `turn/start` to its end, whoever ends it: Codex, the caller, or a Codex that forgot to. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as CodexError from "../../domain/CodexError.ts"
import type { ThreadId } from "../../domain/Ids.ts"
import type * as Engine from "../Engine.ts"
import * as JsonRpcConnection from "./JsonRpcConnection.ts"
import * as SubAgents from "./SubAgents.ts"
import type * as AppServerProcess from "./AppServerProcess.ts"
import * as Protocol from "./Protocol.ts"
import * as RunningTurn from "./RunningTurn.ts"
import * as Translate from "./Translate.ts"

/** How long an interrupted turn may take to end before the process is ended instead. */
const interruptGrace = Duration.seconds(5)
/** How long Codex may take to say how a turn ended that it is done with. */
const settleGrace = Duration.seconds(1)
/** How long nothing may be heard of a turn before Codex is asked whether it is still there. */
const patience = Duration.seconds(30)

const decodeAccepted = Schema.decodeUnknownOption(Protocol.TurnAccepted)

/** A thread on the process that it was opened on. */
export interface ThreadLocation {
  readonly threadId: ThreadId
  readonly cwd: string
  readonly process: AppServerProcess.Process
  readonly slots: Map<string, RunningTurn.RunningTurn>
}

const stalled = (detail: string) => new CodexError.TurnStalled({ detail })

const verdictOf = ({ state }: RunningTurn.RunningTurn) =>
  state._tag === "Running" ? state.verdict : undefined

const read = (process: AppServerProcess.Process, threadId: ThreadId, includeTurns: boolean) =>
  process.connection.request("thread/read", { threadId, includeTurns })

/**
 * Looks after a turn that has an error for its last word, or whose thread has gone idle: `turn/completed` is known to
 * get lost. What Codex has written down of the turn is how it ended.
 */
export const settle = (process: AppServerProcess.Process, slot: RunningTurn.RunningTurn): void =>
  RunningTurn.watch(
    slot,
    Effect.gen(function* () {
      const verdict = verdictOf(slot)
      yield* Effect.sleep(settleGrace)
      if (verdict !== undefined) {
        // One that has gone on since has not failed.
        return verdictOf(slot) === verdict ? RunningTurn.fail(slot, verdict) : undefined
      }
      const turnId = RunningTurn.turnIdOf(slot)
      if (turnId === undefined)
        return RunningTurn.fail(slot, stalled("codex took the turn and never began it"))
      const thread = yield* Effect.option(read(process, slot.threadId, true))
      const end = Option.flatMap(thread, (thread) => Translate.endOf(thread, turnId))
      if (Option.isSome(end)) return end.value === "inProgress" ? undefined : RunningTurn.end(slot, end.value)
      if (Option.exists(thread, Translate.isActive)) return
      RunningTurn.fail(slot, stalled("codex went idle and did not say how the turn ended"))
    })
  )

/** Silence is no fault: a model may think and a command may run for hours. Not answering is one. */
const watch = (process: AppServerProcess.Process, slot: RunningTurn.RunningTurn): Effect.Effect<void> =>
  Effect.gen(function* () {
    while (true) {
      const { heard } = slot
      yield* Effect.sleep(patience)
      if (slot.heard !== heard) continue
      const answer = yield* Effect.exit(read(process, slot.threadId, false))
      if (Exit.isSuccess(answer)) {
        if (Translate.isIdle(answer.value)) settle(process, slot)
      } else if (
        Exit.findErrorOption(answer).pipe(Option.exists((error) => error._tag === "RequestTimeout"))
      ) {
        const error = stalled("codex no longer answers; its process has been ended")
        RunningTurn.step(slot, { _tag: "Condemned", error })
        yield* process.kill
      }
    }
  })

const isNotRunning = (error: JsonRpcConnection.RpcRequestError) =>
  error._tag === "RpcError" && /no active turn/i.test(error.text)

/** Ends a turn that nobody wants any more, and what it started; a Codex that does not listen is ended itself. */
const stop = (
  { process, threadId }: ThreadLocation,
  slot: RunningTurn.RunningTurn,
  starting: Fiber.Fiber<unknown, JsonRpcConnection.RpcRequestError>
): Effect.Effect<void> =>
  Effect.gen(function* () {
    // Interrupted before the reply it would run on, and its end would be taken for the next turn's.
    if (Exit.isFailure(yield* Fiber.await(starting))) return
    // Before turn/started Codex knows of no turn to interrupt, says so, and runs it nevertheless.
    yield* Effect.raceFirst(Deferred.await(slot.started), Deferred.await(slot.over))
    if (RunningTurn.isOver(slot)) return
    const { connection } = process
    // What Codex asks from now on is answered no: nobody wants the turn any more.
    slot.closed = true
    const answer = yield* Effect.exit(
      connection.request("turn/interrupt", { threadId, turnId: RunningTurn.turnIdOf(slot) })
    )
    if (Exit.findErrorOption(answer).pipe(Option.exists(isNotRunning))) {
      RunningTurn.end(slot, new CodexError.TurnInterrupted({ by: "codex" }))
    }
    // Whoever is deaf costs his own grace, not that of the process.
    yield* Effect.all([RunningTurn.declinePending(slot), SubAgents.interrupt(process, slot)], {
      concurrency: "unbounded",
      discard: true
    })
    // Its shells outlive an interrupted turn.
    yield* Effect.ignore(connection.request("thread/backgroundTerminals/clean", { threadId }))
    yield* Deferred.await(slot.over)
  }).pipe(Effect.timeoutOrElse({ duration: interruptGrace, orElse: () => process.kill }))

/** What begins a turn. */
export type Method = "turn/start" | "thread/compact/start"

export const run = (
  place: ThreadLocation,
  method: Method,
  params: Readonly<Record<string, unknown>>,
  handlers: Engine.Handlers,
  failed: (error: JsonRpcConnection.RpcRequestError) => CodexError.TurnError
): Effect.Effect<void, CodexError.TurnError> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const { process, slots, threadId } = place
        const slot = RunningTurn.make({
          threadId,
          cwd: place.cwd,
          handlers,
          run: Effect.runForkWith(context),
          clock: Context.get(context, Clock.Clock)
        })
        slots.set(threadId, slot)
        const starting = yield* process.connection
          .request(method, params, {
            onResult: (result) => {
              const turnId = Option.getOrUndefined(Option.map(decodeAccepted(result), ({ turn }) => turn.id))
              RunningTurn.step(slot, { _tag: "Accepted", turnId })
            }
          })
          .pipe(
            // Whether the turn runs or not is then anybody's guess.
            Effect.tapError((error) => (error._tag === "RequestTimeout" ? process.kill : Effect.void)),
            Effect.forkDetach({ startImmediately: true })
          )
        RunningTurn.watch(slot, watch(process, slot))
        return yield* restore(
          Fiber.join(starting).pipe(Effect.mapError(failed), Effect.andThen(Deferred.await(slot.outcome)))
        ).pipe(
          Effect.onExit(() => (RunningTurn.isOver(slot) ? Effect.void : stop(place, slot, starting))),
          Effect.ensuring(
            Effect.suspend(() => {
              slots.delete(threadId)
              if (!RunningTurn.isOver(slot))
                RunningTurn.end(slot, new CodexError.TurnInterrupted({ by: "caller" }))
              RunningTurn.unwatch(slot)
              return Effect.andThen(RunningTurn.declinePending(slot), SubAgents.release(slot))
            })
          )
        )
      })
    )
  )

/** Adds to a turn that runs, as soon as Codex knows of it. */
export const steer = (
  process: AppServerProcess.Process,
  slot: RunningTurn.RunningTurn,
  input: ReadonlyArray<unknown>
): Effect.Effect<void, JsonRpcConnection.RpcRequestError | CodexError.InvalidRequest> =>
  Effect.raceFirst(Deferred.await(slot.started), Deferred.await(slot.over)).pipe(
    Effect.andThen(
      Effect.suspend(
        (): Effect.Effect<unknown, JsonRpcConnection.RpcRequestError | CodexError.InvalidRequest> => {
          const { threadId } = slot
          const turnId = RunningTurn.turnIdOf(slot)
          return RunningTurn.isOver(slot) || turnId === undefined
            ? Effect.fail(ended)
            : process.connection.request("turn/steer", { threadId, input, expectedTurnId: turnId })
        }
      )
    ),
    Effect.asVoid
  )

const ended = new CodexError.InvalidRequest({
  reason: "Rejected",
  method: "turn/steer",
  detail: "the turn has ended"
})
