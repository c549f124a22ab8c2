/** Announces commits, so that a process that waits for one need not query the tables again and again. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as RcRef from "effect/RcRef"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as NodeTimers from "../../internal/NodeTimers.ts"
import { Sqlite } from "./SqliteClient.ts"

/** How often SQLite is asked for commits of other processes while somebody waits, in milliseconds. */
const pollMillis = 50

/** */
export class ChangeFeed extends Context.Service<
  ChangeFeed,
  {
    /**
     * Emits once when the subscription is active, then soon after any commit by any process. So a reader that queries at each
     * element misses nothing. Commits that follow each other quickly can share one element. Never fails: a query tells why
     * the database cannot be reached.
     */
    readonly changes: Stream.Stream<void>
    /** Announces a commit of this process. Called after the commit. */
    readonly notify: Effect.Effect<void>
  }
>()("effect-codex/durable/ChangeFeed") {}

/** Makes a feed from a poller of other processes' commits, which runs only while somebody reads `changes`. */
export const make = Effect.fnUntraced(function* (
  watchOthers: (announce: Effect.Effect<void>) => Effect.Effect<void, never, Scope.Scope>
) {
  const announcements = yield* Effect.acquireRelease(PubSub.sliding<void>(1), PubSub.shutdown)
  const notify = Effect.asVoid(PubSub.publish(announcements, undefined))
  const watcher = yield* RcRef.make({ acquire: watchOthers(notify) })
  const changes = Stream.unwrap(
    Effect.gen(function* () {
      const subscription = yield* PubSub.subscribe(announcements)
      yield* RcRef.get(watcher)
      return Stream.concat(Stream.make(undefined), Stream.fromEffectRepeat(PubSub.take(subscription)))
    })
  )
  return ChangeFeed.of({ changes, notify })
})

/** The feed of a SQLite file. `PRAGMA data_version` is cheap: it compares a counter in shared memory. */
export const layerSqlite: Layer.Layer<ChangeFeed, never, Sqlite> = Layer.effect(
  ChangeFeed,
  Effect.gen(function* () {
    const { database } = yield* Sqlite
    const statement = database.prepare("PRAGMA data_version")
    const version = Effect.sync((): unknown => {
      try {
        return statement.get()?.["data_version"]
      } catch {
        // The file is locked or damaged: the reader's own query reports it.
        return undefined
      }
    })
    return yield* make((announce) =>
      Effect.gen(function* () {
        let seen = yield* version
        yield* Effect.gen(function* () {
          yield* NodeTimers.sleep(pollMillis)
          const now = yield* version
          if (now === seen) return
          seen = now
          yield* announce
        }).pipe(Effect.forever, Effect.forkScoped)
      })
    )
  })
)
