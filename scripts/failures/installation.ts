/** Set-ups in which Codex is missing, too old or cannot start. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { type FailureGroup, play, type Setup } from "./Failure.ts"

/** Plays a set-up with a file in the place of Codex. */
const withCodex = (text: string, mode: number, setup: Setup = {}) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-binary-" })
    const codexPath = `${directory}/codex`
    yield* fs.writeFileString(codexPath, text, { mode })
    const { error, names } = yield* play({ ...setup, engine: { ...setup.engine, codexPath } })
    return { error, names: [...names, [directory, "$BIN"] as const] }
  })

const oldCodex = `#!/bin/sh
read line
id=$(echo "$line" | sed 's/.*"id":\\([0-9]*\\).*/\\1/')
echo '{"id":'$id',"result":{"userAgent":"effect-codex/0.100.0 (Linux)"}}'
cat > /dev/null
`

export const installation: FailureGroup = {
  title: "Codex itself",
  failures: [
    {
      id: "no-codex",
      setup: "`codexPath` or `CODEX_PATH` names no file",
      errorType: "CodexNotFound",
      class: "config",
      retryable: false,
      reasons: ["/nowhere/codex"],
      gate: true,
      run: play({ engine: { codexPath: "/nowhere/codex" } })
    },
    {
      id: "not-executable",
      setup: "the file has no permission to execute",
      errorType: "EngineStartFailed.NotExecutable",
      class: "config",
      retryable: false,
      reasons: ["EACCES"],
      run: withCodex("#!/bin/sh\n", 0o644)
    },
    {
      id: "not-a-program",
      setup: "the file is no program for this machine",
      errorType: "EngineStartFailed.NotExecutable",
      class: "config",
      retryable: false,
      reasons: ["not found"],
      run: withCodex("\u0000\u0001 no program\n", 0o755)
    },
    {
      id: "old-codex",
      setup: "Codex is older than the oldest supported version (a script that answers as one)",
      errorType: "CodexVersionUnsupported",
      class: "config",
      retryable: false,
      reasons: ["0.100.0", "0.169.0"],
      run: withCodex(oldCodex, 0o755)
    },
    {
      id: "exits",
      setup: "Codex ends at once with a message",
      errorType: "EngineStartFailed.Exited",
      class: "engine",
      retryable: true,
      reasons: ["thread 'main' panicked", "no more processes"],
      run: withCodex("#!/bin/sh\necho \"thread 'main' panicked: no more processes\" >&2\nexit 101\n", 0o755)
    },
    {
      id: "missing-library",
      setup: "a library of Codex is missing",
      errorType: "EngineStartFailed.NotExecutable",
      class: "config",
      retryable: false,
      reasons: ["libssl.so.3: cannot open shared object file"],
      run: withCodex(
        "#!/bin/sh\necho 'codex: error while loading shared libraries: libssl.so.3: cannot open shared object file' >&2\nexit 127\n",
        0o755
      )
    },
    {
      id: "silent",
      setup: "Codex starts and never answers",
      errorType: "EngineStartFailed.Timeout",
      class: "engine",
      retryable: true,
      reasons: ["waiting for the database lock"],
      run: withCodex("#!/bin/sh\necho 'waiting for the database lock' >&2\ncat > /dev/null\n", 0o755, {
        engine: { startTimeout: "500 millis" }
      })
    }
  ]
}
