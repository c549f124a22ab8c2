/** Selects the spans of Codex to keep, and their attributes. A trivial turn has 500 spans. */
import type { Attributes, HrTime } from "@opentelemetry/api"
import { attribute, safeToolName } from "../../semconv/Convention.ts"

type OtlpAttributes = Readonly<Record<string, string>>

/** A span of Codex. All attribute values are strings. `profile` has the attributes of its turn profile event, if any. */
export interface NativeSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly name: string
  readonly kind: number
  readonly startTime: HrTime
  readonly endTime: HrTime
  readonly attributes: OtlpAttributes
  readonly profile: OtlpAttributes | undefined
}

/** The attributes of a span of Codex that are read. */
export const attributeNames: ReadonlySet<string> = new Set([
  "rpc.system",
  "tool_name",
  "call_id",
  "turn.id",
  "turn_id",
  "conversation.id",
  "mcp.server.name",
  "outcome",
  "tool_source"
])

/** The attributes of a turn profile event that are read. */
export const profileNames: ReadonlySet<string> = new Set([
  "critical_path_inference_ms",
  "critical_path_tools_ms",
  "critical_path_user_wait_ms",
  "critical_path_overhead_ms"
])

const names = new Set([
  "turn/start",
  "session_task.turn",
  "session_task.compact",
  "run_sampling_request",
  "model_client.stream_responses_api",
  "codex.process.spawn",
  "codex.tool_blocking",
  "codex.task.compact"
])

const families = /^(?:unified_exec\.|mcp\.(?!runtime))/

/** Whether this is a model request, from before it is sent to the end of its stream. Our `chat` span gets its times. */
export const isSampling = (span: NativeSpan): boolean => span.name === "codex.sampling"
/** Whether this is the HTTP request of a model request, until its response begins. */
export const isRequest = (span: NativeSpan): boolean => span.name === "model_client.stream_responses_api"
/** Whether this is one attempt at a model request, including the tools that its response calls. */
export const isAttempt = (span: NativeSpan): boolean => span.name === "try_run_sampling_request"
/** Whether this is Codex's span of a JSON-RPC request of ours: its parent is our span. */
export const isEntry = (span: NativeSpan): boolean => span.attributes["rpc.system"] !== undefined

/** Returns the call id of a span that is named after a tool. */
export const callOf = ({ attributes, name }: NativeSpan): string | undefined =>
  attributes["tool_name"] === name ? attributes["call_id"] : undefined

export const turnOf = ({ attributes }: NativeSpan): string | undefined =>
  attributes["turn.id"] ?? attributes["turn_id"]

export const isKept = (span: NativeSpan): boolean =>
  names.has(span.name) || callOf(span) !== undefined || families.test(span.name)

export const nameOf = (span: NativeSpan): string =>
  callOf(span) === undefined ? span.name : safeToolName(span.name)

const count = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined

/**
 * Returns the attributes to keep: no token counts, because our own spans have them, and no path, argument or output.
 */
export const attributesOf = (span: NativeSpan): Attributes => {
  const { attributes: native, profile } = span
  const known = {
    [attribute.nativeSpan]: true,
    [attribute.turnId]: turnOf(span),
    [attribute.conversationId]: native["conversation.id"],
    [attribute.toolCallId]: native["call_id"],
    [attribute.mcpServer]: native["mcp.server.name"],
    [attribute.nativeOutcome]: native["outcome"],
    [attribute.nativeToolSource]: native["tool_source"],
    [attribute.nativeTimeInference]: count(profile?.["critical_path_inference_ms"]),
    [attribute.nativeTimeTools]: count(profile?.["critical_path_tools_ms"]),
    [attribute.nativeTimeWaiting]: count(profile?.["critical_path_user_wait_ms"]),
    [attribute.nativeTimeOverhead]: count(profile?.["critical_path_overhead_ms"])
  }
  const attributes: Attributes = {}
  for (const [name, value] of Object.entries(known)) if (value !== undefined) attributes[name] = value
  return attributes
}
