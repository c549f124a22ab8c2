/** Formats the progress of a turn as lines for a person. Pure: a state, and a step that returns the lines to add. */
import * as Approval from "../Approval.ts"
import * as Item from "../domain/Item.ts"
import { printableLine, printable } from "../internal/VisibleText.ts"
import * as ShellCommand from "../internal/ShellCommand.ts"
import type * as Turn from "../domain/Turn.ts"
import * as DisplayWidth from "../trace/DisplayWidth.ts"
import type { TerminalStyle } from "./TerminalStyle.ts"

export interface ReportState {
  /** The latest message. It is printed only when work follows it, because the final message goes to stdout. */
  readonly pendingMessage: string | undefined
  /** When work started, by item. Waiting for approval does not count. */
  readonly startedAt: ReadonlyMap<string, number>
  /** The item of the last printed lines. A line about another item repeats the label of that item. */
  readonly lastItemId: string | undefined
}

export const initial: ReportState = { pendingMessage: undefined, startedAt: new Map(), lastItemId: undefined }

const codes = { dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 }

const paint =
  (style: TerminalStyle) =>
  (color: keyof typeof codes, text: string): string =>
    style.color ? `\u001b[${codes[color]}m${text}\u001b[0m` : text

/** Formats milliseconds: `0.4 ms`, `85 ms`, `1.07 s`, `2 m 5 s`. */
export const duration = (ms: number): string => {
  if (ms < 10) return `${ms.toFixed(1)} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(2)} s`
  return `${Math.floor(ms / 60_000)} m ${Math.round((ms % 60_000) / 1000)} s`
}

type Line = string

const indented = (text: string, prefix: string): ReadonlyArray<Line> =>
  printable(text)
    .trimEnd()
    .split("\n")
    .map((line) => `${prefix}${line}`)

const lastLines = (output: string, count: number): ReadonlyArray<Line> => {
  const lines = printable(output).trimEnd().split("\n")
  const shown = lines.slice(-count)
  return lines.length > shown.length ? [`… ${lines.length - shown.length} earlier lines`, ...shown] : shown
}

/** One line that identifies an item. */
const label = (item: Item.Work, style: TerminalStyle): Line => started(item, style)[0] ?? ""

const started = (item: Item.Work, style: TerminalStyle): ReadonlyArray<Line> => {
  const width = style.width - 4
  const color = paint(style)
  switch (item._tag) {
    case "CommandExecution":
      return [`${color("cyan", "$")} ${printableLine(ShellCommand.script(item.command), width)}`]
    case "ToolCall":
      return [
        `${color("cyan", "⚒")} ${printableLine(`${item.tool} ${JSON.stringify(item.arguments) ?? ""}`, width)}`
      ]
    case "AgentCall":
      return [
        `${color("cyan", "⚇")} ${printableLine(`${item.tool} ${item.prompt ?? item.agents.join(" ")}`, width)}`
      ]
    case "McpToolCall":
      return [
        `${color("cyan", "⚒")} ${printableLine(`${item.server}/${item.tool} ${JSON.stringify(item.arguments) ?? ""}`, width)}`
      ]
    case "FileChange":
      return item.changes.map((change) => {
        const [added, removed] = changedLines(change.diff, change.kind)
        const count = `+${added} −${removed}`
        const path = printableLine(
          change.movePath === undefined ? change.path : `${change.path} → ${change.movePath}`,
          Math.max(8, width - change.kind.length - count.length)
        )
        return `${color("cyan", "±")} ${change.kind} ${path} ${color("dim", count)}`
      })
  }
}

const planMarks = { pending: "☐", inProgress: "▸", completed: "☑" }

const changedLines = (diff: string, kind: Item.Change["kind"]): readonly [added: number, removed: number] => {
  const lines = diff.trimEnd().split("\n")
  // For added and deleted files Codex sends the whole text instead of a diff.
  if (!diff.includes("@@") && kind !== "update") return kind === "add" ? [lines.length, 0] : [0, lines.length]
  return [
    lines.filter((line) => line.startsWith("+") && !line.startsWith("+++")).length,
    lines.filter((line) => line.startsWith("-") && !line.startsWith("---")).length
  ]
}

