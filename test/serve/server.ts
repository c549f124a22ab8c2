/** The server of `effect-codex serve` on loopback, on a scripted engine. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import { request as nodeRequest } from "node:http"
import * as Approval from "../../src/Approval.ts"
import { Codex } from "../../src/Codex.ts"
import { Conversations } from "../../src/conversations/Conversations.ts"
import * as Prices from "../../src/domain/Prices.ts"
import { ThreadOwners } from "../../src/http/ThreadOwners.ts"
import type { Role } from "../../src/serve/Role.ts"
import * as Server from "../../src/serve/Server.ts"
import * as Sessions from "../../src/serve/Sessions.ts"
import * as TurnTraces from "../../src/serve/TurnTraces.ts"
import * as Scripted from "../../src/testing/Scripted.ts"
import * as Tracer from "../../src/telemetry/tracer/Tracer.ts"
import * as RecentTurns from "../../src/trace/reader/RecentTurns.ts"
import * as TokenStore from "../../src/serve/TokenStore.ts"
import type { PageFile } from "../../src/serve/PageFiles.ts"
import type { ServeState } from "../../src/serve/ServeApi.ts"
import { makeParser } from "../../src/web/serve/EventParser.ts"

/** A page that tests of the API do not look at. */
const noPage: ReadonlyArray<PageFile> = [
  { path: "/", contentType: "text/html; charset=utf-8", body: Buffer.from("<!doctype html>") }
]

export interface StartOptions extends Partial<
  Pick<Server.ServerOptions, "rates" | "page" | "allowedHosts" | "durable" | "patience" | "tls">
> {
  readonly approvalTimeout?: Duration.Input
  readonly prices?: Prices.PriceList
}

/** Starts a server in the scope. `Scripted` says what the agent does. */
export const start = (options: StartOptions = {}) => Effect.provide(make(options), NodeServices.layer)

const make = Effect.fnUntraced(function* ({ prices = {}, ...options }: StartOptions) {
  const fs = yield* FileSystem.FileSystem
  const state = yield* fs.makeTempDirectoryScoped({ directory: "/var/tmp", prefix: "effect-codex-serve-" })
  const store = yield* TokenStore.make(state)
  const sessions = yield* Sessions.make(store)
  const approvalTimeout = Duration.fromInputUnsafe(options.approvalTimeout ?? "10 minutes")
  const recent = RecentTurns.make()
  const context = yield* Layer.build(
    Server.layer({
      host: "127.0.0.1",
      port: 0,
      allowedHosts: [],
      sessions,
      page: noPage,
      thread: { cwd: "/", sandbox: "workspace-write", approvalMode: "on-request" },
      turn: {},
      traces: yield* TurnTraces.make({ recent, files: [], prices: Prices.make(prices) }),
      directory: "/",
      ...options,
      approvalTimeout
    }).pipe(
      Layer.provideMerge(
        Layer.merge(Conversations.layerOptions({ shutdownTimeout: 0 }), ThreadOwners.layerMemory)
      ),
      Layer.provideMerge(Codex.layer),
      Layer.provideMerge(
        Layer.merge(Approval.layer(Approval.timeout(Approval.queue, approvalTimeout)), Prices.layer(prices))
      ),
      Layer.provideMerge(Approval.ApprovalQueue.layer),
      Layer.provideMerge(Scripted.layer),
      Layer.provideMerge(Tracer.layerProcessor(Effect.succeed(recent.processor), { everything: true }))
    )
  )
  const { address } = yield* Effect.provideContext(HttpServer.HttpServer, context)
  const scheme = options.tls === undefined ? "http" : "https"
  const url = address._tag === "UnixPathAddress" ? "" : `${scheme}://127.0.0.1:${address.port}`
  let count = 0
  const add = (...roles: readonly [Role, ...Array<Role>]) => store.add(`${roles.join("-")}-${++count}`, roles)
  const play = (...args: Parameters<typeof Scripted.play>) =>
    Effect.provideContext(Scripted.play(...args), context)
  const answer = (...args: Parameters<typeof Scripted.answer>) =>
    Effect.provideContext(Scripted.answer(...args), context)
  return { add, answer, play, sessions, store, state, url }
})

/** A client with a secret. Nothing between the test and the server corrects a request. */
export const client = (base: string, secret: string | undefined) => {
  const send = (method: string, path: string, body?: unknown, init: RequestInit = {}) =>
    Effect.promise(() =>
      fetch(`${base}/api${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...init,
        headers: {
          ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }),
          "content-type": "application/json",
          ...init.headers
        }
      })
    )
  const json = (method: string, path: string, body?: unknown, init?: RequestInit) =>
    Effect.flatMap(send(method, path, body, init), (response) =>
      Effect.map(
        Effect.promise(() => response.text()),
        (text) => ({ status: response.status, body: text === "" ? undefined : JSON.parse(text) })
      )
    )
  return { send, json }
}

/** Sends a request with exactly these headers, which `fetch` would not send. Returns the status and the body. */
export const raw = (
  url: string,
  headers: Readonly<Record<string, string>>,
  options: { readonly method?: string; readonly path?: string; readonly body?: string } = {}
) =>
  Effect.promise(
    () =>
      new Promise<{ readonly status: number | undefined; readonly body: string }>((resolve, reject) => {
        const { hostname, port } = new URL(url)
        const sent = nodeRequest(
          { hostname, port, path: options.path ?? "/", method: options.method ?? "GET", headers },
          (response) => {
            let body = ""
            response.setEncoding("utf8")
            response.on("data", (part: string) => (body += part))
            response.on("end", () => resolve({ status: response.statusCode, body }))
          }
        )
        sent.on("error", reject)
        sent.end(options.body)
      })
  )

/** Reads the events of a stream until one contains a text. */
export const readUntil = (response: Response, text: string) =>
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

/** Returns a function that reads the states of `/updates` until one fulfils a condition. */
export const stateReader = (response: Response) => {
  const states: Array<ServeState> = []
  const parse = makeParser(({ data }) => states.push(JSON.parse(data)))
  const reader = response.body?.getReader()
  return (isFound: (state: ServeState) => boolean) =>
    Effect.promise(async () => {
      while (true) {
        const state = states.shift()
        if (state !== undefined && isFound(state)) return state
        if (state !== undefined) continue
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
        if (done) throw new Error("the stream of states ended")
        parse(new TextDecoder().decode(value))
      }
    })
}

export const readState = (response: Response, isFound: (state: ServeState) => boolean) =>
  stateReader(response)(isFound)
