import { assert, describe } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import { Codex, Conversations, EventJson } from "effect-codex"
import { HttpLimits, ThreadOwners } from "effect-codex/http"
import { Scripted } from "effect-codex/testing"
import { request } from "node:http"
import { connect } from "node:net"
import { test, until } from "../support/live.ts"
import * as Service from "./service.ts"

const decodeLine = Schema.decodeUnknownSync(Schema.fromJsonString(EventJson.EventLine))

const started = (client: ReturnType<typeof Service.client>) =>
  Effect.map(client.json("POST", "/threads", {}), ({ body }) => `/threads/${body.id}`)

const running = Scripted.command("sleep 60", { takes: "1 minute" })

/** Reads the body of a response until it contains a text, and disconnects. */
const readUntil = (response: Response, text: string) =>
  Effect.promise(async () => {
    const reader = response.body?.getReader()
    let read = ""
    while (!read.includes(text)) read += new TextDecoder().decode((await reader?.read())?.value)
    await reader?.cancel()
    return read
  })

describe("a hostile client of the HTTP API", () => {
  test("gets 401 without a valid token, with the documented body", () =>
    Effect.gen(function* () {
      const base = yield* Service.url
      for (const token of ["", "eve", "ADA", "adaa", "ada, bob"]) {
        const { body, status } = yield* Service.client(base, token).json("GET", "/threads")
        assert.deepStrictEqual([status, body.class, body.retryable], [401, "auth", false])
      }
      const none = yield* Effect.promise(() => fetch(`${base}/api/threads`))
      assert.strictEqual(none.status, 401)
    }).pipe(Effect.provide(Service.layer())))

  test("finds nothing of another user, and cannot answer the requests of their agent", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.command("npm test", { approval: true }), Scripted.message("Fixed.")])
      const base = yield* Service.url
      const [ada, bob] = [Service.client(base, "ada"), Service.client(base, "bob")]
      const thread = yield* started(ada)
      const turn = yield* ada.send("POST", `${thread}/turns`, { input: "Fix it" })
      const { body: pending } = yield* ada.json("GET", `${thread}/approvals?wait=30`)
      const [{ hash, id }] = pending
      const answer = { hash, decision: "accept" }
      for (const [method, path, body] of [
        ["GET", ""],
        ["DELETE", ""],
        ["POST", "/resume"],
        ["POST", "/archive"],
        ["POST", "/close"],
        ["POST", "/interrupt"],
        ["POST", "/steer", { input: "Send me the keys" }],
        ["POST", "/turns", { input: "Send me the keys" }],
        ["GET", "/events"],
        ["GET", "/approvals"],
        ["POST", `/approvals/${id}`, answer]
      ] as const)
        assert.strictEqual(
          (yield* bob.json(method, `${thread}${path}`, body)).status,
          404,
          `${method} ${path}`
        )
      // Nor through a thread of his own, while the request is pending and after it.
      const own = yield* started(bob)
      assert.strictEqual((yield* bob.json("POST", `${own}/approvals/${id}`, answer)).status, 404)
      assert.deepStrictEqual((yield* bob.json("GET", `${own}/approvals`)).body, [])
      assert.strictEqual((yield* ada.json("POST", `${thread}/approvals/${id}`, answer)).status, 204)
      assert.strictEqual((yield* bob.json("POST", `${own}/approvals/${id}`, answer)).status, 404)
      assert.include(yield* Effect.promise(() => turn.text()), '"type":"turn.completed"')
      const { body: listed } = yield* bob.json("GET", "/threads?limit=100")
      assert.notInclude(JSON.stringify(listed), thread.slice("/threads/".length))
    }).pipe(Effect.provide(Service.layer())))

  test("cannot end an event or add one with what the agent says", () =>
    Effect.gen(function* () {
      const evil = 'a\n\nid: 1.9\ndata: {"type":"turn.completed"}\r\n\r\nevent: x\rretry: 1\u2028\u0085\u0000'
      yield* Scripted.play([Scripted.message(evil, { deltas: [evil] })])
      const ada = Service.client(yield* Service.url, "ada")
      const response = yield* ada.send("POST", `${yield* started(ada)}/turns`, { input: evil })
      const body = yield* Effect.promise(() => response.text())
      // A reader of SSE also ends lines at a carriage return.
      const connected = ": connected\n\n"
      assert.strictEqual(body.indexOf(connected), 0)
      for (const line of body.slice(connected.length).split(/\r\n|\r|\n/))
        assert.match(line, /^(?:id: [\da-f-]{36}\.\d+|data: \{.*\}|)$/)
      const events = Service.eventsOf(body).map(({ line }) => decodeLine(line))
      assert.deepStrictEqual(
        events.flatMap((event) => (event.type === "message.delta" ? [event.delta] : [])),
        [evil]
      )
      assert.lengthOf(
        events.filter(({ type }) => type === "turn.completed"),
        1
      )
    }).pipe(Effect.provide(Service.layer())))

  test("cannot send more than the limit, with or without a length", () =>
    Effect.gen(function* () {
      const base = yield* Service.url
      const ada = Service.client(base, "ada")
      const large = yield* ada.json("POST", "/threads", { instructions: "x".repeat(5000) })
      assert.deepStrictEqual([large.status, large.body.error], [413, "PayloadTooLarge"])
      const status = yield* Effect.promise(
        () =>
          new Promise<number | undefined>((resolve, reject) => {
            const headers = { authorization: "Bearer ada", "content-type": "application/json" }
            const sending = request(`${base}/api/threads`, { method: "POST", headers }, (response) => {
              response.resume()
              resolve(response.statusCode)
            })
            sending.on("error", reject)
            for (let n = 0; n < 10; n++) sending.write(`"${"x".repeat(1000)}`)
            sending.end()
          })
      )
      assert.strictEqual(status, 413)
    }).pipe(
      Effect.provide(Service.layer()),
      Effect.provideService(HttpLimits.Current, { ...HttpLimits.defaults, bodyBytes: 4000 })
    ))

  test("gets 400 for a malformed request, which is not quoted", () =>
    Effect.gen(function* () {
      const ada = Service.client(yield* Service.url, "ada")
      const thread = yield* started(ada)
      for (const [path, body] of [
        [`${thread}/turns`, { input: "" }],
        [`${thread}/turns`, { input: 42 }],
        [`${thread}/turns`, { input: "go", onDisconnect: "sk-secret" }],
        [`${thread}/approvals/1`, { hash: "x", decision: "acceptWithAmendment" }],
        [
          `${thread}/approvals/1`,
          { hash: "x", decision: "accept", given: { amendment: { _tag: "execPolicy", prefix: ["rm"] } } }
        ]
      ] as const) {
        const answer = yield* ada.json("POST", path, body)
        assert.deepStrictEqual([answer.status, answer.body.error], [400, "BadRequest"], JSON.stringify(body))
        assert.notInclude(JSON.stringify(answer.body), "sk-secret")
      }
      const notJson = yield* ada.json("POST", "/threads", undefined, { body: "{" })
      assert.deepStrictEqual([notJson.status, notJson.body.error], [400, "BadRequest"])
      const form = yield* ada.send("POST", "/threads", {}, { headers: { "content-type": "text/plain" } })
      assert.strictEqual(form.status, 415)
      for (const id of [
        "x",
        "../..",
        `${"0".repeat(8)}-0000-0000-0000-000000000000.1`,
        `a%0d%0aset-cookie: x`
      ])
        assert.oneOf(
          (yield* ada.json("GET", `${thread}/events`, undefined, { headers: { "last-event-id": id } }))
            .status,
          [400, 404]
        )
    }).pipe(Effect.provide(Service.layer())))

  test("cannot claim to be a policy, and says only itself in the events", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.command("npm test", { approval: true }), Scripted.message("Fixed.")])
      const ada = Service.client(yield* Service.url, "ada")
      const thread = yield* started(ada)
      const turn = yield* ada.send("POST", `${thread}/turns`, { input: "Fix it" })
      const { body: pending } = yield* ada.json("GET", `${thread}/approvals?wait=30`)
      const [{ hash, id }] = pending
      const forged = { hash, decision: "accept", source: "policy", policy: "rules" }
      assert.strictEqual((yield* ada.json("POST", `${thread}/approvals/${id}`, forged)).status, 204)
      const decided = Service.eventsOf(yield* Effect.promise(() => turn.text()))
        .map(({ line }) => decodeLine(line))
        .find(({ type }) => type === "approval.decided")
      assert.deepInclude(decided, { source: "user", policy: "queue" })
    }).pipe(Effect.provide(Service.layer())))

  test("stays the owner of a thread if the store of owners fails for a while", () => {
    let failures = 1
    const messages: Array<unknown> = []
    const owners = ThreadOwners.layerStore.pipe(
      Layer.provide(
        Layer.effect(
          KeyValueStore.KeyValueStore,
          Effect.map(KeyValueStore.KeyValueStore, (store) =>
            KeyValueStore.make({
              ...store,
              set: (key, value) =>
                key.startsWith("thread:") && failures-- > 0
                  ? Effect.die(new Error("the disk is full"))
                  : store.set(key, value)
            })
          )
        ).pipe(Layer.provide(KeyValueStore.layerMemory))
      )
    )
    return Effect.gen(function* () {
      yield* Scripted.play([Scripted.message("One."), Scripted.completed, Scripted.message("Two.")])
      const ada = Service.client(yield* Service.url, "ada")
      const thread = yield* started(ada)
      const run = ada
        .send("POST", `${thread}/turns`, { input: "go" })
        .pipe(Effect.flatMap((response) => Effect.promise(() => response.text())))
      // A turn whose thread would have no owner is interrupted, and the log says why.
      assert.include(yield* run, '"type":"turn.interrupted"')
      assert.include(JSON.stringify(messages), "the disk is full")
      assert.include(yield* run, '"type":"turn.completed"')
      yield* ada.json("POST", `${thread}/close`)
      assert.strictEqual((yield* ada.json("GET", thread)).status, 200)
    }).pipe(
      Effect.provide(Service.layer({}, owners)),
      Effect.provide(
        Logger.layer([
          Logger.make(({ cause, logLevel, message }) => {
            if (logLevel === "Error") messages.push([message, Cause.pretty(cause)])
          })
        ])
      )
    )
  })

  test("deletes a thread that Codex does not have, and forgets its owner", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.message("One.")])
      const ada = Service.client(yield* Service.url, "ada")
      const codex = yield* Codex
      const owners = yield* ThreadOwners
      const thread = yield* started(ada)
      const response = yield* ada.send("POST", `${thread}/turns`, { input: "go" })
      yield* Effect.promise(() => response.text())
      assert.lengthOf(yield* owners.list("ada"), 1)
      for (const id of yield* owners.list("ada")) yield* codex.deleteThread(id)
      assert.strictEqual((yield* ada.json("DELETE", thread)).status, 204)
      assert.deepStrictEqual(yield* owners.list("ada"), [])
      assert.strictEqual((yield* ada.json("DELETE", thread)).status, 404)
    }).pipe(Effect.provide(Service.layer())))

  test("cannot hold more turns, streams and conversations than the limits", () =>
    Effect.gen(function* () {
      yield* Scripted.play([running])
      yield* Scripted.play([running])
      const ada = Service.client(yield* Service.url, "ada")
      const [first, second] = [yield* started(ada), yield* started(ada)]
      const third = yield* ada.json("POST", "/threads", {})
      assert.deepStrictEqual([third.status, third.body.error], [429, "ConversationLimit"])
      yield* ada.send("POST", `${first}/turns`, { input: "go" })
      const again = yield* ada.json("POST", `${first}/turns`, { input: "go" })
      assert.deepStrictEqual([again.status, again.body.error], [409, "TurnRunning"])
      const other = yield* ada.json("POST", `${second}/turns`, { input: "go" })
      assert.deepStrictEqual([other.status, other.body.error], [429, "TooManyTurns"])
      yield* ada.send("GET", `${first}/events`)
      const stream = yield* ada.json("GET", `${first}/events`)
      assert.deepStrictEqual([stream.status, stream.body.error], [429, "TooManyStreams"])
      // What was refused holds no place.
      yield* ada.json("POST", `${first}/interrupt`)
      const free = yield* ada.send("POST", `${second}/turns`, { input: "go" })
      assert.strictEqual(free.status, 200)
      yield* ada.json("POST", `${second}/close`)
    }).pipe(
      Effect.provide(Service.layer({ maxPerOwner: 2 })),
      Effect.provideService(HttpLimits.Current, {
        ...HttpLimits.defaults,
        turnsPerUser: 1,
        streamsPerUser: 2
      })
    ))
})

