/** Plants secrets wherever content may appear, and searches everything that a program emits for them. */
import type { SpanProcessor } from "@opentelemetry/sdk-trace"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { format } from "node:util"
import * as LogPipeline from "../telemetry/logs/LogPipeline.ts"
import * as MetricProducer from "../telemetry/metrics/MetricProducer.ts"
import { Stderr } from "../telemetry/delivery/Stderr.ts"
import * as Metrics from "../telemetry/metrics/Metrics.ts"
import * as Settings from "../telemetry/config/Settings.ts"
import * as Tracer from "../telemetry/tracer/Tracer.ts"
import * as Captured from "./Captured.ts"

/**
 * The places of planted secrets.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Canary } from "effect-codex/testing"
 *
 * const all: ReadonlyArray<Canary.SecretLocation> = Canary.locations
 * ```
 */
export const locations = [
  "prompt",
  "message",
  "argument",
  "result",
  "output",
  "command",
  "diff",
  "error",
  "defect",
  "policy",
  "path",
  "environment"
] as const
/**
 * One of the places of planted secrets.
 * @since 0.1.0
 * @category models
 */
export type SecretLocation = (typeof locations)[number]

/**
 * One unique secret for each location. The secrets do not look like tokens, so redaction cannot recognise them by their
 * form: only a program that does not emit them passes. Two secrets must stay hidden even where content capture is enabled:
 * `token`, which has the form of an OpenAI key, and `environment`, which is the value of `variable`.
 * @since 0.1.0
 * @category models
 */
export interface PlantedSecrets extends Readonly<Record<SecretLocation, string>> {
  readonly token: string
  readonly variable: string
}

/**
 * A leaked secret: its location, the output that contains it, and its encoding there.
 * @since 0.1.0
 * @category models
 */
export interface Leak {
  readonly location: SecretLocation | "token"
  readonly source: string
  readonly encoding: string
  /** The text around the secret. */
  readonly excerpt: string
}

/**
 * A program emitted planted secrets. `leaks` says where.
 * @since 0.1.0
 * @category errors
 */
export class CanaryError extends Data.TaggedError("CanaryError")<{ readonly leaks: ReadonlyArray<Leak> }> {
  override get message() {
    const each = this.leaks.map(
      ({ encoding, excerpt, location, source }) => `${location} in ${source}, ${encoding}: …${excerpt}…`
    )
    return `${this.leaks.length} secrets leaked:\n${each.join("\n")}`
  }
}

const letters = "abcdefghijkmnopqrstuvwxyz"
// Letters only. Secrets add one character that JSON, URLs and shells each encode differently.
const word = (length: number) =>
  [...randomBytes(length)].map((byte) => letters[byte % letters.length]).join("")

/**
 * Creates new secrets.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Canary } from "effect-codex/testing"
 *
 * const prompt = Effect.map(Canary.plant, (planted) => `Deploy with the key ${planted.prompt}`)
 * ```
 */
export const plant: Effect.Effect<PlantedSecrets> = Effect.sync(() => {
  const secret = (place: string) => `${place} ${word(10)}"${word(10)}`
  return {
    prompt: secret("prompt"),
    message: secret("message"),
    argument: secret("argument"),
    result: secret("result"),
    output: secret("output"),
    // The name of the program is no content, so the secret is its argument.
    command: `deploy ${word(20)}`,
    diff: secret("diff"),
    error: secret("error"),
    defect: secret("defect"),
    policy: secret("policy"),
    path: word(20),
    environment: word(24),
    token: `sk-${word(12)}0${word(12)}`,
    variable: "CANARY_API_KEY"
  }
})

// Base64 encodes three bytes at a time, so a secret inside a longer text has three encodings. Compare the characters
// that do not depend on the bytes around the secret.
const base64 = (secret: string): ReadonlyArray<readonly [encoding: string, text: string]> =>
  [0, 1, 2].flatMap((shift) => {
    const bytes = Buffer.concat([Buffer.alloc(shift), Buffer.from(secret)])
    const text = bytes.toString("base64").replace(/=+$/, "")
    const whole = text.slice(shift === 0 ? 0 : shift + 1, bytes.length % 3 === 0 ? undefined : -1)
    return [
      ["base64", whole],
      ["base64url", whole.replaceAll("+", "-").replaceAll("/", "_")]
    ] as const
  })

