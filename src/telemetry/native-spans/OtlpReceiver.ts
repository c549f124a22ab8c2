/** Receives the spans of Codex: OTLP over HTTP on the loopback interface, at an unguessable path. */
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import * as HostHeader from "../../internal/HostHeader.ts"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"

/** Maximum size of a body in bytes. A batch of 128 spans has some 180 kB, and parsing this much blocks for some 10 ms. */
export const maxBody = 1024 * 1024
/** Maximum size in bytes of all bodies that arrive or wait together. */
export const maxBuffered = 8 * 1024 * 1024

/** Maximum number of connections. A Codex has one, and any user of the machine can open more. */
export const maxConnections = 256
/** How long a request may take until its headers are complete, and until its body is, in milliseconds. */
const headersTimeout = 5000
const requestTimeout = 10_000

export interface OtlpReceiverOptions {
  /** Receives the bodies one after the other: the next one when its promise is fulfilled. */
  readonly onBody: (body: string) => unknown
  /** Called for a body that is too large, or for which too many others wait. */
  readonly onRejected: () => void
}

export interface Receiver {
  readonly url: string
  /** Waits until the bodies that have arrived are processed. */
  readonly processed: Effect.Effect<void>
}

const listen = ({ onBody, onRejected }: OtlpReceiverOptions) =>
  Effect.callback<Receiver & { readonly server: Server }, Error>((resume) => {
    const path = `/${randomBytes(24).toString("base64url")}/v1/traces`
    let buffered = 0
    let processed: Promise<unknown> = Promise.resolve()
    const process = async (before: Promise<unknown>, chunks: ReadonlyArray<Buffer>, length: number) => {
      await before
      await new Promise((resolve) => setImmediate(resolve))
      try {
        await onBody(Buffer.concat(chunks).toString("utf8"))
      } catch {
        // The spans of this body are lost.
      } finally {
        buffered -= length
      }
    }
    const answer = (response: ServerResponse, status: number) =>
      response.writeHead(status, { "content-type": "application/json" }).end("{}")
    const take = (request: IncomingMessage, response: ServerResponse) => {
      const isMine = HostHeader.accepts(request)
      if (!isMine || request.method !== "POST" || request.url !== path) {
        // A stranger keeps no connection: neither an idle one nor one with an endless body.
        response.setHeader("connection", "close")
        answer(response, isMine ? 404 : HostHeader.status)
        return
      }
      let chunks: Array<Buffer> = []
      let length = 0
      let rejected = false
      /** Forgets what has arrived of this body. */
      const release = () => {
        buffered -= length
        length = 0
        chunks = []
      }
      request.on("data", (chunk: Buffer) => {
        if (rejected) return
        if (length + chunk.length > maxBody || buffered + chunk.length > maxBuffered) {
          rejected = true
          return release()
        }
        length += chunk.length
        buffered += chunk.length
        chunks.push(chunk)
      })
      request.on("end", () => {
        // Codex retries after any other status, and a retry would fail in the same way.
        answer(response, 200)
        if (rejected) return onRejected()
        processed = process(processed, chunks, length)
        chunks = []
        length = 0
      })
      // Of a body that never ends.
      request.on("close", release)
    }
    const server = createServer(
      {
        keepAliveTimeout: 0,
        maxHeaderSize: 8192,
        headersTimeout,
        requestTimeout,
        connectionsCheckingInterval: 1000
      },
      take
    )
    server.maxConnections = maxConnections
    server.once("error", (error) => resume(Effect.fail(error)))
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      // The server does not keep the process alive.
      server.unref()
      resume(
        Effect.succeed({
          server,
          url: `http://127.0.0.1:${port}${path}`,
          processed: Effect.promise(async () => {
            // A body that has just arrived is added before this reads the promise.
            await new Promise((resolve) => setTimeout(resolve, 1))
            await processed
          })
        })
      )
    })
  })

/** Listens until the scope closes. */
export const make = (options: OtlpReceiverOptions) =>
  Effect.acquireRelease(listen(options), ({ server }) =>
    Effect.sync(() => {
      server.close()
      server.closeAllConnections()
    })
  )
