/** The instruments of all metrics: name, kind, unit, buckets and description. The docs are generated from them. */
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import * as Convention from "./Convention.ts"

/** The attributes of a measurement. An undefined attribute is omitted. */
export type Labels = Readonly<Record<string, string | undefined>>

/** One metric. `update` is synchronous and writes to the metric registry of the context. */
export interface Instrument {
  readonly name: string
  readonly kind: "counter" | "gauge" | "histogram"
  readonly unit: string
  readonly description: string
  readonly boundaries: ReadonlyArray<number>
  readonly update: (value: number, labels: Labels, context: Context.Context<never>) => void
  readonly updateAll: (values: ReadonlyArray<number>, labels: Labels, context: Context.Context<never>) => void
}

type Definition = Pick<Instrument, "name" | "unit" | "description">

const instrument = (
  definition: Definition,
  kind: Instrument["kind"],
  boundaries: ReadonlyArray<number>,
  metric: Metric.Metric<number, unknown>
): Instrument => ({
  ...definition,
  kind,
  boundaries,
  update: (value, labels, context) => metric.updateUnsafe(value, labelled(labels, context)),
  // Finds the series once, because that is most of the cost of an update.
  updateAll: (values, labels, context) => {
    const series = labelled(labels, context)
    for (const value of values) metric.updateUnsafe(value, series)
  }
})

/** Returns a context with the labels of the series, as `Metric.withAttributes` creates for every update. */
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

/** The bucket boundaries for each kind of value. Durations are in seconds. */
export const buckets = {
  request: powers(0.01, 2, 14),
  turn: powers(0.1, 2, 13),
  part: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200],
  tokens: powers(1, 4, 14),
  calls: powers(1, 2, 8)
}

const { metric, v1_41 } = Convention

const requestDuration = "The duration of model requests, including failed and interrupted ones."
const firstChunk = "The time from the start of a model request to its first output."
const outputChunk = "The time between two consecutive chunks of model output."

/** The instruments that have other names in v1.41. */
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

/** Returns the instruments of a model request that both revisions have, with the names of a revision. */
export const inference = (revision: Convention.Revision) => renamed[revision]

/** The token metric of v1.41: one histogram with the label `gen_ai.token.type`. */
export const tokenUsage = histogram(
  v1_41.metric.tokenUsage,
  "{token}",
  buckets.tokens,
  "The tokens of model requests. Input includes cached tokens, output includes reasoning."
)

/** The token metrics of the latest revision. */
export const tokens = {
  input: counter(metric.inputTokens, "{token}", "Input tokens of the model, including cached tokens."),
  output: counter(metric.outputTokens, "{token}", "Output tokens of the model, including reasoning."),
  cached: counter(metric.cachedTokens, "{token}", "Input tokens that the provider read from its cache."),
  cacheWrite: counter(
    metric.cacheWriteTokens,
    "{token}",
    "Input tokens that the provider wrote to its cache."
  ),
  reasoning: counter(metric.reasoningTokens, "{token}", "Output tokens that the model used for reasoning."),
  requestInput: histogram(
    metric.requestInputTokens,
    "{token}",
    buckets.tokens,
    "Input tokens of one model request."
  ),
  requestOutput: histogram(
    metric.requestOutputTokens,
    "{token}",
    buckets.tokens,
    "Output tokens of one model request."
  )
}

export const turn = {
  duration: histogram(metric.invokeAgentDuration, "s", buckets.turn, "The duration of turns."),
  inferenceCalls: histogram(
    metric.inferenceCalls,
    "{inference_call}",
    buckets.calls,
    "Model requests of one turn."
  ),
  toolCalls: histogram(metric.toolCalls, "{tool_call}", buckets.calls, "Tool calls of one turn."),
  componentDuration: histogram(
    metric.componentDuration,
    "s",
    buckets.part,
    "How the time of a turn was spent. The four components sum to the duration of the turn."
  ),
  cost: counter(
    metric.cost,
    "{USD}",
    "The cost of turns in US dollars, by the prices that the program provides. Turns of sub-agents count separately."
  ),
  errors: counter(metric.errors, "{error}", "Failed turns and starts, by error type and class.")
}

