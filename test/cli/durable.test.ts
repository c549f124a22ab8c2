/** `submit`, `turns`, `approvals` and `db`: what a person and a script do with durable turns, without a worker. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import type { ApprovalRequest } from "../../src/domain/ApprovalRequest.ts"
import { hash } from "../../src/domain/ApprovalRequestHash.ts"
import { ToolFailed } from "../../src/domain/CodexError.ts"
import { ItemId, TurnId } from "../../src/domain/Ids.ts"
import { layerRunner } from "../../src/durable/store/SqliteStore.ts"
import { Store } from "../../src/durable/store/Store.ts"
import * as CommandLine from "../support/commandLine.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync("/var/tmp/effect-codex-cli-")),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
)

const command: ApprovalRequest = {
  _tag: "Command",
  id: "r1",
  itemId: ItemId.make("item-1"),
  command: "npm publish",
  script: "npm publish",
  cwd: "/srv/app",
  extra: false
}

/** A database, and the command line on it. */
const make = Effect.gen(function* () {
  const cwd = yield* temporary
  const path = join(cwd, "turns.db")
  const cli = (...args: ReadonlyArray<string>) =>
    CommandLine.runHere({ args: [...args, "--db", `sqlite:${path}`], cwd, env: {} })
  const asRunner = <A, E>(use: (store: Store["Service"]) => Effect.Effect<A, E>) =>
    Effect.provide(Store.use(use), layerRunner({ path }))
  return { cwd, cli, asRunner }
})

