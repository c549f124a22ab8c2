/**
 * Adds to the calls of Codex's own traces what only its log records say: the decision about a call, how the call ended, and the
 * exit code of a command. A record may be before or after the span of its call, and in another file.
 */
import * as Predicate from "effect/Predicate"
import * as ShellCommand from "../../internal/ShellCommand.ts"
import { attribute, errorType, span as names } from "../../semconv/Convention.ts"
import * as OtlpJson from "./OtlpJson.ts"
import * as SpanFacts from "./SpanFacts.ts"
import type { SpanAttributes } from "./TraceModel.ts"

/** What the records of one call say. */
interface CallRecord {
  decision?: string
  source?: string
  decidedAt?: bigint
  endedAt?: bigint
  succeeded?: boolean
  exitCode?: number
  executable?: string
}

/** The part of a span that a call needs. */
interface CallSpan {
  readonly spanId: string
  readonly start: bigint
  readonly end: bigint
  readonly failed: boolean
  readonly attributes: SpanAttributes
}

/** A span that follows from the records of a call, below its span. */
export interface DerivedSpan {
  readonly name: string
  readonly spanId: string
  readonly parentId: string
  readonly start: bigint
  readonly end: bigint
  readonly failed: boolean
  readonly attributes: SpanAttributes
}

/** What the records of a call change: the call's own span, and the spans below it. */
export interface CallOutcome {
  readonly failed: boolean
  readonly attributes: SpanAttributes
  readonly below: ReadonlyArray<DerivedSpan>
}

/** Whether records may say more of a span: whether it is a call in Codex's own traces. */
export const isCall = ({ isRaw, kind }: SpanFacts.SpanFacts): boolean => isRaw && kind === "tool"

const eventName = "event.name"
const events = { decision: "codex.tool_decision", result: "codex.tool_result" }

const recordAttributes: ReadonlySet<string> = new Set([
  eventName,
  "conversation.id",
  "call_id",
  "tool_name",
  "decision",
  "source",
  "success",
  "arguments",
  "output"
])
const onlyName: ReadonlySet<string> = new Set([eventName])

/** Codex's decisions, by the names that the library has for them. */
const decisions: Readonly<Record<string, string>> = {
  approved: "accept",
  approved_for_session: "acceptForSession",
  approved_with_amendment: "acceptWithAmendment",
  approved_with_network_policy_allow: "acceptWithAmendment",
  denied: "decline",
  denied_with_network_policy_deny: "decline",
  timed_out: "decline",
  abort: "cancel"
}

/** Who decided, by the names that the library has for them. */
const sources: Readonly<Record<string, string>> = { User: "user", AutomatedReviewer: "reviewer" }

/** The tools that run a command, whose output begins with the exit code. */
const commandTools: ReadonlySet<string> = new Set(["exec_command", "shell", "shell_command", "local_shell"])

/** The maximum number of calls whose records are kept. Beyond it the oldest are forgotten. */
const maxCalls = 50_000

const timeOf = (record: OtlpJson.JsonObject): bigint | undefined => {
  const time = OtlpJson.nanosOf(record["timeUnixNano"])
  // Codex leaves the time empty.
  return time === undefined || time === 0n ? OtlpJson.nanosOf(record["observedTimeUnixNano"]) : time
}

/** The exit code that Codex writes before the output of a command, so that the output itself cannot pretend to have one. */
const exitCodeIn = (output: string): number | undefined => {
  const [head = ""] = output.slice(0, 1_000).split(/^Output:$/m, 1)
  const code = /^(?:Process exited with code|Exit code:) (-?\d{1,10})$/m.exec(head)?.[1]
  return code === undefined ? undefined : Number(code)
}

/** The base name of the executable in the arguments of a call. */
const executableIn = (text: string): string | undefined => {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!Predicate.isObject(parsed)) return undefined
  const line = parsed["cmd"] ?? parsed["command"]
  if (typeof line === "string") return ShellCommand.executable(line)
  if (!Array.isArray(line)) return undefined
  const [program, flag, script]: ReadonlyArray<unknown> = line
  const command = flag === "-lc" || flag === "-c" ? script : program
  return typeof command === "string" ? ShellCommand.executable(command) : undefined
}

const kindOf = (attributes: SpanAttributes): string => {
  const tool = SpanFacts.toolOf(attributes) ?? ""
  return commandTools.has(tool) ? "command" : tool === "apply_patch" ? "file_change" : "tool"
}

