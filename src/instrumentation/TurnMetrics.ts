/** Records signals as metrics: which instrument, which value and which labels. */
import * as Context from "effect/Context"
import type * as Turn from "../domain/Turn.ts"
import * as Convention from "../semconv/Convention.ts"
import * as Revision from "../semconv/Revision.ts"
import type * as Signal from "./Signal.ts"
import type * as SignalBus from "./SignalBus.ts"
import * as Instruments from "../semconv/Instruments.ts"

const { attribute, operation } = Convention

/** The team label of all metrics: a value from a small set of names. */
export const Team = Context.Reference<string | undefined>("effect-codex/telemetry/Metrics/Team", {
  defaultValue: () => undefined
})

type Labels = Instruments.Labels

const seconds = (ms: number): number => ms / 1000

// A model may invent tool names, and a program may use user names as teams. Each label therefore has at most this many
// values; further values are recorded as `_OTHER`.
const maxValues = 100

const limiter = () => {
  const known = new Map<string, Set<string>>()
  return (key: string, value: string | undefined): string | undefined => {
    if (value === undefined) return undefined
    const values = known.get(key) ?? new Set()
    known.set(key, values)
    if (values.has(value)) return value
    if (values.size >= maxValues || value.length > 128) return Convention.errorType.other
    values.add(value)
    return value
  }
}

const errorTypeOf = (end: Signal.SignalEnd): string | undefined =>
  end._tag === "Error" ? end.errorType : undefined

/** Writes measurements of one instrument that have the same labels. */
export type Write = (
  instrument: Instruments.Instrument,
  values: ReadonlyArray<number>,
  labels: Labels,
  context: Context.Context<never>
) => void

const toRegistry: Write = (instrument, values, labels, context) =>
  instrument.updateAll(values, labels, context)

/**
 * Makes a listener that writes metrics, by default to the registry of the turn's context. Its only state is the set of
 * known label values.
 */
