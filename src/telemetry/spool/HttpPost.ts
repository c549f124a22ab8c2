/** One request to a collector, with bytes that were encoded before. */
import * as Effect from "effect/Effect"
import type { ClientRequest, IncomingMessage } from "node:http"
import { promisify } from "node:util"
import { gzip } from "node:zlib"
import { codeOf } from "../delivery/CountedExporter.ts"
import type * as OtlpExporter from "../delivery/OtlpExporter.ts"
import * as RetryPolicy from "./RetryPolicy.ts"

const compress = promisify(gzip)

/** An answer is some bytes; one that does not end is cut here. */
const longestAnswer = 1024 * 1024

export type Encoding = "json" | "protobuf"

const contentTypes: Readonly<Record<Encoding, string>> = {
  json: "application/json",
  protobuf: "application/x-protobuf"
}

/** What sends for a target until the scope closes; it never fails. `rejected` reads the answer to a request. */
export const make = Effect.fnUntraced(function* (
  target: OtlpExporter.Target,
  rejected: (encoding: Encoding, answer: Uint8Array) => number
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
      const none = (timeout: boolean, detail: string) =>
        resume(Effect.succeed({ _tag: "None", timeout, detail: `${detail}${origin}` }))
      const timer = setTimeout(() => {
        none(true, "")
        outgoing.destroy()
      }, target.spoolTimeout)
      timer.unref()
      const answered = (response: IncomingMessage, chunks: ReadonlyArray<Buffer>) => {
        clearTimeout(timer)
        resume(Effect.sync(() => toAnswer(response, Buffer.concat(chunks))))
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
            if (size <= longestAnswer) chunks.push(chunk)
            else {
              answered(response, [])
              response.destroy()
            }
          })
          response.on("end", () => answered(response, chunks))
          // The status has come: what is missing is only what was said about it.
          response.on("error", () => answered(response, []))
        }
      )
      outgoing.on("error", (error) => {
        clearTimeout(timer)
        const code = codeOf(error)
        none(false, code === undefined ? "" : `${code} from `)
      })
      // A process that has nothing else to do ends: what it was sending is on disk.
      outgoing.on("socket", (socket) => socket.unref())
      outgoing.end(body)
      return Effect.sync(() => {
        clearTimeout(timer)
        outgoing.destroy()
      })

      function toAnswer(response: IncomingMessage, answer: Buffer): RetryPolicy.SendResult {
        const status = response.statusCode ?? 0
        if (status >= 200 && status < 300) return { _tag: "Taken", rejected: rejectedIn(answer, response) }
        const after = RetryPolicy.retryAfter(response.headers["retry-after"], Date.now())
        return {
          _tag: "Status",
          status,
          detail: `HTTP ${status} from ${origin}`,
          ...(after === undefined ? {} : { retryAfter: after })
        }
      }
    })

  const rejectedIn = (answer: Buffer, response: IncomingMessage): number => {
    const type = response.headers["content-type"]
    try {
      const found = rejected(type?.includes("json") === true ? "json" : "protobuf", answer)
      return Number.isFinite(found) && found > 0 ? found : 0
    } catch {
      // Taken is taken, whatever is said about it.
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