const encodings = (secret: string): ReadonlyArray<readonly [encoding: string, text: string]> => {
  const json = JSON.stringify(secret).slice(1, -1)
  return [
    ["plain", secret],
    ["JSON", json],
    ["JSON in JSON", JSON.stringify(json).slice(1, -1)],
    ["URL", encodeURIComponent(secret)],
    ["form", encodeURIComponent(secret).replaceAll("%20", "+")],
    ["hex", Buffer.from(secret).toString("hex")],
    ["reversed", [...secret].toReversed().join("")],
    ...base64(secret),
    // Half a secret is a leak too.
    ["its beginning", secret.slice(0, 16)],
    ["its end", secret.slice(-10)]
  ]
}

const asText = (bytes: string | Uint8Array): string =>
  typeof bytes === "string" ? bytes : Buffer.from(bytes).toString("latin1")

/**
 * Finds the secrets in `bytes`; each leak names the first matching encoding.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Canary } from "effect-codex/testing"
 * import { readFileSync } from "node:fs"
 *
 * const leaksOf = (log: string) =>
 *   Effect.map(Canary.plant, (planted) => Canary.find(planted, log, readFileSync(log)))
 * ```
 */
export const find = (
  planted: PlantedSecrets,
  source: string,
  bytes: string | Uint8Array
): ReadonlyArray<Leak> => {
  const text = asText(bytes)
  return [...locations, "token" as const].flatMap((location) => {
    for (const [encoding, form] of encodings(planted[location])) {
      const at = text.indexOf(form)
      if (at >= 0) {
        const excerpt = text.slice(Math.max(0, at - 40), at + form.length + 10)
        return [{ location, source, encoding, excerpt }]
      }
    }
    return []
  })
}

/**
 * What to search besides the telemetry and the output of the program.
 * @since 0.1.0
 * @category models
 */
export interface CanaryOptions {
  /** Files and directories to search after the program ends. */
  readonly files?: ReadonlyArray<string>
  /** Other outputs, read after the program ends, such as request bodies of a server or the stderr of a child process. */
  readonly sources?: Readonly<Record<string, Effect.Effect<string | Uint8Array>>>
}

/**
 * The leaks, and everything that was searched.
 * @since 0.1.0
 * @category models
 */
export interface CanaryReport<A, E> {
  readonly exit: Exit.Exit<A, E>
  readonly planted: PlantedSecrets
  readonly leaks: ReadonlyArray<Leak>
  /** All output by source: `spans`, `logs`, `metrics`, `console`, `stderr`, files by path, and the given sources. */
  readonly emitted: Readonly<Record<string, string>>
}

const read = (path: string): ReadonlyArray<readonly [string, string]> => {
  if (!existsSync(path)) return []
  return statSync(path).isDirectory()
    ? readdirSync(path).flatMap((name) => read(join(path, name)))
    : [[path, readFileSync(path, "latin1")]]
}

const bigints = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? value.toString() : value instanceof Map ? [...value] : value

