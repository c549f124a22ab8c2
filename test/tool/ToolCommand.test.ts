import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ToolCommand from "../../src/tool/ToolCommand.ts"
import { test } from "../support/live.ts"
import { isAlive } from "../support/processes.ts"

const sh = (script: string, options: ChildProcess.CommandOptions = {}) =>
  ChildProcess.make("/bin/sh", ["-c", script], options)

/** The pids that a script writes into the file `$PIDS`, once there are so many. */
const pidsIn = (file: string, count: number) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    fs.readFileString(file).pipe(
      Effect.map((text) =>
        text
          .split("\n")
          .filter((line) => line !== "")
          .map(Number)
      ),
      Effect.filterOrFail((pids) => pids.length >= count),
      Effect.retry({ schedule: Schedule.spaced("10 millis"), times: 6000 })
    )
  )

const folder = Effect.flatMap(FileSystem.FileSystem, (fs) =>
  fs.makeTempDirectoryScoped({ prefix: "effect-codex-command-" })
)

/** Scripts that leave something behind: each writes the pid of everything it starts. */
const stubborn: ReadonlyArray<readonly [what: string, pids: number, script: string]> = [
  ["a child in the background", 2, 'echo $$ >> "$PIDS"; sleep 1000 & echo $! >> "$PIDS"; wait'],
  ["a shell that ignores TERM", 1, 'trap "" TERM; echo $$ >> "$PIDS"; while :; do sleep 1; done'],
  [
    "a child that ignores TERM while its shell does not",
    2,
    `echo $$ >> "$PIDS"; sh -c 'trap "" TERM; echo $$ >> "$PIDS"; while :; do sleep 1; done' & wait`
  ],
  [
    "a grandchild whose parents have gone",
    1,
    `sh -c 'sh -c "echo \\$\\$ >> \\"$PIDS\\"; sleep 1000" & exit 0'; sleep 1000`
  ],
  [
    "one that leaves the group and the session",
    1,
    `setsid sh -c 'echo $$ >> "$PIDS"; sleep 1000' & sleep 1000`
  ],
  [
    "one that leaves the group, ignores TERM and has lost its parents",
    1,
    `(setsid sh -c 'trap "" TERM HUP; echo $$ >> "$PIDS"; while :; do sleep 1; done' &) ; sleep 1000`
  ]
]

describe.concurrent("F13 F42 a command of a tool", () => {
  for (const [what, count, script] of stubborn) {
    test(`F42 leaves nothing alive when its handler is interrupted: ${what}`, () =>
      Effect.gen(function* () {
        const PIDS = `${yield* folder}/pids`
        const running = yield* Effect.forkScoped(
          ToolCommand.run(sh(script, { env: { PATH: process.env["PATH"], PIDS } }), {
            killAfter: "100 millis"
          })
        )
        const pids = yield* pidsIn(PIDS, count)
        assert.deepStrictEqual(
          pids.map(isAlive),
          pids.map(() => true)
        )
        // The processes sleep for 1,000 s: an interruption that waited for them would time out.
        yield* Fiber.interrupt(running)
        assert.deepStrictEqual(pids.filter(isAlive), [])
      }))
  }

  test("F42 leaves nothing alive when it ends by itself with processes in the background", () =>
    Effect.gen(function* () {
      const PIDS = `${yield* folder}/pids`
      const env = { PATH: process.env["PATH"], PIDS }
      for (const code of [0, 3]) {
        const script = `sleep 1000 & echo $! >> "$PIDS"; setsid sleep 1000 & echo $! >> "$PIDS"; echo out; exit ${code}`
        const output = yield* ToolCommand.run(sh(script, { env }), { killAfter: "100 millis" })
        assert.strictEqual(output.exitCode, code)
        assert.strictEqual(output.stdout, "out\n")
      }
      const pids = yield* pidsIn(PIDS, 4)
      assert.deepStrictEqual(pids.filter(isAlive), [])
    }))

  test("F13 a sleep that ignores TERM ends at the deadline, with its group", () =>
    Effect.gen(function* () {
      const PIDS = `${yield* folder}/pids`
      const script = `trap "" TERM; echo $$ >> "$PIDS"; sh -c 'trap "" TERM; echo $$ >> "$PIDS"; sleep 1000' & wait`
      const running = ToolCommand.run(sh(script, { env: { PATH: process.env["PATH"], PIDS } }), {
        killAfter: "200 millis"
      })
      // The deadline comes when both processes run.
      const output = yield* Effect.raceFirst(
        Effect.asSome(running),
        Effect.as(pidsIn(PIDS, 2), Option.none())
      )
      assert.strictEqual(output._tag, "None")
      assert.deepStrictEqual((yield* pidsIn(PIDS, 2)).filter(isAlive), [])
    }))

  test("returns its outputs and its exit code, which a signal does not have, and has an empty input", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* ToolCommand.run(sh("cat; echo out; echo err >&2; exit 7")), {
        exitCode: 7,
        stdout: "out\n",
        stderr: "err\n",
        truncated: false
      })
      assert.isUndefined((yield* ToolCommand.run(sh("kill -9 $$"))).exitCode)
      const error = yield* Effect.flip(ToolCommand.run(ChildProcess.make("/no/such/program", [])))
      assert.strictEqual(error._tag, "PlatformError")
    }))

  test("keeps the end of a huge output", () =>
    Effect.gen(function* () {
      const output = yield* ToolCommand.run(sh("seq 1 200000; echo the end"), { maxOutput: 1000 })
      assert.isTrue(output.truncated)
      assert.strictEqual(output.stdout.length, 1000)
      assert.isTrue(output.stdout.endsWith("200000\nthe end\n"))
    }))

  test("F39 passes arguments unchanged, whatever they contain", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const evil = [
        "; touch pwned",
        "$(touch pwned)",
        "`touch pwned`",
        "a\nb",
        "-n",
        "--",
        "'\"\\",
        "| cat",
        "*",
        ""
      ]
      const { stdout } = yield* ToolCommand.run(
        ChildProcess.make(
          process.execPath,
          ["-e", "console.log(JSON.stringify(process.argv.slice(1)))", "--", ...evil],
          {
            cwd: dir
          }
        )
      )
      assert.deepStrictEqual(JSON.parse(stdout), evil)
      assert.deepStrictEqual(yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readDirectory(dir)), [])
    }))

  test("has the environment of its options, or ours by default", () =>
    Effect.gen(function* () {
      const only = yield* ToolCommand.run(ChildProcess.make("/usr/bin/env", [], { env: { ONLY: "this" } }))
      const names = only.stdout.split("\n").map((line) => line.split("=")[0])
      assert.include(names, "ONLY")
      assert.notInclude(names, "PATH")
      const ours = yield* ToolCommand.run(ChildProcess.make("/usr/bin/env", []))
      assert.include(ours.stdout, `PATH=${process.env["PATH"]}`)
    }))

  test("does not end the command of another handler", () =>
    Effect.gen(function* () {
      const PIDS = `${yield* folder}/pids`
      const env = { PATH: process.env["PATH"], PIDS }
      const other = yield* Effect.forkScoped(ToolCommand.run(sh('echo $$ >> "$PIDS"; sleep 1000', { env })))
      const [pid = 0] = yield* pidsIn(PIDS, 1)
      yield* ToolCommand.run(sh("true", { env }))
      assert.isTrue(isAlive(pid))
      yield* Fiber.interrupt(other)
      assert.isFalse(isAlive(pid))
    }))
})
