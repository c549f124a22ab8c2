/** Sends encoded telemetry to a collector, one HTTP request at a time. It neither retries nor follows redirects. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as Result from "effect/Result"
import type { ClientRequest, IncomingMessage } from "node:http"
import { promisify } from "node:util"
import { gzip } from "node:zlib"
import { version } from "../../internal/version.ts"
import { codeOf } from "../../internal/SystemError.ts"
import type { Encoding } from "./OtlpSerializers.ts"
import type { TlsIdentity } from "./TlsCertificates.ts"

const compress = promisify(gzip)

/** Maximum size of a response in bytes. A usual response has some bytes; an endless one is cut here. */
const maxResponseBytes = 1024 * 1024

/** Maximum number of connections to a collector. Further requests wait, within their timeout. */
const maxConnections = 30

const contentTypes: Readonly<Record<Encoding, string>> = {
  json: "application/json",
  protobuf: "application/x-protobuf"
}

/** A collector's URL and how to reach it. */
export interface HttpDestination {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly compression: "gzip" | "none"
  readonly identity: TlsIdentity
  /** The proxy variables for Node; none for a collector on this machine. */
  readonly proxy?: Readonly<Record<string, string>> | undefined
}

/**
 * The result of one request: the collector accepted the records (and rejected some of them), it answered with an error
 * status, or it did not answer. `detail` is a code and a host, never content. Times are in milliseconds.
 */
export type SendResult =
  | { readonly _tag: "Accepted"; readonly rejected: number }
  | {
      readonly _tag: "Status"
      readonly status: number
      readonly retryAfter?: number
      readonly detail: string
    }
  | {
      readonly _tag: "NoResponse"
      readonly timedOut: boolean
      /** The code of the system error, such as `ECONNREFUSED`. */
      readonly code?: string | undefined
      readonly detail: string
    }

export interface PostOptions {
  /** The maximum duration of the request, connecting included. */
  readonly timeoutMillis: number
  /** Whether the process stays alive until the request ends. */
  readonly keepsProcessAlive: boolean
  /** Aborts the request. */
  readonly signal: AbortSignal
}

/** Sends one request. The promise never rejects. */
export type HttpPost = (encoding: Encoding, body: Uint8Array, options: PostOptions) => Promise<SendResult>

/**
 * Makes a sender for a destination. Its connections close with the scope. `rejected` reads from a response how many
 * records the collector rejected.
 */
export const make = Effect.fnUntraced(function* (
  { compression, headers, identity, proxy, url }: HttpDestination,
  rejected: (encoding: Encoding, body: Uint8Array) => number
) {
  const { Agent, request } = yield* Effect.promise(() =>
    url.startsWith("https:") ? import("node:https") : import("node:http")
  )
  const agent = yield* Effect.acquireRelease(
    Effect.sync(
      () =>
        new Agent({
          keepAlive: true,
          maxSockets: maxConnections,
          ...identity,
          ...(proxy === undefined ? {} : { proxyEnv: proxy })
        })
    ),
    (agent) => Effect.sync(() => agent.destroy())
  )
  const { origin } = new URL(url)

  const send = (
    encoding: Encoding,
    body: Uint8Array,
    { keepsProcessAlive, signal, timeoutMillis }: PostOptions
  ): Promise<SendResult> =>
    new Promise((resolve) => {
      const finish = (result: SendResult) => {
        clearTimeout(timer)
        resolve(result)
      }
      // Node's own timeouts start once a connection is established and end with the first byte of the response.
      const timer = setTimeout(() => {
        finish({ _tag: "NoResponse", timedOut: true, detail: origin })
        outgoing.destroy()
      }, timeoutMillis)
      const outgoing: ClientRequest = request(
        url,
        {
          method: "POST",
          agent,
          signal,
          headers: {
            "User-Agent": `effect-codex/${version}`,
            ...headers,
            "Content-Type": contentTypes[encoding],
            "Content-Length": body.length,
            ...(compression === "gzip" ? { "Content-Encoding": "gzip" } : {})
          }
        },
        (response) => {
          const chunks: Array<Buffer> = []
          let size = 0
          response.on("data", (chunk: Buffer) => {
            size += chunk.length
            if (size <= maxResponseBytes) chunks.push(chunk)
            else {
              finish(toResult(response, []))
              response.destroy()
            }
          })
          response.on("end", () => finish(toResult(response, chunks)))
          // The status has arrived and decides; only the body is missing.
          response.on("error", () => finish(toResult(response, [])))
        }
      )
      outgoing.on("error", (error) => {
        const code = codeOf(error)
        const detail = code === undefined ? origin : `${code} from ${origin}`
        finish({ _tag: "NoResponse", timedOut: false, code, detail })
      })
      if (!keepsProcessAlive) {
        timer.unref()
        outgoing.on("socket", (socket) => socket.unref())
      }
      outgoing.end(body)
    })

  const toResult = (response: IncomingMessage, chunks: ReadonlyArray<Buffer>): SendResult => {
    const status = response.statusCode ?? 0
    if (status >= 200 && status < 300) {
      return { _tag: "Accepted", rejected: rejectedIn(Buffer.concat(chunks), response) }
    }
    const after = retryAfter(response.headers["retry-after"], Date.now())
    return {
      _tag: "Status",
      status,
      detail: `HTTP ${status} from ${origin}`,
      ...(after === undefined ? {} : { retryAfter: after })
    }
  }

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

  const post: HttpPost = async (encoding, body, options) =>
    send(encoding, compression === "gzip" ? await compress(body) : body, options)
  return post
})

/** Reads a `Retry-After` header, a number of seconds or a date. Returns milliseconds. */
export const retryAfter = (header: string | undefined, now: number): number | undefined => {
  if (header === undefined) return undefined
  const parsed = Headers.parseRetryAfter(header)
  return Result.isFailure(parsed)
    ? undefined
    : Duration.toMillis(Headers.retryAfterDelay(parsed.success, now))
}
