/** Makes turns for tests of the page of traces, the same ones each time. */
import type { PathPart, SpanAttributes, TurnSpan, TurnTrace } from "../../src/trace/reader/TraceModel.ts"
import { modelVersion } from "../../src/trace/reader/TraceModel.ts"
import type { PageData } from "../../src/web/trace/PageData.ts"

const ms = 1_000_000

/** A generator of numbers from 0 to 1 that depends on its seed alone. */
export const numbers = (seed: number) => () => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return seed / 2 ** 32
}

type SpanInput = Omit<Partial<TurnSpan>, "name" | "kind"> & Pick<TurnSpan, "name" | "kind">

export const span = (input: SpanInput): TurnSpan => ({
  id: "00f067aa0ba902b7",
  depth: input.parent === undefined ? 0 : 1,
  startNanos: 0,
  durationNanos: ms,
  failed: false,
  attributes: {},
  events: [],
  ...input
})

/** Makes a turn of spans; the first one is the turn itself. */
export const turnOf = (
  spans: ReadonlyArray<TurnSpan>,
  summary: Partial<TurnTrace["turn"]> = {}
): TurnTrace => {
  const of = (kind: TurnSpan["kind"]) => spans.filter((other) => other.kind === kind)
  const count = (kind: TurnSpan["kind"]) => ({
    count: of(kind).length,
    failed: of(kind).filter((other) => other.failed).length
  })
  const errors: Record<string, number> = {}
  for (const { errorType, failed } of spans)
    if (failed && errorType !== undefined) errors[errorType] = (errors[errorType] ?? 0) + 1
  const durationNanos = spans[0]?.durationNanos ?? 0
  const path: ReadonlyArray<PathPart> = spans.flatMap(({ depth, durationNanos, startNanos }, index) =>
    depth === 1 ? [{ span: index, startNanos, durationNanos }] : []
  )
  return {
    version: modelVersion,
    turn: {
      key: "turn",
      turnId: "01a2023e-09bb-7391-ad89-b3c83b029f71",
      threadId: "01a2023e-0991-7be3-b3fc-802af1f56536",
      traceId: "2db1df3b2f901b4c37cd746bd0918991",
      recordedBy: "effect-codex",
      startUnixNano: "1795333949674050379",
      durationNanos,
      status: "completed",
      model: "gpt-5.5",
      modelCalls: count("model"),
      toolCalls: count("tool"),
      commands: count("command"),
      approvals: {
        count: of("approval").length,
        declined: of("approval").filter(({ decision }) => decision === "decline").length,
        waitNanos: of("approval").reduce((sum, other) => sum + other.durationNanos, 0)
      },
      retries: of("retry").length,
      agents: of("agent").length,
      errors,
      spans: spans.length,
      ...summary
    },
    spans,
    criticalPath: path,
    omittedSpans: 0,
    agents: []
  }
}

const executables = ["node", "git", "npm", "rg", "sed"]

/** Makes a turn with about `size` spans. */
export const sampleTurn = (seed: number, size: number): TurnTrace => {
  const random = numbers(seed)
  const spans: Array<TurnSpan> = []
  let at = 8 * ms
  let cost = 0
  const time = { thinkingNanos: 0, toolsNanos: 0, approvalNanos: 0, overheadNanos: 8 * ms }
  const total = { input: 0, cachedInput: 0, output: 0, reasoning: 0 }
  const push = (input: SpanInput) =>
    spans.push(span({ id: (seed * 65_536 + spans.length).toString(16).padStart(16, "0"), ...input })) - 1
  push({ name: "invoke_agent codex", kind: "turn" })
  while (spans.length < size) {
    const thinking = Math.round((30 + random() * 400) * ms)
    const tokens = {
      input: 2_000 + Math.round(random() * 900) + spans.length * 40,
      cachedInput: 1_500 + spans.length * 30,
      output: 20 + Math.round(random() * 300),
      reasoning: Math.round(random() * 40)
    }
    for (const key of ["input", "cachedInput", "output", "reasoning"] as const) total[key] += tokens[key]
    const attributes: SpanAttributes = {
      "gen_ai.operation.name": "chat",
      "gen_ai.request.model": "gpt-5.5",
      "gen_ai.response.time_to_first_chunk": (thinking / 1e9) * 0.6,
      "gen_ai.response.finish_reasons": ["tool_calls"],
      "gen_ai.usage.input_tokens": tokens.input,
      "gen_ai.usage.output_tokens": tokens.output
    }
    const costUsd = (tokens.input * 1.25 + tokens.output * 10) / 1e6
    push({
      name: "chat gpt-5.5",
      kind: "model",
      model: "gpt-5.5",
      tokens,
      costUsd,
      parent: 0,
      startNanos: at,
      durationNanos: thinking,
      attributes
    })
    cost += costUsd
    at += thinking
    time.thinkingNanos += thinking
    const wait = random() < 0.2 ? Math.round(random() * 900 * ms) : 0
    const work = Math.round((5 + random() * 300) * ms)
    const executable = executables[Math.floor(random() * executables.length)] ?? "node"
    // The last command of every turn fails.
    const failed = random() < 0.12 || spans.length + 2 >= size
    const tool = push({
      name: "execute_tool exec_command",
      kind: "tool",
      tool: "exec_command",
      parent: 0,
      startNanos: at,
      durationNanos: wait + work,
      attributes: { "gen_ai.tool.name": "exec_command", "gen_ai.tool.call.id": `call_${spans.length}` }
    })
    if (wait > 0)
      push({
        name: "codex.approval",
        kind: "approval",
        parent: tool,
        depth: 2,
        startNanos: at,
        durationNanos: wait,
        decision: "accept",
        decidedBy: "rules",
        approvalKind: "command",
        attributes: { "codex.approval.decision": "accept" }
      })
    push({
      name: executable,
      kind: "command",
      executable,
      exitCode: failed ? 1 : 0,
      failed,
      ...(failed ? { errorType: "CommandFailed" } : {}),
      parent: tool,
      depth: 2,
      startNanos: at + wait,
      durationNanos: work,
      attributes: { "process.executable.name": executable, "process.exit.code": failed ? 1 : 0 }
    })
    at += wait + work
    time.approvalNanos += wait
    time.toolsNanos += work
  }
  const [root, ...others] = spans
  const all = root === undefined ? [] : [{ ...root, durationNanos: at }, ...others]
  const failed = seed % 5 === 0
  return turnOf(all, {
    key: `turn-${seed}`,
    turnId: `01a2023e-09bb-7391-ad89-${seed.toString(16).padStart(12, "0")}`,
    startUnixNano: String(1_795_333_949_674_050_379n + BigInt(seed) * 60_000_000_000n),
    status: failed ? "failed" : "completed",
    ...(failed ? { errorType: "UsageLimitExceeded", errorClass: "quota", retryable: false } : {}),
    model: seed % 3 === 0 ? "gpt-5.4-mini" : "gpt-5.5",
    source: "nightly",
    workflow: seed % 2 === 0 ? "triage" : "review",
    service: "codex-cli",
    tokens: total,
    costUsd: cost,
    time
  })
}

export const pageOf = (turns: ReadonlyArray<TurnTrace>): PageData => ({
  files: ["traces.jsonl"],
  turns,
  omittedTurns: 0,
  badLines: 0
})
