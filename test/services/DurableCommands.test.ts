/** The commands of durable turns on PostgreSQL, with a worker of its own process and the real Codex. */
import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"
import { fileURLToPath } from "node:url"
import * as M from "../../src/testing/ModelServer.ts"
import * as CodexSocket from "../support/codexSocket.ts"
import * as CommandLine from "../support/commandLine.ts"
import { test, until } from "../support/live.ts"
import * as Postgres from "../support/postgres.ts"

const skipped = Postgres.skipped("the commands of durable turns in PostgreSQL")

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))

/** Makes every import of the driver fail as it does without the package. */
const withoutDriver = `
import { registerHooks } from "node:module"
registerHooks({
  resolve: (specifier, context, next) => {
    if (!specifier.startsWith("@effect/sql-pg")) return next(specifier, context)
    throw Object.assign(new Error("Cannot find package " + specifier), { code: "ERR_MODULE_NOT_FOUND" })
  }
})
`

describe.skipIf(skipped)("the command line on a PostgreSQL database", () => {
  const { emptyDatabase, server } = Postgres.forTests()

  test("submits, runs, watches, answers, interrupts and prunes turns, and shows no password", () =>
    Effect.gen(function* () {
      const url = yield* emptyDatabase
      const db = ["--db", Redacted.value(url)]
      const never = yield* Deferred.make<void>()
      const codex = yield* CodexSocket.make((request) => {
        if (request.lastUserText === "wait") return M.reply(M.until(Deferred.await(never)))
        return request.lastUserText === "touch" &&
          !JSON.stringify(request.body).includes("function_call_output")
          ? M.reply(M.shell("touch touched", { escalate: "I need it" }))
          : M.reply(M.text(`${request.lastUserText} is done`))
      })
      let printed = ""
      const cli = (...args: ReadonlyArray<string>) =>
        CommandLine.runHere({ args: [...args, ...db], cwd: codex.workspace, env: {} }).pipe(
          Effect.tap(({ stderr, stdout }) => Effect.sync(() => (printed += stdout + stderr)))
        )
      const submit = (key: string, prompt: string) => cli("submit", "--key", key, "--thread", key, prompt)
      let isDone = false
      const worker = yield* Effect.forkScoped(
        CommandLine.run({
          args: ["worker", "--json", "--engine", `unix:${codex.server}`, ...db],
          cwd: codex.workspace,
          interruptWhen: () => isDone
        })
      )

      assert.deepInclude(yield* submit("one", "hello"), { code: 0, stdout: "one\n", stderr: "" })
      const watched = yield* cli("turns", "watch", "one", "--json")
      assert.strictEqual(watched.code, 0)
      assert.deepInclude(CommandLine.jsonLines(watched.stdout).at(-1), {
        type: "turn.completed",
        message: "hello is done"
      })

      yield* submit("two", "touch")
      const waiting = Effect.map(cli("approvals", "list", "--json"), ({ stdout }) =>
        CommandLine.jsonLines(stdout)
      )
      yield* until(
        "the approval waits",
        Effect.map(waiting, (lines) => lines.length === 1)
      )
      const id = String((yield* waiting)[0]?.["id"])
      const shown = yield* cli("approvals", "show", id)
      assert.include(shown.stdout, "touch touched")
      assert.strictEqual((yield* cli("approvals", "answer", id, "accept", "--by", "ada")).code, 0)
      assert.match((yield* cli("approvals", "answer", id, "decline")).stderr, /^AlreadyDecided: /)
      assert.strictEqual((yield* cli("turns", "watch", "two")).code, 0)
      assert.isTrue(yield* codex.exists("touched"))

      yield* submit("three", "wait")
      yield* until(
        "the turn runs",
        Effect.map(codex.model.requests, (requests) =>
          requests.some(({ lastUserText }) => lastUserText === "wait")
        )
      )
      assert.strictEqual((yield* cli("turns", "interrupt", "three")).code, 0)
      assert.strictEqual((yield* cli("turns", "watch", "three")).code, 130)
      const listed = yield* cli("turns", "list", "--json")
      assert.deepStrictEqual(
        CommandLine.jsonLines(listed.stdout).map(({ key, status }) => [key, status]),
        [
          ["three", "interrupted"],
          ["two", "completed"],
          ["one", "completed"]
        ]
      )

      const name = new URL(Redacted.value(url)).pathname.slice(1)
      yield* server().query("UPDATE codex_turns SET ended_at = 0 WHERE key <> 'three'", name)
      const pruned = yield* cli("db", "prune", "--older-than", "1h", "--json")
      assert.deepInclude(CommandLine.jsonLines(pruned.stdout)[0], { type: "db.pruned", turns: 2 })

      isDone = true
      const { code, stderr, stdout } = yield* Fiber.join(worker)
      assert.strictEqual(code, 130)
      const types = CommandLine.jsonLines(stdout).map(({ type }) => type)
      assert.strictEqual(types[0], "worker.ready")
      assert.lengthOf(
        types.filter((type) => type === "worker.ended"),
        3
      )
      assert.include(types, "worker.waiting")
      assert.notInclude(printed + stdout + stderr, server().password)
    }))

  test("names the package to install when the driver is missing", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      yield* fs.writeFileString(`${directory}/withoutDriver.mjs`, withoutDriver)
      const runs = [["worker"], ["turns", "list"]].map((args) =>
        CommandLine.run({
          // A bundle has the driver in it.
          program: main,
          args: [...args, "--db", "postgres://u:pa55@127.0.0.1/none"],
          env: { NODE_OPTIONS: `--import ${directory}/withoutDriver.mjs` }
        })
      )
      for (const { code, stderr } of yield* Effect.all(runs, { concurrency: 2 })) {
        assert.strictEqual(code, 2, stderr)
        assert.include(stderr, "npm install @effect/sql-pg")
        assert.notInclude(stderr, "pa55")
      }
    }))
})
