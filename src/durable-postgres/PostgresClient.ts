/** The connection pool to PostgreSQL. */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import type * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import type { ConnectionOptions } from "node:tls"
import { StorageUnavailable } from "../domain/CodexError.ts"
import * as StorageFailure from "../durable/store/StorageFailure.ts"
import * as ConnectionUrl from "./ConnectionUrl.ts"

/**
 * How to connect to PostgreSQL.
 * @since 0.1.0
 * @category options
 */
export interface PostgresOptions {
  /**
   * The URL of the database: `postgres://user:password@host:5432/database`. It is redacted because it holds the password.
   * `sslmode=disable`, `prefer`, `require` and `verify-full` choose TLS: `require` checks the certificate too.
   */
  readonly url: Redacted.Redacted
  /**
   * TLS options of Node, such as `ca` for a certificate authority of your own. Default: what `sslmode` of the URL says.
   * Without one, connections to another machine use TLS and check its certificate, and connections to this machine do not.
   */
  readonly tls?: boolean | ConnectionOptions
  /** The maximum number of connections that store turns. Default: 10. One more waits for changes. */
  readonly maxConnections?: number
  /** How long opening a connection may take. Default: 5 seconds. */
  readonly connectTimeout?: Duration.Input
}

/** @internal What a pool is for: PostgreSQL shows it as the name of the application. */
export interface PoolPurpose {
  readonly applicationName: string
  readonly maxConnections: number
}

/**
 * How long a transaction may wait for its next statement. A worker that is frozen, or whose machine is lost, within a
 * transaction would otherwise keep its rows locked, so that no other worker could claim the turn. PostgreSQL ends the
 * session, and a worker that was only slow repeats the transaction.
 */
const transactionPause = "2s"

/** @internal Builds a pool. It connects on first use. */
export const layer = (
  options: PostgresOptions,
  purpose: PoolPurpose
): Layer.Layer<PgClient.PgClient | SqlClient.SqlClient, StorageUnavailable> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const target = ConnectionUrl.parse(options.url)
      if (target === undefined)
        return yield* new StorageUnavailable({
          reason: "Incompatible",
          detail: "the address is not a URL of the form postgres://user:password@host:port/database"
        })
      const { database, host, port, requiresTls } = target
      const ssl = options.tls ?? (requiresTls ? true : undefined)
      const client = yield* PgClient.make({
        url: options.url,
        // Spans take these from the options and not from the URL.
        host,
        port,
        ...(database === undefined ? {} : { database }),
        ...(ssl === undefined ? {} : { ssl }),
        maxConnections: purpose.maxConnections,
        applicationName: purpose.applicationName,
        connectTimeout: options.connectTimeout ?? "5 seconds",
        // A machine that loses its power answers nothing: without probes its connections stay open for hours.
        keepAlive: "10 seconds",
        startupParameters: { idle_in_transaction_session_timeout: transactionPause }
      }).pipe(Effect.mapError(StorageFailure.fromSql))
      return Context.make(PgClient.PgClient, client).pipe(Context.add(SqlClient.SqlClient, client))
    })
  ).pipe(Layer.provide(Reactivity.layer))
