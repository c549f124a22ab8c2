/** The tables of a turn: its model calls, approvals, errors and critical path. */
import { el } from "../ui/Dom.ts"
import * as Texts from "../ui/Texts.ts"
import type { TurnTrace } from "../../trace/reader/TraceModel.ts"
import * as TurnSelection from "./TurnSelection.ts"

type Cell = Node | string

export interface TableColumn {
  readonly title: string
  readonly number?: boolean
}

const dash = "–"
const optional = (value: number | undefined, text: (value: number) => string): string =>
  value === undefined ? dash : text(value)

export const dataTable = (
  caption: string,
  columns: ReadonlyArray<TableColumn>,
  rows: ReadonlyArray<ReadonlyArray<Cell>>,
  foot?: ReadonlyArray<Cell>
): HTMLElement => {
  const cells = (row: ReadonlyArray<Cell>) =>
    row.map((cell, at) =>
      at === 0
        ? el("th", { attributes: { scope: "row" } }, cell)
        : el("td", { class: columns[at]?.number === true ? "number" : "" }, cell)
    )
  return el(
    "div",
    { class: "table-frame", attributes: { tabindex: 0, role: "region", "aria-label": caption } },
    el(
      "table",
      { class: "data" },
      el("caption", { class: "visually-hidden" }, caption),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          ...columns.map(({ number, title }) =>
            el("th", { class: number === true ? "number" : "", attributes: { scope: "col" } }, title)
          )
        )
      ),
      el("tbody", {}, ...rows.map((row) => el("tr", {}, ...cells(row)))),
      foot !== undefined && el("tfoot", {}, el("tr", {}, ...cells(foot)))
    )
  )
}

/** The most rows of one table; a page with more would be slow to open. */
const maxRows = 2_000

const limited = (
  caption: string,
  columns: ReadonlyArray<TableColumn>,
  rows: ReadonlyArray<ReadonlyArray<Cell>>,
  foot?: ReadonlyArray<Cell>
) =>
  rows.length <= maxRows
    ? dataTable(caption, columns, rows, foot)
    : el(
        "div",
        {},
        el("p", { class: "muted" }, `The first ${Texts.count(maxRows)} of ${Texts.count(rows.length)}.`),
        dataTable(caption, columns, rows.slice(0, maxRows), foot)
      )

const nothing = (text: string): HTMLElement => el("p", { class: "empty" }, text)

export type ShowSpan = (span: number) => void

const spanLink = (turn: TurnTrace, index: number, open: ShowSpan): HTMLElement => {
  const span = turn.spans[index]
  return el(
    "button",
    { class: "link", attributes: { type: "button" }, on: { click: () => open(index) } },
    el("span", { class: `swatch kind-${span?.kind ?? "other"}`, attributes: { "aria-hidden": "true" } }),
    el("bdi", {}, Texts.shownLine(span?.name ?? "", 120) || "(no name)")
  )
}

