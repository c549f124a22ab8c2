/** Writes telemetry to files as one line of OTLP JSON per batch, like the file exporter of the OpenTelemetry collector. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { basename, dirname, extname, join, resolve } from "node:path"
import { codeOf } from "../internal/SystemError.ts"
import { type CountedExporter, ExportFailure } from "./delivery/CountedExporter.ts"
import type { Codec } from "./delivery/OtlpSerializers.ts"
import * as HostDirectories from "../internal/HostDirectories.ts"
import * as HomeDirectory from "../internal/HomeDirectory.ts"
import * as Settings from "./config/Settings.ts"
import * as SignalLayers from "./SignalLayers.ts"

/**
 * The traces file of `FileLayer`; metrics and logs go to files beside it.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { File } from "effect-codex"
 *
 * const Larger = File.layer({ path: File.defaultPath, maxBytes: 100 * 1024 * 1024 })
 * ```
 */
export const defaultPath = "~/.codex/telemetry/codex-traces.json"

/**
 * Options of the file exporter.
 * @since 0.1.0
 * @category models
 */
export interface FileOptions {
  /** The file of traces. */
  readonly path: string
  /** A file that would exceed this size is renamed to `<path>.1`, the previous `.1` to `.2`, and so on. */
  readonly maxBytes?: number | undefined
  /** The number of renamed files to keep. */
  readonly keep?: number | undefined
  /** The signals to write; default: all three. */
  readonly signals?: ReadonlyArray<Settings.SignalKind> | undefined
}

/**
 * Returns the file of a signal beside the traces file: the same name with the signal in place of `traces`, or appended.
 *
 * `~/codex-traces.json` gives `~/codex-metrics.json`, `~/run.json` gives `~/run-metrics.json`.
 *
 * @internal
 */
export const pathOf = (path: string, signal: Settings.SignalKind): string => {
  if (signal === "traces") return path
  const name = basename(path)
  const extension = extname(name)
  const stem = name.slice(0, name.length - extension.length)
  const other = /traces(?!.*traces)/.test(stem)
    ? stem.replace(/traces(?!.*traces)/, signal)
    : `${stem}-${signal}`
  return join(dirname(path), `${other}${extension}`)
}

/**
 * Appends telemetry to the file at `path` and the files beside it; `~/` is the home directory. By default each file
 * grows to 64 MiB and three older ones are kept. The files are made private to the user, existing ones too. A file that
 * cannot be written causes a warning only. Call this once: every call creates a separate layer.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { AppServer, Codex, File } from "effect-codex"
 *
 * const App = Codex.layer.pipe(
 *   Layer.provide(AppServer.layer),
 *   Layer.provideMerge(File.layer({ path: "/var/log/bot/traces.json" }))
 * )
 * ```
 */
export const layer = (options: FileOptions): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.map(Settings.CurrentSettings, (settings) => {
      if (settings.disabled) return Layer.empty
      return SignalLayers.mergeAll(
        (options.signals ?? (["traces", "metrics", "logs"] as const)).map((signal) =>
          SignalLayers.otlpBatches[signal](settings, {
            protocol: "http/json",
            makeExporter: ({ encode }) => makeExporter(options, signal, encode)
          }).pipe(Layer.catchCause(() => unavailable(signal, pathOf(options.path, signal))))
        )
      )
    })
  ).pipe(Layer.provide(Settings.layer))

/**
 * Writes to `defaultPath`.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { AppServer, Codex, FileLayer } from "effect-codex"
 *
 * const App = Codex.layer.pipe(Layer.provide(AppServer.layer), Layer.provideMerge(FileLayer))
 * ```
 */
export const FileLayer: Layer.Layer<never> = layer({ path: defaultPath })

const nouns = { traces: "Traces", metrics: "Metrics", logs: "Logs" }

const unavailable = (signal: Settings.SignalKind, path: string) =>
  Layer.effectDiscard(
    Effect.logWarning(`${nouns[signal]} cannot be written to ${path}: the exporter does not start`)
  )

const makeExporter = Effect.fnUntraced(function* <Items>(
  { keep = 3, maxBytes = 64 * 1024 * 1024, path }: FileOptions,
  signal: Settings.SignalKind,
  encode: Codec<Items>["encode"]
) {
  const { append } = yield* Effect.promise(() => import("./delivery/RotatingFile.ts"))
  const file = resolve(HomeDirectory.expand(pathOf(path, signal)))
  const hostDirectories = yield* HostDirectories.Current
  yield* hostDirectories.add({
    path: dirname(file),
    content: `the file of telemetry "${basename(file)}"`,
    setting: "the path of the file exporter",
    isTree: false
  })

  const write = async (items: Items): Promise<void> => {
    const encoded = encode(items)
    if (encoded !== undefined) await append(file, encoded, { keep, maxBytes })
  }

  // Batches are written in sequence, although a flush exports several at once.
  let written = Promise.resolve()
  const exporter: Required<CountedExporter<Items>> = {
    export: (items, report) => {
      written = written
        .then(() => write(items))
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
