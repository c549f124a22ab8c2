/**
 * Remembers what a policy accepts for the session. The library remembers it, not Codex, so that a grant covers exactly what
 * was accepted, every use is visible, and a grant can be revoked.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { randomUUID } from "node:crypto"
import type { ApprovalDecision } from "../domain/ApprovalDecision.ts"
import type { ApprovalRequest } from "../domain/ApprovalRequest.ts"
import { hash } from "../domain/ApprovalRequestHash.ts"
import type { ThreadId } from "../domain/Ids.ts"
import { normalize } from "./DecisionValidation.ts"
import { ApprovalContext, type Policy } from "./Policy.ts"
import type { RequestEquivalence } from "./RequestEquivalence.ts"

/**
 * Something that a policy accepted for the session. `threadId` is the thread that the caller opened, `agentThreadId` that of
 * the sub-agent which made the request, if one did. Times are in milliseconds since the epoch. `uses` counts the requests
 * that the grant has answered. `heldByCodex` marks a wider sandbox: Codex itself applies it until the thread ends.
 * @since 0.1.0
 * @category models
 */
export interface SessionGrant {
  readonly id: string
  readonly threadId: ThreadId | undefined
  readonly agentThreadId: ThreadId | undefined
  readonly request: ApprovalRequest
  /** The hash of the accepted request. */
  readonly hash: string
  readonly grantedAt: number
  readonly expiresAt: number | undefined
  readonly uses: number
  readonly heldByCodex: boolean
}

/**
 * No grant of the thread has this id: it was revoked, or it has expired.
 * @since 0.1.0
 * @category errors
 */
export class NotGranted extends Schema.TaggedError<NotGranted>()("NotGranted", { id: Schema.String }) {
  override get message() {
    return `there is no session grant ${this.id}; it is revoked or has expired`
  }
}

/**
 * Codex applies a wider sandbox until the thread ends, so only closing the thread takes it back.
 * @since 0.1.0
 * @category errors
 */
export class HeldByCodex extends Schema.TaggedError<HeldByCodex>()("HeldByCodex", { id: Schema.String }) {
  override get message() {
    return `Codex applies the permissions of the session grant ${this.id} until the thread ends; close the thread instead`
  }
}

type Accepted = Extract<ApprovalDecision, { readonly _tag: "AcceptForSession" }>

interface Entry {
  grant: SessionGrant
  readonly decision: Accepted
  /** The object of the open thread that the grant belongs to, or an object that all threads share. */
  owner: object
  /** What observes each use of the grant. */
  readonly observers: ReadonlyArray<ReuseObserver>
}

/** Runs each time that a grant answers a request, with the effective decision. */
export type ReuseObserver = (request: ApprovalRequest, decision: ApprovalDecision) => Effect.Effect<void>

/**
 * @internal Collects the observers of the grant that the running policy may make. A policy that a remembered decision passes
 * over, such as `audit`, registers here to learn of each use.
 */
export const ReuseObservers = Context.Reference<Array<ReuseObserver> | undefined>(
  "effect-codex/Approval/ReuseObservers",
  { defaultValue: () => undefined }
)

/** The grants of all threads, by id, oldest first. Removing an entry revokes it. */
const Registry = Context.Reference<Map<string, Entry>>("effect-codex/Approval/Grants", {
  defaultValue: () => new Map()
})

const maxGrants = 1000

const isExpired = ({ grant }: Entry, now: number): boolean =>
  grant.expiresAt !== undefined && now >= grant.expiresAt

const valid = (registry: Map<string, Entry>, now: number): ReadonlyArray<Entry> => {
  for (const [id, entry] of registry) if (isExpired(entry, now)) registry.delete(id)
  return [...registry.values()]
}

const add = (registry: Map<string, Entry>, entry: Entry): void => {
  registry.set(entry.grant.id, entry)
  const own = [...registry.values()].filter(({ owner }) => owner === entry.owner)
  for (const { grant } of own.slice(0, Math.max(0, own.length - maxGrants))) registry.delete(grant.id)
}

