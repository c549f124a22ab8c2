/** The durable turns of `effect-codex serve`: their requests, events and submissions over HTTP, on a SQLite database. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Scripted } from "effect-codex/testing"
import { test } from "../support/live.ts"
import * as DurableTurns from "./durableTurns.ts"
import * as Server from "./server.ts"

/** Starts a server with a database in which one durable turn waits for approval. */
const start = Effect.gen(function* () {
  const { durable, store } = yield* DurableTurns.open
  const server = yield* Server.start({
    durable: { client: durable, submit: { cwd: "/srv/app", sandbox: "workspace-write" } }
  })
  const client = (...roles: Parameters<typeof server.add>) =>
    Effect.map(server.add(...roles), (token) => Server.client(server.url, token))
  return { durable, store, server, client }
})

describe("the durable turns of effect-codex serve", () => {
  test("shows the request of a durable turn beside those of live turns, with its own deadline and all of its lines", () =>
    Effect.gen(function* () {
      const { client, server, store } = yield* start
      yield* server.play([Scripted.command("npm test", { approval: true }), Scripted.message("Fixed.")])
      const { id } = yield* DurableTurns.ask(store, "build-1842", { expiresAt: Date.now() + 600_000 })
      const submitter = yield* client("submit")
      const { body: thread } = yield* submitter.json("POST", "/threads", {})
      const turn = yield* submitter.send("POST", `/threads/${thread.id}/turns`, {
        input: "Fix it",
        onDisconnect: "continue"
      })
      const state = yield* Server.readState(
        yield* submitter.send("GET", "/updates"),
        ({ durable, inbox }) => inbox.length === 2 && durable !== undefined
      )
      assert.deepStrictEqual(
        state.inbox.map(({ threadId, title, turnKey }) => [title, turnKey, threadId]),
        [
          ["run a command", "build-1842", undefined],
          ["run a command", undefined, thread.id]
        ]
      )
      assert.deepInclude(state.durable?.turns[0], { key: "build-1842", status: "waiting" })
      const { body: request } = yield* submitter.json("GET", `/durable/approvals/${id}`)
      assert.include(request.lines.join("\n"), "  │ npm publish")
      assert.strictEqual(request.lines.length, request.total)
      assert.strictEqual(request.deadline, state.inbox[0]?.deadline)
      yield* Effect.promise(async () => turn.body?.cancel())
    }))

  test("takes the first of two answers to a durable request, records who gave it, and refuses the second", () =>
    Effect.gen(function* () {
      const { client, durable, store } = yield* start
      const { hash, id } = yield* DurableTurns.ask(store, "build-1842")
      const [first, second] = [yield* client("approve"), yield* client("approve")]
      const path = `/durable/approvals/${id}`
      const changed = yield* first.json("POST", path, { hash: "0", decision: "accept" })
      assert.deepStrictEqual([changed.status, changed.body.error], [412, "ArgumentsChanged"])
      const accepted = yield* first.json("POST", path, { hash, decision: "acceptForSession" })
      assert.strictEqual(accepted.status, 204)
      const again = yield* second.json("POST", path, { hash, decision: "decline" })
      assert.deepStrictEqual([again.status, again.body.error], [409, "AlreadyDecided"])
      const decided = yield* durable.approvals.show(id)
      assert.deepInclude(decided, { status: "decided", decidedBy: "approve-1" })
      assert.strictEqual(decided.decision?._tag, "AcceptForSession")
      assert.strictEqual((yield* second.json("GET", path)).status, 404)
      assert.strictEqual(
        (yield* second.json("POST", "/durable/approvals/none", { hash, decision: "accept" })).status,
        404
      )
    }))

  test("lets a token do with durable turns only what its roles allow", () =>
    Effect.gen(function* () {
      const { client, durable, store } = yield* start
      const { hash, id } = yield* DurableTurns.ask(store, "build-1842")
      const [reader, submitter, approver] = [
        yield* client("read"),
        yield* client("submit"),
        yield* client("approve")
      ]
      const answer = ["POST", `/durable/approvals/${id}`, { hash, decision: "accept" }] as const
      const submit = ["POST", "/durable/turns", { id: "a", input: "Approve it yourself" }] as const
      const interrupt = ["POST", "/durable/turns/build-1842/interrupt"] as const
      for (const [who, refused] of [
        [reader, [answer, submit, interrupt]],
        [submitter, [answer]],
        [approver, [submit]]
      ] as const)
        for (const [method, path, body] of refused)
          assert.strictEqual((yield* who.json(method, path, body)).status, 403, path)
      const withoutToken = Server.client((yield* Effect.map(start, ({ server }) => server)).url, undefined)
      for (const [method, path, body] of [answer, submit, interrupt])
        assert.strictEqual((yield* withoutToken.json(method, path, body)).status, 401, path)
      assert.strictEqual((yield* durable.approvals.show(id)).status, "pending")
      assert.lengthOf(yield* durable.turns(), 1)
      assert.strictEqual((yield* approver.json(...interrupt)).status, 204)
      assert.isNotNull((yield* durable.turn("build-1842")).interruptRequestedAt)
    }))

  test("submits a turn once, with the directory and sandbox of the server, and continues only its own threads", () =>
    Effect.gen(function* () {
      const { client, durable, store } = yield* start
      const submitter = yield* client("submit")
      const wish = { id: "a", input: "Fix it", sandbox: "danger-full-access", cwd: "/etc" }
      const first = yield* submitter.json("POST", "/durable/turns", wish)
      assert.deepStrictEqual([first.status, first.body.key, first.body.status], [200, "serve/a", "submitted"])
      assert.strictEqual((yield* submitter.json("POST", "/durable/turns", wish)).status, 200)
      const other = yield* submitter.json("POST", "/durable/turns", { ...wish, input: "Break it" })
      assert.deepStrictEqual([other.status, other.body.error], [409, "KeyReused"])
      assert.lengthOf(yield* durable.turns(), 1)
      assert.deepInclude((yield* store.turn("serve/a"))?.threadOptions, {
        cwd: "/srv/app",
        sandbox: "workspace-write"
      })
      yield* durable.submit("Deploy", { key: "deploy-1", thread: "deploys", sandbox: "danger-full-access" })
      const foreign = yield* submitter.json("POST", "/durable/turns", {
        id: "b",
        input: "More",
        thread: "deploys"
      })
      assert.strictEqual(foreign.status, 403)
      const more = yield* submitter.json("POST", "/durable/turns", {
        id: "b",
        input: "More",
        thread: "serve/a"
      })
      assert.deepStrictEqual([more.body.thread, more.body.position], ["serve/a", 2])
    }))

  test("streams the events of a durable turn, and continues after the last one that the client has", () =>
    Effect.gen(function* () {
      const { client, store } = yield* start
      yield* DurableTurns.ask(store, "a/b")
      yield* DurableTurns.append(store, "a/b", 3)
      const reader = yield* client("read")
      const path = "/durable/turns/a%2Fb/events"
      const read = yield* Server.readUntil(yield* reader.send("GET", path), "id: 3")
      assert.notInclude(read, "10.0.0.7")
      const stream = yield* reader.send("GET", path, undefined, { headers: { "last-event-id": "3" } })
      yield* DurableTurns.append(store, "a/b", 1)
      yield* DurableTurns.finish(store, "a/b")
      const rest = yield* Effect.promise(() => stream.text())
      assert.deepStrictEqual(rest.match(/^id: .*$/gm), ["id: 4", "id: 5"])
      assert.include(rest, '"type":"turn.failed"')
      assert.strictEqual((yield* reader.json("GET", "/durable/turns/none/events")).status, 404)
    }))

  test("has no durable turns without a database", () =>
    Effect.gen(function* () {
      const server = yield* Server.start()
      const client = Server.client(server.url, yield* server.add("submit"))
      assert.isFalse((yield* client.json("GET", "/me")).body.durable)
      const refused = yield* client.json("POST", "/durable/turns", { id: "a", input: "Fix it" })
      assert.deepStrictEqual([refused.status, refused.body.error], [404, "NoDatabase"])
    }))

  test("says that the database cannot be reached, and shows it again when it can", () =>
    Effect.gen(function* () {
      const { durable, store } = yield* DurableTurns.open
      yield* DurableTurns.ask(store, "build-1842")
      let broken = true
      const server = yield* Server.start({
        durable: { client: DurableTurns.failingWhile(durable, () => broken), submit: {} }
      })
      const client = Server.client(server.url, yield* server.add("read"))
      const updates = yield* client.send("GET", "/updates")
      const next = Server.stateReader(updates)
      const lost = yield* next(({ durable }) => durable?.available === false)
      assert.lengthOf(lost.inbox, 0)
      broken = false
      const found = yield* next(({ durable }) => durable?.available === true)
      assert.lengthOf(found.inbox, 1)
    }))
})
