import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Scripted } from "effect-codex/testing"
import { test } from "../support/live.ts"
import * as Service from "./service.ts"

const typesOf = (body: string): ReadonlyArray<string> =>
  Service.eventsOf(body).map(({ line }) => JSON.parse(line).type)

describe("the HTTP API", () => {
  test("starts a thread, streams a turn, and takes the answer to its approval request", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.command("npm test", { approval: true }), Scripted.message("Fixed.")])
      const ada = Service.client(yield* Service.url, "ada")
      const started = yield* ada.json("POST", "/threads", {})
      assert.strictEqual(started.status, 201)
      const thread = `/threads/${started.body.id}`

      const response = yield* ada.send("POST", `${thread}/turns`, { input: "Fix it" })
      assert.strictEqual(response.status, 200)
      assert.strictEqual(response.headers.get("content-type"), "text/event-stream")
      const reading = yield* Effect.forkChild(Effect.promise(() => response.text()))

      const { body: pending } = yield* ada.json("GET", `${thread}/approvals?wait=30`)
      assert.lengthOf(pending, 1)
      const [{ hash, id, request, text }] = pending
      assert.deepInclude(request, { kind: "command", command: "npm test" })
      assert.include(text, "npm test")
      const answer = (body: object) => ada.json("POST", `${thread}/approvals/${id}`, body)
      const changed = yield* answer({ hash: "0".repeat(64), decision: "accept" })
      assert.deepStrictEqual([changed.status, changed.body.error], [412, "ArgumentsChanged"])
      const invalid = yield* answer({ hash, decision: "accept", given: { answers: { a: ["b"] } } })
      assert.deepStrictEqual([invalid.status, invalid.body.error], [422, "AnswerRejected"])
      assert.strictEqual((yield* answer({ hash, decision: "accept" })).status, 204)
      const again = yield* answer({ hash, decision: "accept" })
      assert.deepStrictEqual([again.status, again.body.error], [409, "AlreadyDecided"])

      const body = yield* Fiber.join(reading)
      assert.deepStrictEqual(typesOf(body).at(0), "turn.started")
      assert.includeMembers([...typesOf(body)], ["approval.requested", "approval.decided", "item.completed"])
      const last = JSON.parse(Service.eventsOf(body).at(-1)?.line ?? "")
      assert.deepInclude(last, { type: "turn.completed", message: "Fixed.", threadId: started.body.id })

      assert.strictEqual((yield* ada.json("POST", `${thread}/close`)).status, 204)
      assert.strictEqual((yield* ada.json("POST", `${thread}/close`)).status, 404)
    }).pipe(Effect.provide(Service.layer())))

  test("ends an interrupted turn with a last event that says so", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.command("sleep 60", { takes: "1 minute" }), Scripted.message("never")])
      const ada = Service.client(yield* Service.url, "ada")
      const { body: started } = yield* ada.json("POST", "/threads", {})
      const response = yield* ada.send("POST", `/threads/${started.id}/turns`, { input: "Wait" })
      assert.strictEqual((yield* ada.json("POST", `/threads/${started.id}/interrupt`)).status, 204)
      const body = yield* Effect.promise(() => response.text())
      assert.strictEqual(typesOf(body).at(-1), "turn.interrupted")
    }).pipe(Effect.provide(Service.layer())))
})
