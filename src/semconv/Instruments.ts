/** Every metric of ours: its name, kind, unit, buckets, and what it tells. The metrics and their docs are made of these. */
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import * as Convention from "./Convention.ts"

/** Attributes as they are recorded; what is undefined is left out. */
export type Labels = Readonly<Record<string, string | undefined>>

/** One metric. `update` is synchronous and goes to the registry of the context. */
export interface Instrument {
  readonly name: string
  readonly kind: "counter" | "gauge" | "histogram"
  readonly unit: string
  readonly description: string
  readonly boundaries: ReadonlyArray<number>
  readonly update: (value: number, labels: Labels, context: Context.Context<never>) => void
  readonly updateAll: (values: ReadonlyArray<number>, labels: Labels, context: Context.Context<never>) => void
}

type Words = Pick<Instrument, "name" | "unit" | "description">

const instrument = (
  words: Words,
  kind: Instrument["kind"],
  boundaries: ReadonlyArray<number>,
  metric: Metric.Metric<number, unknown>
): Instrument => ({
  ...words,
  kind,
  boundaries,
  update: (value, labels, context) => metric.updateUnsafe(value, labelled(labels, context)),
  // The series is found once, which is nearly all that an update costs.
  updateAll: (values, labels, context) => {
    const series = labelled(labels, context)
    for (const value of values) metric.updateUnsafe(value, series)
  }
})

/** What `Metric.withAttributes` makes for every update: a context that names the series. */
const labelled = (labels: Labels, context: Context.Context<never>): Context.Context<never> => {
  const given: Record<string, string> = { ...Context.get(context, Metric.CurrentMetricAttributes) }
  for (const key in labels) {
    const label = labels[key]
    if (label !== undefined) given[key] = label
  }
  return Context.add(context, Metric.CurrentMetricAttributes, given)
}

const counter = (name: string, unit: string, description: string): Instrument =>
  instrument(
    { name, unit, description },
    "counter",
    [],
    Metric.counter(name, { description, incremental: true })
  )

const gauge = (name: string, unit: string, description: string): Instrument =>
  instrument({ name, unit, description }, "gauge", [], Metric.gauge(name, { description }))

const histogram = (
  name: string,
  unit: string,
  boundaries: ReadonlyArray<number>,
  description: string
): Instrument =>
  instrument(
    { name, unit, description },
    "histogram",
    boundaries,
    Metric.histogram(name, { description, boundaries })
  )

const powers = (first: number, factor: number, count: number): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, power) => Number((first * factor ** power).toPrecision(12)))

/** Buckets by what is measured; durations are in seconds. */
export const buckets = {
  request: powers(0.01, 2, 14),
  turn: powers(0.1, 2, 13),
  part: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200],
  tokens: powers(1, 4, 14),
  calls: powers(1, 2, 8)
}

const { metric, v1_41 } = Convention

const requestDuration = "How long requests to the model took, failed attempts and those cut short included."
const firstChunk = "How long the model took to its first output."
const outputChunk = "How long the model took from one piece of its output to the next."

/** What v1.41 has other names for. */
const renamed = {
  latest: {
    inferenceDuration: histogram(metric.inferenceDuration, "s", buckets.request, requestDuration),
    timeToFirstChunk: histogram(metric.timeToFirstChunk, "s", buckets.request, firstChunk),
    timePerOutputChunk: histogram(metric.timePerOutputChunk, "s", buckets.request, outputChunk)
  },
  "1.41": {
    inferenceDuration: histogram(v1_41.metric.inferenceDuration, "s", buckets.request, requestDuration),
    timeToFirstChunk: histogram(v1_41.metric.timeToFirstChunk, "s", buckets.request, firstChunk),
    timePerOutputChunk: histogram(v1_41.metric.timePerOutputChunk, "s", buckets.request, outputChunk)
  }
}

/** The instruments of a model request that both revisions have, by the revision. */
export const inference = (revision: Convention.Revision) => renamed[revision]

