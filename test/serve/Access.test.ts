import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Logger from "effect/Logger"
import * as Tracer from "effect/Tracer"
import { Scripted } from "effect-codex/testing"
import type { EngineThreadOptions } from "../../src/engine/Engine.ts"
import * as Secret from "../../src/serve/Secret.ts"
import { test } from "../support/live.ts"
import * as DurableTurns from "./durableTurns.ts"
import * as Server from "./server.ts"

type Client = ReturnType<typeof Server.client>

/** Starts a turn that asks for approval, and returns the waiting request. */
const ask = Effect.fnUntraced(function* (client: Client, options = {}) {
  const { body: thread } = yield* client.json("POST", "/threads", options)
  const path = `/threads/${thread.id}`
  const turn = yield* client.send("POST", `${path}/turns`, { input: "Fix it", onDisconnect: "continue" })
  yield* Effect.promise(async () => turn.body?.cancel())
  const { body: pending } = yield* client.json("GET", `${path}/approvals?wait=60`)
  const [{ hash, id }] = pending
  return { path, id, hash, answer: `${path}/approvals/${id}` }
})

const script = [Scripted.command("npm test", { approval: true }), Scripted.message("Fixed.")]

describe("the server of effect-codex serve", () => {
  test("shows a request with its deadline, takes one answer to exactly what it showed, and refuses the second", () =>
    Effect.gen(function* () {
      const server = yield* Server.start({ approvalTimeout: "10 minutes" })
      yield* server.play(script)
      const submitter = Server.client(server.url, yield* server.add("submit"))
      const approver = Server.client(server.url, yield* server.add("approve"))
      const { answer, hash, id } = yield* ask(submitter)
      const updates = yield* Server.readUntil(yield* approver.send("GET", "/updates"), id)
      assert.include(updates, '"title":"run a command"')
      const { body: request } = yield* approver.json("GET", `/inbox/${id}`)
      assert.strictEqual(request.deadline - request.at, 600_000)
      assert.strictEqual(request.hash, hash)
      assert.strictEqual(request.lines.length, request.total)
      assert.include(request.lines.join("\n"), "  │ npm test")
      const other = yield* approver.json("POST", answer, { hash: hash.replace(/./, "x"), decision: "accept" })
      assert.deepStrictEqual([other.status, other.body.error], [412, "ArgumentsChanged"])
      assert.lengthOf((yield* approver.json("GET", answer.replace(/\/[^/]+$/, ""))).body, 1)
      assert.strictEqual((yield* approver.json("POST", answer, { hash, decision: "accept" })).status, 204)
      const again = yield* approver.json("POST", answer, { hash, decision: "decline" })
      assert.deepStrictEqual([again.status, again.body.error], [409, "AlreadyDecided"])
    }))

  test("lets a token do only what its roles allow", () =>
    Effect.gen(function* () {
      const server = yield* Server.start()
      yield* server.play(script)
      const submitter = Server.client(server.url, yield* server.add("submit"))
      const { answer, hash, id, path } = yield* ask(submitter)
      const reader = Server.client(server.url, yield* server.add("read"))
      const approver = Server.client(server.url, yield* server.add("approve"))
      const forbidden = (client: Client, requests: ReadonlyArray<readonly [string, string, unknown?]>) =>
        Effect.forEach(requests, ([method, path, body]) =>
          Effect.map(client.json(method, path, body), ({ status }) =>
            assert.strictEqual(status, 403, `${method} ${path}`)
          )
        )
      const submitting = [
        ["POST", "/threads", {}],
        ["POST", `${path}/turns`, { input: "Approve it yourself" }],
        ["POST", `${path}/steer`, { input: "Approve it yourself" }],
        ["POST", `${path}/resume`],
        ["POST", `${path}/archive`],
        ["POST", `${path}/close`]
      ] as const
      const answers = (["accept", "acceptForSession", "decline", "cancel"] as const).map(
        (decision) => ["POST", answer, { hash, decision }] as const
      )
      yield* forbidden(reader, [...submitting, ...answers, ["POST", `${path}/interrupt`]])
      yield* forbidden(approver, submitting)
      yield* forbidden(submitter, answers)
      for (const each of [reader, approver, submitter]) yield* forbidden(each, [["DELETE", path]])
      // Everybody may read, and the request still waits.
      for (const each of [reader, approver, submitter])
        assert.strictEqual((yield* each.json("GET", `/inbox/${id}`)).status, 200)
    }))

  test("does not let a submitter choose the sandbox, the directory or the approvals of a thread", () =>
    Effect.gen(function* () {
      const server = yield* Server.start()
      const seen: Array<EngineThreadOptions> = []
      yield* server.play([
        { _tag: "Step", play: ({ options }) => Effect.sync(() => void seen.push(options)) },
        ...script
      ])
      const submitter = Server.client(server.url, yield* server.add("submit"))
      const { path } = yield* ask(submitter, {
        sandbox: "danger-full-access",
        cwd: "/etc",
        approvalMode: "never",
        preset: "full",
        model: "another",
        instructions: "Never ask."
      })
      assert.lengthOf((yield* submitter.json("GET", `${path}/approvals`)).body, 1)
      const [options] = seen
      assert.deepInclude(options, { cwd: "/", sandbox: "workspace-write", approvalMode: "on-request" })
      assert.deepStrictEqual([options?.model, options?.instructions], [undefined, undefined])
      const { body: me } = yield* submitter.json("GET", "/me")
      assert.deepInclude(me, { sandbox: "workspace-write", directory: "/", roles: ["submit"] })
    }))

  test("refuses everything without a valid secret, and a token as soon as it is revoked", () =>
    Effect.gen(function* () {
      const server = yield* Server.start()
      const token = yield* server.add("read", "submit", "approve")
      const [name] = (yield* server.store.list).map(({ name }) => name)
      const wrong = [undefined, "x", token.slice(0, -1), `${token}x`, `ecx_${name}_${"A".repeat(43)}`]
      for (const secret of wrong)
        for (const path of ["/me", "/threads", "/updates", "/inbox/x", "/limits", "/turns/x/trace"])
          assert.strictEqual((yield* Server.client(server.url, secret).json("GET", path)).status, 401, path)
      const login = yield* Server.client(server.url, undefined).json("POST", "/login", { token })
      assert.strictEqual(login.status, 200)
      const session = Server.client(server.url, login.body.session)
      assert.strictEqual((yield* session.json("GET", "/me")).body.name, name)
      const updates = yield* session.send("GET", "/updates")
      assert.isTrue(yield* server.store.revoke(name ?? ""))
      for (const secret of [token, login.body.session])
        assert.strictEqual((yield* Server.client(server.url, secret).json("GET", "/me")).status, 401)
      // The open stream ends too.
      yield* Effect.promise(() => updates.text())
      // A new token with the same name does not bring the old login back.
      yield* server.store.add(name ?? "", ["read"])
      assert.strictEqual((yield* session.json("GET", "/me")).status, 401)
    }))

  test("grants nothing that lasts: an amendment of Codex's policy is no answer over HTTP", () =>
    Effect.gen(function* () {
      const { durable, store } = yield* DurableTurns.open
      const server = yield* Server.start({ durable: { client: durable, submit: {} } })
      yield* server.play(script)
      const client = Server.client(server.url, yield* server.add("submit", "approve"))
      const { answer, hash, path } = yield* ask(client)
      const asked = yield* DurableTurns.ask(store, "build-1842")
      const given = { amendment: { _tag: "execPolicy", prefix: ["npm"] } }
      for (const [target, hashOf] of [
        [answer, hash],
        [`/durable/approvals/${asked.id}`, asked.hash]
      ] as const)
        for (const decision of ["accept", "acceptForSession", "acceptWithAmendment"])
          assert.strictEqual(
            (yield* client.json("POST", target, { hash: hashOf, decision, given })).status,
            400
          )
      assert.lengthOf((yield* client.json("GET", `${path}/approvals`)).body, 1)
      assert.strictEqual((yield* durable.approvals.show(asked.id)).status, "pending")
    }))

  test("has the trace of a turn that it has run, with its calls and the wait for approval, for every role", () =>
    Effect.gen(function* () {
      const server = yield* Server.start()
      yield* server.play(script)
      const client = Server.client(server.url, yield* server.add("submit", "approve"))
      const { answer, hash, path } = yield* ask(client)
      const events = yield* client.send("GET", `${path}/events`)
      yield* client.json("POST", answer, { hash, decision: "accept" })
      const lines = yield* Server.readUntil(events, "turn.completed")
      const [, turnId] = /"turnId":"([^"]+)"/.exec(lines) ?? []
      const reader = Server.client(server.url, yield* server.add("read"))
      const { body: trace } = yield* reader.json("GET", `/turns/${turnId}/trace`)
      assert.strictEqual(trace.turn.turnId, turnId)
      assert.deepInclude(trace.turn.approvals, { count: 1, declined: 0 })
      assert.includeMembers(
        trace.spans.map(({ kind }: { readonly kind: string }) => kind),
        ["turn", "approval", "command"]
      )
      const other = yield* reader.json("GET", "/turns/none/trace")
      assert.deepStrictEqual([other.status, other.body.error], [404, "TraceNotFound"])
    }))

  test("takes the code of the terminal once, and ends a session that logs out", () =>
    Effect.gen(function* () {
      const server = yield* Server.start()
      const anonymous = Server.client(server.url, undefined)
      const code = yield* server.sessions.makeCode
      const login = yield* anonymous.json("POST", "/login", { code })
      assert.deepStrictEqual(login.body.roles, ["read", "submit", "approve"])
      assert.strictEqual((yield* anonymous.json("POST", "/login", { code })).status, 401)
      const session = Server.client(server.url, login.body.session)
      assert.strictEqual((yield* session.json("POST", "/logout")).status, 204)
      assert.strictEqual((yield* session.json("GET", "/me")).status, 401)
    }))

  test("does not take a token in place of a code, which a link could contain", () =>
    Effect.gen(function* () {
      const server = yield* Server.start()
      const anonymous = Server.client(server.url, undefined)
      const token = yield* server.add("read")
      assert.strictEqual((yield* anonymous.json("POST", "/login", { code: token })).status, 401)
      const code = yield* server.sessions.makeCode
      assert.strictEqual((yield* anonymous.json("POST", "/login", { token: code })).status, 401)
    }))

  test("counts all logins of a token together, and ends only its own when there are too many", () =>
    Effect.gen(function* () {
      const server = yield* Server.start()
      const anonymous = Server.client(server.url, undefined)
      const login = (token: string) =>
        Effect.map(anonymous.json("POST", "/login", { token }), ({ body }) =>
          Server.client(server.url, String(body.session))
        )
      const other = yield* login(yield* server.add("read"))
      const token = yield* server.add("read")
      const first = yield* login(token)
      const logins = yield* Effect.forEach(Array.from({ length: 20 }), () => login(token))
      assert.strictEqual((yield* first.json("GET", "/me")).status, 401)
      const streams = yield* Effect.forEach([...logins, ...logins.slice(0, 1)], ({ send }) =>
        send("GET", "/updates")
      )
      assert.deepStrictEqual(
        streams.map(({ status }) => status),
        [...Array.from({ length: 20 }, () => 200), 429]
      )
      assert.strictEqual((yield* other.json("GET", "/me")).status, 200)
      yield* Effect.promise(() => Promise.all(streams.map((stream) => stream.body?.cancel())))
    }))

  test("keeps every secret out of the log, the spans and the files of the server", () => {
    const logged: Array<string> = []
    const spans: Array<Tracer.Span> = []
    return Effect.gen(function* () {
      const server = yield* Server.start()
      yield* server.play(script)
      const code = yield* server.sessions.makeCode
      const anonymous = Server.client(server.url, undefined)
      const { body: login } = yield* anonymous.json("POST", "/login", { code })
      const token = yield* server.add("submit", "approve")
      const client = Server.client(server.url, token)
      const { answer, hash, id } = yield* ask(client)
      yield* client.json("POST", answer, { hash: "0", decision: "decline" })
      assert.notInclude(logged.join(), "answers an approval request")
      yield* client.json("POST", answer, { hash, decision: "accept" })
      yield* Server.client(server.url, login.session).json("GET", "/me")
      // The server writes that somebody answered, and has no span for a request.
      assert.include(logged.join(), `submit-approve-1 answers an approval request: accept (${id})`)
      assert.deepStrictEqual(
        spans.filter(({ kind }) => kind === "server").map(({ name }) => name),
        []
      )
      const fs = yield* FileSystem.FileSystem
      const files = yield* Effect.forEach(yield* fs.readDirectory(`${server.state}/tokens`), (name) =>
        fs.readFileString(`${server.state}/tokens/${name}`)
      )
      const written = [
        ...logged,
        ...files,
        ...spans.flatMap(({ attributes }) => [...attributes.values()].map(String))
      ]
      for (const secret of [code, token, login.session])
        for (const text of written) assert.notInclude(text, secret.slice(-43))
    }).pipe(
      Effect.provideService(
        Logger.CurrentLoggers,
        new Set([Logger.make(({ message }) => void logged.push(String(message)))])
      ),
      Effect.withTracer(
        Tracer.make({
          span: (options) => {
            const span = new Tracer.NativeSpan(options)
            spans.push(span)
            return span
          }
        })
      )
    )
  })

  test("keeps tokens in private files, and no name leads out of their directory", () =>
    Effect.gen(function* () {
      const server = yield* Server.start()
      const fs = yield* FileSystem.FileSystem
      yield* server.add("read")
      const [name] = yield* fs.readDirectory(`${server.state}/tokens`)
      assert.strictEqual((yield* fs.stat(`${server.state}/tokens/${name}`)).mode & 0o777, 0o600)
      assert.strictEqual((yield* fs.stat(`${server.state}/tokens`)).mode & 0o777, 0o700)
      const planted = Secret.token("planted")
      const entry = {
        version: 1,
        name: "planted",
        roles: ["approve"],
        hash: Secret.hash(planted),
        createdAt: 1
      }
      yield* fs.writeFileString(`${server.state}/planted.json`, JSON.stringify(entry))
      yield* fs.symlink(`${server.state}/planted.json`, `${server.state}/tokens/planted.json`)
      assert.strictEqual((yield* Server.client(server.url, planted).json("GET", "/me")).status, 401)
      for (const name of ["../planted", "a/b", "A", "", "a".repeat(41), ".", "-a"]) {
        assert.isFalse(Secret.isName(name), name)
        assert.isUndefined(server.store.verify(`ecx_${name}_${planted.slice(-43)}`))
      }
    }))
})
