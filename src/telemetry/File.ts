/** Traces to a file, one line of OTLP JSON per batch, as the file exporter of the OpenTelemetry collector writes them. */
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace-base"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { codeOf, ExportFailure } from "./internal/Exporting.ts"
import * as Home from "./internal/Home.ts"
import * as Tracer from "./Tracer.ts"

/** Where `FileLayer` writes to. */
export const defaultPath = "~/.codex/telemetry/codex-traces.json"

export interface Options {
  readonly path: string
  /** A file that a batch would make larger than this is put aside as `<path>.1`, the one before as `.2`, and so on. */
  readonly maxBytes?: number | undefined
  /** How many files that were put aside are kept. */
  readonly keep?: number | undefined
}

/**
 * Appends traces to the file at `path`, `~/` meaning the home directory: at most 64 MiB, and three older files as large.
 * Only the user can read it, also where it was there before. A file that cannot be written to is a warning, no more.
 * Make it once: every call is another layer.
 */
export const layer = (options: Options): Layer.Layer<never> =>
  Tracer.exporterLayer(Effect.suspend(() => acquire(options))).pipe(
    Layer.catchCause(() => unavailable(options.path))
  )

/** `layer` for `defaultPath`. */
export const FileLayer: Layer.Layer<never> = layer({ path: defaultPath })

const unavailable = (path: string) =>
  Layer.effectDiscard(Effect.logWarning(`Traces cannot be written to ${path}: the exporter does not start`))

const acquire = Effect.fnUntraced(function* ({ keep = 3, maxBytes = 64 * 1024 * 1024, path }: Options) {
  const { JsonTraceSerializer } = yield* Effect.promise(() => import("@opentelemetry/otlp-transformer"))
  const { append } = yield* Effect.promise(() => import("./internal/RotatedFile.ts"))
  const file = Home.expand(path)

  const write = async (spans: Array<ReadableSpan>): Promise<void> => {
    const encoded = JsonTraceSerializer.serializeRequest(spans)
    if (encoded !== undefined) await append(file, encoded, { keep, maxBytes })
  }

  // One batch after the other, while a flush asks for several at a time.
  let written = Promise.resolve()
  const exporter: SpanExporter = {
    export: (spans, report) => {
      written = written
        .then(() => write(spans))
        .then(
          () => report({ code: 0 }),
          (error: unknown) =>
            report({
              code: 1,
              error: new ExportFailure("export_failed", `${codeOf(error) ?? "unknown error"}: ${file}`)
            })
        )
    },
    forceFlush: () => written,
    shutdown: () => written
  }
  return exporter
})