export const make = (write: Write = toRegistry): SignalBus.SignalListener => {
  const limited = limiter()

  return ({ attributes, model, provider, sandbox, signal }, context) => {
    const originator = attributes[attribute.originator]
    const base: Labels = {
      [attribute.originator]: typeof originator === "string" ? originator : "sdk",
      [attribute.team]: limited(attribute.team, Context.get(context, Team))
    }
    const record = (instrument: Instruments.Instrument, value: number, labels: Labels = {}) =>
      write(instrument, [value], { ...base, ...labels }, context)
    const errorType = (value: string | undefined): Labels => ({
      [attribute.errorType]: limited(attribute.errorType, value)
    })

    switch (signal._tag) {
      case "ModelStop": {
        const revision = Revision.revisionOf(context)
        const { inferenceDuration, timePerOutputChunk, timeToFirstChunk } = Instruments.inference(revision)
        const { chunkGapsMillis, durationMillis, end, timeToFirstTokenMillis, usage } = signal
        const request: Labels = {
          [attribute.operationName]: operation.chat,
          [attribute.providerName]: limited(attribute.providerName, provider),
          [attribute.requestModel]: limited(attribute.requestModel, model),
          [attribute.responseModel]: end._tag === "Error" ? undefined : limited(attribute.requestModel, model)
        }
        const failure: Labels = {
          ...errorType(errorTypeOf(end)),
          [attribute.httpStatus]:
            end._tag === "Error" && end.status !== undefined ? String(end.status) : undefined
        }
        record(inferenceDuration, seconds(durationMillis), { ...request, ...failure })
        if (timeToFirstTokenMillis !== undefined)
          record(timeToFirstChunk, seconds(timeToFirstTokenMillis), request)
        write(timePerOutputChunk, chunkGapsMillis.map(seconds), { ...base, ...request }, context)
        if (usage === undefined) return
        if (revision === "1.41") return recordTokenUsage(record, usage, request)
        return recordTokens(record, usage, request)
      }
      case "ToolStop":
        return record(Instruments.tool.duration, seconds(signal.durationMillis), {
          [attribute.operationName]: operation.executeTool,
          [attribute.toolName]: limited(attribute.toolName, signal.tool),
          [attribute.toolType]: signal.type,
          ...errorType(errorTypeOf(signal.end))
        })
      case "CommandStop":
        return record(Instruments.tool.commands, 1, {
          [attribute.commandSuccess]:
            signal.end._tag === "Background" ? "background" : String(signal.end._tag === "Ok"),
          [attribute.sandbox]: sandbox ?? "default"
        })
      case "FileOperations": {
        for (const { kind } of signal.operations) {
          record(Instruments.tool.fileOperations, 1, { [attribute.fileOperation]: kind })
        }
        return
      }
      case "FilesChanged":
        record(Instruments.tool.lines, signal.added, { [attribute.lineType]: "added" })
        return record(Instruments.tool.lines, signal.removed, { [attribute.lineType]: "removed" })
      case "ApprovalStop": {
        const decided: Labels = {
          [attribute.approvalKind]: signal.kind,
          [attribute.approvalDecision]: signal.decision,
          [attribute.approvalSource]: signal.source
        }
        record(Instruments.approval.duration, seconds(signal.durationMillis), decided)
        return record(Instruments.approval.count, 1, decided)
      }
      case "TurnStop": {
        const { end, modelCalls, time, toolCalls } = signal
        const agent: Labels = { [attribute.agentName]: Convention.agent }
        const error = typeof end === "string" || end._tag === "TurnInterrupted" ? undefined : end
        record(Instruments.turn.duration, seconds(signal.durationMillis), {
          [attribute.operationName]: operation.invokeAgent,
          ...agent,
          ...errorType(error?.errorType)
        })
        if (signal.cost !== undefined)
          record(Instruments.turn.cost, signal.cost, {
            [attribute.requestModel]: limited(attribute.requestModel, model)
          })
        record(Instruments.turn.inferenceCalls, modelCalls, agent)
        record(Instruments.turn.toolCalls, toolCalls, agent)
        for (const component of ["thinking", "tools", "approval", "overhead"] as const) {
          record(Instruments.turn.componentDuration, seconds(time[`${component}Millis`]), {
            [attribute.component]: component
          })
        }
        if (error === undefined) return
        return record(Instruments.turn.errors, 1, {
          ...errorType(error.errorType),
          [attribute.errorClass]: error.class
        })
      }
      case "StartFailed":
        return record(Instruments.turn.errors, 1, {
          ...errorType(signal.errorType),
          [attribute.errorClass]: signal.error?.class ?? "unknown"
        })
      case "ExecStop":
        return record(Instruments.tool.exec, seconds(signal.durationMillis), {
          [attribute.sandbox]: signal.sandbox,
          ...errorType(errorTypeOf(signal.end))
        })
      case "LimitUpdated":
        return record(Instruments.limit.used, signal.usedPercent / 100, {
          [attribute.limitId]: limited(attribute.limitId, signal.limit),
          [attribute.limitWindow]: signal.window
        })
      case "DurableStart": {
        const { queueWaitMillis, reason } = signal
        if (queueWaitMillis !== undefined) record(Instruments.durable.queueWait, seconds(queueWaitMillis))
        if (reason === "worker_lost" || reason === "engine_lost")
          record(Instruments.durable.failovers, 1, { [attribute.durableReason]: reason })
        return
      }
      case "DurableMove":
        return record(Instruments.durable.failovers, 1, { [attribute.durableReason]: "machine_lost" })
      case "DurableAttach":
        return record(Instruments.durable.attaches, 1, { [attribute.durableFound]: signal.found })
      case "DurableStop":
        return record(Instruments.durable.duration, seconds(signal.durationMillis), {
          [attribute.durableStatus]: signal.status,
          ...errorType(signal.errorType)
        })
      case "QueueUpdate": {
        const counts = signal.counts.map((count) => ({ ...count, team: limited(attribute.team, count.team) }))
        for (const { count, oldestMillis, status, team } of summed(counts)) {
          const labels: Labels = { [attribute.team]: team }
          if (status === undefined) {
            record(Instruments.durable.approvals, count, labels)
            record(Instruments.durable.approvalAge, seconds(oldestMillis), labels)
            continue
          }
          record(Instruments.durable.turns, count, { ...labels, [attribute.durableStatus]: status })
          if (status === "submitted") record(Instruments.durable.queueAge, seconds(oldestMillis), labels)
        }
        return
      }
      case "StateLock":
        return record(Instruments.durable.locks, 1, { [attribute.lockResult]: signal.result })
      case "Reconnect":
        return record(Instruments.engine.reconnects, seconds(signal.durationMillis), {
          ...errorType(errorTypeOf(signal.end))
        })
      case "HostStop":
        return record(Instruments.host.duration, seconds(signal.durationMillis), {
          [attribute.hostOperation]: signal.operation,
          ...errorType(errorTypeOf(signal.end))
        })
      case "HostUpdate": {
        for (const state of ["running", "draining", "restarting"] as const)
          record(Instruments.host.processes, signal.processes[state], { [attribute.hostState]: state })
        if (signal.clients !== undefined) record(Instruments.host.clients, signal.clients)
        return record(Instruments.host.restarts, signal.restarts)
      }
      case "AttachmentStop":
        if (signal.end._tag !== "Ok") return
        if (signal.stage === "cleanup") return record(Instruments.attachment.cleaned, signal.files)
        record(Instruments.attachment.staged, signal.files)
        return record(Instruments.attachment.bytes, signal.bytes)
    }
  }
}

/** Adds up the counts with the same labels: teams beyond the limit share one. */
const summed = (counts: ReadonlyArray<Signal.DurableCount>): Iterable<Signal.DurableCount> => {
  const byLabels = new Map<string, Signal.DurableCount>()
  for (const each of counts) {
    const id = JSON.stringify([each.status, each.team])
    const known = byLabels.get(id)
    byLabels.set(id, {
      ...each,
      count: each.count + (known?.count ?? 0),
      oldestMillis: Math.max(each.oldestMillis, known?.oldestMillis ?? 0)
    })
  }
  return byLabels.values()
}

type Record = (instrument: Instruments.Instrument, value: number, labels: Labels) => void

// Codex does not report the modality of tokens, which may include images.
const modality: Labels = { [attribute.tokenModality]: "unknown" }

const recordTokens = (record: Record, usage: Turn.Usage, request: Labels): void => {
  const { cached, cacheWrite, input, output, reasoning, requestInput, requestOutput } = Instruments.tokens
  record(input, usage.input, { ...request, ...modality })
  record(output, usage.output, { ...request, ...modality })
  record(cached, usage.cachedInput, { ...request, ...modality })
  if (usage.cacheWrite !== undefined) record(cacheWrite, usage.cacheWrite, { ...request, ...modality })
  record(reasoning, usage.reasoning, { ...request, ...modality })
  record(requestInput, usage.input, request)
  record(requestOutput, usage.output, request)
}

const recordTokenUsage = (record: Record, usage: Turn.Usage, request: Labels): void => {
  record(Instruments.tokenUsage, usage.input, { ...request, [attribute.tokenType]: "input" })
  record(Instruments.tokenUsage, usage.output, { ...request, [attribute.tokenType]: "output" })
}
