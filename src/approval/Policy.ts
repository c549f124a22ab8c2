/** Policies: functions from a request to a decision, and the one in force. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { ThreadId, TurnId } from "../domain/Ids.ts"
import type { ApprovalDecision } from "../domain/ApprovalDecision.ts"
import type { ApprovalRequest } from "../domain/ApprovalRequest.ts"

/** No opinion: the next policy of `firstOf` is asked. Where there is none, it means no. */
export interface Abstain {
  readonly _tag: "abstain"
  readonly reason?: string
  readonly policy?: string
}

export const abstain: Abstain = { _tag: "abstain" }

/**
 * Any function from a request to a decision. One that fails, dies, is interrupted, abstains, or says yes without giving
 * what was asked for has said no.
 */
export type Policy<R = never> = (
  request: ApprovalRequest
) => Effect.Effect<ApprovalDecision | Abstain, unknown, R>

/** Nobody may do anything. */
export const deny: Policy = () =>
  Effect.succeed({ _tag: "decline", reason: "the policy allows nothing", policy: "deny" })

/** Anybody may do anything that is asked. Questions and forms it cannot answer: they get a no. */
export const allow: Policy = () => Effect.succeed({ _tag: "accept", policy: "allow" })

/** The policy in force where a thread starts. When nobody provides one, nothing is granted. */
export const Current = Context.Reference<Policy>("effect-codex/Approval/Current", {
  defaultValue: () => () =>
    Effect.succeed({ _tag: "decline", reason: "no approver is provided", source: "default", policy: "deny" })
})

/** Puts a policy in force, with whatever services it needs. One around the program wins over one in `Codex.layer`. */
export const layer = <R>(policy: Policy<R>): Layer.Layer<never, never, R> =>
  Layer.effect(
    Current,
    Effect.map(
      Effect.context<R>(),
      (services): Policy =>
        (request) =>
          // What the run brings wins: its spans and settings are those of the moment.
          Effect.updateContext(policy(request), (context: Context.Context<never>) =>
            Context.merge(services, context)
          )
    )
  )

/** Who asks: the thread and its turn. `session` is the same object for as long as the thread is open, and no other's. */
export interface ApprovalContext {
  readonly threadId: ThreadId | undefined
  readonly turnId: TurnId | undefined
  readonly session: object
}

/** Who asks, as a policy sees it while it decides. */
export const ApprovalContext = Context.Reference<ApprovalContext>("effect-codex/Approval/Asking", {
  defaultValue: () => ({ threadId: undefined, turnId: undefined, session: {} })
})

type Needs<P> = P extends Policy<infer R> ? R : never

/** The first policy that does not abstain decides; one that fails has decided: no. */
export function firstOf<P extends ReadonlyArray<Policy<unknown>>>(...policies: P): Policy<Needs<P[number]>>
export function firstOf<R>(...policies: ReadonlyArray<Policy<R>>): Policy<R> {
  return (request) =>
    Effect.gen(function* () {
      let last: Abstain = abstain
      for (const policy of policies) {
        const said = yield* policy(request)
        if (said._tag !== "abstain") return said
        if (said.reason !== undefined) last = said
      }
      return last
    })
}
