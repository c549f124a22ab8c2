import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as M from "../../src/testing/ModelServer.ts"
import * as CommandLine from "../support/commandLine.ts"
import * as Live from "../support/live.ts"
import * as Real from "../support/realEngine.ts"

type RealCodex = Effect.Success<ReturnType<typeof Real.make>>

/** Runs a command in the home and the workspace of a real Codex. */
const command = (real: RealCodex, ...args: ReadonlyArray<string>) =>
  CommandLine.run({ args, cwd: real.workspace, env: real.env })

/** Runs a command of `threads` within this process. */
const cli = (real: RealCodex, ...args: ReadonlyArray<string>) =>
  CommandLine.runHere({ args: ["threads", ...args], cwd: real.workspace, env: real.env })

// Every test starts several processes, next to other tests: how long they take depends on the machine.
const test = (name: string, body: Parameters<typeof Live.test>[1]) => Live.test(name, body, 180_000)

/** Codex warns at its start where no bubblewrap is installed. */
const withoutStartWarning = <R extends { readonly stderr: string }>(result: R): R => ({
  ...result,
  stderr: result.stderr.replace(/^\S+ WARN \(#\d+\): codex: configuration: .*bubblewrap.*\n/, "")
})

describe.concurrent("effect-codex threads", () => {
  test("lists, shows, forks, archives and deletes the threads of the real Codex", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(M.shell("exit 3")),
        M.reply(M.text("It failed.")),
        M.reply(M.text("ok"))
      ])
      const id = yield* Effect.gen(function* () {
        const thread = yield* real.start()
        yield* thread.run("Run the \u001b[31mtests")
        yield* thread.run("And now?")
        return thread.id
      }).pipe(Effect.scoped, Effect.provide(real.layer))

      const listed = withoutStartWarning(yield* command(real, "threads", "list"))
      assert.deepInclude(listed, { code: 0, stderr: "" })
      assert.match(
        listed.stdout,
        new RegExp(`^${id}  \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d  (Run the tests|And now\\?)\\n$`)
      )
      const one = JSON.parse((yield* cli(real, "list", "--json")).stdout)
      assert.strictEqual(one.id, id)

      const shown = yield* command(real, "threads", "show", "last")
      assert.strictEqual(shown.code, 0)
      for (const part of [id, "> Run the tests", "$ exit 3", "exit 3", "It failed.", "> And now?", "ok"])
        assert.include(shown.stdout, part)
      assert.lengthOf(JSON.parse((yield* cli(real, "show", id, "--json")).stdout).turns, 2)

      const forked = yield* command(real, "threads", "fork", id)
      assert.strictEqual(forked.code, 0)
      const fork = forked.stdout.trim()
      assert.notStrictEqual(fork, id)
      assert.include((yield* cli(real, "list")).stdout, fork)

      assert.strictEqual((yield* command(real, "threads", "archive", fork)).code, 0)
      assert.notInclude((yield* cli(real, "list")).stdout, fork)
      assert.include((yield* cli(real, "list", "--archived")).stdout, fork)
      assert.strictEqual((yield* cli(real, "archive", fork, "--undo")).code, 0)
      assert.include((yield* cli(real, "list")).stdout, fork)

      const asks = yield* command(real, "threads", "delete", fork)
      assert.strictEqual(asks.code, 2)
      assert.include(asks.stderr, "--yes")
      assert.include((yield* cli(real, "list")).stdout, fork)
      assert.strictEqual((yield* command(real, "threads", "delete", fork, "--yes")).code, 0)
      assert.notInclude((yield* cli(real, "list")).stdout, fork)
      const gone = withoutStartWarning(yield* command(real, "threads", "show", fork))
      assert.strictEqual(gone.code, 1)
      assert.match(gone.stderr, /^InvalidRequest: thread\/read: /)
      assert.strictEqual(gone.stdout, "")
    }))

  test("reports that there are no threads", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([])
      assert.deepInclude(yield* cli(real, "list"), { code: 0, stdout: "", stderr: "No threads.\n" })
      assert.deepInclude(yield* cli(real, "list", "--json"), { code: 0, stdout: "", stderr: "" })
      assert.strictEqual((yield* cli(real, "show", "last")).code, 1)
    }))

  test("explains invalid arguments without a request to Codex", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([])
      for (const [args, explanation] of [
        [["list", "-c", "nonsense"], '-c takes key=value, not "nonsense"'],
        [["delete", "x", "--yes", "-c", "a b=c"], '-c takes key=value, not "a b=c"'],
        [["archive", "last", "--undo"], "--undo needs the id"]
      ] as const) {
        const { code, stderr } = yield* cli(real, ...args)
        assert.strictEqual(code, 2)
        assert.include(stderr, explanation)
      }
      for (const tokens of ["0", "-5"]) {
        const { code, stderr } = yield* CommandLine.runHere({
          args: ["run", `--max-tokens=${tokens}`, "hello"],
          cwd: real.workspace,
          env: real.env
        })
        assert.strictEqual(code, 2, stderr)
        assert.include(stderr, "--max-tokens must be 1 or more")
      }
    }))

  test("keeps the sandbox of a resumed thread unless --sandbox changes it", () =>
    Effect.gen(function* () {
      const write = (name: string) => [M.reply(M.shell(`echo x > ${name}`)), M.reply(M.text("done"))]
      const real = yield* Real.make([
        M.reply(M.text("hello")),
        ...write("forbidden"),
        ...write("allowed"),
        ...write("new")
      ])
      const id = yield* Effect.gen(function* () {
        const thread = yield* real.start({ sandbox: "read-only", approvalMode: "never" })
        yield* thread.run("hello")
        return thread.id
      }).pipe(Effect.scoped, Effect.provide(real.layer))
      const run = (...args: ReadonlyArray<string>) =>
        Effect.map(command(real, "run", "--approve", "never", ...args, "write it"), ({ code }) => code)
      assert.strictEqual(yield* run("--resume", id), 0)
      assert.isFalse(yield* real.exists("forbidden"))
      assert.strictEqual(yield* run("--resume", id, "--sandbox", "workspace-write"), 0)
      assert.isTrue(yield* real.exists("allowed"))
      assert.strictEqual(yield* run(), 0)
      assert.isTrue(yield* real.exists("new"))
    }))
})