/** Captures telemetry at the point where exporters receive it. */
const captureTelemetry = (spans: Array<string>, records: Array<string>): Layer.Layer<never> => {
  const processor: SpanProcessor = {
    onStart: () => {},
    onEnd: ({ attributes, events, links, name, resource, status }) => {
      spans.push(JSON.stringify({ name, attributes, events, links, status, resource: resource.attributes }))
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve()
  }
  const sink = Layer.effectDiscard(
    LogPipeline.LogRecords.use((all) =>
      all.add({ lines: false, write: (record) => void records.push(JSON.stringify(record, bigints)) })
    )
  ).pipe(Layer.provideMerge(LogPipeline.layer))
  return Layer.mergeAll(Tracer.layerProcessor(Effect.succeed(processor)), sink, Metrics.layer)
}

/** Collects all metrics as a metric reader does. */
const collectMetrics = Effect.flatMap(MetricProducer.make(), (producer) =>
  Effect.promise(() => producer.collect())
).pipe(Effect.provide(Settings.layer))

/** Captures the output of Effect's console. */
const captureConsole = (console: Console.Console, lines: Array<string>): Console.Console => {
  const write = (...args: ReadonlyArray<unknown>) => void lines.push(format(...args))
  return { ...console, log: write, error: write, info: write, warn: write, debug: write, trace: write }
}

/**
 * Runs a program with planted secrets and searches everything that it emits, at every log level. The program gets its own
 * metrics and telemetry layers, and an environment with one more secret. Provide exporting layers inside the program.
 * @since 0.1.0
 * @category combinators
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codex } from "effect-codex"
 * import { Canary, Scripted, TestLayer } from "effect-codex/testing"
 *
 * const leaks = Canary.run((planted) =>
 *   Effect.gen(function* () {
 *     yield* Scripted.play([Scripted.message(planted.message)])
 *     const thread = yield* Codex.use(({ startThread }) => startThread())
 *     yield* thread.run(planted.prompt)
 *   }).pipe(Effect.scoped, Effect.provide(TestLayer))
 * ).pipe(Effect.map((report) => report.leaks))
 * ```
 */
export const run = <A, E, R>(
  program: (planted: PlantedSecrets) => Effect.Effect<A, E, R>,
  options: CanaryOptions = {}
): Effect.Effect<CanaryReport<A, E>, never, R> =>
  Effect.gen(function* () {
    const planted = yield* plant
    const spans: Array<string> = []
    const records: Array<string> = []
    const lines: Array<string> = []
    const stderr: Array<string> = []
    const registry: Context.Service.Shape<typeof Metric.MetricRegistry> = new Map()
    const environment = { ...(yield* Settings.Environment), [planted.variable]: planted.environment }

    const environmentLayer = Layer.succeedContext(
      Context.make(Metric.MetricRegistry, registry).pipe(
        Context.add(Settings.Environment, environment),
        Context.add(Stderr, (text) => void stderr.push(text)),
        Context.add(Console.Console, captureConsole(yield* Console.Console, lines)),
        Context.add(References.MinimumLogLevel, "All")
      )
    )
    const scope = yield* Scope.make()
    const services = yield* Layer.buildWithMemoMap(
      captureTelemetry(spans, records).pipe(Layer.provideMerge(environmentLayer)),
      // A new memo map, because layers that are already built use another environment.
      Layer.makeMemoMapUnsafe(),
      scope
    )
    const exit = yield* program(planted).pipe(
      Effect.updateContext((outer: Context.Context<R>) =>
        Context.merge(outer, services).pipe(
          Context.add(Captured.Watched, { loggers: Context.get(services, Logger.CurrentLoggers), registry })
        )
      ),
      Effect.exit,
      Effect.onExit(() => Scope.close(scope, Exit.void))
    )

    const emitted: Record<string, string> = {
      spans: spans.join("\n"),
      logs: records.join("\n"),
      metrics: JSON.stringify(yield* Effect.provideContext(collectMetrics, services), bigints),
      console: lines.join("\n"),
      stderr: stderr.join(""),
      ...Object.fromEntries((options.files ?? []).flatMap(read))
    }
    for (const [name, source] of Object.entries(options.sources ?? {})) emitted[name] = asText(yield* source)
    const leaks = Object.entries(emitted).flatMap(([source, text]) => find(planted, source, text))
    return { exit, planted, leaks, emitted }
  })

/**
 * Runs the program as `run` does, and fails if any secret leaked.
 * @since 0.1.0
 * @category assertions
 * @example
 * ```ts
 * import { it } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { Codex } from "effect-codex"
 * import { Canary, Scripted, TestLayer } from "effect-codex/testing"
 *
 * it.effect("leaks nothing", () =>
 *   Canary.check((planted) =>
 *     Effect.gen(function* () {
 *       yield* Scripted.play([Scripted.command("npm test", { output: planted.output }), Scripted.message("Done.")])
 *       const thread = yield* Codex.use(({ startThread }) => startThread())
 *       yield* thread.run(planted.prompt)
 *     }).pipe(Effect.scoped, Effect.provide(TestLayer))
 *   )
 * )
 * ```
 */
export const check = <A, E, R>(
  program: (planted: PlantedSecrets) => Effect.Effect<A, E, R>,
  options: CanaryOptions = {}
): Effect.Effect<CanaryReport<A, E>, CanaryError, R> =>
  Effect.flatMap(run(program, options), (report) =>
    report.leaks.length === 0 ? Effect.succeed(report) : Effect.fail(new CanaryError({ leaks: report.leaks }))
  )