const test = (
  name: string,
  body: Effect.Effect<void, unknown, Effect.Services<typeof make> | NodeServices.NodeServices>
) => it.live(name, () => body.pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

describe("effect-codex submit and turns", () => {
  test(
    "submit a turn once under a key, list it, and interrupt it in its queue",
    Effect.gen(function* () {
      const { asRunner, cli, cwd } = yield* make
      const submit = cli(
        "submit",
        "--key",
        "a",
        "--thread",
        "t",
        "--cd",
        "app",
        "--sandbox",
        "read-only",
        "Hello"
      )
      assert.deepInclude(yield* submit, { code: 0, stdout: "a\n", stderr: "" })
      assert.deepInclude(yield* submit, { code: 0, stdout: "a\n" })
      const row = yield* asRunner(({ turn }) => turn("a"))
      const options = { cwd: join(cwd, "app"), sandbox: "read-only", approvalMode: "on-request" } as const
      assert.deepStrictEqual(row?.threadOptions, options)
      yield* cli("submit", "--key", "next", "--thread", "t", "--model", "m", "And now?")
      const next = yield* asRunner(({ turn }) => turn("next"))
      assert.deepStrictEqual(next?.threadOptions, { ...options, model: "m" })

      const other = yield* cli("submit", "--key", "a", "--thread", "t", "Something else")
      assert.strictEqual(other.code, 1)
      assert.match(other.stderr, /^KeyReused: /)

      const listed = yield* cli("turns", "list", "--json", "--limit", "1", "--status", "submitted")
      assert.deepInclude(JSON.parse(listed.stdout), { key: "next", thread: "t", status: "submitted" })
      assert.strictEqual((yield* cli("turns", "interrupt", "a")).code, 0)
      const watched = yield* cli("turns", "watch", "a", "--json")
      assert.strictEqual(watched.code, 130)
      assert.deepInclude(JSON.parse(watched.stdout), { type: "turn.interrupted" })
      assert.include((yield* cli("turns", "list", "--status", "interrupted")).stdout, "  a  t\n")
    })
  )

  test(
    "watch prints the work and exits as `run` does",
    Effect.gen(function* () {
      const { asRunner, cli } = yield* make
      yield* cli("submit", "--key", "a", "Hello")
      yield* asRunner((store) =>
        Effect.gen(function* () {
          const item = {
            type: "command_execution",
            id: ItemId.make("item-1"),
            command: "npm test",
            cwd: "/srv/app",
            status: "completed",
            operations: []
          } as const
          yield* store.events.append("a", [{ event: { type: "item.completed", item, at: 1 } }])
          yield* store.finish("a", 0, {
            _tag: "Failed",
            error: new ToolFailed({ tool: "deploy", detail: "no", retryable: false })
          })
        })
      )
      const watched = yield* cli("turns", "watch", "a")
      assert.strictEqual(watched.code, 1)
      assert.strictEqual(watched.stdout, "$ npm test\n")
      assert.match(watched.stderr, /^ToolFailed: /)
      const missing = yield* cli("turns", "watch", "b")
      assert.strictEqual(missing.code, 1)
      assert.include(missing.stderr, 'there is no durable turn "b"')
      const inJson = yield* cli("turns", "watch", "b", "--json")
      assert.strictEqual(inJson.code, 1)
      const { error, type } = JSON.parse(inJson.stdout)
      assert.deepStrictEqual([type, error._tag], ["turn.failed", "InvalidRequest"])
    })
  )

  test(
    "create a database only to submit a turn",
    Effect.gen(function* () {
      const { cli, cwd } = yield* make
      const commands = [
        ["turns", "list"],
        ["turns", "watch", "a"],
        ["turns", "interrupt", "a"],
        ["approvals", "list"],
        ["db", "prune", "--older-than", "1h"]
      ]
      for (const command of commands) {
        const { code, stderr } = yield* cli(...command)
        assert.strictEqual(code, 2, command.join(" "))
        assert.include(stderr, `there is no file ${join(cwd, "turns.db")}`)
      }
      assert.deepStrictEqual(Fs.readdirSync(cwd), [])
      assert.strictEqual((yield* cli("submit", "--key", "a", "Hello")).code, 0)
    })
  )

  test(
    "prune what ended long ago",
    Effect.gen(function* () {
      const { cli } = yield* make
      yield* cli("submit", "--key", "a", "Hello")
      yield* cli("submit", "--key", "b", "Hello")
      yield* cli("turns", "interrupt", "a")
      const young = yield* cli("db", "prune", "--older-than", "1h")
      assert.strictEqual(young.stdout, "Deleted 0 turns, 0 threads and 0 approvals\n")
      const wrong = yield* cli("db", "prune", "--older-than", "soon")
      assert.strictEqual(wrong.code, 2)
    })
  )

  test(
    "refuse a database of an unknown kind without repeating its password",
    Effect.gen(function* () {
      const { cwd } = yield* make
      const wrong = yield* CommandLine.runHere({
        args: ["turns", "list", "--db", "mysql://u:pa55@host/db"],
        cwd,
        env: {}
      })
      assert.strictEqual(wrong.code, 2)
      assert.notInclude(wrong.stdout + wrong.stderr, "pa55")
    })
  )
})

describe("effect-codex approvals", () => {
  test(
    "list, show and answer a request, with its hash and the person",
    Effect.gen(function* () {
      const { asRunner, cli } = yield* make
      yield* cli("submit", "--key", "a", "--thread", "t", "Hello")
      yield* asRunner(({ approvals }) =>
        approvals.ask({
          id: "p1",
          key: "a",
          threadId: "t",
          turnId: TurnId.make("turn-1"),
          itemId: command.itemId,
          hash: hash(command),
          request: command,
          shown: "run npm publish\nin /srv/app",
          expiresAt: null
        })
      )
      assert.match((yield* cli("approvals", "list")).stdout, /^p1 .* pending +a +run npm publish\n$/)
      const shown = yield* cli("approvals", "show", "p1")
      assert.include(shown.stdout, "The agent asks to run npm publish\nin /srv/app\n")
      assert.include(shown.stdout, `hash    ${hash(command)}\n`)

      const changed = yield* cli("approvals", "answer", "p1", "accept", "--hash", "other")
      assert.strictEqual(changed.code, 1)
      assert.match(changed.stderr, /^ArgumentsChanged: /)
      const declined = yield* cli(
        "approvals",
        "answer",
        "p1",
        "decline",
        "--reason",
        "no",
        "--by",
        "ada",
        "--json"
      )
      assert.strictEqual(declined.code, 0)
      const record = JSON.parse(declined.stdout)
      assert.deepInclude(record, { status: "decided", decidedBy: "ada" })
      assert.deepInclude(record.decision, { _tag: "decline", reason: "no", source: "user" })

      const late = yield* cli("approvals", "answer", "p1", "accept")
      assert.strictEqual(late.code, 1)
      assert.match(late.stderr, /^AlreadyDecided: /)
      assert.strictEqual((yield* cli("approvals", "list")).stderr, "No approval requests.\n")
      assert.include((yield* cli("approvals", "list", "--all")).stdout, "decided")
      assert.strictEqual((yield* cli("approvals", "show", "p2")).code, 1)
    })
  )
})
