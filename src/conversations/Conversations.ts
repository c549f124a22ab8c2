/** A registry of open threads for servers: owners, limits, eviction of idle threads, and a graceful shutdown. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type { ThreadId } from "../domain/Ids.ts"
import type { Thread } from "../Thread.ts"

/**
 * The owner has no open conversation with this id. Somebody else's conversation is reported in the same way.
 * @since 0.1.0
 * @category errors
 */
export class ConversationNotFound extends Schema.TaggedError<ConversationNotFound>()("ConversationNotFound", {
  id: Schema.String
}) {
  override get message() {
    return `there is no open conversation ${this.id}; resume the thread first`
  }
}

/**
 * Too many conversations are open, of this owner or in total. Close one, or wait until an idle one is closed.
 * @since 0.1.0
 * @category errors
 */
export class ConversationLimit extends Schema.TaggedError<ConversationLimit>()("ConversationLimit", {
  scope: Schema.Literals(["owner", "total"]),
  limit: Schema.Natural
}) {
  override get message() {
    return this.scope === "owner"
      ? `the owner already has ${this.limit} open conversations; close one first`
      : `${this.limit} conversations are open, which is the limit; try again later`
  }
}

/**
 * The registry shuts down: it opens no conversation and starts no turn.
 * @since 0.1.0
 * @category errors
 */
export class ShuttingDown extends Schema.TaggedError<ShuttingDown>()("ShuttingDown", {}) {
  override get message() {
    return "the server shuts down; try again later"
  }
}

/**
 * An open thread and its owner.
 * @since 0.1.0
 * @category models
 */
export interface Conversation {
  /** The id of the thread when it was opened. It stays the same if the thread gets a new id before its first turn. */
  readonly id: ThreadId
  readonly owner: string
  readonly thread: Thread
  /** Closes with the conversation. Fork work into it that must end with the conversation. */
  readonly scope: Scope.Scope
}

/**
 * What the registry knows of an open conversation. `running` is how much work of `acquire` runs. `lastWork` is the number of the
 * last work of `acquire` that began, counted over all conversations from 1: another number means that new work began, also if
 * it has ended already.
 * @since 0.1.0
 * @category models
 */
export interface ConversationStatus {
  readonly id: ThreadId
  readonly owner: string
  readonly running: number
  readonly lastWork: number | undefined
  /** Since when nothing has used the conversation, in milliseconds since the epoch; absent while something does. */
  readonly idleSince: number | undefined
}

/**
 * Options for {@link Conversations.layerOptions}.
 * @since 0.1.0
 * @category models
 */
export interface ConversationsOptions {
  /** Maximum number of open conversations of one owner. Default: 10. */
  readonly maxPerOwner?: number | undefined
  /** Maximum number of open conversations. Default: 100. */
  readonly maxOpen?: number | undefined
  /**
   * How long a conversation stays open that nothing uses. Codex stores the thread, unless it is ephemeral or has no turn, so
   * that it can be resumed. Its background terminals end. Default: 15 minutes.
   */
  readonly idleTimeout?: Duration.Input | undefined
  /** How long a shutdown waits for running turns before it interrupts them. Default: 30 seconds. */
  readonly shutdownTimeout?: Duration.Input | undefined
}

interface Entry {
  readonly conversation: Conversation
  readonly scope: Scope.Closeable
  uses: number
  running: number
  lastWork: number | undefined
  idleSince: number
}

/**
 * Open threads by owner and id. A conversation is open until `close`, until nothing has used it for `idleTimeout`, or until
 * the layer closes.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codex, Conversations, ThreadId } from "effect-codex"
 *
 * const open = (user: string) =>
 *   Effect.gen(function* () {
 *     const [codex, conversations] = [yield* Codex, yield* Conversations]
 *     const { id } = yield* conversations.open(user, codex.startThread({ sandbox: "read-only" }))
 *     return id
 *   })
 * const ask = (user: string, id: ThreadId, question: string) =>
 *   Conversations.use(({ acquire }) => acquire(user, id)).pipe(
 *     Effect.flatMap(({ thread }) => thread.run(question)),
 *     Effect.scoped
 *   )
 * ```
 */
