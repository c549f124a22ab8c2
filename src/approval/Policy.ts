/** Approval policies, and the policy that is in effect. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { ThreadId, TurnId } from "../domain/Ids.ts"
import type { ApprovalDecision } from "../domain/ApprovalDecision.ts"
import type { ApprovalRequest } from "../domain/ApprovalRequest.ts"
import type { Sandbox } from "../domain/TurnOptions.ts"

/**
 * No decision. `firstOf` runs the next policy; without a next policy the request is declined.
 * @since 0.1.0
 * @category models
 */
export interface Abstain {
  readonly _tag: "Abstain"
  readonly reason?: string
  readonly policy?: string
}

/**
 * Makes no decision. The next policy of `firstOf` decides; without one, the request is declined.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Approval } from "effect-codex"
 *
 * const readOnlyTools: Approval.Policy = (request) =>
 *   Effect.succeed(
 *     request._tag === "Tool" && request.tool === "lookup_ticket" ? Approval.accept : Approval.abstain
 *   )
 * ```
 */
export const abstain: Abstain = { _tag: "Abstain" }

/**
 * A function from a request to a decision. The request is declined if the policy fails, dies, is interrupted, abstains or
 * returns a decision that does not match the request.
 * @since 0.1.0
 * @category models
 */
export type Policy<R = never> = (
  request: ApprovalRequest
) => Effect.Effect<ApprovalDecision | Abstain, unknown, R>

/**
 * Declines every request.
 * @since 0.1.0
 * @category policies
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { Approval, Codex } from "effect-codex"
 *
 * const Locked = Codex.layer.pipe(Layer.provide(Approval.layer(Approval.deny)))
 * ```
 */
export const deny: Policy = () =>
  Effect.succeed({ _tag: "Decline", reason: "the policy allows nothing", policy: "deny" })

/**
 * Accepts every request. Questions and forms need an answer, so they are declined.
 * @since 0.1.0
 * @category policies
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { Approval, AppServer, Codex } from "effect-codex"
 *
 * // Only where everything that the agent can reach may change, such as a container that ends with the job.
 * const Sandboxed = Codex.layer.pipe(
 *   Layer.provide([AppServer.layer, Approval.layer(Approval.allow)])
 * )
 * ```
 */
export const allow: Policy = () => Effect.succeed({ _tag: "Accept", policy: "allow" })

/**
 * The policy in effect where a thread starts. The default declines every request.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Approval } from "effect-codex"
 *
 * const decide = (request: Approval.ApprovalRequest) =>
 *   Effect.flatMap(Approval.Current, (policy) => policy(request))
 * ```
 */
export const Current = Context.Reference<Policy>("effect-codex/Approval/Current", {
  defaultValue: () => () =>
    Effect.succeed({
      _tag: "Decline",
      reason: "no approval policy is provided",
      source: "default",
      policy: "deny"
    })
})

/**
 * Provides a policy and the services it needs. A policy around the program takes precedence over one in `Codex.layer`.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Approval, Codex } from "effect-codex"
 *
 * const policy = Approval.layer((request) =>
 *   Effect.succeed(request._tag === "FileChange" ? Approval.accept : Approval.decline("only patches are allowed"))
 * )
 * const Patches = Codex.layer.pipe(Layer.provide(policy))
 * ```
 */
export const layer = <R>(policy: Policy<R>): Layer.Layer<never, never, R> =>
  Layer.effect(
    Current,
    Effect.map(
      Effect.context<R>(),
      (services): Policy =>
        (request) =>
          // The context of the run takes precedence: its spans and settings are current.
          Effect.updateContext(policy(request), (context: Context.Context<never>) =>
            Context.merge(services, context)
          )
    )
  )

/**
 * The thread and the turn of a request, and what the agent can do without approval. `threadId` is the thread of the agent
 * that makes the request, `openedThreadId` the thread that the caller opened: for a sub-agent they differ. `session` is an
 * object that is unique to the open thread. `cwd` is the real path of the thread's directory, `writableRoots` are the real
 * paths of the directories that the agent can write, or that an earlier turn could. `network` is whether commands of this
 * turn can use the network.
 * @since 0.1.0
 * @category models
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Approval } from "effect-codex"
 *
 * // Sub-agents may not do what the agent of the caller may do.
 * const onlyTheMainAgent: Approval.Policy = () =>
 *   Effect.map(Approval.ApprovalContext, ({ openedThreadId, threadId }) =>
 *     threadId === openedThreadId ? Approval.abstain : Approval.decline("a sub-agent asks")
 *   )
 * ```
 */
export interface ApprovalContext {
  readonly threadId: ThreadId | undefined
  readonly openedThreadId: ThreadId | undefined
  readonly turnId: TurnId | undefined
  readonly session: object
  readonly cwd: string | undefined
  readonly sandbox: Sandbox | undefined
  readonly writableRoots: ReadonlyArray<string>
  readonly network: boolean | undefined
}

/** The thread and the turn of the request, while a policy decides. */
export const ApprovalContext = Context.Reference<ApprovalContext>("effect-codex/Approval/Asking", {
  defaultValue: () => ({
    threadId: undefined,
    openedThreadId: undefined,
    turnId: undefined,
    session: {},
    cwd: undefined,
    sandbox: undefined,
    writableRoots: [],
    network: undefined
  })
})

type Needs<P> = P extends Policy<infer R> ? R : never

/**
 * The first policy that does not abstain decides. A policy that fails does not abstain: the request is declined.
 * @since 0.1.0
 * @category combinators
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Approval } from "effect-codex"
 *
 * const tests = Approval.rules([{ decision: "accept", kind: "command", command: ["npm", "test"] }])
 * const noNetwork: Approval.Policy = (request) =>
 *   Effect.succeed(
 *     request._tag === "Command" && request.wants?.network !== undefined
 *       ? Approval.decline("commands stay offline")
 *       : Approval.abstain
 *   )
 * const policy = Approval.firstOf(noNetwork, tests, Approval.prompt)
 * ```
 */
export function firstOf<P extends ReadonlyArray<Policy<unknown>>>(...policies: P): Policy<Needs<P[number]>>
export function firstOf<R>(...policies: ReadonlyArray<Policy<R>>): Policy<R> {
  return (request) =>
    Effect.gen(function* () {
      let last: Abstain = abstain
      for (const policy of policies) {
        const decision = yield* policy(request)
        if (decision._tag !== "Abstain") return decision
        if (decision.reason !== undefined) last = decision
      }
      return last
    })
}
