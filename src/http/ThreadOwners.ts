/** Which thread belongs to which user, also while it is not open. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import { ThreadId } from "../domain/Ids.ts"

/**
 * Remembers the owners of threads. Every user gets 404 for a thread without an owner. Codex stores
 * threads without users, so a service that restarts needs a store that survives: `layerStore`, or your own database.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codex, ThreadId } from "effect-codex"
 * import { ThreadOwners } from "effect-codex/http"
 *
 * // Deletes a thread outside the HTTP group.
 * const forget = (id: ThreadId) =>
 *   Effect.andThen(
 *     Codex.use(({ deleteThread }) => deleteThread(id)),
 *     ThreadOwners.use(({ release }) => release(id))
 *   )
 * ```
 */
export class ThreadOwners extends Context.Service<
  ThreadOwners,
  {
    /** Makes the user the owner of a new thread. */
    readonly claim: (threadId: ThreadId, owner: string) => Effect.Effect<void>
    /** Returns the owner of a thread. */
    readonly ownerOf: (threadId: ThreadId) => Effect.Effect<string | undefined>
    /** The threads of a user. */
    readonly list: (owner: string) => Effect.Effect<ReadonlyArray<ThreadId>>
    /** Forgets a thread that was deleted. */
    readonly release: (threadId: ThreadId) => Effect.Effect<void>
  }
>()("effect-codex/http/ThreadOwners") {
  /**
   * Keeps the owners in memory: after a restart, every user gets 404 for earlier threads.
   * @since 0.1.0
   * @category layers
   * @example
   * ```ts
   * import { Layer } from "effect"
   * import { Conversations } from "effect-codex"
   * import { ThreadOwners } from "effect-codex/http"
   *
   * const State = Layer.merge(Conversations.layer, ThreadOwners.layerMemory)
   * ```
   */
  static readonly layerMemory: Layer.Layer<ThreadOwners> = Layer.suspend(() => ThreadOwners.layerStore).pipe(
    Layer.provide(KeyValueStore.layerMemory)
  )

  /**
   * Keeps the owners in Effect's `KeyValueStore`, such as `KeyValueStore.layerFileSystem(directory)`. Choose a directory that
   * no agent can write. Only one process may write the store at a time. A failure of the store is a defect, so the request fails.
   * @since 0.1.0
   * @category layers
   * @example
   * ```ts
   * import * as NodeServices from "@effect/platform-node/NodeServices"
   * import { Layer } from "effect"
   * import { ThreadOwners } from "effect-codex/http"
   * import { KeyValueStore } from "effect/persistence"
   *
   * const Owners = ThreadOwners.layerStore.pipe(
   *   Layer.provide(KeyValueStore.layerFileSystem("/var/lib/agents/owners")),
   *   Layer.provide(NodeServices.layer)
   * )
   * ```
   */
  static readonly layerStore: Layer.Layer<ThreadOwners, never, KeyValueStore.KeyValueStore> = Layer.effect(
    ThreadOwners,
    Effect.suspend(() => make)
  )
}

const Ids = Schema.fromJsonString(Schema.Array(ThreadId))
const decodeIds = Schema.decodeEffect(Ids)
const encodeIds = Schema.encodeEffect(Ids)

const make = Effect.gen(function* () {
  const store = yield* KeyValueStore.KeyValueStore
  const lock = yield* Semaphore.make(1)
  const threadKey = (threadId: string) => `thread:${threadId}`
  const ownerKey = (owner: string) => `owner:${owner}`

  const list = Effect.fnUntraced(function* (owner: string) {
    const stored = yield* store.get(ownerKey(owner))
    return stored === undefined ? [] : yield* decodeIds(stored)
  }, Effect.orDie)

  const setList = Effect.fnUntraced(function* (owner: string, ids: ReadonlyArray<ThreadId>) {
    yield* store.set(ownerKey(owner), yield* encodeIds(ids))
  }, Effect.orDie)

  const ownerOf = (threadId: ThreadId) => Effect.orDie(store.get(threadKey(threadId)))

  return ThreadOwners.of({
    claim: (threadId, owner) =>
      Effect.gen(function* () {
        yield* Effect.orDie(store.set(threadKey(threadId), owner))
        const ids = yield* list(owner)
        if (!ids.includes(threadId)) yield* setList(owner, [threadId, ...ids])
      }).pipe(Semaphore.withPermits(lock, 1)),
    ownerOf,
    list,
    release: (threadId) =>
      Effect.gen(function* () {
        const owner = yield* ownerOf(threadId)
        if (owner === undefined) return
        yield* setList(
          owner,
          (yield* list(owner)).filter((id) => id !== threadId)
        )
        yield* Effect.orDie(store.remove(threadKey(threadId)))
      }).pipe(Semaphore.withPermits(lock, 1))
  })
})