export class Conversations extends Context.Service<
  Conversations,
  {
    /**
     * Opens a conversation with `acquire`, such as `codex.startThread(options)` or `codex.resumeThread(id)`. If the thread
     * is already open for this owner, the open conversation is returned. Fails with `ConversationLimit` before it opens a
     * thread beyond a limit, and with `ShuttingDown` during a shutdown.
     */
    readonly open: <E, R>(
      owner: string,
      acquire: Effect.Effect<Thread, E, R>
    ) => Effect.Effect<
      Conversation,
      E | ConversationLimit | ConversationNotFound | ShuttingDown,
      Exclude<R, Scope.Scope>
    >
    /** Returns an open conversation of this owner. It is not evicted before the scope closes. */
    readonly get: (
      owner: string,
      id: ThreadId
    ) => Effect.Effect<Conversation, ConversationNotFound, Scope.Scope>
    /** The same as `get`, for work that a shutdown waits for: turns. Fails with `ShuttingDown` during a shutdown. */
    readonly acquire: (
      owner: string,
      id: ThreadId
    ) => Effect.Effect<Conversation, ConversationNotFound | ShuttingDown, Scope.Scope>
    /** Closes a conversation of this owner and interrupts its turns. The thread stays stored. */
    readonly close: (owner: string, id: ThreadId) => Effect.Effect<void, ConversationNotFound>
    /** The open conversations of this owner, or of all owners. */
    readonly list: (owner?: string) => Effect.Effect<ReadonlyArray<ConversationStatus>>
    /**
     * Shuts down: refuses new conversations and turns, waits for the running turns until `shutdownTimeout`, then closes all
     * conversations, which interrupts what still runs. The layer does it when it closes; call it before the server stops, so
     * that clients still receive the end of their turns and can answer approvals.
     */
    readonly shutdown: Effect.Effect<void>
  }
>()("effect-codex/Conversations") {
  /**
   * A registry with these options.
   * @since 0.1.0
   * @category layers
   * @example
   * ```ts
   * import { Conversations } from "effect-codex"
   *
   * const Registry = Conversations.layerOptions({ maxPerOwner: 3, maxOpen: 50, idleTimeout: "5 minutes" })
   * ```
   */
  static readonly layerOptions = (options: ConversationsOptions): Layer.Layer<Conversations> =>
    Layer.effect(
      Conversations,
      Effect.suspend(() => make(options))
    )

  /**
   * Shuts the registry down when this layer closes. Build it on top of the server, so that it closes first: clients then
   * receive the end of their turns before the server closes their connections.
   * @since 0.1.0
   * @category layers
   * @example
   * ```ts
   * import { Layer } from "effect"
   * import { Conversations } from "effect-codex"
   *
   * const serve = <A, E>(Server: Layer.Layer<A, E>) =>
   *   Layer.launch(
   *     Conversations.layerShutdown.pipe(Layer.provideMerge(Server), Layer.provide(Conversations.layer))
   *   )
   * ```
   */
  static readonly layerShutdown: Layer.Layer<never, never, Conversations> = Layer.effectDiscard(
    Effect.suspend(() => Effect.flatMap(Conversations, ({ shutdown }) => Effect.addFinalizer(() => shutdown)))
  )

  /**
   * A registry with the default limits.
   * @since 0.1.0
   * @category layers
   * @example
   * ```ts
   * import { Layer } from "effect"
   * import { AppServer, Codex, Conversations } from "effect-codex"
   *
   * const App = Codex.layer.pipe(Layer.provide(AppServer.layer), Layer.provideMerge(Conversations.layer))
   * ```
   */
  static readonly layer: Layer.Layer<Conversations> = Conversations.layerOptions({})
}