/** Tokens and cost of each call of the model. */
export const modelCalls = (turn: TurnTrace, open: ShowSpan): HTMLElement => {
  const calls = turn.spans.flatMap((span, index) => (span.kind === "model" ? [{ span, index }] : []))
  if (calls.length === 0) return nothing("The turn has no call of a model.")
  const sum = (values: ReadonlyArray<number | undefined>) =>
    values.reduce<number>((total, value) => total + (value ?? 0), 0)
  const column = (of: (span: TurnTrace["spans"][number]) => number | undefined) =>
    Texts.count(sum(calls.map(({ span }) => of(span))))
  return limited(
    "Model calls",
    [
      { title: "Call" },
      { title: "Start", number: true },
      { title: "Duration", number: true },
      { title: "First output", number: true },
      { title: "Input", number: true },
      { title: "Cached", number: true },
      { title: "Output", number: true },
      { title: "Reasoning", number: true },
      { title: "Cost", number: true },
      { title: "Result" }
    ],
    calls.map(({ index, span }) => {
      const first = span.attributes["gen_ai.response.time_to_first_chunk"]
      const reasons = span.attributes["gen_ai.response.finish_reasons"]
      return [
        spanLink(turn, index, open),
        Texts.duration(span.startNanos),
        Texts.duration(span.durationNanos),
        typeof first === "number" ? Texts.duration(first * 1e9) : dash,
        optional(span.tokens?.input, Texts.count),
        optional(span.tokens?.cachedInput, Texts.count),
        optional(span.tokens?.output, Texts.count),
        optional(span.tokens?.reasoning, Texts.count),
        optional(span.costUsd, Texts.dollars),
        span.failed
          ? el(
              "span",
              { class: "error-text" },
              el("bdi", {}, Texts.shownLine(span.errorType ?? "failed", 80))
            )
          : el("bdi", {}, Texts.shownLine(Array.isArray(reasons) ? reasons.join(", ") : "", 80))
      ]
    }),
    [
      Texts.plural(calls.length, "call"),
      "",
      column((span) => span.durationNanos) === "0"
        ? ""
        : Texts.duration(sum(calls.map(({ span }) => span.durationNanos))),
      "",
      column((span) => span.tokens?.input),
      column((span) => span.tokens?.cachedInput),
      column((span) => span.tokens?.output),
      column((span) => span.tokens?.reasoning),
      optional(turn.turn.costUsd, Texts.dollars),
      ""
    ]
  )
}

/** Each decision, and how long the turn waited for it. */
export const approvals = (turn: TurnTrace, open: ShowSpan): HTMLElement => {
  const found = turn.spans.flatMap((span, index) => (span.kind === "approval" ? [{ span, index }] : []))
  if (found.length === 0) return nothing("The turn asked for no approval.")
  return limited(
    "Approvals",
    [
      { title: "For" },
      { title: "Kind" },
      { title: "Decision" },
      { title: "By" },
      { title: "Asked at", number: true },
      { title: "Wait", number: true }
    ],
    found.map(({ index, span }) => [
      spanLink(turn, subjectOf(turn, index), open),
      el("bdi", {}, Texts.shownLine(span.approvalKind ?? dash, 60)),
      el(
        "bdi",
        { class: span.decision?.startsWith("accept") === true ? "accepted" : "declined" },
        Texts.shownLine(span.decision ?? (span.incomplete === true ? "still open" : "none"), 60)
      ),
      el("bdi", {}, Texts.shownLine(span.decidedBy ?? dash, 60)),
      Texts.duration(span.startNanos),
      Texts.duration(span.durationNanos)
    ])
  )
}

/** What an approval was about: the command beside it, or else the tool above it. */
const subjectOf = (turn: TurnTrace, approval: number): number => {
  const parent = turn.spans[approval]?.parent
  const command = turn.spans.findIndex((span) => span.kind === "command" && span.parent === parent)
  return command >= 0 && parent !== undefined ? command : (parent ?? approval)
}

/** Failed spans by `error.type`. */
export const errors = (turn: TurnTrace, open: ShowSpan): HTMLElement => {
  const types = [...TurnSelection.errorsOf(turn)]
  if (types.length === 0) return nothing("No span of the turn failed.")
  return el(
    "div",
    {},
    turn.turn.errorClass !== undefined &&
      el(
        "p",
        { class: "failure" },
        el("strong", {}, "The turn failed: "),
        el("bdi", {}, Texts.shownLine(`${turn.turn.errorType ?? ""} (class ${turn.turn.errorClass})`)),
        turn.turn.retryable === undefined
          ? ""
          : turn.turn.retryable
            ? ", a retry may succeed"
            : ", a retry does not help"
      ),
    limited(
      "Errors by class",
      [{ title: "Error" }, { title: "Count", number: true }, { title: "Spans" }],
      types.map(([type, spans]) => [
        el("bdi", { class: "error-text" }, Texts.shownLine(type, 120)),
        Texts.count(spans.length),
        el(
          "span",
          { class: "links" },
          ...spans.slice(0, 20).map((span) => spanLink(turn, span, open)),
          spans.length > 20 && ` and ${spans.length - 20} more`
        )
      ])
    )
  )
}

