/** The inputs that clients can send, and the threads that belong to them before a turn and after a restart. */
import { assert, describe } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import { ThreadId } from "effect-codex"
import { ThreadOwners } from "effect-codex/http"
import { Scripted } from "effect-codex/testing"
import { test } from "../support/live.ts"
import * as Service from "./service.ts"

const png =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

describe("the input of a turn over HTTP", () => {
  test("is text or parts, with images inside the request only", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.message("Seen.")])
      const ada = Service.client(yield* Service.url, "ada")
      const { body: thread } = yield* ada.json("POST", "/threads", {})
      const run = (input: unknown) => ada.send("POST", `/threads/${thread.id}/turns`, { input })
      for (const part of [
        { type: "image", url: "https://example.com/a.png" },
        { type: "image", url: "file:///etc/passwd" },
        { type: "image", url: "data:image/svg+xml;base64,AAAA" },
        { type: "image", url: "data:image/png;base64,AAAA\nhttps://example.com" },
        { type: "localImage", path: "/etc/passwd" },
        { type: "skill", name: "a", path: "/etc/passwd" },
        { type: "text", text: "" }
      ])
        assert.strictEqual(
          (yield* run([{ type: "text", text: "look" }, part])).status,
          400,
          JSON.stringify(part)
        )
      for (const input of [[], Array.from({ length: 21 }, () => ({ type: "text", text: "a" }))])
        assert.strictEqual((yield* run(input)).status, 400)
      assert.deepStrictEqual(yield* Scripted.inputs, [])

      const response = yield* run([
        { type: "text", text: "What is this?" },
        { type: "image", url: png, detail: "low" }
      ])
      assert.strictEqual(response.status, 200)
      assert.include(yield* Effect.promise(() => response.text()), '"message":"Seen."')
      assert.deepStrictEqual(yield* Scripted.inputs, ["What is this?"])
    }).pipe(Effect.provide(Service.layer())))
})

describe("a thread over HTTP", () => {
  test("is closed by DELETE before its first turn, and then belongs to no user", () =>
    Effect.gen(function* () {
      const ada = Service.client(yield* Service.url, "ada")
      const { body: thread } = yield* ada.json("POST", "/threads", {})
      const { body, status } = yield* ada.json("DELETE", `/threads/${thread.id}`)
      assert.strictEqual(status, 204, JSON.stringify(body))
      assert.strictEqual((yield* ada.json("DELETE", `/threads/${thread.id}`)).status, 404)
      assert.strictEqual(
        (yield* ada.json("POST", `/threads/${thread.id}/turns`, { input: "go" })).status,
        404
      )
      assert.deepStrictEqual((yield* ada.json("GET", "/threads")).body, [])
    }).pipe(Effect.provide(Service.layer())))

  test("belongs to its user after a restart with a store", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      // Each use is a new process: only the directory is the same.
      const inProcess = <A, E>(use: Effect.Effect<A, E, ThreadOwners>) =>
        Effect.provide(
          use,
          Layer.fresh(ThreadOwners.layerStore).pipe(
            Layer.provide(Layer.fresh(KeyValueStore.layerFileSystem(directory))),
            Layer.provide(NodeServices.layer)
          )
        )
      const [first, second] = [ThreadId.make("thread-1"), ThreadId.make("thread-2")]
      yield* inProcess(
        ThreadOwners.use((owners) =>
          Effect.andThen(owners.claim(first, "ada"), owners.claim(second, "../bob"))
        )
      )
      const seen = yield* inProcess(
        ThreadOwners.use((owners) =>
          Effect.all([
            owners.ownerOf(first),
            owners.list("ada"),
            owners.ownerOf(second),
            owners.list("../bob")
          ])
        )
      )
      assert.deepStrictEqual(seen, ["ada", [first], "../bob", [second]])
      yield* inProcess(ThreadOwners.use((owners) => owners.release(first)))
      const after = yield* inProcess(
        ThreadOwners.use((owners) => Effect.all([owners.ownerOf(first), owners.list("ada")]))
      )
      assert.deepStrictEqual(after, [undefined, []])
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
})
