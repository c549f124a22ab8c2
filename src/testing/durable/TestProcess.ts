/**
 * A process of a test that can be killed as SIGKILL does it: nothing of it runs any more, no finalizer either. Or frozen as
 * SIGSTOP does it: nothing of it runs until it thaws.
 */
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"

export interface TestProcess {
  readonly isDead: () => boolean
  /** Stops the process. Its connections stay. */
  readonly freeze: () => void
  /** Continues the process where it was frozen. */
  readonly thaw: () => void
  /** Kills the process. Its fibers never run again. */
  readonly kill: () => void
  /** Has an effect run in the process, with all fibers that it forks. */
  readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

export interface TestProcessOptions {
  /** Releases at once what the system releases when a process ends, such as files and connections. */
  readonly onKill: () => void
  /** Whether a transaction is open. The process freezes after it: the other processes would wait for its lock in real time. */
  readonly isInTransaction: () => boolean
}

/** Makes a process. */
export const make = ({ isInTransaction, onKill }: TestProcessOptions): Effect.Effect<TestProcess> =>
  Effect.map(Scheduler.Scheduler, (parent) => {
    let isDead = false
    let isFrozen = false
    const held: Array<() => void> = []
    const stops = () => isDead || (isFrozen && !isInTransaction())
    const scheduler: Scheduler.Scheduler = {
      executionMode: parent.executionMode,
      // A fiber of a dead process yields before its next operation, and the dispatcher does not continue it.
      shouldYield: (fiber) => stops() || parent.shouldYield(fiber),
      makeDispatcher: () => {
        const dispatcher = parent.makeDispatcher()
        const schedule = (task: () => void, priority: number): void => {
          if (isDead) return
          const hold = () => held.push(() => schedule(task, priority))
          if (stops()) return void hold()
          dispatcher.scheduleTask(() => (isDead ? undefined : stops() ? void hold() : task()), priority)
        }
        return {
          scheduleTask: schedule,
          flush: () => dispatcher.flush()
        }
      }
    }
    return {
      isDead: () => isDead,
      freeze: () => {
        isFrozen = true
      },
      thaw: () => {
        isFrozen = false
        for (const continueTask of held.splice(0)) continueTask()
      },
      kill: () => {
        if (isDead) return
        isDead = true
        onKill()
      },
      run: (effect) => Effect.provideService(effect, Scheduler.Scheduler, scheduler)
    }
  })