/** The spans that the turn waited for, in order. */
export const criticalPath = (turn: TurnTrace, open: ShowSpan): HTMLElement => {
  if (turn.criticalPath.length === 0) return nothing("The critical path is not known.")
  const whole = Math.max(turn.turn.durationNanos, 1)
  return limited(
    "Critical path",
    [
      { title: "Waited for" },
      { title: "From", number: true },
      { title: "Time", number: true },
      { title: "Share", number: true },
      { title: "In the turn" }
    ],
    turn.criticalPath.map((part) => [
      spanLink(turn, part.span, open),
      Texts.duration(part.startNanos),
      Texts.duration(part.durationNanos),
      Texts.percent(part.durationNanos / whole),
      el(
        "span",
        {
          class: `share kind-${turn.spans[part.span]?.kind ?? "other"}`,
          attributes: { "aria-hidden": "true" }
        },
        el("span", {
          style: {
            left: `${(part.startNanos / whole) * 100}%`,
            width: `${(part.durationNanos / whole) * 100}%`
          }
        })
      )
    ])
  )
}

/** The figures of a turn, one beside the other. */
export const figures = (turn: TurnTrace): HTMLElement => {
  const { turn: summary } = turn
  const { tokens } = summary
  const cached = tokens?.cachedInput
  const list: ReadonlyArray<readonly [title: string, value: string, more?: string]> = [
    ["Duration", Texts.duration(summary.durationNanos)],
    ["Model calls", Texts.count(summary.modelCalls.count), failedText(summary.modelCalls.failed)],
    ["Tool calls", Texts.count(summary.toolCalls.count), failedText(summary.toolCalls.failed)],
    [
      "Tokens in",
      optional(tokens?.input, Texts.count),
      cached === undefined || tokens === undefined || tokens.input === 0
        ? ""
        : `${Texts.percent(cached / tokens.input)} cached`
    ],
    [
      "Tokens out",
      optional(tokens?.output, Texts.count),
      tokens?.reasoning === undefined ? "" : `${Texts.count(tokens.reasoning)} reasoning`
    ],
    ["Cost", optional(summary.costUsd, Texts.dollars)],
    [
      "Approval wait",
      summary.approvals.count === 0 ? dash : Texts.duration(TurnSelection.approvalWait(turn)),
      summary.approvals.count === 0
        ? ""
        : `${Texts.count(summary.approvals.count)} asked${summary.approvals.declined > 0 ? `, ${Texts.count(summary.approvals.declined)} declined` : ""}`
    ],
    ["Errors", Texts.count(TurnSelection.errorCount(turn))]
  ]
  return el(
    "dl",
    { class: "figures" },
    ...list.map(([title, value, more]) =>
      el("div", {}, el("dt", {}, title), el("dd", {}, value, el("small", {}, more ?? "")))
    )
  )
}

const failedText = (failed: number): string => (failed === 0 ? "" : `${Texts.count(failed)} failed`)

/** A heading with what identifies a turn. */
export const identity = (turn: TurnTrace): HTMLElement => {
  const { turn: summary } = turn
  const labels = [
    ["turn", summary.turnId],
    ["thread", summary.threadId],
    ["trace", summary.traceId],
    ["service", summary.service],
    ["source", summary.source],
    ["workflow", summary.workflow],
    ["group", summary.group],
    ["user", summary.user]
  ] as const
  return el(
    "p",
    { class: "identity" },
    ...labels.flatMap(([name, value]) =>
      value === undefined
        ? []
        : [
            el(
              "span",
              { class: "label" },
              el("span", { class: "muted" }, `${name} `),
              el("bdi", {}, Texts.shownLine(value, 60))
            )
          ]
    )
  )
}
