/** The process of `effect-codex serve`: what its command line leads to, seen on its API and its page. */
import { assert, describe } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as PostgresStore from "../../src/durable-postgres/PostgresStore.ts"
import { Store } from "../../src/durable/store/Store.ts"
import * as TokenStore from "../../src/serve/TokenStore.ts"
import * as Browser from "../serve/browser.ts"
import * as DurableTurns from "../serve/durableTurns.ts"
import * as Server from "../serve/server.ts"
import * as ServeProcess from "../serve/serveProcess.ts"
import * as Postgres from "../support/postgres.ts"
import * as TraceFiles from "../support/traceFiles.ts"

const { promise, test } = Browser

/** Starts the server in an empty directory. Its Codex never starts. */
const start = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped({
    directory: "/var/tmp",
    prefix: "effect-codex-serve-"
  })
  const [project, state] = [`${directory}/project`, `${directory}/state`]
  yield* fs.makeDirectory(project)
  const token = yield* Effect.flatMap(TokenStore.make(state), ({ add }) => add("ada", ["submit", "approve"]))
  const flags = ["--port", "0", "--state", state, "--cd", project]
  const server = yield* ServeProcess.start([...flags, ...args], {
    HOME: directory,
    CODEX_PATH: "/nowhere/codex"
  })
  return { ...server, project, token, client: Server.client(server.url, token) }
})

describe.skipIf(Postgres.skipped("effect-codex serve on PostgreSQL") || Browser.skipped)(
  "effect-codex serve --db postgres://…",
  () => {
    Browser.useBrowser()
    const { emptyDatabase, server } = Postgres.forTests()

    test("shows, answers and submits durable turns of the database, also after its restart, and prints no password", () =>
      Effect.gen(function* () {
        const url = yield* emptyDatabase
        const store = Context.get(yield* Layer.build(PostgresStore.layer({ url })), Store)
        const { id } = yield* DurableTurns.ask(store, "release-7")
        const running = yield* start("--db", Redacted.value(url))
        const { errors, tab } = yield* Browser.openPage(running.url, running.token)
        const turns = tab.getByRole("navigation", { name: "Durable turns" })
        yield* promise(async () => {
          const card = tab.getByRole("article").filter({ hasText: "npm publish" })
          await card.locator("button:enabled", { hasText: /^Approve$/ }).click()
          await tab.getByText("Approved.").waitFor()
        })
        const answered = yield* store.approvals.get(id)
        assert.deepInclude(answered, { decidedBy: "ada" })
        yield* server().restart()
        yield* DurableTurns.ask(store, "release-8")
        yield* promise(async () => {
          await tab.getByRole("article").filter({ hasText: "durable turn release-8" }).waitFor()
          await turns.getByRole("link", { name: "New durable turn" }).click()
          await tab.getByLabel("What should the agent do?").fill("Deploy it")
          await tab.getByRole("button", { name: "Submit" }).click()
          await turns.getByRole("link", { name: /^serve\/.* in the queue/ }).waitFor()
        })
        const [submitted] = (yield* store.turns({ limit: 1 })).map(({ key }) => key)
        assert.deepInclude((yield* store.turn(submitted ?? ""))?.threadOptions, { cwd: running.project })
        assert.deepStrictEqual(errors, [])
        running.child.kill("SIGTERM")
        assert.strictEqual(yield* ServeProcess.exited(running.child), 130)
        assert.notInclude(running.errors(), server().password)
      }))
  }
)

describe("effect-codex serve --traces", () => {
  test("has the turns of files that other processes wrote, also when one of the files goes away", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const files = [`${directory}/first.jsonl`, `${directory}/second.jsonl`]
      for (const [at, file] of files.entries())
        yield* fs.writeFileString(file, [...TraceFiles.lines(3 * at, 3 * at + 3)].join("\n"))
      const { client } = yield* start(...files.flatMap((file) => ["--traces", file]))
      for (const turn of [0, 5]) {
        const { body } = yield* client.json("GET", `/turns/${TraceFiles.turnIdOf(turn)}/trace`)
        assert.strictEqual(body.turn.turnId, TraceFiles.turnIdOf(turn))
        assert.isNotEmpty(body.criticalPath)
      }
      assert.strictEqual((yield* client.json("GET", `/turns/${TraceFiles.turnIdOf(6)}/trace`)).status, 404)
      // A file that goes away takes its turns away, and no others.
      yield* fs.remove(files[0] ?? "")
      const { status } = yield* client.json("GET", `/turns/${TraceFiles.turnIdOf(5)}/trace`)
      assert.strictEqual(status, 200)
    }))
})
