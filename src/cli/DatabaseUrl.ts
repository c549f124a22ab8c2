/** `--db`: names the database of durable turns, `sqlite:PATH` or `postgres://…`. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { UsageError } from "./CommandEnd.ts"

/** A database by its kind. The URL of PostgreSQL can contain a password. */
export type DatabaseUrl =
  | { readonly _tag: "Sqlite"; readonly path: string }
  | { readonly _tag: "Postgres"; readonly url: Redacted.Redacted }

/** Parses the value of `--db`. The error does not repeat the value, which can contain a password. */
export const parse = (text: string): Effect.Effect<DatabaseUrl, UsageError> => {
  const path = /^sqlite:(?:\/\/)?(.+)$/.exec(text)?.[1]
  if (path !== undefined) return Effect.succeed({ _tag: "Sqlite", path })
  if (/^postgres(?:ql)?:\/\/./.test(text) && URL.canParse(text))
    return Effect.succeed({ _tag: "Postgres", url: Redacted.make(text) })
  return Effect.fail(new UsageError({ text: "--db takes sqlite:PATH or postgres://USER@HOST/DATABASE" }))
}

const isMissing = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND"

/**
 * Imports a module that needs the driver of PostgreSQL, which is an optional package. Fails with the command that installs the
 * driver, if it is missing.
 */
export const withDriver = <A>(module: () => Promise<A>): Effect.Effect<A, UsageError> =>
  Effect.tryPromise(module).pipe(
    Effect.catch(({ cause }) =>
      isMissing(cause)
        ? Effect.fail(
            new UsageError({ text: "--db postgres://… needs a driver: npm install @effect/sql-pg" })
          )
        : Effect.die(cause)
    )
  )
