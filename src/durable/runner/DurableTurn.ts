/**
 * The workflow of a durable turn. It has one activity, which can run any number of times, so the workflow engine only decides
 * which runner runs the turn, and runs it again when a runner died.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Activity from "effect/workflow/Activity"
import * as Workflow from "effect/workflow/Workflow"
import * as WorkflowEngine from "effect/workflow/WorkflowEngine"
import { durableTurnWorkflow } from "../store/Pruning.ts"
import type { StorageUnavailable } from "../../domain/StorageErrors.ts"

/** The workflow. Its execution id follows from the key of the turn. */
export const workflow = durableTurnWorkflow

/** How long the runner waits before it tries again when the database cannot be reached. */
const retrying = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")])

/**
 * Runs the workflow on this runner. `run` returns whether the turn has ended. Otherwise the runner leaves: the workflow is
 * suspended, and the next runner resumes it.
 */
export const layer = (
  run: (key: string) => Effect.Effect<boolean, StorageUnavailable>,
  leaving: Deferred.Deferred<void>
): Layer.Layer<never, never, WorkflowEngine.WorkflowEngine> =>
  workflow.toLayer(({ key }) =>
    Activity.make({
      name: "run",
      execute: Effect.gen(function* () {
        let isReported = false
        const ended = yield* run(key).pipe(
          Effect.tapError(({ message }) => {
            if (isReported) return Effect.void
            isReported = true
            return Effect.logWarning(`the durable turn ${key} waits for the database: ${message}`)
          }),
          Effect.retry({ schedule: retrying, while: () => !Deferred.isDoneUnsafe(leaving) }),
          Effect.catch(() => Effect.succeed(false)),
          Effect.provideService(References.TracerEnabled, true)
        )
        if (!ended) return yield* Workflow.suspend(yield* WorkflowEngine.WorkflowInstance)
      })
    })
  )

/** Has the workflow engine run a turn, and returns at once. Does nothing if the turn has been given to it before. */
export const start = (key: string): Effect.Effect<void, never, WorkflowEngine.WorkflowEngine> =>
  Effect.asVoid(workflow.execute({ key }, { discard: true })).pipe(
    Effect.provideService(References.TracerEnabled, false)
  )

/** Runs a turn again that an earlier runner has left. */
export const resume = (key: string): Effect.Effect<void, never, WorkflowEngine.WorkflowEngine> =>
  Effect.flatMap(workflow.executionId({ key }), (id) => workflow.resume(id)).pipe(
    Effect.provideService(References.TracerEnabled, false)
  )
