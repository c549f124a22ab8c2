import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpApiClient from "effect/http-api/HttpApiClient"
import { Conversations, ThreadId } from "effect-codex"
import { Action, HttpError } from "effect-codex/http"
import { Scripted } from "effect-codex/testing"
import { test, until } from "../support/live.ts"
import * as Service from "./service.ts"

const clientOf = (token: string) =>
  Effect.flatMap(Service.url, (url) =>
    HttpApiClient.make(Service.Api, {
      transformClient: HttpClient.mapRequest((request) =>
        HttpClientRequest.bearerToken(HttpClientRequest.prependUrl(request, url), token)
      )
    })
  ).pipe(Effect.provide(FetchHttpClient.layer))

describe("the typed client of the HTTP API", () => {
  test("decodes events, stored threads and errors", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.command("npm test"), Scripted.message("Fixed.")])
      const { codex } = yield* clientOf("ada")
      const { id } = yield* codex.start({ payload: {} })
      const params = { threadId: id }
      const events = yield* codex
        .turn({ params, payload: { input: "Fix it" } })
        .pipe(Effect.flatMap(Stream.runCollect))
      const last = events.at(-1)?.data
      assert.deepInclude(last, { type: "turn.completed", message: "Fixed.", threadId: id })
      assert.isTrue(events.every((event, index) => event.id?.endsWith(`.${index + 1}`)))

      const [listed, ...others] = yield* codex.list({ query: {} })
      assert.deepStrictEqual(others, [])
      assert.deepInclude(listed, { id, open: true })
      const { turns } = yield* codex.read({ params })
      assert.deepStrictEqual(
        turns[0]?.items.map(({ type }) => type).filter((type) => type !== "user_message"),
        ["command_execution", "agent_message"]
      )

      yield* codex.close({ params })
      assert.isFalse((yield* codex.list({ query: {} }))[0]?.open)
      assert.strictEqual((yield* codex.resume({ params })).id, id)
      yield* codex.delete({ params })
      assert.deepStrictEqual(yield* codex.list({ query: {} }), [])

      const missing = yield* Effect.flip(codex.read({ params: { threadId: ThreadId.make("none") } }))
      assert.instanceOf(missing, HttpError.NotFound)
      const { codex: stranger } = yield* clientOf("eve")
      assert.instanceOf(yield* Effect.flip(stranger.list({ query: {} })), HttpError.Unauthorized)
    }).pipe(Effect.provide(Service.layer())))

  test("has an OpenAPI document that names every endpoint and the bearer token", () =>
    Effect.gen(function* () {
      const url = yield* Service.url
      const response = yield* Effect.promise(() => fetch(`${url}/openapi.json`))
      const document = yield* Effect.promise(() => response.text())
      for (const action of Action.literals) assert.include(document, `"operationId":"codex.${action}"`)
      assert.include(document.toLowerCase(), '"scheme":"bearer"')
    }).pipe(Effect.provide(Service.layer())))
})

describe("a shutdown of the HTTP API", () => {
  test("lets the turn end and its approval be answered, and refuses everything new", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.command("npm test", { approval: true }), Scripted.message("Fixed.")])
      const conversations = yield* Conversations
      const ada = Service.client(yield* Service.url, "ada")
      const { body: thread } = yield* ada.json("POST", "/threads", {})
      const { body: other } = yield* ada.json("POST", "/threads", {})
      const turn = yield* ada.send("POST", `/threads/${thread.id}/turns`, { input: "Fix it" })
      const { body: pending } = yield* ada.json("GET", `/threads/${thread.id}/approvals?wait=30`)
      const shutdown = yield* Effect.forkChild(conversations.shutdown, { startImmediately: true })
      for (const path of ["/threads", `/threads/${other.id}/turns`]) {
        const refused = yield* ada.json("POST", path, path === "/threads" ? {} : { input: "go" })
        assert.deepStrictEqual(
          [refused.status, refused.body.error, refused.body.retryable],
          [503, "ShuttingDown", true]
        )
      }
      const [{ hash, id }] = pending
      const answer = { hash, decision: "accept" }
      assert.strictEqual(
        (yield* ada.json("POST", `/threads/${thread.id}/approvals/${id}`, answer)).status,
        204
      )
      assert.include(yield* Effect.promise(() => turn.text()), '"type":"turn.completed"')
      yield* Fiber.join(shutdown)
      yield* until(
        "closed",
        Effect.map(conversations.list(), ({ length }) => length === 0)
      )
    }).pipe(Effect.provide(Service.layer())))
})
