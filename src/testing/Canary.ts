/** Secrets planted wherever content may be, and a search for them in everything that a program emits. */
import type { SpanProcessor } from "@opentelemetry/sdk-trace-base"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
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

/** Where a secret is planted. */
export const places = [
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
export type LeakLocation = (typeof places)[number]

/**
 * One secret for each place, each another one and unlike any known token, so that nothing can be masked by its form:
 * what is not emitted is not found. `token` has the form of a key of OpenAI and `environment` is the value of
 * `variable`: those must not be seen even where content is asked for.
 */
export interface Planted extends Readonly<Record<LeakLocation, string>> {
  readonly token: string
  readonly variable: string
}

/** A secret that got out: which, where to, and how it was written there. */
export interface Leak {
  readonly place: LeakLocation | "token"
  readonly source: string
  readonly encoding: string
  /** What stands around it. */
  readonly excerpt: string
}

export class CanaryError extends Data.TaggedError("CanaryError")<{ readonly leaks: ReadonlyArray<Leak> }> {
  override get message() {
    const each = this.leaks.map(
      ({ encoding, excerpt, place, source }) => `${place} in ${source}, ${encoding}: …${excerpt}…`
    )
    return `CanaryError: ${this.leaks.length} secrets got out:\n${each.join("\n")}`
  }
}

const letters = "abcdefghijkmnopqrstuvwxyz"
// Letters alone, and one character that JSON, URLs and shells each write in a way of their own.
const word = (length: number) =>
  [...randomBytes(length)].map((byte) => letters[byte % letters.length]).join("")

/** Fresh secrets. */
export const plant: Effect.Effect<Planted> = Effect.sync(() => {
  const secret = (place: string) => `${place} ${word(10)}"${word(10)}`
  return {
    prompt: secret("prompt"),
    message: secret("message"),
    argument: secret("argument"),
    result: secret("result"),
    output: secret("output"),
    command: word(20),
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

// Whole characters in the middle of base64 are the same whatever stands before: there are three ways to lie in it.
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
    ["backwards", [...secret].toReversed().join("")],
    ...base64(secret),
    // Half of it is half a leak.
    ["its beginning", secret.slice(0, 16)],
    ["its end", secret.slice(-10)]
  ]
}

const asText = (bytes: string | Uint8Array): string =>
  typeof bytes === "string" ? bytes : Buffer.from(bytes).toString("latin1")

/** The secrets that are in `bytes`, each by the first encoding that it is found in. */
export const find = (planted: Planted, source: string, bytes: string | Uint8Array): ReadonlyArray<Leak> => {
  const text = asText(bytes)
  return [...places, "token" as const].flatMap((place) => {
    for (const [encoding, form] of encodings(planted[place])) {
      const at = text.indexOf(form)
      if (at >= 0) {
        const excerpt = text.slice(Math.max(0, at - 40), at + form.length + 10)
        return [{ place, source, encoding, excerpt }]
      }
    }
    return []
  })
}

export interface CanaryOptions {
  /** Files and folders that are written to: everything in them is looked at when the program has ended. */
  readonly files?: ReadonlyArray<string>
  /** What else got out, read when the program has ended: bodies that a server received, stderr of a child. */
  readonly sources?: Readonly<Record<string, Effect.Effect<string | Uint8Array>>>
}

/** What was found, and all that was looked at. */
export interface CanaryReport<A, E> {
  readonly exit: Exit.Exit<A, E>
  readonly planted: Planted
  readonly leaks: ReadonlyArray<Leak>
  /** What was emitted, by where to: `spans`, `logs`, `metrics`, `console`, `stderr`, files by their paths, sources. */
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

/** What a program emits while it is in use, as it is where exporters take it. */
const taking = (spans: Array<string>, records: Array<string>): Layer.Layer<never> => {
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

/** All metrics, as readers collect them. */
const collected = Effect.flatMap(MetricProducer.make(), (producer) =>
  Effect.promise(() => producer.collect())
).pipe(Effect.provide(Settings.layer))

/** The console of Effect, written down. */
const written = (console: Console.Console, lines: Array<string>): Console.Console => {
  const write = (...args: ReadonlyArray<unknown>) => void lines.push(format(...args))
  return { ...console, log: write, error: write, info: write, warn: write, debug: write, trace: write }
}

/**
 * Runs a program with planted secrets and looks for them in everything that it emits, at every level of logs. Metrics
 * and layers of telemetry are its own, and its environment has one secret more: layers that export are provided inside.
 */
export const run = <A, E, R>(
  program: (planted: Planted) => Effect.Effect<A, E, R>,
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

    const surroundings = Layer.succeedContext(
      Context.make(Metric.MetricRegistry, registry).pipe(
        Context.add(Settings.Environment, environment),
        Context.add(Stderr, (text) => void stderr.push(text)),
        Context.add(Console.Console, written(yield* Console.Console, lines)),
        Context.add(References.MinimumLogLevel, "All")
      )
    )
    const scope = yield* Scope.make()
    const services = yield* Layer.buildWithMemoMap(
      taking(spans, records).pipe(Layer.provideMerge(surroundings)),
      // Not what is already there: it knows nothing of this environment.
      Layer.makeMemoMapUnsafe(),
      scope
    )
    const exit = yield* program(planted).pipe(
      Effect.updateContext((outer: Context.Context<R>) => Context.merge(outer, services)),
      Effect.exit,
      Effect.onExit(() => Scope.close(scope, Exit.void))
    )

    const emitted: Record<string, string> = {
      spans: spans.join("\n"),
      logs: records.join("\n"),
      metrics: JSON.stringify(yield* Effect.provideContext(collected, services), bigints),
      console: lines.join("\n"),
      stderr: stderr.join(""),
      ...Object.fromEntries((options.files ?? []).flatMap(read))
    }
    for (const [name, source] of Object.entries(options.sources ?? {})) emitted[name] = asText(yield* source)
    const leaks = Object.entries(emitted).flatMap(([source, text]) => find(planted, source, text))
    return { exit, planted, leaks, emitted }
  })

/** The same, failing when anything got out. */
export const check = <A, E, R>(
  program: (planted: Planted) => Effect.Effect<A, E, R>,
  options: CanaryOptions = {}
): Effect.Effect<CanaryReport<A, E>, CanaryError, R> =>
  Effect.flatMap(run(program, options), (report) =>
    report.leaks.length === 0 ? Effect.succeed(report) : Effect.fail(new CanaryError({ leaks: report.leaks }))
  )
