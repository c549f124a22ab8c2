/** What every metric is split by; one that has no entry fails the type check. Kind, unit and buckets: `Instruments`. */
import * as Convention from "../../semconv/Convention.ts"
import * as Instruments from "../../semconv/Instruments.ts"
import type { Carried } from "./SpanCatalogue.ts"

/** The metrics of the convention, and the one that only v1.41 has. */
export type Metric = keyof typeof Convention.metric | "tokenUsage"

const ofAll = { originator: "always" } satisfies Carried
const ofTurn = { ...ofAll, team: "when `Metrics.Team` is set" } satisfies Carried
const ofRequest = {
  ...ofTurn,
  operationName: "always",
  providerName: "where the engine says so",
  requestModel: "where the engine says so",
  responseModel: "where the engine says so, unless it failed"
} satisfies Carried
const ofTokens = { ...ofRequest, tokenModality: "always" } satisfies Carried
const ofAgent = { ...ofTurn, agentName: "always" } satisfies Carried
const ofDecision = {
  ...ofTurn,
  approvalKind: "always",
  approvalDecision: "always",
  approvalSource: "always"
} satisfies Carried

const failed = "when it failed"

export const metrics: Readonly<Record<Metric, { readonly attributes: Carried }>> = {
  inferenceDuration: {
    attributes: { ...ofRequest, errorType: failed, httpStatus: "when it failed with one" }
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
      toolType: "where Codex tells what it was",
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
  fileChangeLines: {
    attributes: { ...ofTurn, lineType: "always" }
  },
  fileOperations: {
    attributes: { ...ofTurn, fileOperation: "always" }
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

/** The instrument of a metric: its kind, unit, buckets and what it measures. */
export const instrumentOf = (key: Metric): Instruments.Instrument | undefined =>
  Instruments.all.find(({ name }) => name === nameOf(key))
