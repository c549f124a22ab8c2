/** Two turns side by side: their figures with the difference, what each operation took, and both waterfalls on one scale. */
import { el } from "../ui/Dom.ts"
import * as Texts from "../ui/Texts.ts"
import { WaterfallView } from "../waterfall/WaterfallView.ts"
import { compareOperations, type OperationTotal } from "./Operations.ts"
import type { PageData } from "./PageData.ts"
import type { TurnTrace } from "../../trace/reader/TraceModel.ts"
import * as Route from "./Route.ts"
import * as TimeSplitBar from "./TimeSplitBar.ts"
import * as TurnSelection from "./TurnSelection.ts"
import { dataTable } from "./TurnSections.ts"
import * as TurnTexts from "./TurnTexts.ts"

type Figure = readonly [
  title: string,
  value: (turn: TurnTrace) => number | undefined,
  text: (value: number) => string
]

const figures: ReadonlyArray<Figure> = [
  ["Duration", ({ turn }) => turn.durationNanos, Texts.duration],
  ...TimeSplitBar.timeParts.map((part): Figure => [
    `Time: ${part}`,
    ({ turn }) => (turn.time === undefined ? undefined : TimeSplitBar.nanosOf(turn.time, part)),
    Texts.duration
  ]),
  ["Model calls", ({ turn }) => turn.modelCalls.count, Texts.count],
  ["Tool calls", ({ turn }) => turn.toolCalls.count, Texts.count],
  ["Tokens in", ({ turn }) => turn.tokens?.input, Texts.count],
  ["Tokens cached", ({ turn }) => turn.tokens?.cachedInput, Texts.count],
  ["Tokens out", ({ turn }) => turn.tokens?.output, Texts.count],
  ["Cost", ({ turn }) => turn.costUsd, Texts.dollars],
  ["Approval wait", TurnSelection.approvalWait, Texts.duration],
  ["Errors", TurnSelection.errorCount, Texts.count]
]

const dash = "–"

/** The difference as text and share, marked where the right turn took more. */
const difference = (
  left: number | undefined,
  right: number | undefined,
  text: (value: number) => string
): HTMLElement => {
  if (left === undefined || right === undefined) return el("span", { class: "muted" }, dash)
  const change = right - left
  if (change === 0) return el("span", { class: "muted" }, "same")
  const share = left === 0 ? "" : ` (${change > 0 ? "+" : "−"}${Texts.percent(Math.abs(change) / left)})`
  const size = text(Math.abs(change))
  return el("span", { class: change > 0 ? "more" : "less" }, `${change > 0 ? "+" : "−"}${size}${share}`)
}

const optional = (value: number | undefined, text: (value: number) => string): string =>
  value === undefined ? dash : text(value)

export class CompareView {
  readonly element: HTMLElement
  readonly title = "Compare two turns"
  private readonly waterfalls: ReadonlyArray<WaterfallView>

  constructor(data: PageData, left: number, right: number) {
    const [a, b] = [data.turns[left], data.turns[right]]
    if (a === undefined || b === undefined) throw new Error("there is no such turn")
    const bounds = {
      from: Math.min(TurnTexts.boundsOf(a).from, TurnTexts.boundsOf(b).from),
      to: Math.max(TurnTexts.boundsOf(a).to, TurnTexts.boundsOf(b).to)
    }
    let linking = false
    this.waterfalls = [a, b].map(
      (turn, side) =>
        new WaterfallView({
          label: `Waterfall of the ${side === 0 ? "left" : "right"} turn. Enter opens a span.`,
          rows: turn.spans.map(TurnTexts.toRow),
          critical: TurnTexts.criticalParts(turn),
          bounds,
          open: (span) =>
            (location.hash = Route.format({ view: "turn", turn: side === 0 ? left : right, span })),
          zoomed: (window) => {
            if (linking) return
            linking = true
            for (const other of this.waterfalls) if (other !== this.waterfalls[side]) other.setWindow(window)
            linking = false
          }
        })
    )
    this.element = el(
      "section",
      { class: "compare-view", attributes: { "aria-label": this.title } },
      el(
        "div",
        { class: "view-head" },
        el("a", { class: "back", attributes: { href: "#/" } }, "← Turns"),
        el("h1", {}, "Compare two turns"),
        el("span", { class: "spacer" }),
        el(
          "a",
          {
            class: "button",
            attributes: { href: Route.format({ view: "compare", left: right, right: left }) }
          },
          "Swap"
        )
      ),
      el(
        "div",
        { class: "compare-tables" },
        dataTable(
          "Figures of both turns",
          [
            { title: "Figure" },
            { title: "Left", number: true },
            { title: "Right", number: true },
            { title: "Difference", number: true }
          ],
          figures.map(([title, valueOf, text]) => [
            title,
            optional(valueOf(a), text),
            optional(valueOf(b), text),
            difference(valueOf(a), valueOf(b), text)
          ])
        ),
        this.operations(a, b)
      ),
      el(
        "div",
        { class: "compare-waterfalls" },
        ...[a, b].map((turn, side) =>
          el(
            "div",
            { class: "compare-side" },
            el(
              "h2",
              {},
              side === 0 ? "Left: " : "Right: ",
              el(
                "a",
                { attributes: { href: Route.format({ view: "turn", turn: side === 0 ? left : right }) } },
                el("bdi", {}, TurnTexts.shortId(turn))
              ),
              el("span", { class: `status status-${turn.turn.status}` }, turn.turn.status),
              el("small", { class: "muted" }, Texts.localTime(TurnTexts.startedAt(turn)))
            ),
            turn.turn.time !== undefined && TimeSplitBar.bar(turn.turn.time),
            this.waterfalls[side]?.element
          )
        )
      )
    )
  }

  focus(): void {
    this.waterfalls[0]?.focus()
  }

  private operations(a: TurnTrace, b: TurnTrace): HTMLElement {
    const text = (total: OperationTotal | undefined) =>
      total === undefined
        ? dash
        : `${Texts.duration(total.nanos)} · ${total.count}×${total.failed > 0 ? ` · ${total.failed} failed` : ""}`
    return dataTable(
      "What each operation took",
      [
        { title: "Operation" },
        { title: "Left", number: true },
        { title: "Right", number: true },
        { title: "Difference", number: true }
      ],
      compareOperations(a.spans, b.spans)
        .slice(0, 200)
        .map(({ kind, left, name, right }) => [
          el(
            "span",
            { class: "operation" },
            el("span", { class: `swatch kind-${kind}`, attributes: { "aria-hidden": "true" } }),
            el("bdi", {}, Texts.shownLine(name, 80) || "(no name)")
          ),
          text(left),
          text(right),
          difference(left?.nanos ?? 0, right?.nanos ?? 0, Texts.duration)
        ])
    )
  }
}
