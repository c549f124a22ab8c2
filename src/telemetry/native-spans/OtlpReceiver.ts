/** Receives the spans of Codex: OTLP over HTTP on the loopback interface, at an unguessable path. */
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"

/** Maximum size of a body in bytes. A batch of 512 spans has some 700 kB. */
export const maxBody = 8 * 1024 * 1024
/** Maximum number of concurrent bodies. */
const maxOpen = 8

export interface OtlpReceiverOptions {
  readonly onBody: (body: string) => void
  /** Called for a body that is too large, or beyond the maximum number of concurrent bodies. */
  readonly onRejected: () => void
}

export interface Receiver {
  readonly url: string
}

const listen = ({ onBody, onRejected }: OtlpReceiverOptions) =>
  Effect.callback<Receiver & { readonly server: Server }, Error>((resume) => {
    const path = `/${randomBytes(24).toString("base64url")}/v1/traces`
    let open = 0
    const answer = (response: ServerResponse, status: number) =>
      response.writeHead(status, { "content-type": "application/json" }).end("{}")
    const take = (request: IncomingMessage, response: ServerResponse) => {
      if (request.method !== "POST" || request.url !== path) {
        request.resume()
        answer(response, 404)
        return
      }
      const chunks: Array<Buffer> = []
      let length = 0
      if (++open > maxOpen) length = Infinity
      request.on("data", (chunk: Buffer) => {
        length += chunk.length
        if (length <= maxBody) chunks.push(chunk)
        else chunks.length = 0
      })
      request.on("close", () => open--)
      request.on("end", () => {
        // Codex retries after any other status, and a retry would fail in the same way.
        answer(response, 200)
        if (length > maxBody) onRejected()
        else setImmediate(() => onBody(Buffer.concat(chunks).toString("utf8")))
      })
    }
    const server = createServer({ keepAliveTimeout: 0 }, take)
    server.once("error", (error) => resume(Effect.fail(error)))
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      // The server does not keep the process alive.
      server.unref()
      resume(Effect.succeed({ server, url: `http://127.0.0.1:${port}${path}` }))
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
