/** Makes OTLP JSON lines of many turns, equal in every run, as the file exporter of the library writes them. */
import { attribute, event, operation } from "../../src/semconv/Convention.ts"

type Value = string | number | boolean | ReadonlyArray<string>

/** A span in OTLP JSON. */
export interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: ReadonlyArray<{ readonly key: string; readonly value: object }>
  readonly events: ReadonlyArray<object>
  readonly status: { readonly code: number }
  readonly flags: number
}

const valueOf = (value: Value): object => {
  if (typeof value === "string") return { stringValue: value }
  if (typeof value === "boolean") return { boolValue: value }
  if (typeof value === "number") return Number.isInteger(value) ? { intValue: value } : { doubleValue: value }
  return { arrayValue: { values: value.map(valueOf) } }
}

const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, "0")

/** When the first turn begins. Each further one begins a minute later. */
export const firstStart = 1_790_000_000_000_000_000n

export const turnIdOf = (n: number): string => `0199a213-81c0-7800-8aa1-${hex(n + 1, 12)}`

export interface SpanInput {
  readonly id: number
  readonly parent?: number
  readonly name: string
  /** Milliseconds since the start of the turn. */
  readonly time: readonly [start: number, end: number]
  readonly failed?: boolean
  readonly attributes: Readonly<Record<string, Value | undefined>>
}

/** Makes a span of turn `n`, with the attributes that all spans of a turn have. */
export const span = (n: number, input: SpanInput): OtlpSpan => {
  const origin = firstStart + BigInt(n) * 60_000_000_000n
  const nanos = (millis: number) => String(origin + BigInt(Math.round(millis * 1e6)))
  const thread = `0199a213-0000-7800-8aa1-${hex(Math.floor(n / 4) + 1, 12)}`
  const attributes: Readonly<Record<string, Value | undefined>> = {
    [attribute.originator]: "sdk",
    [attribute.conversationId]: thread,
    [attribute.sessionId]: thread,
    [attribute.workflow]: n % 2 === 0 ? "triage" : "review",
    [attribute.userHash]: `user${n % 3}`,
    [attribute.turnId]: turnIdOf(n),
    ...input.attributes
  }
  return {
    traceId: hex(n + 1, 32),
    spanId: hex((n + 1) * 256 + input.id, 16),
    ...(input.parent === undefined ? {} : { parentSpanId: hex((n + 1) * 256 + input.parent, 16) }),
    name: input.name,
    kind: 1,
    startTimeUnixNano: nanos(input.time[0]),
    endTimeUnixNano: nanos(input.time[1]),
    attributes: Object.entries(attributes).flatMap(([key, value]) =>
      value === undefined ? [] : [{ key, value: valueOf(value) }]
    ),
    events:
      input.name === "invoke_agent codex"
        ? [
            {
              name: event.tokenUsage,
              timeUnixNano: nanos(input.time[1]),
              attributes: [{ key: attribute.inputTokens, value: { intValue: 300 } }]
            }
          ]
        : [],
    status: { code: input.failed === true ? 2 : 0 },
    flags: 257
  }
}

/**
 * Makes the spans of turn `n`, in the order in which they end: three requests to the model, a command that waits for an
 * approval, and a patch. Every fifth turn fails, every third has a failing command, every seventh a declined approval. Turns
 * take longer by `n % 10` times 100 ms.
 */
