/** The directory of a durable thread on the machine that runs its turns. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { stat } from "node:fs/promises"
import * as CodexError from "../../domain/CodexError.ts"

/**
 * A durable thread whose directory is needed. `cwd` is what the thread was submitted with.
 * @since 0.1.0
 * @category models
 */
export interface WorkspaceRequest {
  /** The id of the durable thread. */
  readonly thread: string
  readonly cwd: string | undefined
}

/**
 * Provides the directory of a thread. It is called before each turn, also on a machine that takes the thread over from
 * another one: return the same path with the same contents, for example of a shared disk or of a repository that is checked
 * out there. Fail with `WorkspaceMissing` if that is not possible.
 *
 * Default: the `cwd` of the thread, if it is a directory of this machine.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { CodexError } from "effect-codex"
 * import { Workspace } from "effect-codex/durable"
 *
 * const Shared = Layer.succeed(Workspace, ({ cwd, thread }) =>
 *   cwd === undefined
 *     ? Effect.fail(new CodexError.WorkspaceMissing({ thread, detail: "the thread has no directory" }))
 *     : Effect.succeed(cwd.replace("/home/ci", "/mnt/shared"))
 * )
 * ```
 */
export const Workspace = Context.Reference<
  (request: WorkspaceRequest) => Effect.Effect<string | undefined, CodexError.WorkspaceMissing>
>("effect-codex/durable/Workspace", {
  defaultValue:
    () =>
    ({ cwd, thread }) =>
      cwd === undefined
        ? Effect.succeed(undefined)
        : Effect.tryPromise({
            try: () => stat(cwd),
            catch: (cause) => missing(thread, cwd, cause instanceof Error ? cause.message : String(cause))
          }).pipe(
            Effect.flatMap((found) =>
              found.isDirectory()
                ? Effect.succeed(cwd)
                : Effect.fail(missing(thread, cwd, "it is not a directory"))
            )
          )
})

const missing = (thread: string, cwd: string, detail: string) =>
  new CodexError.WorkspaceMissing({ thread, cwd, detail })
