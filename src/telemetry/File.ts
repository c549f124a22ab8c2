/** Traces to a file, one line of OTLP JSON per batch, as the file exporter of the OpenTelemetry collector writes them. */
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace-base"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { appendFile, mkdir } from "node:fs/promises"
import { homedir } from "node:os"
import { dirname, join, resolve } from "node:path"
import * as Settings from "./Settings.ts"
import * as Tracer from "./Tracer.ts"

/** Where `FileLayer` writes to. */
export const defaultPath = "~/.codex/telemetry/codex-traces.json"

/**
 * Appends traces to the file at `path`, `~/` meaning the home directory. What it has to create of the path only the
 * user can read. A file that cannot be written to is a warning, no more. Make it once: every call is another layer.
 */
export const layer = (options: { readonly path: string }): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.map(Settings.CurrentSettings, ({ disabled }) =>
      disabled
        ? Layer.empty
        : Tracer.processorLayer(acquire(options.path)).pipe(Layer.catchCause(() => unavailable(options.path)))
    )
  ).pipe(Layer.provide(Settings.layer))

/** `layer` for `defaultPath`. */
export const FileLayer: Layer.Layer<never> = layer({ path: defaultPath })

const unavailable = (path: string) =>
  Layer.effectDiscard(Effect.logWarning(`Traces cannot be written to ${path}: the exporter does not start`))

const acquire = Effect.fnUntraced(function* (path: string) {
  const { BatchSpanProcessor } = yield* Effect.promise(() => import("@opentelemetry/sdk-trace-base"))
  const { JsonTraceSerializer } = yield* Effect.promise(() => import("@opentelemetry/otlp-transformer"))
  const file = path.startsWith("~/") ? join(homedir(), path.slice(2)) : resolve(path)
  const fork = Effect.runForkWith(yield* Effect.context<never>())

  const append = async (spans: Array<ReadableSpan>): Promise<void> => {
    const encoded = JsonTraceSerializer.serializeRequest(spans)
    if (encoded !== undefined) await appendLine(file, encoded)
  }
  let warned = false
  const warn = (error: unknown) => {
    if (!warned) fork(Effect.logWarning(`Traces cannot be written to ${file}: ${reasonOf(error)}`))
    warned = true
  }

  // One batch after the other, while a flush asks for several at a time.
  let written = Promise.resolve()
  const exporter: SpanExporter = {
    export: (spans, report) => {
      written = written
        .then(() => append(spans))
        .then(
          () => report({ code: 0 }),
          (error: unknown) => {
            warn(error)
            report({ code: 1 })
          }
        )
    },
    shutdown: () => written
  }
  return new BatchSpanProcessor(exporter, {
    maxQueueSize: 2048,
    maxExportBatchSize: 256,
    scheduledDelayMillis: 1000,
    exportTimeoutMillis: Tracer.shutdownTimeout
  })
})

const newline = Buffer.from("\n")

const appendLine = async (file: string, text: Uint8Array): Promise<void> => {
  const line = Buffer.concat([text, newline])
  try {
    await appendFile(file, line, { mode: 0o600 })
  } catch (error) {
    if (reasonOf(error) !== "ENOENT") throw error
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await appendFile(file, line, { mode: 0o600 })
  }
}

const reasonOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown error"
