/** The moments of a runner at which a test can crash it. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { CrashStep } from "../../durable/DurableCrash.ts"
import type { StoreShape } from "../../durable/store/Store.ts"
import type * as Turn from "../../domain/Turn.ts"

/** A crash that waits for its step. */
interface Armed {
  readonly step: CrashStep
  readonly act: () => void
  readonly happened: Deferred.Deferred<void>
}

export interface CrashPoints {
  /** Says that the runner is at a step. A crash that waits for it happens before this returns. */
  readonly reach: (step: CrashStep) => void
  /** Says that a step which lasts begins, for the thing with this id. */
  readonly enter: (step: CrashStep, id: string) => void
  readonly leave: (step: CrashStep, id: string) => void
  /** Forgets the steps that last: their runner or engine is dead. */
  readonly clear: () => void
  /** Calls a function when the step is reached, or at once if it lasts now. Waits until then. */
  readonly at: (step: CrashStep, act: () => void) => Effect.Effect<void>
}

export const make = (): CrashPoints => {
  const armed = new Set<Armed>()
  const lasting = new Map<CrashStep, Set<string>>()
  const reach = (step: CrashStep) => {
    const crash = [...armed].find((one) => one.step === step)
    if (crash === undefined) return
    armed.delete(crash)
    crash.act()
    Deferred.doneUnsafe(crash.happened, Exit.void)
  }
  return {
    reach,
    enter: (step, id) => {
      const ids = lasting.get(step) ?? new Set()
      lasting.set(step, ids.add(id))
      reach(step)
    },
    leave: (step, id) => void lasting.get(step)?.delete(id),
    clear: () => lasting.clear(),
    at: (step, act) =>
      Effect.suspend(() => {
        if ((lasting.get(step)?.size ?? 0) > 0) return Effect.sync(act)
        const crash: Armed = { step, act, happened: Deferred.makeUnsafe() }
        armed.add(crash)
        return Effect.onInterrupt(Deferred.await(crash.happened), () =>
          Effect.sync(() => armed.delete(crash))
        )
      })
  }
}

/** Reports the steps that events of the engine show. */
export const onEvent = ({ enter, leave, reach }: CrashPoints, event: Turn.EngineEvent): void => {
  switch (event._tag) {
    case "TurnStarted":
      return reach("after-turn-start")
    case "ItemStarted":
      if (event.item._tag === "AgentMessage") enter("model-streams", event.item.id)
      if (event.item._tag === "CommandExecution") enter("command-runs", event.item.id)
      return
    case "ItemCompleted":
      leave("model-streams", event.item.id)
      return leave("command-runs", event.item.id)
  }
}

/** Reports the steps that calls of the store show. */
export const probe = (store: StoreShape, points: CrashPoints): StoreShape => {
  const { approvals, tools } = store
  const before = <A, E, R>(step: CrashStep, effect: Effect.Effect<A, E, R>) =>
    Effect.andThen(
      Effect.sync(() => points.reach(step)),
      effect
    )
  const after = <A, E, R>(step: CrashStep, effect: Effect.Effect<A, E, R>) =>
    Effect.tap(effect, () => Effect.sync(() => points.reach(step)))
  return {
    ...store,
    claim: (...args) => after("after-claim", before("before-claim", store.claim(...args))),
    finish: (...args) => after("after-outcome", before("before-outcome", store.finish(...args))),
    approvals: {
      ...approvals,
      ask: (request) =>
        Effect.tap(approvals.ask(request), ({ decision, id }) =>
          Effect.sync(() => (decision === null ? points.enter("approval-waits", id) : undefined))
        ),
      close: (id) =>
        Effect.tap(approvals.close(id), () => Effect.sync(() => points.leave("approval-waits", id))),
      end: (key) => Effect.tap(approvals.end(key), () => Effect.sync(() => undefined))
    },
    tools: {
      ...tools,
      begin: (call) =>
        Effect.tap(tools.begin(call), () =>
          Effect.sync(() => points.enter("tool-runs", `${call.turnId}/${call.callId}`))
        ),
      done: (turnId, callId, result) =>
        Effect.sync(() => points.leave("tool-runs", `${turnId}/${callId}`)).pipe(
          Effect.andThen(
            after("after-tool-result", before("before-tool-result", tools.done(turnId, callId, result)))
          )
        )
    }
  }
}
