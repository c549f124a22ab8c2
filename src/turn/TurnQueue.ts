/** Runs the turns of one thread one after the other, and interrupts the current one. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Semaphore from "effect/Semaphore"
import * as AgentRoots from "../approval/AgentRoots.ts"
import * as Attachments from "../attachment/Attachments.ts"
import * as Budget from "../domain/Budget.ts"
import * as CodexError from "../domain/CodexError.ts"
import type * as Engine from "../engine/Engine.ts"
import type * as Goal from "../domain/Goal.ts"
import * as SettingsOptions from "../domain/SettingsOptions.ts"
import * as ThreadAccess from "../domain/ThreadAccess.ts"
import type * as Turn from "../domain/Turn.ts"
import type * as TurnOptions from "../domain/TurnOptions.ts"
import * as HostFiles from "../engine/HostFiles.ts"
import * as GoalRunner from "./GoalRunner.ts"
import * as KeyedTurn from "./KeyedTurn.ts"
import * as SharedThreads from "./SharedThreads.ts"
import * as TurnAttempts from "./TurnAttempts.ts"
import type * as TurnRunner from "./TurnRunner.ts"

export interface TurnQueue {
  /** Runs a turn after the turns that were requested before it. Fails at once if its options are invalid. */
  readonly run: <A>(
    turn: TurnRunner.TurnSpec<A>
  ) => Effect.Effect<readonly [Turn.Turn, A], CodexError.TurnError>
  /** Pursues a goal after the turns that were requested before it. Later turns wait for its end. */
  readonly runGoal: (goal: Goal.GoalOptions) => Effect.Effect<Goal.GoalResult, CodexError.TurnError>
  /**
   * Interrupts the current turn, or its wait for the next attempt, and waits for its end. Without one, interrupts the turn
   * that another handle has requested, or else a turn that Codex has started by itself, whose goal it pauses.
   */
  readonly interrupt: Effect.Effect<void>
  /** What all turns used together, sub-agents included. */
  readonly spent: Effect.Effect<Budget.BudgetUsage>
}

/** Returns why the options of a turn are invalid, or `undefined`. */
const validateOptions = ({ options, request }: TurnRunner.TurnSpec<unknown>): string | undefined =>
  options.timeout === undefined || Budget.isValidDuration(options.timeout)
    ? (Budget.validate(options.budget ?? {}) ??
      SettingsOptions.validate(options) ??
      KeyedTurn.validate(options, request))
    : 'timeout must be a duration of 0 or more, in milliseconds or like "20 seconds"'

/** Fails if the agent of a turn can write a directory with files of this process, by its sandbox or by an approval. */
const protectHostFiles = (
  engine: Engine.EngineThread,
  options: TurnOptions.TurnOptions
): Effect.Effect<void, CodexError.InvalidRequest> =>
  HostFiles.protect("turn/start", () => ({
    sandbox: ThreadAccess.writableRootsOfTurn(engine.access?.(), options),
    granted: AgentRoots.listGranted(engine)
  }))

/** Returns what the agent of a turn can write, for its attachments. */
export const attachmentTarget = (
  engine: Engine.EngineThread,
  options: Pick<TurnOptions.TurnOptions, "cwd" | "sandbox"> = {}
): Attachments.AttachmentTarget => ({
  access: () => engine.access?.(),
  granted: () => AgentRoots.listGranted(engine),
  options
})

export const make = (thread: SharedThreads.SharingHandle): TurnQueue => {
  const { engine, shared } = thread
  const mutex = Semaphore.makeUnsafe(1)
  /** A turn that starts while a turn of Codex's own runs would become more input of that turn. */
  const afterOthers = <A, E, R>(turn: Effect.Effect<A, E, R>) =>
    mutex.withPermits(1)(
      Effect.andThen(engine.settled ?? Effect.void, SharedThreads.awaitAdopted(thread.shared)).pipe(
        Effect.andThen(turn)
      )
    )
  let current: SharedThreads.HandleTurn | undefined

  /** Runs a turn now. */
  const runTurn = <A>(turn: TurnRunner.TurnSpec<A>, running = SharedThreads.makeTurn()) =>
    Effect.suspend(() => {
      current = running
      shared.requested.add(running)
      thread.turns.add(running)
      const publish = (event: Turn.TurnEvent) => {
        SharedThreads.observeTurn(running, event)
        turn.publish(event)
      }
      return protectHostFiles(engine, turn.options).pipe(
        Effect.andThen(TurnAttempts.run(thread, running, { ...turn, publish })),
        Effect.onExit((exit) =>
          Effect.sync(() => {
            if (current === running) current = undefined
            thread.turns.delete(running)
            shared.adopted.delete(running)
            shared.requested.delete(running)
            SharedThreads.endTurn(running, exit)
          })
        )
      )
    })

  /**
   * Runs a turn that may outlive its caller: if the handle is detached when the caller is interrupted, the turn goes on as if
   * Codex had started it by itself.
   */
  const runDetachable = <A>(turn: TurnRunner.TurnSpec<A>, running = SharedThreads.makeTurn()) =>
    engine.detach === undefined
      ? runTurn(turn, running)
      : Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(
            Effect.forkDetach(restore(runTurn(turn, running)), { startImmediately: true }),
            (fiber) =>
              Effect.onInterrupt(restore(Fiber.join(fiber)), () =>
                Effect.suspend(() => {
                  if (!thread.isDetached) return Fiber.interrupt(fiber)
                  shared.requested.delete(running)
                  if (fiber.pollUnsafe() === undefined) shared.adopted.add(running)
                  return Effect.void
                })
              )
          )
        )

  return {
    run: (turn) =>
      Effect.suspend(() => {
        const detail = validateOptions(turn)
        if (detail !== undefined)
          return Effect.fail(
            new CodexError.InvalidRequest({ reason: "BadParams", method: "turn/start", detail })
          )
        // The files of a turn must exist from the request on, also while it waits for other turns.
        const holding = Attachments.holding(
          turn.request._tag === "Prompt" ? turn.request.input : "",
          attachmentTarget(engine, turn.options)
        )
        const { key } = turn.options
        if (key === undefined) return holding(afterOthers(runDetachable(turn)))
        return KeyedTurn.run(thread, key, turn, (running, before) =>
          holding(
            afterOthers(
              Effect.flatMap(
                before,
                Option.match({
                  onSome: (found) => Effect.succeed(found),
                  onNone: () => runDetachable(turn, running)
                })
              )
            )
          )
        )
      }),
    runGoal: (goal) =>
      afterOthers(Effect.andThen(protectHostFiles(engine, {}), GoalRunner.run(thread, goal))),
    interrupt: Effect.suspend(() => {
      const [first] = shared.requested
      const requested = current ?? first
      return requested === undefined
        ? SharedThreads.interrupt(shared, engine, "pause")
        : SharedThreads.interruptRequested(requested)
    }),
    spent: Effect.sync(() => thread.spent)
  }
}
