/** Sends one request of encoded bytes to a collector. */
import * as Effect from "effect/Effect"
import type { ClientRequest, IncomingMessage } from "node:http"
import { promisify } from "node:util"
import { gzip } from "node:zlib"
import { codeOf } from "../../internal/SystemError.ts"
import type * as OtlpExporter from "../delivery/OtlpExporter.ts"
import * as RetryPolicy from "./RetryPolicy.ts"

const compress = promisify(gzip)

/** Maximum size of a response in bytes. A usual response has some bytes; an endless one is cut here. */
const maxResponseBytes = 1024 * 1024

export type Encoding = "json" | "protobuf"

const contentTypes: Readonly<Record<Encoding, string>> = {
  json: "application/json",
  protobuf: "application/x-protobuf"
}

/**
 * Makes a sender for a target; it lives until the scope closes. Sending never fails. `rejected` reads from a response how
 * many records the collector rejected.
 */
export const make = Effect.fnUntraced(function* (
  target: OtlpExporter.Target,
  rejected: (encoding: Encoding, body: Uint8Array) => number
) {
  const { Agent, request } = yield* Effect.promise(() =>
    target.url.startsWith("https:") ? import("node:https") : import("node:http")
  )
  const agent = yield* Effect.acquireRelease(
    Effect.sync(
      () =>
        new Agent({
          keepAlive: true,
          ...target.identity,
          ...(target.proxy === undefined ? {} : { proxyEnv: target.proxy })
        })
    ),
    (agent) => Effect.sync(() => agent.destroy())
  )
  const { origin } = new URL(target.url)

  const post = (
    encoding: Encoding,
    body: Uint8Array,
    gzipped: boolean
  ): Effect.Effect<RetryPolicy.SendResult> =>
    Effect.callback((resume) => {
      const noResponse = (timeout: boolean, detail: string) =>
        resume(Effect.succeed({ _tag: "NoResponse", timeout, detail: `${detail}${origin}` }))
      const timer = setTimeout(() => {
        noResponse(true, "")
        outgoing.destroy()
      }, target.spoolTimeout)
      timer.unref()
      const complete = (response: IncomingMessage, chunks: ReadonlyArray<Buffer>) => {
        clearTimeout(timer)
        resume(Effect.sync(() => toResult(response, Buffer.concat(chunks))))
      }
      const outgoing: ClientRequest = request(
        target.url,
        {
          method: "POST",
          agent,
          headers: {
            ...target.headers,
            "Content-Type": contentTypes[encoding],
            "Content-Length": body.length,
            ...(gzipped ? { "Content-Encoding": "gzip" } : {})
          }
        },
        (response) => {
          const chunks: Array<Buffer> = []
          let size = 0
          response.on("data", (chunk: Buffer) => {
            size += chunk.length
            if (size <= maxResponseBytes) chunks.push(chunk)
            else {
              complete(response, [])
              response.destroy()
            }
          })
          response.on("end", () => complete(response, chunks))
          // The status has arrived and decides; only the body is missing.
          response.on("error", () => complete(response, []))
        }
      )
      outgoing.on("error", (error) => {
        clearTimeout(timer)
        const code = codeOf(error)
        noResponse(false, code === undefined ? "" : `${code} from `)
      })
      // The request does not keep the process alive: the records are on disk.
      outgoing.on("socket", (socket) => socket.unref())
      outgoing.end(body)
      return Effect.sync(() => {
        clearTimeout(timer)
        outgoing.destroy()
      })

      function toResult(response: IncomingMessage, body: Buffer): RetryPolicy.SendResult {
        const status = response.statusCode ?? 0
        if (status >= 200 && status < 300) return { _tag: "Accepted", rejected: rejectedIn(body, response) }
        const after = RetryPolicy.retryAfter(response.headers["retry-after"], Date.now())
        return {
          _tag: "Status",
          status,
          detail: `HTTP ${status} from ${origin}`,
          ...(after === undefined ? {} : { retryAfter: after })
        }
      }
    })

  const rejectedIn = (body: Buffer, response: IncomingMessage): number => {
    const type = response.headers["content-type"]
    try {
      const found = rejected(type?.includes("json") === true ? "json" : "protobuf", body)
      return Number.isFinite(found) && found > 0 ? found : 0
    } catch {
      // The collector accepted the batch; an unreadable body does not change that.
      return 0
    }
  }

  return (encoding: Encoding, body: Uint8Array): Effect.Effect<RetryPolicy.SendResult> =>
    target.compression === "none"
      ? post(encoding, body, false)
      : Effect.flatMap(
          Effect.promise(() => compress(body)),
          (small) => post(encoding, small, true)
        )
})