const finished = (item: Item.Work, took: string, style: TerminalStyle): ReadonlyArray<Line> => {
  const color = paint(style)
  const timed = took === "" ? "" : ` ${color("dim", `(${took})`)}`
  if (item.status === "declined") return [`  ${color("yellow", "not run")}`]
  if (item.status === "interrupted") return [`  ${color("yellow", "interrupted")}${timed}`]
  if (item.status === "background") return [`  ${color("yellow", "runs in the background")}${timed}`]
  if (item._tag === "CommandExecution") {
    const failed = item.exitCode === undefined ? item.status === "failed" : item.exitCode !== 0
    const code = item.exitCode === undefined ? "did not start" : `exit ${item.exitCode}`
    const output = failed && item.output !== undefined && item.output !== "" ? lastLines(item.output, 12) : []
    return [
      ...output.map((line) => color("dim", `  │ ${printableLine(line, style.width - 4)}`)),
      `  ${color(failed ? "red" : "green", code)}${timed}`
    ]
  }
  return [`  ${item.status === "failed" ? color("red", "failed") : color("green", "done")}${timed}`]
}

/** Formats the items that were still running when the turn ended. */
export const interruptedItems = (
  items: ReadonlyArray<Item.Item>,
  style: TerminalStyle
): ReadonlyArray<Line> =>
  items.flatMap((item) =>
    Item.isWork(item) && item.status === "interrupted"
      ? [...started(item, style), ...finished(item, "", style)]
      : []
  )

/** Formats the items of a past turn. */
export const history = (items: ReadonlyArray<Item.Item>, style: TerminalStyle): ReadonlyArray<Line> =>
  items.flatMap((item) => {
    switch (item._tag) {
      case "UserMessage":
        return indented(item.text, "> ")
      case "AgentMessage":
        return indented(item.text, "")
      case "Reasoning":
        return item.summary.flatMap((text) => indented(text, "").map((line) => paint(style)("dim", line)))
      case "ContextCompaction":
        return [paint(style)("dim", "(Codex summarised the conversation here)")]
      default:
        return Item.isWork(item) ? [...started(item, style), ...finished(item, took(item), style)] : []
    }
  })

const took = (item: Item.Work): string =>
  "durationMillis" in item && item.durationMillis !== undefined ? duration(item.durationMillis) : ""

const decisionLine = (
  decision: Approval.ApprovalDecision,
  source: Approval.ApprovalSource,
  style: TerminalStyle
): Line => {
  const color = paint(style)
  const policy = source === "policy" && decision.policy !== undefined ? `policy ${decision.policy}` : source
  const by = color("dim", `(${policy})`)
  if (Approval.isGranted(decision)) return `  ${color("green", "accepted")} ${by}`
  const why = decision._tag === "Decline" ? `: ${printableLine(decision.reason, 200)}` : ", the turn stops"
  return `  ${color("yellow", decision._tag === "Cancel" ? "cancelled" : "declined")}${why} ${by}`
}

