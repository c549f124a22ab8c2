/** Bodies of many values: they are refused before anything is parsed or decoded. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import { HttpError, RequestBoundary } from "effect-codex/http"
import { createServer } from "node:http"
import * as JsonSize from "../../src/http/JsonSize.ts"
import { test } from "../support/live.ts"
import * as Service from "./service.ts"

const repeat = (text: string, count: number) => text.repeat(count)
const list = (count: number, item: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => item(n)).join()

/** Bodies of nearly a megabyte that are expensive to parse or to decode. */
const expensive: Readonly<Record<string, string>> = {
  "nested arrays": repeat("[", 480_000) + repeat("]", 480_000),
  "nested objects": `${repeat('{"a":', 150_000)}1${repeat("}", 150_000)}`,
  "many elements": `[${list(480_000, () => "1")}]`,
  "many objects": `[${list(300_000, () => "{}")}]`,
  "many properties": `{${list(80_000, (n) => `"k${n}":[]`)}}`
}

/** Counts the nodes of what it decodes, so that the test sees the work of a decoder. */
let decoded = 0
const Counted = Schema.Unknown.pipe(
  Schema.decodeTo(Schema.Unknown, {
    decode: SchemaGetter.transform((value) => {
      decoded++
      return value
    }),
    encode: SchemaGetter.passthrough()
  })
)

const group = HttpApiGroup.make("group")
  .add(HttpApiEndpoint.post("take", "/take", { payload: Counted, error: HttpError.all }))
  .middleware(RequestBoundary)
const Api = HttpApi.make("counted").add(group)

const Counting = HttpRouter.serve(
  HttpApiBuilder.layer(Api).pipe(
    Layer.provide(
      HttpApiBuilder.group(Api, "group", (handlers) => handlers.handle("take", () => Effect.void))
    ),
    Layer.provide(RequestBoundary.layer)
  ),
  { disableLogger: true, disableListenLog: true }
).pipe(
  Layer.provideMerge(
    NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: 0 })
  )
)

describe("a JSON body with too many values", () => {
  test("is refused before the endpoint decodes anything of it, with the documented body", () =>
    Effect.gen(function* () {
      const base = yield* Service.url
      const post = (body: string) =>
        Effect.promise(async () => {
          const headers = { "content-type": "application/json" }
          const response = await fetch(`${base}/take`, { method: "POST", headers, body })
          return { status: response.status, text: await response.text() }
        })
      for (const [name, body] of Object.entries(expensive)) {
        const { status, text } = yield* post(body)
        assert.strictEqual(status, 413, name)
        assert.deepInclude(JSON.parse(text), { error: "PayloadTooLarge", class: "request", retryable: false })
      }
      assert.strictEqual(decoded, 0)
      assert.strictEqual((yield* post(JSON.stringify({ text: "x".repeat(900_000) }))).status, 204)
      assert.strictEqual(decoded, 1)
    }).pipe(Effect.provide(Counting)))

  it("is found by its values and its depth, whatever its strings contain", () => {
    const limits = { values: 10, depth: 3 }
    for (const text of ["[[[[]]]]", '{"a":{"a":{"a":{}}}}', "[1,2,3,4,5,6,7,8,9,10]", '["\\\\",[[[]]]]'])
      assert.isTrue(JsonSize.exceeds(text, limits), text)
    for (const text of [
      "[[[]]]",
      '{"a":[1,{"b":2}]}',
      '"[[[[[[[[[["',
      '["\\"[[[[",1]',
      '["\\\\\\"[[[[,,,,,,,,,,,,"]',
      "no JSON",
      '"',
      ""
    ])
      assert.isFalse(JsonSize.exceeds(text, limits), text)
  })

  it("costs a bounded number of steps: the check stops at the first value beyond the limits", () => {
    let read = 0
    const watched = (text: string) =>
      new Proxy(Object(text), {
        get: (target, name) => {
          if (name === "charCodeAt")
            return (at: number) => {
              read++
              return text.charCodeAt(at)
            }
          const value: unknown = Reflect.get(target, name, target)
          return typeof value === "function" ? value.bind(target) : value
        }
      })
    for (const text of Object.values(expensive)) {
      read = 0
      assert.isTrue(JsonSize.exceeds(watched(text), { values: 10_000, depth: 64 }))
      assert.isAtMost(read, 100_000)
    }
  })
})
