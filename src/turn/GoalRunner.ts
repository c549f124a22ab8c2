/** Pursues a goal: Codex starts turn after turn, which the thread's handles observe as turns without a caller. */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as CodexError from "../domain/CodexError.ts"
import type * as Goal from "../domain/Goal.ts"
import * as Turn from "../domain/Turn.ts"
import * as TurnState from "../domain/TurnState.ts"
import * as SharedThreads from "./SharedThreads.ts"
import * as ThreadMembers from "./ThreadMembers.ts"
import * as TurnRunner from "./TurnRunner.ts"

const method = "thread/goal/set"

/** Returns why a goal is invalid, or `undefined`. */
const validate = ({ objective, tokenBudget }: Goal.GoalOptions): string | undefined => {
  if (objective.trim() === "") return "the objective of the goal is empty"
  return tokenBudget === undefined || (Number.isSafeInteger(tokenBudget) && tokenBudget > 0)
    ? undefined
    : `tokenBudget is ${tokenBudget}, and must be a positive integer`
}

const badParams = (detail: string) => new CodexError.InvalidRequest({ reason: "BadParams", method, detail })

/** Returns the cost of the turns that have one, or nothing if none has. */
const costOf = (turns: ReadonlyArray<Turn.Turn>): Pick<Goal.GoalResult, "cost"> => {
  const costs = turns.flatMap(({ cost }) => (cost === undefined ? [] : [cost]))
  return costs.length === 0 ? {} : { cost: costs.reduce((sum, cost) => sum + cost) }
}

/** How long Codex may pursue a goal without starting a turn or changing the goal. */
const silenceTimeout = Duration.seconds(30)

/** Sets the goal and waits for its end. Clears the goal if the effect is interrupted before. */
export const run = (
  { engine, members, shared }: SharedThreads.SharingHandle,
  options: Goal.GoalOptions
): Effect.Effect<Goal.GoalResult, CodexError.TurnError> =>
  Effect.suspend(() => {
    const detail = validate(options)
    if (detail !== undefined) return Effect.fail(badParams(detail))
    const { goals } = engine
    if (goals === undefined)
      return Effect.fail(badParams("the thread has no goals; open it with the option goals: true"))
    const excess = ThreadMembers.exhausted(members)
    if (excess !== undefined) return Effect.fail(TurnRunner.budgetExceeded("thread", excess))
    const turns: Array<Turn.Turn> = []
    const ended = Deferred.makeUnsafe<Goal.GoalResult["status"], CodexError.TurnError>()
    let isRequested = false
    let isSet = false
    let changes = 0
    let exhausted: CodexError.BudgetExceeded | undefined
    /** Ends with the last turn: a goal is complete before its last turn is. */
    const check = () => {
      const { goal } = shared
      if (!isSet || shared.isPausing || goal?.status === "active" || shared.adopted.size > 0) return
      const last = turns.at(-1)
      if (exhausted !== undefined && goal?.status === "paused")
        return void Deferred.doneUnsafe(
          ended,
          Exit.fail(last === undefined ? exhausted : CodexError.withTurn(exhausted, last))
        )
      Deferred.doneUnsafe(ended, Exit.succeed(goal?.status ?? "cleared"))
    }
    const listener: SharedThreads.AdoptedTurnListener = {
      onTurnEnd: (turn, error) => {
        changes++
        if (turn !== undefined) turns.push(turn)
        if (error === undefined) check()
        else Deferred.doneUnsafe(ended, Exit.fail(error))
      },
      onGoal: (goal) => {
        changes++
        isSet ||= goal?.status === "active"
        check()
      },
      onExhausted: (error) => {
        exhausted = error
      },
      onPaused: check,
      onExit: (error) => void Deferred.doneUnsafe(ended, Exit.fail(error))
    }
    const isBusy = () => shared.isPausing || members.running.size > 0
    /** Asks Codex for the goal when nothing happens, because no notification of its end may come. */
    const watchSilence = Effect.gen(function* () {
      while (true) {
        const before = changes
        yield* Effect.sleep(silenceTimeout)
        if (changes !== before || isBusy()) continue
        isSet = true
        yield* goals.refresh ?? Effect.void
        check()
        if (isBusy() || shared.goal?.status !== "active") continue
        const detail = `codex pursues the goal but has started no turn for ${Duration.format(silenceTimeout)}`
        return yield* new CodexError.TurnStalled({ detail })
      }
    })
    const set = Effect.suspend(() => {
      isRequested = true
      return goals.set(options)
    })
    return Effect.acquireUseRelease(
      Effect.sync(() => shared.listeners.add(listener)),
      () =>
        Effect.map(Effect.andThen(set, Effect.raceFirst(Deferred.await(ended), watchSilence)), (status) => ({
          status,
          turns,
          usage: turns.map(({ usage }) => usage).reduce(TurnState.addUsage, Turn.noUsage),
          ...costOf(turns)
        })),
      (_, exit) => {
        shared.listeners.delete(listener)
        if (Exit.isSuccess(exit)) return Effect.void
        if (!Exit.hasInterrupts(exit)) return SharedThreads.interrupt(shared, engine, "pause")
        // Codex may have received the goal and not yet reported it.
        return SharedThreads.interrupt(shared, engine, "clear", isRequested && !isSet)
      }
    )
  })
