import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Scripted } from "effect-codex/testing"
import { test } from "../support/live.ts"
import * as Server from "./server.ts"

type Client = ReturnType<typeof Server.client>

/** Reads the events of a stream until one contains a text. */
const readUntil = (response: Response, text: string) =>
  Effect.promise(async () => {
    const reader = response.body?.getReader()
    let read = ""
    while (!read.includes(text)) {
      const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
      if (done) throw new Error(`the stream ended without ${text}: ${read}`)
      read += new TextDecoder().decode(value)
    }
    await reader?.cancel()
    return read
  })

/** Starts a turn that asks for approval, and returns the waiting request. */
const ask = Effect.fnUntraced(function* (client: Client) {
  const { body: thread } = yield* client.json("POST", "/threads", {})
  const path = `/threads/${thread.id}`
  const turn = yield* client.send("POST", `${path}/turns`, { input: "Fix it", onDisconnect: "continue" })
  yield* Effect.promise(async () => turn.body?.cancel())
  const { body: pending } = yield* client.json("GET", `${path}/approvals?wait=60`)
  const [{ hash, id }] = pending
  return { path, id, hash, answer: `${path}/approvals/${id}` }
})

const script = [Scripted.command("npm test", { approval: true }), Scripted.message("Fixed.")]

describe("the server of effect-codex serve", () => {
  test("shows a request with its deadline, takes one answer, and refuses the second", () =>
    Effect.gen(function* () {
      const server = yield* Server.start({ approvalTimeout: "10 minutes" })
      yield* server.play(script)
      const submitter = Server.client(server.url, yield* server.add("submit"))
      const approver = Server.client(server.url, yield* server.add("approve"))
      const { answer, hash, id } = yield* ask(submitter)
      const updates = yield* readUntil(yield* approver.send("GET", "/updates"), id)
      assert.include(updates, '"title":"run a command"')
      const { body: request } = yield* approver.json("GET", `/inbox/${id}`)
      assert.strictEqual(request.deadline - request.at, 600_000)
      assert.strictEqual(request.hash, hash)
      assert.strictEqual(request.lines.length, request.total)
      assert.include(request.lines.join("\n"), "  │ npm test")
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
      yield* server.play(script)
      const submitter = Server.client(server.url, yield* server.add("submit"))
      const wish = { sandbox: "danger-full-access", cwd: "/etc", approvalMode: "never", preset: "full" }
      assert.strictEqual((yield* submitter.json("POST", "/threads", wish)).status, 201)
      const { path } = yield* ask(submitter)
      const { body: waiting } = yield* submitter.json("GET", `${path}/approvals`)
      assert.lengthOf(waiting, 1)
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
        for (const path of ["/me", "/threads", "/updates", "/inbox/x", "/limits"])
          assert.strictEqual((yield* Server.client(server.url, secret).json("GET", path)).status, 401, path)
      const login = yield* Server.client(server.url, undefined).json("POST", "/login", { secret: token })
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

  test("takes the code of the terminal once, and ends a session that logs out", () =>
    Effect.gen(function* () {
      const server = yield* Server.start()
      const anonymous = Server.client(server.url, undefined)
      const code = yield* server.sessions.makeCode
      const login = yield* anonymous.json("POST", "/login", { secret: code })
      assert.deepStrictEqual(login.body.roles, ["read", "submit", "approve"])
      assert.strictEqual((yield* anonymous.json("POST", "/login", { secret: code })).status, 401)
      const session = Server.client(server.url, login.body.session)
      assert.strictEqual((yield* session.json("POST", "/logout")).status, 204)
      assert.strictEqual((yield* session.json("GET", "/me")).status, 401)
    }))
})