/** The attributes that say which turn a span belongs to, and that Codex wrote it. */
const originOf = (attributes: SpanAttributes): SpanAttributes =>
  Object.fromEntries(Object.entries(attributes).filter(([name]) => SpanFacts.originNames.has(name)))

export class CallRecords {
  private readonly byCall = new Map<string, CallRecord>()

  /** Reads a log record. Records that are not about a call are ignored. */
  add(record: OtlpJson.JsonObject): void {
    const name = OtlpJson.attributesOf(record["attributes"], onlyName)[eventName]
    if (name !== events.decision && name !== events.result) return
    const attributes = OtlpJson.attributesOf(record["attributes"], recordAttributes)
    const text = (key: string) => SpanFacts.textOf(attributes, key)
    const key = keyOf(attributes)
    if (key === undefined) return
    const known = this.byCall.get(key) ?? {}
    this.byCall.set(key, known)
    if (this.byCall.size > maxCalls) {
      const [oldest] = this.byCall.keys()
      if (oldest !== undefined) this.byCall.delete(oldest)
    }
    const at = timeOf(record)
    if (name === events.decision) {
      // Codex asks again for a command that failed in its sandbox: the last decision counts, whatever the order of the files.
      if (at !== undefined && known.decidedAt !== undefined && at < known.decidedAt) return
      const decision = text("decision") ?? "unknown"
      known.decision = decisions[decision] ?? decision
      known.source = decision === "timed_out" ? "timeout" : (text("source") ?? "unknown")
      if (at !== undefined) known.decidedAt = at
      return
    }
    known.succeeded = text("success") === "true"
    if (at !== undefined) known.endedAt = at
    if (!commandTools.has(text("tool_name") ?? "")) return
    const exitCode = exitCodeIn(text("output") ?? "")
    if (exitCode !== undefined) known.exitCode = exitCode
    const executable = executableIn(text("arguments") ?? "")
    if (executable !== undefined) known.executable = executable
  }

  /** Returns what the log records say about a call, or `undefined` if no record belongs to it. */
  change(span: CallSpan): CallOutcome | undefined {
    const key = keyOf(span.attributes)
    const record = key === undefined ? undefined : this.byCall.get(key)
    if (record === undefined) return undefined
    const { decidedAt, decision, endedAt, executable, exitCode, source, succeeded } = record
    const origin = originOf(span.attributes)
    const within = (at: bigint | undefined, otherwise: bigint) =>
      at === undefined || at < span.start || at > span.end ? otherwise : at
    const decided = within(decidedAt, span.start)
    const below: Array<DerivedSpan> = []
    const derive = (
      name: string,
      [start, end]: readonly [bigint, bigint],
      more: SpanAttributes,
      failed = false
    ) =>
      below.push({
        name,
        spanId: `${span.spanId}-${below.length}`,
        parentId: span.spanId,
        start,
        end,
        failed,
        attributes: { ...origin, ...more }
      })
    // Codex also records the decisions that its configuration takes without a request for approval.
    if (decision !== undefined && source !== "Config")
      derive(names.approval, [span.start, decided], {
        [attribute.approvalKind]: kindOf(span.attributes),
        [attribute.approvalDecision]: decision,
        [attribute.approvalSource]: sources[source ?? ""] ?? source ?? "unknown"
      })
    if (executable !== undefined && exitCode !== undefined) {
      const isError = exitCode !== 0
      derive(
        executable,
        [decided, within(endedAt, span.end)],
        {
          [attribute.executableName]: executable,
          [attribute.exitCode]: exitCode,
          ...(isError ? { [attribute.errorType]: errorType.commandFailed } : {})
        },
        isError
      )
    }
    const isDeclined = SpanFacts.isDeclined({ [attribute.approvalDecision]: decision ?? null })
    const failed = span.failed || (succeeded === false && !isDeclined)
    return {
      failed,
      attributes:
        failed && span.attributes[attribute.errorType] === undefined
          ? { ...span.attributes, [attribute.errorType]: errorType.toolFailed }
          : span.attributes,
      below
    }
  }
}

const keyOf = (attributes: SpanAttributes): string | undefined => {
  const call = SpanFacts.callOf(attributes)
  return call === undefined ? undefined : `${SpanFacts.threadOf(attributes) ?? ""} ${call}`
}
