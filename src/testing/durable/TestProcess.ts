/** A process of a test that can be killed as SIGKILL does it: nothing of it runs any more, no finalizer either. */
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"

export interface TestProcess {
  readonly isDead: () => boolean
  /** Kills the process. Its fibers never run again. */
  readonly kill: () => void
  /** Has an effect run in the process, with all fibers that it forks. */
  readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** Makes a process. `onKill` releases at once what the system releases when a process ends, such as files and connections. */
export const make = (onKill: () => void): Effect.Effect<TestProcess> =>
  Effect.map(Scheduler.Scheduler, (parent) => {
    let isDead = false
    const scheduler: Scheduler.Scheduler = {
      executionMode: parent.executionMode,
      // A fiber of a dead process yields before its next operation, and the dispatcher does not continue it.
      shouldYield: (fiber) => isDead || parent.shouldYield(fiber),
      makeDispatcher: () => {
        const dispatcher = parent.makeDispatcher()
        return {
          scheduleTask: (task, priority) => {
            if (!isDead) dispatcher.scheduleTask(() => (isDead ? undefined : task()), priority)
          },
          flush: () => dispatcher.flush()
        }
      }
    }
    return {
      isDead: () => isDead,
      kill: () => {
        if (isDead) return
        isDead = true
        onKill()
      },
      run: (effect) => Effect.provideService(effect, Scheduler.Scheduler, scheduler)
    }
  })
