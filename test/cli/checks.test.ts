/** The command line checks what it was given before it starts Codex, and suggests only commands that work. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import * as CodexHome from "../support/codexHome.ts"
import * as CommandLine from "../support/commandLine.ts"
import { test } from "../support/live.ts"

/** A Codex that only leaves a file when it starts. */
const markedCodex = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-checks-" })
  const codex = `${directory}/codex`
  yield* fs.writeFileString(codex, `#!/bin/sh\ntouch "${directory}/started"\nexit 1\n`, { mode: 0o755 })
  const env = { HOME: directory, CODEX_PATH: codex, XDG_STATE_HOME: process.env["XDG_STATE_HOME"] }
  return { directory, env, started: fs.exists(`${directory}/started`) }
})

describe("effect-codex run", () => {
  for (const [what, args, expected] of [
    [
      "a file that does not exist",
      ["--attach", "gone.log"],
      'cannot attach "gone.log": there is no such file'
    ],
    ["a directory to attach", ["--attach", "."], 'cannot attach ".": it is not a regular file'],
    [
      "a working directory that does not exist",
      ["--cd", "/nowhere/app"],
      '--cd: "/nowhere/app" is not a directory'
    ],
    [
      "a further directory that does not exist",
      ["--add-dir", "/nowhere/lib"],
      '--add-dir: "/nowhere/lib" is not a directory'
    ],
    [
      "a thread that has no id",
      ["--resume", "NOT-AN-ID"],
      '--resume: "NOT-AN-ID" is not the id of a thread; pass an id, as `effect-codex threads list` prints it, or last'
    ],
    ["an invalid override", ["-c", "model"], '-c takes key=value, not "model"'],
    ["rules that cannot be read", ["--approve", "gone.json"], 'cannot read "gone.json"']
  ] as const)
    test(`starts no Codex for ${what}, and says which`, () =>
      Effect.gen(function* () {
        const { directory, env, started } = yield* markedCodex
        const ran = yield* CommandLine.runHere({ args: ["run", ...args, "hello"], cwd: directory, env })
        assert.notStrictEqual(ran.code, 0)
        assert.include(ran.stderr, expected)
        assert.notInclude(ran.stderr, "Continue with")
        assert.isFalse(yield* started)
      }))

  for (const command of ["show", "fork", "archive", "delete"])
    test(`starts no Codex for threads ${command} without an id`, () =>
      Effect.gen(function* () {
        const { directory, env, started } = yield* markedCodex
        const ran = yield* CommandLine.runHere({ args: ["threads", command, "X"], cwd: directory, env })
        assert.deepStrictEqual([ran.code, ran.stdout], [2, ""])
        assert.include(ran.stderr, 'THREAD: "X" is not the id of a thread')
        assert.isFalse(yield* started)
      }))

  test("prints an error once, with its tag, its reason and the next step", () =>
    Effect.gen(function* () {
      const { directory, env } = yield* markedCodex
      const ran = yield* CommandLine.runHere({
        args: ["run", "--attach", "gone.log", "hello"],
        cwd: directory,
        env
      })
      const error =
        'AttachmentRejected: cannot attach "gone.log": there is no such file (ENOENT); give the path of a file that exists'
      assert.strictEqual(ran.stderr.split("\n")[0], error)
      assert.strictEqual(ran.stderr.split("ENOENT").length, 2)
      const lines = yield* CommandLine.runHere({
        args: ["run", "--json", "--attach", "gone.log", "hello"],
        cwd: directory,
        env
      })
      assert.deepInclude(CommandLine.jsonLines(lines.stdout).at(-1), {
        type: "turn.failed",
        error: {
          _tag: "AttachmentRejected",
          reason: "NotFound",
          class: "request",
          retryable: false,
          message: error.slice("AttachmentRejected: ".length)
        }
      })
    }))

  test("suggests to continue a thread whose first turn failed, and that works", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const server = yield* ModelServer.make([
        ModelServer.httpError(400, { message: "Unsupported parameter" }),
        ModelServer.reply(ModelServer.text("continued"))
      ])
      const home = yield* CodexHome.make(server, { directory: "/var/tmp" })
      const cwd = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-checks-" })
      const failed = yield* CommandLine.runHere({ args: ["run", "--cd", cwd, "hello"], env: home })
      assert.include(failed.stderr, "TurnFailed: the provider refused the request: Unsupported parameter; ")
      const [, id = ""] = /Continue with: effect-codex run --resume (\S+)/.exec(failed.stderr) ?? []
      const resumed = yield* CommandLine.runHere({ args: ["run", "--resume", id, "go on"], env: home })
      assert.deepStrictEqual([resumed.code, resumed.stdout.trim()], [0, "continued"])
    }))
})