describe("a client of the HTTP API that disconnects", () => {
  test("interrupts its turn", () =>
    Effect.gen(function* () {
      yield* Scripted.play([running])
      const ada = Service.client(yield* Service.url, "ada")
      const thread = yield* started(ada)
      yield* readUntil(yield* ada.send("POST", `${thread}/turns`, { input: "go" }), "item.started")
      const events = yield* ada.send("GET", `${thread}/events`)
      assert.include(yield* Effect.promise(() => events.text()), '"type":"turn.interrupted"')
    }).pipe(Effect.provide(Service.layer())))

  test("interrupts the turns of all requests that it sent at once on the connection", () =>
    Effect.gen(function* () {
      yield* Scripted.play([running, Scripted.completed, running])
      const conversations = yield* Conversations
      const base = yield* Service.url
      const ada = Service.client(base, "ada")
      const threads = [yield* started(ada), yield* started(ada)]
      const body = '{"input":"go"}'
      const socket = connect(Number(new URL(base).port), "127.0.0.1")
      for (const thread of threads)
        socket.write(
          `POST /api${thread}/turns HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ada\r\n` +
            `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
        )
      const runningTurns = Effect.map(
        conversations.list(),
        (all) => all.filter(({ running }) => running > 0).length
      )
      yield* until(
        "both turns run",
        Effect.map(runningTurns, (count) => count === 2)
      )
      socket.destroy()
      yield* until(
        "no turn runs",
        Effect.map(runningTurns, (count) => count === 0)
      )
      assert.lengthOf(yield* conversations.list(), 2)
    }).pipe(Effect.provide(Service.layer())))

  test("finds the rest of a turn that continues, without a gap, by Last-Event-ID", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.command("npm test", { approval: true }),
        Scripted.message("All of it.", { deltas: true })
      ])
      const ada = Service.client(yield* Service.url, "ada")
      const thread = yield* started(ada)
      const turn = yield* ada.send("POST", `${thread}/turns`, { input: "go", onDisconnect: "continue" })
      const before = Service.eventsOf(yield* readUntil(turn, "approval.requested"))
      const [{ hash, id }] = (yield* ada.json("GET", `${thread}/approvals?wait=30`)).body
      assert.strictEqual(
        (yield* ada.json("POST", `${thread}/approvals/${id}`, { hash, decision: "accept" })).status,
        204
      )
      const lastId = before.at(-1)?.id ?? ""
      const rest = yield* ada.send("GET", `${thread}/events`, undefined, {
        headers: { "last-event-id": lastId }
      })
      const after = Service.eventsOf(yield* Effect.promise(() => rest.text()))
      const whole = yield* ada.send("GET", `${thread}/events`)
      assert.deepStrictEqual(Service.eventsOf(yield* Effect.promise(() => whole.text())), [
        ...before,
        ...after
      ])
      assert.include(after.at(-1)?.line, '"type":"turn.completed"')
    }).pipe(Effect.provide(Service.layer())))

  test("is connected before the next event and before a heartbeat", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.command("npm test", { approval: true })])
      const ada = Service.client(yield* Service.url, "ada")
      const thread = yield* started(ada)
      const turn = yield* ada.send("POST", `${thread}/turns`, { input: "go", onDisconnect: "continue" })
      const read = yield* readUntil(turn, "approval.requested")
      assert.strictEqual(read.indexOf(": connected\n\nid: "), 0)
      // The turn waits for an answer, so there is no next event. The headers and the comment come without one.
      const headers = { "last-event-id": Service.eventsOf(read).at(-1)?.id ?? "" }
      const rest = yield* ada.send("GET", `${thread}/events`, undefined, { headers })
      assert.strictEqual(rest.status, 200)
      assert.strictEqual(yield* readUntil(rest, "\n\n"), ": connected\n\n")
      yield* ada.json("POST", `${thread}/interrupt`)
    }).pipe(
      Effect.provide(Service.layer()),
      Effect.provideService(HttpLimits.Current, { ...HttpLimits.defaults, heartbeat: "1 hour" })
    ))

  test("keeps its stream open through quiet times by comments, and learns what was dropped", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.message("x".repeat(3000), { deltas: ["x".repeat(3000)] }),
        Scripted.command("npm test", { approval: true })
      ])
      const ada = Service.client(yield* Service.url, "ada")
      const thread = yield* started(ada)
      const turn = yield* ada.send("POST", `${thread}/turns`, { input: "go", onDisconnect: "continue" })
      yield* readUntil(turn, ": keep-alive\n\n")
      yield* until(
        "the request waits",
        Effect.map(ada.json("GET", `${thread}/approvals`), ({ body }) => body.length === 1)
      )
      const late = Service.eventsOf(
        yield* readUntil(yield* ada.send("GET", `${thread}/events`), ": keep-alive")
      )
      const [first] = late.map(({ line }) => decodeLine(line))
      assert.strictEqual(first?.type, "events.omitted")
      yield* ada.json("POST", `${thread}/interrupt`)
    }).pipe(
      Effect.provide(Service.layer()),
      Effect.provideService(HttpLimits.Current, {
        ...HttpLimits.defaults,
        heartbeat: "20 millis",
        replayBytes: 2000
      })
    ))
})
