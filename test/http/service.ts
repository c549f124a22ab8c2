/** A server with the HTTP API on loopback, on a scripted engine, with two users. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Approval, Codex, Conversations, type ConversationsOptions } from "effect-codex"
import {
  Authentication,
  Authorization,
  CodexGroup,
  handlers,
  RequestBoundary,
  ThreadOwners
} from "effect-codex/http"
import { Scripted } from "effect-codex/testing"
import { createServer } from "node:http"

export const Api = HttpApi.make("test").add(CodexGroup.prefix("/api"))

/**
 * The user of each token. The empty one is a mistake that an app can make, for example with a variable that is not set. The
 * library must not let a request without a token use it.
 */
const users = new Map([
  ["ada", "ada"],
  ["bob", "bob"],
  ["", "ada"]
])

const Access = Layer.merge(
  Authentication.layerBearer((token) =>
    Effect.sync(() => {
      const id = users.get(Redacted.value(token))
      return id === undefined ? undefined : { id }
    })
  ),
  Authorization.layer({
    authorize: () => Effect.void,
    threadOptions: () => Effect.succeed({ cwd: "/", approvalMode: "on-request" })
  })
)

/** The server. `Codex` and the scripted engine are part of the result. */
export const layer = (options: ConversationsOptions = {}, owners = ThreadOwners.layerMemory) =>
  HttpRouter.serve(
    HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }).pipe(
      Layer.provide(HttpApiBuilder.group(Api, "codex", handlers)),
      Layer.provide(Layer.merge(Access, RequestBoundary.layer))
    ),
    { disableLogger: true, disableListenLog: true }
  ).pipe(
    Layer.provideMerge(
      NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: 0 })
    ),
    Layer.provideMerge(Layer.merge(Conversations.layerOptions(options), owners)),
    Layer.provideMerge(Codex.layer),
    Layer.provideMerge(Approval.layer(Approval.queue)),
    Layer.provideMerge(Approval.ApprovalQueue.layer),
    Layer.provideMerge(Scripted.layer)
  )

/** The URL of the server. */
export const url = Effect.map(HttpServer.HttpServer, ({ address }) =>
  address._tag === "UnixPathAddress" ? "" : `http://127.0.0.1:${address.port}`
)

/** A user's client: plain `fetch`, so that nothing between the test and the server corrects a request. */
export const client = (base: string, token: string) => {
  const send = (method: string, path: string, body?: unknown, init: RequestInit = {}) =>
    Effect.promise(() =>
      fetch(`${base}/api${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...init,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...init.headers }
      })
    )
  /** Sends a request and reads its JSON. */
  const json = (method: string, path: string, body?: unknown, init?: RequestInit) =>
    Effect.flatMap(send(method, path, body, init), (response) =>
      Effect.map(
        Effect.promise(() => response.text()),
        (text) => ({
          status: response.status,
          body: text === "" ? undefined : JSON.parse(text)
        })
      )
    )
  return { send, json }
}

/** The events in the body of a stream: their ids, and their lines as they are. */
export const eventsOf = (body: string): ReadonlyArray<{ readonly id: string; readonly line: string }> =>
  body.split("\n\n").flatMap((frame) => {
    const [, id = "", line] = /^id: (.*)\ndata: (.*)$/.exec(frame) ?? []
    return line === undefined ? [] : [{ id, line }]
  })