/**
 * @internal Forgets the grants of a handle that closes. `session` is the object of the handle, `other` that of another open
 * handle of the thread, for which Codex continues to hold permissions.
 */
export const forget = (session: object, other?: object): Effect.Effect<void> =>
  Effect.map(Registry, (registry) => {
    for (const [id, entry] of registry) {
      if (entry.owner !== session) continue
      if (entry.grant.heldByCodex && other !== undefined) entry.owner = other
      else registry.delete(id)
    }
  })

/**
 * The session grants of a thread and of its sub-agents. Closing the thread removes them.
 * @since 0.1.0
 * @category models
 */
export interface Grants {
  /** The grants that hold now, oldest first. */
  readonly list: Effect.Effect<ReadonlyArray<SessionGrant>>
  /** Takes a grant back: the next such request goes to the policy again. */
  readonly revoke: (id: string) => Effect.Effect<void, NotGranted | HeldByCodex>
  /** Takes back all these grants that Codex does not hold. Returns how many. */
  readonly revokeAll: Effect.Effect<number>
  /** Lets a grant end after this time from now. */
  readonly expire: (id: string, after: Duration.Input) => Effect.Effect<void, NotGranted | HeldByCodex>
}

/**
 * Returns the session grants of a thread: what policies accepted with `acceptForSession`. The id of a sub-agent's thread
 * returns those of the sub-agent alone.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Approval, Codex } from "effect-codex"
 *
 * const program = Effect.gen(function* () {
 *   const codex = yield* Codex
 *   const thread = yield* codex.startThread()
 *   yield* thread.run("Run the tests until they pass")
 *   for (const { uses, request } of yield* Approval.grants(thread.id).list)
 *     yield* Effect.log(`${Approval.summarize(request)}: used ${uses} times`)
 *   yield* Approval.grants(thread.id).revokeAll
 * }).pipe(Effect.scoped)
 * ```
 */
export const grants = (threadId: ThreadId): Grants => {
  const entries = Effect.gen(function* () {
    const registry = yield* Registry
    const now = yield* Clock.currentTimeMillis
    return valid(registry, now).filter(
      ({ grant }) => grant.threadId === threadId || grant.agentThreadId === threadId
    )
  })
  const find = Effect.fnUntraced(function* (id: string) {
    const entry = (yield* entries).find(({ grant }) => grant.id === id)
    if (entry === undefined) return yield* new NotGranted({ id })
    return entry.grant.heldByCodex ? yield* new HeldByCodex({ id }) : entry
  })
  return {
    list: Effect.map(entries, (all) => all.map(({ grant }) => grant)),
    revoke: (id) =>
      Effect.andThen(
        find(id),
        Effect.map(Registry, (registry) => void registry.delete(id))
      ),
    revokeAll: Effect.gen(function* () {
      const registry = yield* Registry
      const revocable = (yield* entries).filter(({ grant }) => !grant.heldByCodex)
      for (const { grant } of revocable) registry.delete(grant.id)
      return revocable.length
    }),
    expire: Effect.fnUntraced(function* (id: string, after: Duration.Input) {
      const entry = yield* find(id)
      const expiresAt = (yield* Clock.currentTimeMillis) + Duration.toMillis(after)
      entry.grant = { ...entry.grant, expiresAt }
    })
  }
}

/** Input to a running command is not repeatable, and what cannot be read cannot be compared. */
const canBeRemembered = (request: ApprovalRequest): boolean => {
  switch (request._tag) {
    case "Command":
      return !request.extra || (request.wants !== undefined && request.wants.as === undefined)
    case "UserInput":
    case "Elicitation":
    case "Unknown":
      return false
    default:
      return true
  }
}

/** Whether a request is the accepted one again. The agent can change a link between the request and its use. */
const isRepeatable = ({ grant }: Entry, request: ApprovalRequest, requestHash: string): boolean =>
  grant.hash === requestHash &&
  !(
    "resolved" in request &&
    request.resolved !== undefined &&
    (request.resolved.cwdThroughLink || request.resolved.paths.some(({ throughLink }) => throughLink))
  )

