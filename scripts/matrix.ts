/**
 * Runs the contract tests, which use the real Codex, against several versions of Codex from the npm registry: by default the
 * oldest supported one, the one in package.json, and the newest one. Prints a table, and fails if a supported version does.
 *
 * npm run matrix                      # the supported versions
 * npm run matrix -- 0.166.0           # others, for example to lower the minimum
 * npm run matrix -- --tests test/real-codex/Turns.test.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, FileSystem, Option, Path, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import * as CodexBinary from "../src/engine/app-server/CodexBinary.ts"
import * as RealCodex from "../test/support/realCodex.ts"
import manifest from "../package.json" with { type: "json" }
import { sh } from "./consumer/shell.ts"

const pinned = manifest.devDependencies["@openai/codex"]
/** Tests of what this library needs of Codex. The load test measures the machine, not Codex. */
const contract = [
  "test/real-codex",
  "test/services/Interrupts.test.ts",
  "test/golden/golden.test.ts",
  "--exclude",
  "**/Load.test.ts"
]

const decodeReport = Schema.decodeEffect(
  Schema.fromJsonString(
    Schema.Struct({
      testResults: Schema.Array(
        Schema.Struct({
          name: Schema.String,
          message: Schema.optionalKey(Schema.String),
          status: Schema.String,
          assertionResults: Schema.Array(Schema.Struct({ fullName: Schema.String, status: Schema.String }))
        })
      )
    })
  )
)

/** Installs a version in a directory of its own. Returns its executable. */
const install = Effect.fnUntraced(function* (version: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = path.resolve("node_modules/.cache/codex-versions", version)
  yield* fs.makeDirectory(directory, { recursive: true })
  yield* fs.writeFileString(path.join(directory, "package.json"), JSON.stringify({ private: true }))
  yield* sh(directory, {}, "npm", "install", "--no-audit", "--no-fund", `@openai/codex@${version}`)
  const [command, args] = RealCodex.findBinary(path.join(directory, "package.json"))
  // The launcher of the package, if the package has another layout.
  return args.length === 0 ? command : path.join(directory, "node_modules", ".bin", "codex")
})

/** Runs the tests against a version. Returns how many passed, and the names of the others. */
const test = Effect.fnUntraced(function* (version: string, tests: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const command = yield* install(version)
  const report = yield* fs.makeTempFileScoped({ prefix: "codex-matrix-", suffix: ".json" })
  const options = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`, "--maxWorkers=2"]
  const config = ["--config", "scripts/matrix/vitest.config.ts"]
  yield* spawner.exitCode(
    ChildProcess.make("vitest", ["run", ...config, ...options, ...tests], {
      env: { CODEX_PATH: command, MATRIX_CODEX_MINIMUM: version },
      extendEnv: true,
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit"
    })
  )
  const { testResults } = yield* decodeReport(yield* fs.readFileString(report))
  const all = testResults.flatMap(({ assertionResults }) => assertionResults)
  const broken = testResults.flatMap(({ assertionResults, message, name, status }) =>
    status === "failed" && assertionResults.length === 0 ? [`${name}: ${message ?? ""}`] : []
  )
  const failed = all.filter(({ status }) => status === "failed").map(({ fullName }) => fullName)
  return {
    version,
    passed: all.filter(({ status }) => status === "passed").length,
    failed: [...broken, ...failed]
  }
}, Effect.scoped)

const notes = (version: string): string =>
  [
    CodexBinary.isTooOld(version) ? "not supported" : "supported",
    ...(version === CodexBinary.oldest ? ["minimum"] : []),
    ...(version === pinned ? ["pinned"] : [])
  ].join(", ")

const matrix = Command.make(
  "matrix",
  {
    versions: Argument.String("VERSION").pipe(Argument.variadic()),
    tests: Flag.String("tests").pipe(Flag.withDescription("Run only these test files"), Flag.optional)
  },
  Effect.fnUntraced(function* ({ tests, versions }) {
    const view = yield* sh(".", {}, "npm", "view", "--json", "@openai/codex", "version")
    // npm prints its warnings beside it.
    const newest = /^"(\d[^"]*)"$/m.exec(view)?.[1]
    if (newest === undefined) return yield* Effect.fail(`npm names no version of Codex: ${view}`)
    const chosen = versions.length > 0 ? versions : [...new Set([CodexBinary.oldest, pinned, newest])]
    const files = Option.match(tests, { onNone: () => contract, onSome: (file) => [file] })
    const rows = yield* Effect.forEach(chosen, (version) => test(version, files))
    yield* Console.log(`\nThe newest version in the registry is ${newest}.\n`)
    yield* Console.log("| Codex | state | passed | failed |\n| --- | --- | --- | --- |")
    for (const { failed, passed, version } of rows) {
      yield* Console.log(`| ${version} | ${notes(version)} | ${passed} | ${failed.length} |`)
    }
    for (const { failed, version } of rows) {
      for (const name of failed) yield* Console.log(`${version}: ${name}`)
    }
    const wrong = rows.filter(
      ({ failed, passed, version }) => !CodexBinary.isTooOld(version) && (failed.length > 0 || passed === 0)
    )
    if (wrong.length > 0)
      return yield* Effect.fail(`failed on supported ${wrong.map(({ version }) => version).join(", ")}`)
  })
)

Command.run(matrix, { version: manifest.version }).pipe(
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
