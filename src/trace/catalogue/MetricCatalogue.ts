/** The labels of each metric. A missing entry fails the type check. `Instruments` has kind, unit and buckets. */
import * as Convention from "../../semconv/Convention.ts"
import * as Instruments from "../../semconv/Instruments.ts"
import type { AttributePresence } from "./SpanCatalogue.ts"

/** The metrics of the convention, and `tokenUsage`, which exists only in v1.41. */
export type Metric = keyof typeof Convention.metric | "tokenUsage"

const ofAll = { originator: "always" } satisfies AttributePresence
const ofTurn = { ...ofAll, team: "if `Metrics.Team` is set" } satisfies AttributePresence
const ofDurable = {
  ...ofAll,
  team: "if the submission or `Metrics.Team` names one"
} satisfies AttributePresence
const ofDatabase = { ...ofAll, team: "if the submission names one" } satisfies AttributePresence
const ofRequest = {
  ...ofTurn,
  operationName: "always",
  providerName: "if the engine reports it",
  requestModel: "if the engine reports it",
  responseModel: "if the engine reports it, unless it failed"
} satisfies AttributePresence
const ofTokens = { ...ofRequest, tokenModality: "always" } satisfies AttributePresence
const ofAgent = { ...ofTurn, agentName: "always" } satisfies AttributePresence
const ofDecision = {
  ...ofTurn,
  approvalKind: "always",
  approvalDecision: "always",
  approvalSource: "always"
} satisfies AttributePresence

const failed = "on failure"

export const metrics: Readonly<Record<Metric, { readonly attributes: AttributePresence }>> = {
  inferenceDuration: {
    attributes: { ...ofRequest, errorType: failed, httpStatus: "if it failed with an HTTP status" }
  },
  timeToFirstChunk: {
    attributes: ofRequest
  },
  timePerOutputChunk: {
    attributes: ofRequest
  },
  inputTokens: {
    attributes: ofTokens
  },
  outputTokens: {
    attributes: ofTokens
  },
  cachedTokens: {
    attributes: ofTokens
  },
  cacheWriteTokens: {
    attributes: ofTokens
  },
  reasoningTokens: {
    attributes: ofTokens
  },
  requestInputTokens: {
    attributes: ofRequest
  },
  requestOutputTokens: {
    attributes: ofRequest
  },
  invokeAgentDuration: {
    attributes: { ...ofAgent, operationName: "always", errorType: failed }
  },
  inferenceCalls: {
    attributes: ofAgent
  },
  toolCalls: {
    attributes: ofAgent
  },
  executeToolDuration: {
    attributes: {
      ...ofTurn,
      operationName: "always",
      toolName: "always",
      toolType: "if Codex reports the type",
      errorType: failed
    }
  },
  componentDuration: {
    attributes: { ...ofTurn, component: "always" }
  },
  approvalDuration: {
    attributes: ofDecision
  },
  approvalCount: {
    attributes: ofDecision
  },
  commandCount: {
    attributes: { ...ofTurn, commandSuccess: "always", sandbox: "always" }
  },
  execDuration: {
    attributes: { ...ofTurn, sandbox: "always", errorType: failed }
  },
  fileChangeLines: {
    attributes: { ...ofTurn, lineType: "always" }
  },
  fileOperations: {
    attributes: { ...ofTurn, fileOperation: "always" }
  },
  durableTurns: {
    attributes: { ...ofDatabase, durableStatus: "always" }
  },
  durableQueueAge: {
    attributes: ofDatabase
  },
  durableQueueWait: {
    attributes: ofDurable
  },
  durableDuration: {
    attributes: { ...ofDurable, durableStatus: "always", errorType: failed }
  },
  durableAttaches: {
    attributes: { ...ofDurable, durableFound: "always" }
  },
  durableFailovers: {
    attributes: { ...ofDurable, durableReason: "always" }
  },
  durableLocks: {
    attributes: { ...ofTurn, lockResult: "always" }
  },
  durableApprovals: {
    attributes: ofDatabase
  },
  durableApprovalAge: {
    attributes: ofDatabase
  },
  reconnectDuration: {
    attributes: { ...ofTurn, errorType: "if the connection is given up" }
  },
  hostDuration: {
    attributes: { ...ofTurn, hostOperation: "always", errorType: failed }
  },
  hostProcesses: {
    attributes: { ...ofTurn, hostState: "always" }
  },
  hostClients: {
    attributes: ofTurn
  },
  hostRestarts: {
    attributes: ofTurn
  },
  attachmentStaged: {
    attributes: ofTurn
  },
  attachmentCleaned: {
    attributes: ofTurn
  },
  attachmentBytes: {
    attributes: ofTurn
  },
  limitUsed: {
    attributes: { ...ofTurn, limitId: "always", limitWindow: "always" }
  },
  cost: {
    attributes: { ...ofTurn, requestModel: "if known" }
  },
  errors: {
    attributes: { ...ofTurn, errorType: "always", errorClass: "always" }
  },
  telemetryExported: {
    attributes: { ...ofAll, telemetrySignal: "always" }
  },
  telemetryDropped: {
    attributes: { ...ofAll, telemetrySignal: "always", telemetryReason: "always" }
  },
  telemetrySpooled: {
    attributes: { ...ofAll, telemetrySignal: "always" }
  },
  telemetryQueue: {
    attributes: { ...ofAll, telemetrySignal: "always" }
  },
  samplingTurns: {
    attributes: { ...ofAll, samplingReason: "always", samplingEarly: "always" }
  },
  tokenUsage: {
    attributes: { ...ofRequest, tokenType: "always" }
  }
}

const { metric, v1_41 } = Convention

export const nameOf = (key: Metric): string => (key === "tokenUsage" ? v1_41.metric.tokenUsage : metric[key])

/** Returns the instrument of a metric: its kind, unit, buckets and description. */
export const instrumentOf = (key: Metric): Instruments.Instrument | undefined =>
  Instruments.all.find(({ name }) => name === nameOf(key))
