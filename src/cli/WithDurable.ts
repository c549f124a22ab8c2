/** Runs a command on the database of durable turns. It needs no Codex. */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { existsSync } from "node:fs"
import type { AnswerError } from "../approval/ApprovalQueue.ts"
import * as CodexError from "../domain/CodexError.ts"
import { Durable } from "../durable/Durable.ts"
import { ExitWith, UsageError } from "./CommandEnd.ts"
import * as DatabaseUrl from "./DatabaseUrl.ts"
import { code } from "./ExitCode.ts"
import * as Output from "./Output.ts"

type DurableError = AnswerError | CodexError.CodexError

/** PostgreSQL is loaded only if it is named: its client is an optional package. */
export const layerOf = (
  database: DatabaseUrl.DatabaseUrl
): Effect.Effect<Layer.Layer<Durable, CodexError.StorageUnavailable>, UsageError> =>
  database._tag === "Sqlite"
    ? Effect.succeed(Durable.layerSqlite({ path: database.path }))
    : Effect.map(
        DatabaseUrl.withDriver(() => import("../durable-postgres/DurablePostgres.ts")),
        ({ layer }) => layer({ url: database.url })
      )

/** Prints the message of an error and maps the error to its exit code. */
export const report = (error: DurableError | UsageError | ExitWith) =>
  error._tag === "UsageError" || error._tag === "ExitWith"
    ? Effect.fail(error)
    : Effect.andThen(
        Output.printError(`${error._tag}: ${error.message}`),
        Effect.fail(
          new ExitWith({
            code: CodexError.isCodexError(error) ? CodexError.exitCode(error) : code.failed
          })
        )
      )

/** A command that only reads does not create the file of a mistyped path. */
const checkExists = (database: DatabaseUrl.DatabaseUrl) =>
  database._tag === "Postgres" || existsSync(database.path)
    ? Effect.succeed(database)
    : new UsageError({
        text: `--db: there is no file ${database.path}; effect-codex submit and effect-codex worker create it`
      })

/** Runs `use` with the database that `--db` names. `creates`: whether a file that is missing is created. */
export const withDurable = <A, R>(
  db: string,
  use: (durable: Durable["Service"]) => Effect.Effect<A, DurableError | UsageError | ExitWith, R>,
  { creates }: { readonly creates: boolean } = { creates: false }
) =>
  DatabaseUrl.parse(db).pipe(
    Effect.flatMap((database) => (creates ? Effect.succeed(database) : checkExists(database))),
    Effect.flatMap(layerOf),
    Effect.flatMap((layer) => Effect.provide(Durable.use(use), layer)),
    Effect.catch(report)
  )