const make = Effect.fnUntraced(function* (options: ConversationsOptions) {
  const { maxOpen = 100, maxPerOwner = 10 } = options
  const idleMillis = Duration.toMillis(Duration.fromInputUnsafe(options.idleTimeout ?? "15 minutes"))
  const shutdownTimeout = options.shutdownTimeout ?? "30 seconds"
  const entries = new Map<ThreadId, Entry>()
  /** How many conversations of an owner are being opened. */
  const opening = new Map<string, number>()
  const idle = yield* Deferred.make<void>()
  let shuttingDown = false
  /** How much work of `acquire` has begun. */
  let works = 0

  const now = Clock.currentTimeMillis

  const countOf = (owner: string): number => {
    let count = opening.get(owner) ?? 0
    for (const { conversation } of entries.values()) if (conversation.owner === owner) count++
    return count
  }

  const total = (): number => {
    let count = entries.size
    for (const waiting of opening.values()) count += waiting
    return count
  }

  /** Takes a place. It is synchronous, so that concurrent requests cannot exceed a limit together. */
  const reserve = (owner: string): ConversationLimit | ShuttingDown | undefined => {
    if (shuttingDown) return new ShuttingDown()
    if (countOf(owner) >= maxPerOwner) return new ConversationLimit({ scope: "owner", limit: maxPerOwner })
    if (total() >= maxOpen) return new ConversationLimit({ scope: "total", limit: maxOpen })
    opening.set(owner, (opening.get(owner) ?? 0) + 1)
    return undefined
  }

  const unreserve = (owner: string): void => {
    const count = (opening.get(owner) ?? 1) - 1
    if (count > 0) opening.set(owner, count)
    else opening.delete(owner)
  }

  const closeEntry = (entry: Entry): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (entries.get(entry.conversation.id) === entry) entries.delete(entry.conversation.id)
      // Readers of a turn that is interrupted first receive its end; those of a turn whose scope closes may not.
      const interrupted = entry.running > 0 ? entry.conversation.thread.interrupt : Effect.void
      return Effect.andThen(interrupted, Scope.close(entry.scope, Exit.void))
    })

  const openIn = <E, R>(owner: string, acquire: Effect.Effect<Thread, E, R>) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const exit = yield* Effect.exit(restore(Scope.provide(acquire, scope)))
        if (Exit.isFailure(exit)) {
          yield* Scope.close(scope, exit)
          return yield* Effect.failCause(exit.cause)
        }
        const thread = exit.value
        const existing = entries.get(thread.id)
        if (shuttingDown || existing !== undefined) {
          yield* Scope.close(scope, Exit.void)
          if (existing?.conversation.owner === owner) return existing.conversation
          return yield* shuttingDown ? new ShuttingDown() : new ConversationNotFound({ id: thread.id })
        }
        const conversation: Conversation = { id: thread.id, owner, thread, scope }
        entries.set(thread.id, {
          conversation,
          scope,
          uses: 0,
          running: 0,
          lastWork: undefined,
          idleSince: yield* now
        })
        return conversation
      })
    )

  const open = <E, R>(owner: string, acquire: Effect.Effect<Thread, E, R>) =>
    Effect.acquireUseRelease(
      Effect.suspend(() => {
        const refused = reserve(owner)
        return refused === undefined ? Effect.void : Effect.fail(refused)
      }),
      () => openIn(owner, acquire),
      () => Effect.sync(() => unreserve(owner))
    )

  const find = (owner: string, id: ThreadId): Effect.Effect<Entry, ConversationNotFound> =>
    Effect.suspend(() => {
      // The thread has a new id if Codex's process died before its first turn.
      const entry =
        entries.get(id) ?? [...entries.values()].find(({ conversation }) => conversation.thread.id === id)
      return entry === undefined || entry.conversation.owner !== owner
        ? Effect.fail(new ConversationNotFound({ id }))
        : Effect.succeed(entry)
    })

  const release = (entry: Entry, running: number): Effect.Effect<void> =>
    Effect.flatMap(now, (now) => {
      entry.uses--
      entry.running -= running
      entry.idleSince = now
      return endIfIdle
    })

  const use = (owner: string, id: ThreadId, running: number) =>
    Effect.acquireRelease(
      Effect.map(find(owner, id), (entry) => {
        entry.uses++
        entry.running += running
        if (running > 0) entry.lastWork = ++works
        return entry
      }),
      (entry) => release(entry, running)
    ).pipe(Effect.map(({ conversation }) => conversation))

  const endIfIdle = Effect.suspend(() => {
    const running = [...entries.values()].some(({ running }) => running > 0)
    return shuttingDown && !running ? Effect.asVoid(Deferred.succeed(idle, undefined)) : Effect.void
  })

  const shutdown = yield* Effect.cached(
    Effect.gen(function* () {
      shuttingDown = true
      yield* endIfIdle
      // A fiber of its own: a finalizer can be uninterruptible or interrupted already, and then a timeout has no effect.
      const deadline = yield* Effect.sleep(shutdownTimeout).pipe(
        Effect.andThen(Deferred.succeed(idle, undefined)),
        Effect.interruptible,
        Effect.forkDetach
      )
      yield* Deferred.await(idle)
      yield* Fiber.interrupt(deadline)
      yield* Effect.forEach([...entries.values()], closeEntry, { concurrency: "unbounded", discard: true })
    }).pipe(Effect.uninterruptible)
  )
  yield* Effect.addFinalizer(() => shutdown)

  const evict = Effect.flatMap(now, (now) =>
    Effect.forEach(
      [...entries.values()].filter(({ idleSince, uses }) => uses === 0 && now - idleSince >= idleMillis),
      closeEntry,
      { concurrency: "unbounded", discard: true }
    )
  )
  if (Number.isFinite(idleMillis))
    yield* evict.pipe(Effect.repeat(Schedule.spaced(Math.max(10, idleMillis / 4))), Effect.forkScoped)

  return Conversations.of({
    open,
    get: (owner, id) => use(owner, id, 0),
    acquire: (owner, id) =>
      Effect.suspend((): Effect.Effect<Conversation, ConversationNotFound | ShuttingDown, Scope.Scope> =>
        shuttingDown ? Effect.fail(new ShuttingDown()) : use(owner, id, 1)
      ),
    close: (owner, id) =>
      Effect.flatMap(find(owner, id), (entry) => Effect.uninterruptible(closeEntry(entry))),
    list: (owner) =>
      Effect.sync(() =>
        [...entries.values()].flatMap(({ conversation, idleSince, lastWork, running, uses }) =>
          owner === undefined || conversation.owner === owner
            ? [
                {
                  id: conversation.id,
                  owner: conversation.owner,
                  running,
                  lastWork,
                  idleSince: uses > 0 ? undefined : idleSince
                }
              ]
            : []
        )
      ),
    shutdown
  })
})
