/** Set-ups in which Codex cannot use its home or the thread's directory. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { execFileSync } from "node:child_process"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import { codexBinary, type FailureGroup, type Home, play, type Setup } from "./Failure.ts"

/** Root may read and write everything, so Codex runs without the capabilities that let it. */
const unprivileged = Effect.gen(function* () {
  if (process.getuid?.() !== 0) return {}
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-binary-" })
  const codexPath = `${directory}/codex`
  const all = "-dac_override,-dac_read_search,-fowner"
  yield* fs.writeFileString(
    codexPath,
    `#!/bin/sh\nexec setpriv --bounding-set ${all} --inh-caps ${all} '${codexBinary}' "$@"\n`,
    { mode: 0o755 }
  )
  return { codexPath }
})

/** A Codex that cannot create the namespaces which its sandbox on Linux consists of, as in many containers. */
const withoutNamespaces = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-binary-" })
  const codexPath = `${directory}/codex`
  yield* fs.writeFileString(
    codexPath,
    `#!/bin/sh\nexec unshare --user --map-root-user sh -c 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$0" "$@"' '${codexBinary}' "$@"\n`,
    { mode: 0o755 }
  )
  return { codexPath }
})

/** Has the agent run a command. The provider refuses to go on unless the model gets the reason of the failure. */
const commandFailsWith = (reason: string): ModelServer.Script => [
  ModelServer.reply(ModelServer.shell("true")),
  ({ toolOutputs }) =>
    JSON.stringify(toolOutputs).includes(reason)
      ? ModelServer.reply(ModelServer.text("fine"))
      : ModelServer.httpError(400, { message: `not the reason: ${JSON.stringify(toolOutputs)}` })
]

const playUnprivileged = (setup: Setup) =>
  Effect.flatMap(unprivileged, (engine) => play({ ...setup, engine }))

/** Changes the mode of a path until the scope ends. */
const chmod = (path: string, mode: number, before: number) =>
  Effect.acquireRelease(
    FileSystem.FileSystem.use((fs) => fs.chmod(path, mode)),
    () => FileSystem.FileSystem.use((fs) => Effect.ignore(fs.chmod(path, before)))
  )

const run = (command: string, ...args: ReadonlyArray<string>) =>
  Effect.sync(() => void execFileSync(command, args, { stdio: "ignore" }))

/** Mounts a small disk over the home, and fills it. Only root may mount. */
const fillDisk = (home: Home) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const config = yield* fs.readFileString(`${home.CODEX_HOME}/config.toml`)
    yield* Effect.acquireRelease(
      run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", home.CODEX_HOME),
      () => run("umount", "-l", home.CODEX_HOME)
    )
    yield* fs.writeFileString(`${home.CODEX_HOME}/config.toml`, config)
    yield* Effect.ignore(fs.writeFileString(`${home.CODEX_HOME}/full`, "x".repeat(1 << 16)))
    return {}
  })

export const home: FailureGroup = {
  title: "Directories",
  failures: [
    {
      id: "missing-home",
      setup: "`CODEX_HOME` names no directory",
      errorType: "EngineStartFailed.BadHome",
      class: "config",
      retryable: false,
      reasons: ["CODEX_HOME points to", "does not exist"],
      gate: true,
      run: play({ breakHome: ({ HOME }) => Effect.succeed({ CODEX_HOME: `${HOME}/gone` }) })
    },
    {
      id: "home-is-file",
      setup: "`CODEX_HOME` names a file",
      errorType: "EngineStartFailed.BadHome",
      class: "config",
      retryable: false,
      reasons: ["is not a directory"],
      run: play({
        breakHome: ({ HOME }) =>
          FileSystem.FileSystem.use((fs) => fs.writeFileString(`${HOME}/file`, "")).pipe(
            Effect.as({ CODEX_HOME: `${HOME}/file` })
          )
      })
    },
    {
      id: "unreadable-home",
      setup: "Codex may not read `CODEX_HOME`",
      errorType: "EngineStartFailed.BadHome",
      class: "config",
      retryable: false,
      reasons: ["Permission denied"],
      run: playUnprivileged({
        breakHome: ({ CODEX_HOME }) => Effect.as(chmod(CODEX_HOME, 0o000, 0o700), {})
      })
    },
    {
      id: "read-only-home",
      setup: "Codex may not write `CODEX_HOME`",
      errorType: "EngineStartFailed.BadHome",
      class: "config",
      retryable: false,
      reasons: ["unable to open database file"],
      run: playUnprivileged({
        breakHome: ({ CODEX_HOME }) => Effect.as(chmod(CODEX_HOME, 0o500, 0o700), {})
      })
    },
    {
      id: "full-disk",
      setup: "the disk of `CODEX_HOME` is full",
      errorType: "EngineStartFailed.BadHome",
      class: "config",
      retryable: false,
      reasons: ["database or disk is full"],
      run: play({ breakHome: fillDisk })
    },
    {
      id: "missing-cwd",
      setup: "`cwd` names no directory",
      errorType: "InvalidRequest.BadParams",
      class: "request",
      retryable: false,
      reasons: ["gone", "is not a directory"],
      run: play({ breakWorkspace: (workspace) => Effect.succeed(`${workspace}/gone`) })
    },
    {
      id: "unreadable-cwd",
      setup: "Codex has no permission for `cwd`: the model gets the reason why a command does not start",
      errorType: "none",
      reasons: [],
      run: playUnprivileged({
        script: commandFailsWith("Permission denied"),
        breakWorkspace: (workspace) => Effect.as(chmod(workspace, 0o000, 0o700), workspace)
      })
    },
    {
      id: "no-sandbox",
      setup: "the sandbox cannot start: the model gets the reason why a command does not start",
      errorType: "none",
      reasons: [],
      run: Effect.flatMap(withoutNamespaces, (engine) =>
        play({ engine, script: commandFailsWith("Creating new namespace failed") })
      )
    }
  ]
}
