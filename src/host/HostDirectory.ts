/** The private directory of an engine host. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as PlatformError from "effect/PlatformError"
import type * as Scope from "effect/Scope"
import { join, resolve } from "node:path"
import * as CodexError from "../domain/CodexError.ts"
import * as HostDirectories from "../internal/HostDirectories.ts"
import * as PrivateDirectory from "../internal/PrivateDirectory.ts"
import * as SafeDirectory from "../internal/SafeDirectory.ts"

/** The longest path of a socket that all systems take, in bytes. */
const maxSocketPath = 103

export const badHost = (path: string, detail: string): CodexError.EngineStartFailed =>
  new CodexError.EngineStartFailed({ reason: "BadHost", path, detail })

/** Checks a directory: a real one of this user, which no other user can access. Returns its real path. */
const check = (directory: string) =>
  Effect.andThen(
    PrivateDirectory.check(directory),
    PrivateDirectory.inside(directory, ({ path }) => Effect.succeed(path))
  )

const refuse = (directory: string) => (error: PlatformError.PlatformError | PrivateDirectory.NotPrivate) =>
  badHost(directory, PrivateDirectory.detail(error))

/** Checks the directory of a host and returns its real path. Returns `undefined` if the directory does not exist. Creates nothing. */
export const find = (dir: string): Effect.Effect<string | undefined, CodexError.EngineStartFailed> => {
  const directory = resolve(dir)
  return check(directory).pipe(
    Effect.catchIf(
      (error) => error._tag === "PlatformError" && PrivateDirectory.isMissing(error),
      () => Effect.undefined
    ),
    Effect.mapError(refuse(directory))
  )
}

/** Creates the directory if it is missing, checks it, and returns its real path. */
export const open = (dir: string): Effect.Effect<string, CodexError.EngineStartFailed> =>
  Effect.gen(function* () {
    if (process.platform === "win32")
      return yield* badHost(dir, "Codex has no sockets on Windows that only one user can open")
    const fs = yield* FileSystem.FileSystem
    const given = resolve(dir)
    const directory = yield* Effect.andThen(PrivateDirectory.ensure(fs, given), check(given)).pipe(
      Effect.mapError(refuse(given))
    )
    const longest = Buffer.byteLength(join(directory, "host.sock"))
    // With `/proc`, sockets are named through the descriptor of their directory, which is short.
    if (longest > maxSocketPath && !SafeDirectory.hasDescriptorPaths())
      return yield* badHost(
        directory,
        `the path of its socket has ${longest} bytes, and the system allows ${maxSocketPath}; choose a directory with a shorter path`
      )
    return directory
  }).pipe(Effect.provide(NodeFileSystem.layer))

/** Refuses turns whose sandbox may write the directory, until the scope closes. */
export const protect = (directory: string): Effect.Effect<void, never, Scope.Scope> =>
  Effect.flatMap(HostDirectories.Current, ({ add }) =>
    add({
      path: directory,
      content: "the engine host",
      setting: "the directory of the host",
      isTree: true
    })
  )