/** Tokens in v1.41: one histogram, split by `gen_ai.token.type`. */
export const tokenUsage = histogram(
  v1_41.metric.tokenUsage,
  "{token}",
  buckets.tokens,
  "Tokens of requests to the model; cached ones are part of input, reasoning part of output."
)

/** Tokens in the latest revision. */
export const tokens = {
  input: counter(metric.inputTokens, "{token}", "Tokens sent to the model, cached ones included."),
  output: counter(metric.outputTokens, "{token}", "Tokens that came from the model, reasoning included."),
  cached: counter(metric.cachedTokens, "{token}", "Tokens of the input that the provider had in its cache."),
  cacheWrite: counter(
    metric.cacheWriteTokens,
    "{token}",
    "Tokens of the input that the provider put into its cache."
  ),
  reasoning: counter(metric.reasoningTokens, "{token}", "Tokens of the output that were reasoning."),
  requestInput: histogram(
    metric.requestInputTokens,
    "{token}",
    buckets.tokens,
    "Input tokens of one request."
  ),
  requestOutput: histogram(
    metric.requestOutputTokens,
    "{token}",
    buckets.tokens,
    "Output tokens of one request."
  )
}

export const turn = {
  duration: histogram(metric.invokeAgentDuration, "s", buckets.turn, "How long turns took."),
  inferenceCalls: histogram(
    metric.inferenceCalls,
    "{inference_call}",
    buckets.calls,
    "Requests to the model in one turn."
  ),
  toolCalls: histogram(metric.toolCalls, "{tool_call}", buckets.calls, "Calls of tools in one turn."),
  componentDuration: histogram(
    metric.componentDuration,
    "s",
    buckets.part,
    "Where the time of turns went: the four components sum to the turn."
  ),
  errors: counter(metric.errors, "{error}", "Turns that failed, by what went wrong and its class.")
}

export const tool = {
  duration: histogram(
    metric.executeToolDuration,
    "s",
    buckets.request,
    "How long calls of tools took, the wait for approval included."
  ),
  commands: counter(metric.commandCount, "{command}", "Commands that ran, by whether they exited with 0."),
  lines: counter(metric.fileChangeLines, "{line}", "Lines that patches added and removed."),
  fileOperations: counter(metric.fileOperations, "{operation}", "What was done with files, by kind.")
}

export const approval = {
  duration: histogram(metric.approvalDuration, "s", buckets.part, "How long decisions took."),
  count: counter(
    metric.approvalCount,
    "{request}",
    "What the agent asked for, by what was decided and by whom."
  )
}

export const attachment = {
  staged: counter(metric.attachmentStaged, "{file}", "Input files that were staged."),
  cleaned: counter(metric.attachmentCleaned, "{file}", "Staged files that were removed."),
  bytes: counter(metric.attachmentBytes, "By", "Size of the input files that were staged.")
}

/** What telemetry says of itself. */
export const telemetry = {
  exported: counter(
    metric.telemetryExported,
    "{record}",
    "Spans, log records and metrics that a receiver took."
  ),
  dropped: counter(
    metric.telemetryDropped,
    "{record}",
    "Spans, log records and metrics that were lost, and why."
  ),
  spooled: counter(metric.telemetrySpooled, "{record}", "Records written to disk before they were sent."),
  queue: gauge(metric.telemetryQueue, "{record}", "Records that wait to be sent."),
  turns: counter(
    metric.samplingTurns,
    "{turn}",
    "Turns that tail sampling decided on: why they are kept, or that they are left out."
  )
}

/** All of them. */
export const all: ReadonlyArray<Instrument> = [
  ...Object.values(renamed.latest),
  ...Object.values(tokens),
  ...Object.values(turn),
  ...Object.values(tool),
  ...Object.values(approval),
  ...Object.values(attachment),
  ...Object.values(telemetry),
  ...Object.values(renamed["1.41"]),
  tokenUsage
]