/**
 * Options of `remember`.
 * @since 0.1.0
 * @category models
 */
export interface RememberOptions {
  /** Covers more than identical requests. */
  readonly like?: RequestEquivalence
  /** Threads share what is remembered. */
  readonly shared?: boolean
  /** How long a grant holds. Default: as long as the thread is open. */
  readonly lifetime?: Duration.Input
}

/**
 * Does not run the policy again for requests that it accepted for the session, as long as the thread is open: identical
 * requests, and requests that `like` covers. Codex gets a single acceptance each time, so that every use is visible, with
 * the source `session`. `grants` lists and revokes what is remembered.
 * @since 0.1.0
 * @category combinators
 * @example
 * ```ts
 * import { Approval } from "effect-codex"
 *
 * const policy = Approval.remember(Approval.queue, { lifetime: "1 hour" })
 * ```
 */
export const remember = <R>(policy: Policy<R>, options: RememberOptions = {}): Policy<R> =>
  remembering(policy, options, () => true)

/**
 * @internal Remembers for a thread what its policy accepts. Codex applies permissions for the session itself, so the policy
 * decides about later requests for them.
 */
export const rememberForThread = <R>(policy: Policy<R>): Policy<R> =>
  remembering(policy, {}, ({ heldByCodex }) => !heldByCodex)

const remembering = <R>(
  policy: Policy<R>,
  options: RememberOptions,
  answers: (grant: SessionGrant) => boolean
): Policy<R> => {
  const shared = {}
  const { like, lifetime } = options
  // Policies in one program do not use each other's grants.
  const own = new WeakSet<Entry>()
  return Effect.fnUntraced(function* (request) {
    const { openedThreadId, session, threadId } = yield* ApprovalContext
    const registry = yield* Registry
    const owner = options.shared === true ? shared : session
    const requestHash = hash(request)
    const found = valid(registry, yield* Clock.currentTimeMillis).find(
      (entry) =>
        entry.owner === owner &&
        own.has(entry) &&
        answers(entry.grant) &&
        (isRepeatable(entry, request, requestHash) || like?.(entry.grant.request, request) === true)
    )
    if (found !== undefined) {
      found.grant = { ...found.grant, uses: found.grant.uses + 1 }
      const { given } = found.decision
      const remembered = found.grant.hash === requestHash && given !== undefined ? { given } : {}
      const decision = { _tag: "Accept", ...remembered, source: "session", policy: "remember" } as const
      const effective = normalize(request, decision)
      yield* Effect.forEach(found.observers, (observe) => observe(request, effective), { discard: true })
      return decision
    }
    // A copy: the policy could modify the request.
    const accepted = canBeRemembered(request) ? structuredClone(request) : undefined
    const deciding = policy(request)
    // Yielding a value that is not an effect would end the fiber without running its finalizers.
    if (!Effect.isEffect(deciding))
      return yield* Effect.die(new TypeError("an approval policy must return an effect"))
    const observers: Array<ReuseObserver> = []
    const decision = yield* Effect.provideService(deciding, ReuseObservers, observers)
    if (accepted === undefined || decision._tag !== "AcceptForSession") return decision
    // Another `remember` inside this one already remembers it.
    if (decision.rememberedLocally === true) return decision
    const normalized = normalize(request, decision)
    if (normalized._tag !== "AcceptForSession") return decision
    const grantedAt = yield* Clock.currentTimeMillis
    const heldByCodex = request._tag === "Permissions"
    const entry: Entry = {
      grant: {
        id: randomUUID(),
        threadId: openedThreadId ?? threadId,
        agentThreadId: openedThreadId === undefined || openedThreadId === threadId ? undefined : threadId,
        request: accepted,
        hash: hash(accepted),
        grantedAt,
        expiresAt:
          lifetime === undefined || heldByCodex ? undefined : grantedAt + Duration.toMillis(lifetime),
        uses: 0,
        heldByCodex
      },
      decision: normalized,
      owner,
      observers
    }
    own.add(entry)
    add(registry, entry)
    return heldByCodex ? decision : { ...decision, rememberedLocally: true }
  })
}
