/** Runs one turn from `turn/start` to its end: completion, interruption by the caller, or a lost end that a watchdog recovers. */
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
import type { ThreadId, TurnId } from "../../domain/Ids.ts"
import type * as Engine from "../Engine.ts"
import * as BackgroundTerminals from "./BackgroundTerminals.ts"
import * as JsonRpcConnection from "./JsonRpcConnection.ts"
import * as LeftTurns from "./LeftTurns.ts"
import * as SubAgents from "./SubAgents.ts"
import type * as AppServerProcess from "./AppServerProcess.ts"
import * as Protocol from "./Protocol.ts"
import * as RunningTurn from "./RunningTurn.ts"
import * as Translate from "./Translate.ts"

/** How long an interrupted turn may take to end before the engine kills the process. */
const interruptGrace = Duration.seconds(5)
/** How long `turn/completed` may take to follow a sign that the turn has ended. */
const confirmDelay = Duration.seconds(1)
/** How long a turn may be silent before the engine checks that Codex still answers. */
const silenceTimeout = Duration.seconds(30)

const decodeAccepted = Schema.decodeUnknownOption(Protocol.TurnAccepted)

/** A thread and the process that it is open on. */
export interface ThreadLocation {
  readonly threadId: ThreadId
  readonly cwd: string
  readonly process: AppServerProcess.Process
  readonly runningTurns: Map<string, RunningTurn.RunningTurn>
  /** Called right before a turn is requested. Returns `true` to send nothing. */
  readonly isRefused?: (() => boolean) | undefined
  /** Called when Codex has accepted a turn. */
  readonly onAccepted?: (() => void) | undefined
  readonly terminals: BackgroundTerminals.Registry
}

const stalled = (detail: string) => new CodexError.TurnStalled({ detail })

const expectedErrorOf = ({ state }: RunningTurn.RunningTurn) =>
  state._tag === "Running" ? state.expectedError : undefined

const readThread = (process: AppServerProcess.Process, threadId: ThreadId, includeTurns: boolean) =>
  process.connection.request("thread/read", { threadId, includeTurns })

/** Reads a thread, and a second time if the first reply lacks the end of the turn: it may have ended meanwhile. */
const readEnd = (process: AppServerProcess.Process, threadId: ThreadId, turnId: TurnId) => {
  const read = readThread(process, threadId, true)
  return Effect.option(
    Effect.flatMap(read, (thread) => (Translate.readLacksEnd(thread, turnId) ? read : Effect.succeed(thread)))
  )
}

/**
 * Confirms the end of a turn whose last event is an error or whose thread is idle: Codex sometimes loses
 * `turn/completed` (openai/codex#28495, openai/codex#35810). The stored turn says how it ended.
 */
export const confirmEnd = (process: AppServerProcess.Process, runningTurn: RunningTurn.RunningTurn): void =>
  RunningTurn.watch(
    runningTurn,
    Effect.gen(function* () {
      const expectedError = expectedErrorOf(runningTurn)
      yield* Effect.sleep(confirmDelay)
      if (expectedError !== undefined) {
        // A turn that has continued since the error has not failed.
        return expectedErrorOf(runningTurn) === expectedError
          ? RunningTurn.fail(runningTurn, expectedError)
          : undefined
      }
      const turnId = RunningTurn.turnIdOf(runningTurn)
      if (turnId === undefined)
        return RunningTurn.fail(runningTurn, stalled("codex accepted the turn but never started it"))
      const thread = yield* readEnd(process, runningTurn.threadId, turnId)
      const end = Option.flatMap(thread, (thread) => Translate.endOf(thread, turnId, process.mask))
      if (Option.isSome(end))
        return end.value === "inProgress" ? undefined : RunningTurn.end(runningTurn, end.value)
      if (Option.exists(thread, Translate.isActive)) return
      RunningTurn.fail(runningTurn, stalled("codex went idle without reporting how the turn ended"))
    })
  )

/** Checks that Codex still answers while a turn is silent. Silence alone is normal: a model or a command may run for hours. */
const watchSilence = (
  process: AppServerProcess.Process,
  runningTurn: RunningTurn.RunningTurn
): Effect.Effect<void> =>
  Effect.gen(function* () {
    while (true) {
      const { messageCount } = runningTurn
      yield* Effect.sleep(silenceTimeout)
      if (runningTurn.messageCount !== messageCount) continue
      const answer = yield* Effect.exit(readThread(process, runningTurn.threadId, false))
      if (Exit.isSuccess(answer)) {
        if (Translate.isIdle(answer.value)) confirmEnd(process, runningTurn)
      } else if (
        Exit.findErrorOption(answer).pipe(Option.exists((error) => error._tag === "RequestTimeout"))
      ) {
        const error = stalled("codex no longer answers; effect-codex killed its process")
        RunningTurn.step(runningTurn, { _tag: "ProcessKilled", error })
        yield* process.kill
      }
    }
  })