export const turn = (n: number): ReadonlyArray<OtlpSpan> => {
  const later = (n % 10) * 100
  const model = n % 4 === 3 ? "gpt-5.1-codex" : "gpt-5.5"
  const fails = n % 5 === 4
  const cost = 0.01 * ((n % 10) + 1)
  const exitCode = n % 3 === 2 ? 1 : 0
  const isDeclined = n % 7 === 6
  const chat = (id: number, time: SpanInput["time"], failed = false) =>
    span(n, {
      id,
      parent: 1,
      name: `chat ${model}`,
      time,
      failed,
      attributes: {
        [attribute.operationName]: operation.chat,
        [attribute.providerName]: "openai",
        [attribute.requestModel]: model,
        [attribute.responseModel]: model,
        [attribute.responseId]: `resp_${n}_${id}`,
        [attribute.inputTokens]: 100 * id,
        [attribute.outputTokens]: 10 + id,
        [attribute.cachedTokens]: 50,
        [attribute.modelCallCost]: (cost * id) / 16,
        [attribute.finishReasons]: ["tool_calls"],
        [attribute.errorType]: failed ? "TurnFailed.ServerError" : undefined,
        [attribute.httpStatus]: failed ? 500 : undefined
      }
    })
  const tool = (id: number, name: string, time: SpanInput["time"]) =>
    span(n, {
      id,
      parent: 1,
      name: `execute_tool ${name}`,
      time,
      attributes: {
        [attribute.operationName]: operation.executeTool,
        [attribute.toolName]: name,
        [attribute.toolCallId]: `call_${n}_${id}`,
        [attribute.toolType]: "function"
      }
    })
  return [
    chat(2, [60, 1000]),
    span(n, {
      id: 4,
      parent: 3,
      name: "codex.approval",
      time: [1010, 1510],
      attributes: {
        [attribute.approvalKind]: "command",
        [attribute.approvalDecision]: isDeclined ? "decline" : "accept",
        [attribute.approvalSource]: "policy"
      }
    }),
    ...(isDeclined
      ? []
      : [
          span(n, {
            id: 5,
            parent: 3,
            name: "npm",
            time: [1520, 2400 + later],
            failed: exitCode !== 0,
            attributes: {
              [attribute.executableName]: "npm",
              [attribute.exitCode]: exitCode,
              [attribute.errorType]: exitCode === 0 ? undefined : "CommandFailed"
            }
          })
        ]),
    tool(3, "exec_command", [1000, 2400 + later]),
    chat(6, [2400 + later, 3000 + later]),
    tool(7, "apply_patch", [3000 + later, 3020 + later]),
    chat(8, [3020 + later, 3900 + later], fails),
    span(n, {
      id: 1,
      name: "invoke_agent codex",
      time: [0, 4000 + later],
      failed: fails,
      attributes: {
        [attribute.operationName]: operation.invokeAgent,
        [attribute.agentName]: "codex",
        [attribute.providerName]: "openai",
        [attribute.requestModel]: model,
        [attribute.turnStatus]: fails ? "failed" : "completed",
        [attribute.inputTokens]: 1600,
        [attribute.outputTokens]: 46,
        [attribute.turnCost]: cost,
        [attribute.turnModelCalls]: 3,
        [attribute.turnToolCalls]: 2,
        [attribute.timeThinking]: 2420.5,
        [attribute.timeTools]: 920.5 + later,
        [attribute.timeApproval]: 500.5,
        [attribute.timeOverhead]: 158.5,
        [attribute.errorType]: fails ? "TurnFailed.ServerError" : undefined,
        [attribute.errorClass]: fails ? "provider" : undefined,
        [attribute.errorRetryable]: fails ? true : undefined
      }
    })
  ]
}

/** Makes a line: one request with these spans. */
export const line = (spans: ReadonlyArray<OtlpSpan>, service = "bot"): string =>
  JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: [{ key: "service.name", value: { stringValue: service } }] },
        scopeSpans: [{ scope: { name: "effect-codex", version: "0.1.0" }, spans }]
      }
    ]
  })

/** Makes the lines of some turns, each line with `perLine` spans. */
export function* lines(from: number, to: number, perLine = 64): Generator<string> {
  let batch: Array<OtlpSpan> = []
  for (let n = from; n < to; n++)
    for (const each of turn(n)) {
      batch.push(each)
      if (batch.length < perLine) continue
      yield line(batch)
      batch = []
    }
  if (batch.length > 0) yield line(batch)
}
