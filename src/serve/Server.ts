/** The server of `effect-codex serve`: the API, the page and what they need, on top of an engine. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as HttpRouter from "effect/http/HttpRouter"
import type * as HttpServer from "effect/http/HttpServer"
import type * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import type * as ApprovalQueue from "../approval/ApprovalQueue.ts"
import type { Codex, ThreadOptions } from "../Codex.ts"
import { Conversations } from "../conversations/Conversations.ts"
import type * as TurnOptions from "../domain/TurnOptions.ts"
import { handlers } from "../http/Handlers.ts"
import * as HttpLimits from "../http/HttpLimits.ts"
import { RequestBoundary } from "../http/RequestBoundary.ts"
import type { ThreadOwners } from "../http/ThreadOwners.ts"
import * as HostHeader from "../internal/HostHeader.ts"
import { createServer } from "node:http"
import { createServer as createTlsServer } from "node:https"
import * as CallerLimits from "./CallerLimits.ts"
import * as DurableHandlers from "./DurableHandlers.ts"
import type { PageFile } from "./PageFiles.ts"
import * as RequestGuard from "./RequestGuard.ts"
import * as ServeAccess from "./ServeAccess.ts"
import { Api } from "./ServeApi.ts"
import * as ServeHandlers from "./ServeHandlers.ts"
import type { TurnTraces } from "./TurnTraces.ts"
import type { Sessions } from "./Sessions.ts"

export interface ServerOptions {
  readonly host: string
  /** 0 uses any free port. */
  readonly port: number
  /** Names of the server in requests, besides loopback names and `host`. */
  readonly allowedHosts: ReadonlyArray<string>
  readonly tls?: { readonly cert: string; readonly key: string } | undefined
  readonly sessions: Sessions
  readonly page: ReadonlyArray<PageFile>
  readonly thread: ThreadOptions
  readonly turn: TurnOptions.TurnOptions
  /** How long a request waits for an answer before it is declined, as the approval policy says. */
  readonly approvalTimeout: Duration.Duration
  /** What the page shows about the threads. */
  readonly directory: string
  readonly traces: TurnTraces
  /** The database of durable turns, if the server has one. */
  readonly durable?: DurableHandlers.DurableOptions | undefined
  /** How long the server waits for the parts of a request. */
  readonly patience?: typeof defaultPatience | undefined
  readonly rates?: Partial<typeof RequestGuard.defaultRates> | undefined
}

/** How many streams a token may have open. A page has two: the state, and the turn that it shows. */
const streamsPerCaller = 20

/** A client that sends its request slowly, or only a part of it, loses its connection. Times are in milliseconds. */
export const defaultPatience = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5000
}

const nodeOptions = { keepAliveTimeout: 5000, maxHeaderSize: 16 * 1024 }
const maxConnections = 512

const makeServer = ({ patience = defaultPatience, tls }: ServerOptions) => {
  const options = { ...nodeOptions, ...patience }
  const server = tls === undefined ? createServer(options) : createTlsServer({ ...options, ...tls })
  server.maxConnections = maxConnections
  server.maxHeadersCount = 100
  return server
}

/** A route for each file. The router compares whole addresses, so no address leads to another file. */
const pageRoutes = (files: ReadonlyArray<PageFile>) =>
  HttpRouter.addAll(
    files.map(({ body, contentType, path }) =>
      HttpRouter.route("GET", path, Effect.succeed(HttpServerResponse.uint8Array(body, { contentType })))
    )
  )

/** Listens while the layer is open. When it closes, running turns end as `Conversations.shutdown` describes, and then the server. */
export const layer = (
  options: ServerOptions
): Layer.Layer<
  HttpServer.HttpServer,
  HttpServerError.ServeError,
  ApprovalQueue.ApprovalQueue | Codex | Conversations | ThreadOwners
> => {
  const { allowedHosts, approvalTimeout, durable, host, page, port, sessions, thread, traces, turn } = options
  const places = CallerLimits.makePlaces(streamsPerCaller)
  const settings = {
    directory: options.directory,
    sandbox: thread.sandbox ?? "read-only",
    network: thread.network === true,
    approvalTimeout: Duration.toMillis(approvalTimeout)
  }
  const api = HttpApiBuilder.layer(Api).pipe(
    Layer.provide([
      HttpApiBuilder.group(Api, "codex", handlers),
      ServeHandlers.session(sessions),
      ServeHandlers.serve({ durable: durable?.client, places, sessions, settings, traces }),
      DurableHandlers.durable(durable, places)
    ]),
    Layer.provide([
      ServeAccess.authentication,
      ServeAccess.authorization({ thread, turn }, places),
      RequestBoundary.layer
    ])
  )
  const guard = RequestGuard.layer(
    {
      ...RequestGuard.defaultRates,
      ...options.rates,
      allowedHosts: [host, ...allowedHosts],
      anyAddress: !HostHeader.isLoopback(host)
    },
    sessions
  )
  return Conversations.layerShutdown.pipe(
    Layer.provideMerge(
      HttpRouter.serve(Layer.mergeAll(api, pageRoutes(page), guard), {
        // A log line and a span of each request would repeat what its headers say.
        disableLogger: true,
        disableListenLog: true
      })
    ),
    Layer.provideMerge(
      NodeHttpServer.layerServer(() => makeServer(options), {
        host,
        port,
        gracefulShutdownTimeout: "1 second"
      })
    ),
    Layer.provide([
      NodeHttpServer.layerHttpServices,
      // The limits for each user count all tokens together here; each token has its own limit above.
      Layer.succeed(HttpLimits.Current, {
        ...HttpLimits.defaults,
        turnsPerUser: HttpLimits.defaults.turns,
        streamsPerUser: HttpLimits.defaults.streams
      }),
      Layer.succeed(HttpMiddleware.TracerDisabledWhen, () => true)
    ])
  )
}
