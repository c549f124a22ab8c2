/** The private directory of an engine host. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as Scope from "effect/Scope"
import { join } from "node:path"
import * as CodexError from "../domain/CodexError.ts"
import * as HostDirectories from "../internal/HostDirectories.ts"
import * as PrivateDirectory from "../internal/PrivateDirectory.ts"
import * as SafeDirectory from "../internal/SafeDirectory.ts"

/** The longest path of a socket that all systems take, in bytes. */
const maxSocketPath = 103

export const badHost = (path: string, detail: string): CodexError.EngineStartFailed =>
  new CodexError.EngineStartFailed({ reason: "BadHost", path, detail })

/**
 * Creates the directory if it is missing, and checks it: a real directory of this user, which no other user can access.
 * Returns its real path.
 */
export const open = (dir: string): Effect.Effect<string, CodexError.EngineStartFailed> =>
  Effect.gen(function* () {
    if (process.platform === "win32")
      return yield* badHost(dir, "Codex has no sockets on Windows that only one user can open")
    const fs = yield* FileSystem.FileSystem
    const [directory = dir] = yield* PrivateDirectory.folders(fs, dir)
    yield* PrivateDirectory.ensure(fs, directory).pipe(
      Effect.mapError((error) => badHost(directory, PrivateDirectory.detail(error)))
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
