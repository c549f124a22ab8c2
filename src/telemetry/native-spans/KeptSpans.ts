/** Selects the spans of Codex to keep, and their attributes. A trivial turn has 500 spans. */
import type { Attributes } from "@opentelemetry/api"
import { attribute, safeToolName } from "../../semconv/Convention.ts"
import type { NativeSpan } from "./OtlpTraceJson.ts"

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
