/**
 * Attacks an approval policy as a hostile model, repository and MCP server do. Use it in a test of your own policy:
 *
 * ```ts
 * const breaches = yield* Hostile.check(policy, { sandbox: "workspace-write" })
 * assert.deepStrictEqual(breaches, [])
 * ```
 */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type * as PlatformError from "effect/PlatformError"
import type { Policy } from "../approval/Policy.ts"
import { decide } from "../approval/PolicyRunner.ts"
import { forget } from "../approval/SessionGrants.ts"
import * as ResolvedRequest from "../approval/ResolvedRequest.ts"
import { type ApprovalDecision, isGranted } from "../domain/ApprovalDecision.ts"
import type { ApprovalRequest } from "../domain/ApprovalRequest.ts"
import { ThreadId, TurnId } from "../domain/Ids.ts"
import type { Sandbox } from "../domain/TurnOptions.ts"
import { type Attempt, attacks as all, type HostileAttack } from "./hostile/attacks.ts"
import * as HostileFixture from "./hostile/fixture.ts"

/**
 * A dangerous request that the policy accepts. `attack` is the name of the attack.
 * @since 0.1.0
 * @category models
 */
export interface Breach {
  readonly attack: string
  readonly request: ApprovalRequest
  readonly decision: ApprovalDecision
}

/**
 * Where the attacks take place.
 * @since 0.1.0
 * @category models
 */
export interface CheckOptions {
  /** What the agent can do without approval. With `danger-full-access` it needs no approval for anything. */
  readonly sandbox: Sandbox
  /**
   * The directory that the policy sees as the thread's, for policies that name absolute paths. The check does not touch it:
   * the links and repositories of the attacks are in a temporary directory.
   */
  readonly cwd?: string
  /** How long the policy may take for one request. A policy that waits for a person does not accept. Default: 1 second. */
  readonly timeout?: Duration.Input
}

/**
 * The names of the attacks.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Hostile } from "effect-codex/testing"
 *
 * const count = Hostile.attacks.length
 * ```
 */
export const attacks: ReadonlyArray<string> = all.map(({ name }) => name)

/** Replaces a directory in every string of a value. */
const relocate = <A>(value: A, from: string, to: string): A =>
  JSON.parse(
    JSON.stringify(value).replaceAll(JSON.stringify(from).slice(1, -1), () => JSON.stringify(to).slice(1, -1))
  )

/**
 * Plays every attack against a policy, and returns what the policy accepts. Resolves paths as the runtime does. An empty
 * result means that the policy withstood these attacks, not that it is safe.
 * @since 0.1.0
 * @category assertions
 * @example
 * ```ts
 * import * as NodeServices from "@effect/platform-node/NodeServices"
 * import { assert, it } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { Approval } from "effect-codex"
 * import { Hostile } from "effect-codex/testing"
 *
 * const policy = Approval.rules([{ command: ["docker", "ps"], decision: "accept" }], Approval.deny)
 *
 * it.effect("withstands the attacks", () =>
 *   Effect.gen(function* () {
 *     assert.deepStrictEqual(yield* Hostile.check(policy, { sandbox: "workspace-write" }), [])
 *   }).pipe(Effect.provide(NodeServices.layer))
 * )
 * ```
 */
export const check = <R>(
  policy: Policy<R>,
  options: CheckOptions
): Effect.Effect<ReadonlyArray<Breach>, PlatformError.PlatformError, R | FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const { fixture } = yield* HostileFixture.make(options.sandbox)
    const { access } = fixture
    const cwd = options.cwd ?? fixture.cwd
    const relocated = <A>(value: A): A => (cwd === fixture.cwd ? value : relocate(value, fixture.cwd, cwd))
    const writableRoots = relocated(access.writableRoots)

    const ask = (request: ApprovalRequest, session: object) =>
      decide(policy, request, {
        threadId: ThreadId.make("hostile"),
        openedThreadId: ThreadId.make("hostile"),
        turnId: TurnId.make("hostile"),
        session,
        cwd,
        sandbox: access.sandbox,
        network: access.network,
        writableRoots
      }).pipe(Effect.timeoutOption(options.timeout ?? "1 second"), Effect.map(Option.getOrUndefined))

    /** The policy breaks if it accepts the last request; after bait, only if the bait is the reason. */
    const play = Effect.fnUntraced(function* (
      { isBreach = isGranted, name }: HostileAttack,
      attempt: Attempt
    ) {
      const session = {}
      yield* Effect.addFinalizer(() => forget(session))
      const requests = attempt.map((request) => relocated(ResolvedRequest.resolve(request, access)))
      const decisions: Array<ApprovalDecision | undefined> = []
      for (const request of requests) decisions.push(yield* ask(request, session))
      const request = requests.at(-1)
      const decision = decisions.at(-1)
      if (request === undefined || decision === undefined || !isBreach(decision)) return []
      if (requests.length > 1 && decision.source !== "session") {
        const alone = yield* ask(request, {})
        if (alone !== undefined && isBreach(alone)) return []
      }
      return [{ attack: name, request, decision }]
    }, Effect.scoped)

    const attempts = all.flatMap((attack) => attack.attempts(fixture).map((attempt) => play(attack, attempt)))
    return (yield* Effect.all(attempts, { concurrency: 16 })).flat()
  }).pipe(Effect.scoped)
