/** Reaches a `codex app-server` over the pipes of a process that the library starts. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Redacted from "effect/Redacted"
import * as AppServerProcess from "./AppServerProcess.ts"
import type * as Transport from "./Transport.ts"

/**
 * Returns the transport over the pipes of a process that the library starts. The platform is that of the layer: a caller with another spawner must not start Codex outside of a container.
 */
export const make = (options: AppServerProcess.ProcessOptions) =>
  Effect.gen(function* (): Effect.fn.Return<
    Transport.Transport,
    never,
    ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | Path.Path
  > {
    const services = Context.pick(
      ChildProcessSpawner.ChildProcessSpawner,
      FileSystem.FileSystem,
      Path.Path
    )(yield* Effect.context<ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | Path.Path>())
    return {
      connect: (listener) => Effect.provideContext(AppServerProcess.start(options, listener), services),
      home: AppServerProcess.homeOf(options, yield* Path.Path),
      // Telemetry and cassettes mask the secrets of the environment, so the key is one of them.
      env:
        options.apiKey === undefined
          ? options.env
          : { ...options.env, OPENAI_API_KEY: Redacted.value(options.apiKey) },
      temporaryDirectory:
        options.env !== undefined && "TMPDIR" in options.env ? options.env["TMPDIR"] : process.env["TMPDIR"],
      requestTimeout: AppServerProcess.requestTimeoutOf(options)
    }
  })