const isNotRunning = (error: JsonRpcConnection.RpcRequestError) =>
  error._tag === "RpcError" && /no active turn/i.test(error.text)

/**
 * Returns the turn of the reviewing model. Codex reports the events of a review under the turn that the caller started,
 * but interrupts it only by the id of another turn, in which the model works.
 */
const reviewerTurn = (error: JsonRpcConnection.RpcRequestError): string | undefined =>
  error._tag === "RpcError" ? /expected active turn id \S+ but found (\S+)/.exec(error.text)?.[1] : undefined

/** Interrupts a turn and ends what it started. Kills the process if Codex does not respond in time. */
const interruptTurn = (
  { process, threadId }: ThreadLocation,
  runningTurn: RunningTurn.RunningTurn,
  accepted: Effect.Effect<boolean>
): Effect.Effect<void> =>
  Effect.gen(function* () {
    // Wait for the reply. A turn interrupted before its reply would continue in Codex, and its end would look like the
    // end of the next turn.
    if (!(yield* accepted)) return
    // Wait for turn/started. Before it, Codex rejects an interrupt because no turn is active, and then runs the turn.
    yield* Effect.raceFirst(Deferred.await(runningTurn.started), Deferred.await(runningTurn.over))
    if (RunningTurn.isOver(runningTurn)) return
    const { connection } = process
    // Decline all further requests of Codex, because the caller has interrupted the turn.
    runningTurn.closed = true
    const interrupt = (turnId: string | undefined) =>
      connection.request("turn/interrupt", { threadId, turnId })
    const answer = yield* Effect.exit(
      Effect.catch(interrupt(RunningTurn.turnIdOf(runningTurn)), (error) => {
        const reviewer = reviewerTurn(error)
        return reviewer === undefined ? Effect.fail(error) : interrupt(reviewer)
      })
    )
    if (Exit.findErrorOption(answer).pipe(Option.exists(isNotRunning))) {
      RunningTurn.end(runningTurn, new CodexError.TurnInterrupted({ by: "codex" }))
    }
    // In parallel, so an uninterruptible handler does not use up the process's grace period.
    yield* Effect.all([RunningTurn.declinePending(runningTurn), SubAgents.interrupt(process, runningTurn)], {
      concurrency: "unbounded",
      discard: true
    })
    // The turn's shells outlive its interruption (openai/codex#42717).
    const clean = Effect.ignore(BackgroundTerminals.clean(process, threadId))
    yield* clean
    yield* Deferred.await(runningTurn.over)
    // A shell that was starting during the interruption is listed only after the turn ends, so clean again.
    if (runningTurn.leftCommands.size > 0) yield* clean
  }).pipe(Effect.timeoutOrElse({ duration: interruptGrace, orElse: () => process.kill }))

/** The requests that start a turn. */
export type Method = "turn/start" | "thread/compact/start" | "review/start"

/** What happens at the end of a turn to what it has started. */
type EndOptions = Pick<Engine.EngineTurnOptions, "keepsRunning" | "subAgents" | "terminals">

/** Waits for the end of a turn. Ends what the turn started, also when the effect is interrupted. */
const awaitEnd = <E>(
  location: ThreadLocation,
  runningTurn: RunningTurn.RunningTurn,
  start: { readonly reply: Effect.Effect<unknown, E>; readonly accepted: Effect.Effect<boolean> },
  { keepsRunning, subAgents, terminals = "keep" }: EndOptions,
  restore: <A, E2>(effect: Effect.Effect<A, E2>) => Effect.Effect<A, E2>
): Effect.Effect<void, E | CodexError.TurnError> => {
  const { process, runningTurns, threadId } = location
  RunningTurn.watch(runningTurn, watchSilence(process, runningTurn))
  return restore(
    start.reply.pipe(
      Effect.andThen(Deferred.await(runningTurn.outcome)),
      Effect.andThen(subAgents === "await" ? SubAgents.awaitAll(runningTurn) : Effect.void)
    )
  ).pipe(
    Effect.onExit((exit) => {
      if (!RunningTurn.isOver(runningTurn))
        return keepsRunning?.() === true
          ? LeftTurns.leave(runningTurn, start.accepted)
          : interruptTurn(location, runningTurn, start.accepted)
      if (!process.isUsable()) return Effect.void
      const mode = Exit.hasInterrupts(exit) ? "end" : terminals
      const settled =
        runningTurn.leftCommands.size === 0
          ? Effect.void
          : BackgroundTerminals.settle(process, location.terminals, runningTurn, mode)
      return Effect.andThen(SubAgents.interruptWithin(process, runningTurn, interruptGrace), settled)
    }),
    Effect.ensuring(
      Effect.suspend(() => {
        if (runningTurn.isLeft) return Effect.void
        if (runningTurns.get(threadId) === runningTurn) runningTurns.delete(threadId)
        if (!RunningTurn.isOver(runningTurn))
          RunningTurn.end(runningTurn, new CodexError.TurnInterrupted({ by: "caller" }))
        RunningTurn.unwatch(runningTurn)
        return RunningTurn.declinePending(runningTurn).pipe(
          Effect.andThen(SubAgents.release(runningTurn)),
          Effect.andThen(BackgroundTerminals.cleanSubAgents(process, runningTurn))
        )
      })
    )
  )
}

