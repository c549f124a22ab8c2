/** Sends OTLP over HTTP with the SDK's encoding, retries and requests, within a timeout that holds whatever the collector does. */
import type { ExportResult } from "@opentelemetry/core"
import type { IExporterMetricsHelper, ISerializer } from "@opentelemetry/otlp-transformer"
import * as Effect from "effect/Effect"
import type * as Settings from "../config/Settings.ts"
import type { TlsIdentity } from "./TlsCertificates.ts"
import { codeOf } from "../../internal/SystemError.ts"
import { type CountedExporter, ExportFailure, type PartialResult } from "./CountedExporter.ts"

/** The destination of a signal and how to send to it. */
export interface Target {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly protocol: Settings.Protocol
  readonly compression: "gzip" | "none"
  /** The maximum duration of one export including retries, in milliseconds. */
  readonly timeout: number
  /** The maximum duration of one request from the spool, which delays no program. */
  readonly spoolTimeout: number
  readonly identity: TlsIdentity
  /** The proxy variables for Node; none for a collector on this machine. */
  readonly proxy?: Readonly<Record<string, string>> | undefined
}

/** Encodes the records of a signal, and reads from a response how many of them were rejected. */
export interface Codec<Items, Response> {
  readonly serializer: ISerializer<Items, Response>
  readonly helper: IExporterMetricsHelper<Items>
  readonly rejected: (response: Response) => number | string | null | undefined
}

/** A full queue is split into fewer batches than this. */
const maxConcurrentRequests = 30

export const make = Effect.fnUntraced(function* <Items, Response>(
  target: Target,
  codec: Codec<Items, Response>
) {
  const { createOtlpHttpExportDelegate } = yield* Effect.promise(
    () => import("@opentelemetry/otlp-exporter-base/node-http")
  )
  const { Agent } = yield* Effect.promise(() =>
    target.url.startsWith("https:") ? import("node:https") : import("node:http")
  )
  const { proxy, timeout, url } = target

  // The delegate's own timeout starts once a connection is established: where packets are dropped, it would keep the
  // process alive for minutes. This agent also limits connecting, and closes its connections with the layer.
  const agent = yield* Effect.acquireRelease(
    Effect.sync(
      () =>
        new Agent({
          keepAlive: true,
          timeout,
          ...target.identity,
          ...(proxy === undefined ? {} : { proxyEnv: proxy })
        })
    ),
    (agent) => Effect.sync(() => agent.destroy())
  )

  let rejected = 0
  const serializer: ISerializer<Items, Response> = {
    serializeRequest: (items) => codec.serializer.serializeRequest(items),
    // The delegate reports a partial success to the global `diag` only. It reads the response right before it reports.
    deserializeResponse: (data) => {
      const response = codec.serializer.deserializeResponse(data)
      const refused = Number(codec.rejected(response) ?? 0)
      rejected = Number.isFinite(refused) && refused > 0 ? refused : 0
      return response
    }
  }
  const contentType = target.protocol === "http/json" ? "application/json" : "application/x-protobuf"
  const delegate = createOtlpHttpExportDelegate(
    {
      url,
      timeoutMillis: timeout,
      concurrencyLimit: maxConcurrentRequests,
      compression: target.compression,
      headers: () => Promise.resolve({ ...target.headers, "Content-Type": contentType }),
      agentFactory: () => agent
    },
    serializer,
    "otlp_http_exporter",
    codec.helper,
    undefined
  )
  const origin = new URL(url).origin

  const exporter: Required<CountedExporter<Items>> = {
    export: (items, report) => {
      // Also covers a response that never ends: it is never idle, which is all that the delegate checks.
      const timer = setTimeout(() => {
        report({ code: 1, error: new ExportFailure("timeout", origin) })
        agent.destroy()
      }, timeout)
      delegate.export(items, (result) => {
        clearTimeout(timer)
        report(toResult(result, origin, rejected))
        rejected = 0
      })
    },
    forceFlush: () => delegate.forceFlush(),
    shutdown: () => delegate.shutdown()
  }
  return exporter
})

const toResult = (result: ExportResult, origin: string, rejected: number): ExportResult => {
  if (result.code === 0) {
    const partial: PartialResult = { code: 0, rejected }
    return partial
  }
  return { code: 1, error: toFailure(result.error, origin) }
}

const toFailure = (error: unknown, origin: string): ExportFailure => {
  const status = error instanceof Error && "code" in error ? error.code : undefined
  if (typeof status === "number") {
    return new ExportFailure(status < 500 ? "rejected" : "export_failed", `HTTP ${status} from ${origin}`)
  }
  const code = codeOf(error)
  if (code !== undefined) return new ExportFailure("export_failed", `${code} from ${origin}`)
  const message = error instanceof Error ? error.message : ""
  if (message === "Request timed out") return new ExportFailure("timeout", origin)
  if (message === "Concurrent export limit reached") return new ExportFailure("queue_full", origin)
  if (message === "Export failed with retryable status") {
    return new ExportFailure("export_failed", `overloaded: ${origin}`)
  }
  return new ExportFailure("export_failed", origin)
}