export const tool = {
  duration: histogram(
    metric.executeToolDuration,
    "s",
    buckets.request,
    "The duration of tool calls, including the wait for approval."
  ),
  commands: counter(metric.commandCount, "{command}", "Commands that ran, by success (exit code 0)."),
  exec: histogram(
    metric.execDuration,
    "s",
    buckets.part,
    "The duration of the commands that the program runs with `codex.exec`."
  ),
  lines: counter(metric.fileChangeLines, "{line}", "Lines that patches added and removed."),
  fileOperations: counter(metric.fileOperations, "{operation}", "File operations of tool calls, by kind.")
}

export const approval = {
  duration: histogram(
    metric.approvalDuration,
    "s",
    buckets.part,
    "The time from an approval request to its decision."
  ),
  count: counter(
    metric.approvalCount,
    "{request}",
    "Approval requests, by kind, decision and source of the decision."
  )
}

/** Durable turns. The gauges are those of the whole database, so every worker of it has the same values. */
export const durable = {
  turns: gauge(
    metric.durableTurns,
    "{turn}",
    "Turns of the database that have not ended: in the queue, running, and waiting for an answer."
  ),
  queueAge: gauge(
    metric.durableQueueAge,
    "s",
    "The time since the submission of the oldest turn in the queue."
  ),
  queueWait: histogram(
    metric.durableQueueWait,
    "s",
    buckets.part,
    "The time from the submission of a turn until a worker takes it for the first time."
  ),
  duration: histogram(
    metric.durableDuration,
    "s",
    buckets.part,
    "The time from the submission of a turn to its outcome."
  ),
  attaches: counter(
    metric.durableAttaches,
    "{turn}",
    "Turns that a worker found in Codex, running or ended, and did not start again."
  ),
  failovers: counter(
    metric.durableFailovers,
    "{turn}",
    "Turns that continued after a worker, an engine or a machine was lost."
  ),
  locks: counter(
    metric.durableLocks,
    "{lock}",
    "Locks of database files that a worker took or did not get, and turns that a worker lost to another one."
  ),
  approvals: gauge(metric.durableApprovals, "{request}", "Approvals and questions that wait for an answer."),
  approvalAge: gauge(
    metric.durableApprovalAge,
    "s",
    "The time since the oldest approval or question that waits was asked."
  )
}

/** The connection to an engine behind a socket. */
export const engine = {
  reconnects: histogram(
    metric.reconnectDuration,
    "s",
    buckets.part,
    "The time from the break of a connection until it works again or is given up."
  )
}

/** Engine hosts, as their clients see them. */
export const host = {
  duration: histogram(
    metric.hostDuration,
    "s",
    buckets.part,
    "The duration of starting, finding, draining and stopping an engine host."
  ),
  processes: gauge(metric.hostProcesses, "{process}", "Codex processes of the engine host, by state."),
  clients: gauge(metric.hostClients, "{client}", "Programs that are connected to the engine host."),
  restarts: gauge(
    metric.hostRestarts,
    "{restart}",
    "How often Codex ended by itself and the engine host started it again."
  )
}

/** The limits of the account. */
export const limit = {
  used: gauge(metric.limitUsed, "1", "The used share of a limit of the account, from 0 to 1.")
}

export const attachment = {
  staged: counter(metric.attachmentStaged, "{file}", "Input files that were staged."),
  cleaned: counter(metric.attachmentCleaned, "{file}", "Staged files that were removed."),
  bytes: counter(metric.attachmentBytes, "By", "The total size of the input files that were staged.")
}

/** Metrics about telemetry itself. */
export const telemetry = {
  exported: counter(
    metric.telemetryExported,
    "{record}",
    "Spans, log records and metrics that a receiver accepted."
  ),
  dropped: counter(
    metric.telemetryDropped,
    "{record}",
    "Spans, log records and metrics that were lost, by reason."
  ),
  spooled: counter(
    metric.telemetrySpooled,
    "{record}",
    "Records written to the spool before they were sent."
  ),
  queue: gauge(metric.telemetryQueue, "{record}", "Records that wait to be sent."),
  turns: counter(metric.samplingTurns, "{turn}", "Turns that tail sampling kept or dropped, by reason.")
}

/** All instruments. */
export const all: ReadonlyArray<Instrument> = [
  ...Object.values(renamed.latest),
  ...Object.values(tokens),
  ...Object.values(turn),
  ...Object.values(tool),
  ...Object.values(approval),
  ...Object.values(durable),
  ...Object.values(engine),
  ...Object.values(host),
  ...Object.values(limit),
  ...Object.values(attachment),
  ...Object.values(telemetry),
  ...Object.values(renamed["1.41"]),
  tokenUsage
]
