/** Durable turns in PostgreSQL, for the commands that take `--db`. The driver is an optional package. */
import * as Effect from "effect/Effect"
import { UsageError } from "./CommandEnd.ts"

/** Whether a value of `--db` is the URL of a PostgreSQL database. */
export const isUrl = (text: string): boolean => /^postgres(?:ql)?:\/\/./.test(text) && URL.canParse(text)

/** Loads the layers. Fails with the command that installs the driver, if it is missing. */
export const load = Effect.tryPromise(() => import("../durable-postgres/index.ts")).pipe(
  Effect.catch(({ cause }) =>
    isMissing(cause)
      ? Effect.fail(new UsageError({ text: "--db postgres://… needs a driver: npm install @effect/sql-pg" }))
      : Effect.die(cause)
  )
)

const isMissing = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND"