/** Returns the next state and the lines that an event adds. */
export const step = (
  state: ReportState,
  event: Turn.TurnEvent,
  style: TerminalStyle
): readonly [ReportState, ReadonlyArray<Line>] => {
  const color = paint(style)
  switch (event._tag) {
    case "ToolRequested":
      return [{ ...state, startedAt: new Map(state.startedAt).set(event.callId, event.at) }, []]
    case "ItemStarted": {
      const heldLines = state.pendingMessage === undefined ? [] : [...indented(state.pendingMessage, ""), ""]
      const { id } = event.item
      // Codex announces a command late. The command starts when the model requests it.
      const startedAt = new Map(state.startedAt).set(id, state.startedAt.get(id) ?? event.at)
      const lastItemId = Item.isWork(event.item) ? id : state.lastItemId
      const next = { ...state, pendingMessage: undefined, startedAt, lastItemId }
      return [next, [...heldLines, ...(Item.isWork(event.item) ? started(event.item, style) : [])]]
    }
    case "ItemCompleted": {
      if (event.item._tag === "AgentMessage") return [{ ...state, pendingMessage: event.item.text }, []]
      if (event.item._tag === "Reasoning") {
        return [
          state,
          event.item.summary.flatMap((text) => indented(text, "").map((line) => color("dim", line)))
        ]
      }
      if (!Item.isWork(event.item)) return [state, []]
      const start = state.startedAt.get(event.item.id)
      const took = start === undefined ? "" : duration(event.at - start)
      const repeatedLabel = state.lastItemId === event.item.id ? [] : [label(event.item, style)]
      return [
        { ...state, lastItemId: event.item.id },
        [...repeatedLabel, ...finished(event.item, took, style)]
      ]
    }
    case "PlanUpdated":
      return [
        state,
        event.plan.steps.map(
          ({ status, step }) => `${color("cyan", planMarks[status])} ${printableLine(step, style.width - 4)}`
        )
      ]
    case "ApprovalRequested": {
      const reason =
        event.request.reason === undefined ? "" : ` — ${printableLine(event.request.reason, 200)}`
      return [
        { ...state, lastItemId: event.request.itemId },
        wrap(`  ${color("yellow", "asks")} to ${Approval.summarize(event.request)}${reason}`, style)
      ]
    }
    case "ApprovalDecided": {
      const startedAt = new Map(state.startedAt).set(event.itemId, event.at)
      const line = decisionLine(event.decision, event.source, style)
      return [{ ...state, startedAt, lastItemId: event.itemId }, wrap(line, style)]
    }
    case "Retrying": {
      const status = event.status === undefined ? "" : ` (HTTP ${event.status})`
      const { detail = "" } = event
      const reason = detail === "" ? "" : `: ${printableLine(detail, 300)}`
      return [
        state,
        wrap(`↻ ${event.errorType}${status}${reason}; Codex retries`, style).map((line) =>
          color("yellow", line)
        )
      ]
    }
    default:
      return [state, []]
  }
}

/** Formats the time and the tokens of a turn, one line each. A narrow terminal gets a line for each part of the time. */
export const summary = (turn: Turn.Turn, style: TerminalStyle): ReadonlyArray<Line> => {
  const color = paint(style)
  const { approvalMillis, overheadMillis, thinkingMillis, toolsMillis, totalMillis } = turn.time
  const { cachedInput, input, output, reasoning } = turn.usage
  const parts = [
    `thinking ${duration(thinkingMillis)}`,
    `tools ${duration(toolsMillis)}`,
    `approval ${duration(approvalMillis)}`,
    `overhead ${duration(overheadMillis)}`
  ]
  const indent = " ".repeat(7)
  const fits = (text: string) => indent.length + text.length <= style.width
  const time = `${duration(totalMillis)} = ${parts.join(" + ")}`
  const tokens = [`${input} in (${cachedInput} cached),`, `${output} out (${reasoning} reasoning)`]
  return [
    ...(fits(time)
      ? [`${color("dim", "time  ")} ${time}`]
      : [`${color("dim", "time  ")} ${duration(totalMillis)}`, ...parts.map((part) => indent + part)]),
    ...(fits(tokens.join(" ")) ? [tokens.join(" ")] : tokens).map((text, at) =>
      at === 0 ? `${color("dim", "tokens")} ${text}` : indent + text
    ),
    ...(turn.cost === undefined ? [] : [`${color("dim", "cost  ")} $${turn.cost.toFixed(4)}`])
  ]
}

/** Breaks a line at its spaces so that it fits the terminal. The further lines are indented. Colours take no columns. */
const wrap = (line: Line, { width }: TerminalStyle): ReadonlyArray<Line> => {
  const lines: Array<Line> = []
  let current = ""
  for (const word of line.split(/(?<=\S) +/)) {
    if (current !== "" && DisplayWidth.of(plain(current)) + 1 + DisplayWidth.of(plain(word)) > width) {
      lines.push(current)
      current = `    ${word}`
    } else current = current === "" ? word : `${current} ${word}`
  }
  return current === "" ? lines : [...lines, current]
}

const plain = (text: string): string => text.replaceAll(/\u001b\[\d+m/g, "")
