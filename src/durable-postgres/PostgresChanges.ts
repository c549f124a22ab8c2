/** Announces commits by PostgreSQL's `NOTIFY`, which triggers of the tables send with each commit. */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as References from "effect/References"
import * as ChangeFeed from "../durable/store/ChangeFeed.ts"
import * as NodeTimers from "../internal/NodeTimers.ts"

/** The channel that the triggers of the migrations notify. */
const channel = "codex_changes"

/** A pooler between us and the server may drop notifications, and so may a connection that is dead but open. */
const defaultPollMillis = 5000
const reconnectMillis = 250

/** The feed of a PostgreSQL database. While somebody waits for changes it holds one connection of the pool. */
export const layer = (
  pollMillis: number = defaultPollMillis
): Layer.Layer<ChangeFeed.ChangeFeed, never, PgClient.PgClient> =>
  Layer.effect(ChangeFeed.ChangeFeed, make(pollMillis))

const make = (pollMillis: number) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    return yield* ChangeFeed.make((announce) => {
      const listen = Effect.scoped(
        Effect.gen(function* () {
          const notifications = yield* sql.listen(channel)
          // Something may have been committed while nothing listened.
          yield* announce
          while (true) {
            yield* Queue.takeAll(notifications)
            yield* announce
          }
        })
      ).pipe(
        // The connection broke. The readers' own queries report that.
        Effect.ignoreCause,
        Effect.andThen(NodeTimers.sleep(reconnectMillis)),
        Effect.forever,
        Effect.provideService(References.TracerEnabled, false)
      )
      const poll = Effect.forever(Effect.andThen(NodeTimers.sleep(pollMillis), announce))
      return Effect.andThen(Effect.forkScoped(listen), Effect.asVoid(Effect.forkScoped(poll)))
    })
  })