/**
 * Runs a turn. Interruption of the returned effect interrupts the turn and ends what it started. The options say what
 * happens to what still works when the turn ends in another way.
 */
export const run = (
  location: ThreadLocation,
  method: Method,
  params: Readonly<Record<string, unknown>>,
  options: EndOptions,
  handlers: Engine.Handlers,
  toTurnError: (error: JsonRpcConnection.RpcRequestError) => CodexError.TurnError
): Effect.Effect<void, CodexError.TurnError> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const { process, runningTurns, threadId } = location
        const runningTurn = RunningTurn.make({
          threadId,
          cwd: location.cwd,
          handlers,
          fork: Effect.runForkWith(context),
          clock: Context.get(context, Clock.Clock)
        })
        runningTurns.set(threadId, runningTurn)
        const startFiber = yield* process.connection
          .request(method, params, {
            isRefused: location.isRefused,
            onResult: (result) => {
              const turnId = Option.getOrUndefined(Option.map(decodeAccepted(result), ({ turn }) => turn.id))
              RunningTurn.step(runningTurn, { _tag: "Accepted", turnId })
              location.onAccepted?.()
            }
          })
          .pipe(
            // Without a reply it is unknown whether the turn runs, so kill the process.
            Effect.tapError((error) => (error._tag === "RequestTimeout" ? process.kill : Effect.void)),
            Effect.forkDetach({ startImmediately: true })
          )
        const start = {
          reply: Effect.mapError(Fiber.join(startFiber), toTurnError),
          accepted: Effect.map(Fiber.await(startFiber), Exit.isSuccess)
        }
        return yield* awaitEnd(location, runningTurn, start, options, restore)
      })
    )
  )

/** Runs a turn that Codex has started by itself. `setCaller` receives how to fork in the context of the caller. */
export const runAdopted = (
  location: ThreadLocation,
  runningTurn: RunningTurn.RunningTurn,
  options: EndOptions,
  setCaller: (fork: RunningTurn.RunningTurn["fork"]) => void
): Effect.Effect<void, CodexError.TurnError> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        setCaller(Effect.runForkWith(context))
        const start = { reply: Effect.void, accepted: Effect.succeed(true) }
        return awaitEnd(location, runningTurn, start, options, restore)
      })
    )
  )

/** Adds input to a running turn. Waits until Codex has started the turn, because it refuses a steer before that. */
export const steer = (
  process: AppServerProcess.Process,
  runningTurn: RunningTurn.RunningTurn,
  input: ReadonlyArray<unknown>
): Effect.Effect<void, JsonRpcConnection.RpcRequestError | CodexError.InvalidRequest> =>
  Effect.raceFirst(Deferred.await(runningTurn.started), Deferred.await(runningTurn.over)).pipe(
    Effect.andThen(
      Effect.suspend(
        (): Effect.Effect<unknown, JsonRpcConnection.RpcRequestError | CodexError.InvalidRequest> => {
          const { threadId } = runningTurn
          const turnId = RunningTurn.turnIdOf(runningTurn)
          return RunningTurn.isOver(runningTurn) || turnId === undefined
            ? Effect.fail(turnHasEnded)
            : process.connection.request("turn/steer", { threadId, input, expectedTurnId: turnId })
        }
      )
    ),
    Effect.asVoid
  )

const turnHasEnded = new CodexError.InvalidRequest({
  reason: "Rejected",
  method: "turn/steer",
  detail: "the turn has ended"
})
