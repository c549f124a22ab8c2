/** Exports batches to a collector at once, with retries, within a timeout that holds whatever the collector does. */
import type { ExportResult } from "@opentelemetry/core"
import * as Effect from "effect/Effect"
import { setTimeout as delay } from "node:timers/promises"
import type * as Settings from "../config/Settings.ts"
import { type CountedExporter, ExportFailure, type PartialResult } from "./CountedExporter.ts"
import * as HttpPost from "./HttpPost.ts"
import { type Codec, encodingOf } from "./OtlpSerializers.ts"

/** The destination of a signal and how to send to it. */
export interface Target extends HttpPost.HttpDestination {
  readonly protocol: Settings.Protocol
  /** The maximum duration of one export including retries. */
  readonly timeoutMillis: number
  /** The maximum duration of one request from the spool, which delays no program. */
  readonly spoolTimeoutMillis: number
}

const maxRetries = 5

/** The wait before the first retry and the longest wait, in milliseconds. */
const firstWait = 1000
const longestWait = 5000

/** The statuses that OTLP declares retryable. */
const retryableStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** Errors of the network. Others, such as a certificate that is not trusted, last longer than an export. */
const retryableCodes: ReadonlySet<string> = new Set([
  "ECONNRESET",
  "ECONNREFUSED",
  "EPIPE",
  "ETIMEDOUT",
  "EAI_AGAIN",
  "ENOTFOUND",
  "ENETUNREACH",
  "EHOSTUNREACH"
])

/** Makes an exporter. Its requests are aborted when the scope closes. */
export const make = Effect.fnUntraced(function* <Items>(target: Target, codec: Codec<Items>) {
  const post = yield* HttpPost.make(target, codec.rejected)
  const encoding = encodingOf(target.protocol)
  const { signal } = yield* Effect.acquireRelease(
    Effect.sync(() => new AbortController()),
    (controller) => Effect.sync(() => controller.abort())
  )

  const send = async (items: Items): Promise<ExportResult> => {
    const body = codec.encode(items)
    if (body === undefined) return { code: 1, error: new ExportFailure("export_failed") }
    const deadline = performance.now() + target.timeoutMillis
    const remaining = () => Math.max(1, deadline - performance.now())
    for (let retries = 0; ; retries++) {
      const result = await post(encoding, body, {
        timeoutMillis: remaining(),
        keepsProcessAlive: true,
        signal
      })
      const wait = retries < maxRetries ? waitBeforeRetry(result, retries) : undefined
      if (wait === undefined || wait > remaining() || signal.aborted) return toExportResult(result, target)
      await delay(wait)
    }
  }

  const inFlight = new Set<Promise<void>>()
  const flush = async (): Promise<void> => void (await Promise.all(inFlight))
  const exporter: Required<CountedExporter<Items>> = {
    export: (items, report) => {
      const sending = send(items).then(report, (error: unknown) =>
        report({ code: 1, error: error instanceof Error ? error : new ExportFailure("export_failed") })
      )
      inFlight.add(sending)
      void sending.finally(() => inFlight.delete(sending))
    },
    forceFlush: flush,
    shutdown: flush
  }
  return exporter
})

/** Returns the wait in milliseconds, or `undefined` if the same request cannot succeed soon. */
const waitBeforeRetry = (result: HttpPost.SendResult, retries: number): number | undefined => {
  const backOff = Math.min(firstWait * 1.5 ** retries * (0.8 + 0.4 * Math.random()), longestWait)
  if (result._tag === "Status") {
    return retryableStatuses.has(result.status) ? (result.retryAfter ?? backOff) : undefined
  }
  if (result._tag === "NoResponse") {
    return result.code !== undefined && retryableCodes.has(result.code) ? backOff : undefined
  }
  return undefined
}

const toExportResult = (result: HttpPost.SendResult, { url }: Target): ExportResult => {
  if (result._tag === "Accepted") {
    const partial: PartialResult = { code: 0, rejected: result.rejected }
    return partial
  }
  if (result._tag === "NoResponse") {
    const reason = result.timedOut ? "timeout" : "export_failed"
    return { code: 1, error: new ExportFailure(reason, result.detail) }
  }
  const { detail, status } = result
  if (retryableStatuses.has(status)) {
    return { code: 1, error: new ExportFailure("export_failed", `overloaded: ${new URL(url).origin}`) }
  }
  return { code: 1, error: new ExportFailure(status < 500 ? "rejected" : "export_failed", detail) }
}
