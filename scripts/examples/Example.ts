/** Runs one program of examples/ with the real Codex on a scripted model, as a user would. */
import { Console, Effect, FileSystem, Path, type Scope, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import * as Collector from "../../test/support/collector.ts"
import { sh } from "../consumer/shell.ts"

/** `home` is the CODEX_HOME of the example, and part of the environment of all its processes. `root` is its HOME. */
export interface Env {
  readonly home: string
  readonly root: string
}

export interface Example {
  readonly script: ModelServer.Script
  readonly prints: ReadonlyArray<string>
  /** Variables of its environment. */
  readonly env?: ((env: Env) => Readonly<Record<string, string>>) | undefined
  /** Exports to a collector on loopback. Fails if it does not receive what it should. */
  readonly exports?: ((collector: Collector.Collector) => Effect.Effect<void, string>) | undefined
  /** Uses the example while it runs, and returns what it prints. Default: waits for its end. */
  readonly drive?: (
    handle: ChildProcessSpawner.ChildProcessHandle,
    env: Env
  ) => Effect.Effect<string, unknown, FileSystem.FileSystem | Scope.Scope>
  /** The exit code. Default: 0. */
  readonly exits?: number
  /** Runs in a git repository whose only change is a line of README.md. */
  readonly repository?: boolean
}

/** Where the programs are, and what runs them. */
export interface Place {
  /** The directory that has `examples`. */
  readonly directory: string
  readonly node: string
  readonly path: string
}

const makeRepository = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  const git = (...args: ReadonlyArray<string>) =>
    sh(directory, {}, "git", "-c", "user.name=me", "-c", "user.email=me@localhost", ...args)
  yield* fs.makeDirectory(directory)
  yield* fs.writeFileString(`${directory}/README.md`, "# A repository\n")
  yield* git("init", "--quiet")
  yield* git("add", ".")
  yield* git("commit", "--quiet", "--message", "Begin")
  yield* fs.writeFileString(`${directory}/README.md`, "# A repository\n\nwith a change\n")
})

/** Runs `examples/FILE` at the place. Fails unless it exits and prints as it should. */
export const run = Effect.fnUntraced(function* (file: string, example: Example, place: Place) {
  const path = yield* Path.Path
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const server = yield* ModelServer.make(example.script)
  // Not the temporary directory, which the agent of a writable sandbox can write.
  const home = yield* ModelServer.home(server, { directory: "/var/tmp" })
  const env = { home: home.CODEX_HOME, root: home.HOME }
  const collector = yield* Collector.make
  const repository = path.join(home.HOME, "repository")
  if (example.repository === true) yield* makeRepository(repository)
  const handle = yield* spawner.spawn(
    ChildProcess.make(
      file.endsWith(".sh") ? "sh" : place.node,
      [path.resolve(place.directory, "examples", file)],
      {
        cwd: example.repository === true ? repository : place.directory,
        env: {
          ...home,
          PATH: place.path,
          ...example.env?.(env),
          ...(example.exports === undefined
            ? {}
            : { CODEX_OTLP_ENABLE: "1", CODEX_OTLP_ENDPOINT: collector.url })
        },
        extendEnv: false,
        stdin: "ignore"
      }
    )
  )
  const output = yield* example.drive === undefined
    ? handle.all.pipe(Stream.decodeText(), Stream.mkString)
    : example.drive(handle, env)
  const code = yield* handle.exitCode
  const wrong = [
    ...(code === (example.exits ?? 0) ? [] : [`exit ${code}`]),
    ...example.prints
      .filter((part) => !output.includes(part))
      .map((part) => `missing ${JSON.stringify(part)}`),
    ...(example.exports === undefined
      ? []
      : yield* Effect.match(example.exports(collector), {
          onFailure: (problem) => [problem],
          onSuccess: () => []
        })),
    ...(yield* server.unexpected)
  ]
  if (wrong.length === 0) return yield* Console.log(`ok    ${file}`)
  yield* Console.error(`wrong ${file}: ${wrong.join(", ")}\n${output}`)
  return yield* Effect.fail(file)
}, Effect.scoped)
