/** An OTLP receiver on loopback that records its requests. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as HostHeader from "../../src/internal/HostHeader.ts"
import * as Http from "node:http"
import * as Https from "node:https"
import { gunzipSync } from "node:zlib"

export interface Received {
  readonly path: string
  readonly headers: Http.IncomingHttpHeaders
  /** Uncompressed. */
  readonly body: Buffer
}

export interface Receiver {
  readonly port: number
  readonly received: ReadonlyArray<Received>
}

export interface Options {
  /** Accepts requests and never answers. */
  readonly silent?: boolean
  /** The CA that must have signed the client certificate, and the certificate and key of this server; PEM. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string } | undefined
}

export const make = ({ silent = false, tls }: Options = {}): Effect.Effect<Receiver, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<Receiver & { readonly close: () => void }>((resume) => {
        const received: Array<Received> = []
        const listener: Http.RequestListener = (request, response) => {
          if (!HostHeader.accepts(request)) return void response.writeHead(HostHeader.status).end()
          const chunks: Array<Buffer> = []
          request.on("data", (chunk: Buffer) => chunks.push(chunk))
          request.on("error", () => {})
          request.on("end", () => {
            const body = Buffer.concat(chunks)
            received.push({
              path: request.url ?? "",
              headers: request.headers,
              body: request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body
            })
            const type = request.headers["content-type"]
            if (silent) return
            response.writeHead(200, { "content-type": type ?? "application/json" })
            // An empty body is the empty message in protobuf.
            response.end(type === "application/x-protobuf" ? undefined : "{}")
          })
        }
        const server =
          tls === undefined
            ? Http.createServer(listener)
            : Https.createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, listener)
        server.on("tlsClientError", () => {})
        const close = () => {
          server.closeAllConnections()
          server.close()
        }
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          const port = typeof address === "object" && address !== null ? address.port : 0
          resume(Effect.succeed({ port, received, close }))
        })
      }),
      ({ close }) => Effect.sync(close)
    ),
    ({ port, received }) => ({ port, received })
  )

/** A port on loopback on which nothing listens. */
export const freePort: Effect.Effect<number> = Effect.scoped(Effect.map(make(), ({ port }) => port))
