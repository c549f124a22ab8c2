/** The parts of one turn: its figures, and its waterfall and tables as tabs. It knows nothing about the page around it. */
import { button, el, newId } from "../ui/Dom.ts"
import { Tabs } from "../ui/Tabs.ts"
import * as Texts from "../ui/Texts.ts"
import { WaterfallView } from "../waterfall/WaterfallView.ts"
import type { TurnTrace } from "../../trace/reader/TraceModel.ts"
import { spanPanel } from "./SpanPanel.ts"
import * as TimeSplitBar from "./TimeSplitBar.ts"
import * as TurnSelection from "./TurnSelection.ts"
import * as TurnSections from "./TurnSections.ts"
import * as TurnTexts from "./TurnTexts.ts"

export interface TurnDetailsOptions {
  readonly turn: TurnTrace
  /** The span whose details are shown from the start. */
  readonly span?: number | undefined
  /** Called with the span whose details are shown, or `undefined` when they are closed. */
  readonly shown?: (span: number | undefined) => void
}

export class TurnDetails {
  /** The overview and the tabs, for the caller to put below a heading. */
  readonly elements: ReadonlyArray<HTMLElement>
  private readonly options: TurnDetailsOptions
  private readonly waterfall: WaterfallView
  private readonly tabs: Tabs
  private readonly side = el("div", { class: "side", attributes: { hidden: true } })

  constructor(options: TurnDetailsOptions) {
    const { span, turn } = options
    this.options = options
    this.waterfall = new WaterfallView({
      label: "Waterfall of the turn. Enter shows the details of a span, plus and minus zoom.",
      rows: turn.spans.map(TurnTexts.toRow),
      critical: TurnTexts.criticalParts(turn),
      bounds: TurnTexts.boundsOf(turn),
      select: (index) => {
        if (!this.side.hidden) this.show(index)
      },
      open: (index) => {
        this.show(index)
        this.side.querySelector<HTMLElement>(".panel")?.focus()
      }
    })
    const open = (index: number) => {
      this.tabs.select("waterfall")
      this.waterfall.reveal(index)
      this.show(index)
      this.waterfall.focus()
    }
    const calls = turn.spans.filter((span) => span.kind === "model").length
    this.tabs = new Tabs("Parts of the turn", [
      { id: "waterfall", title: "Waterfall", content: () => this.waterfallTab() },
      { id: "calls", title: `Model calls (${calls})`, content: () => TurnSections.modelCalls(turn, open) },
      {
        id: "approvals",
        title: `Approvals (${turn.spans.filter((other) => other.kind === "approval").length})`,
        content: () => TurnSections.approvals(turn, open)
      },
      {
        id: "errors",
        title: `Errors (${TurnSelection.errorCount(turn)})`,
        content: () => TurnSections.errors(turn, open)
      },
      { id: "critical", title: "Critical path", content: () => TurnSections.criticalPath(turn, open) }
    ])
    this.elements = [
      el(
        "div",
        { class: "overview" },
        TurnSections.figures(turn),
        turn.turn.time !== undefined && TimeSplitBar.withLegend(turn.turn.time)
      ),
      this.tabs.element
    ]
    this.waterfall.grid.element.addEventListener("click", () => this.show(this.waterfall.active))
    if (span !== undefined && turn.spans[span] !== undefined) {
      this.waterfall.reveal(span)
      this.show(span)
    }
  }

  focus(): void {
    this.waterfall.focus()
  }

  /** Scrolls to the active span, once the view is in the page. */
  reveal(): void {
    if (this.activeSpan > 0) this.waterfall.reveal(this.activeSpan)
  }

  private activeSpan = 0

  private show(index: number): void {
    this.activeSpan = index
    this.options.shown?.(index)
    this.side.hidden = false
    this.side.replaceChildren(spanPanel(this.options.turn, index, () => this.hide()))
  }

  private hide(): void {
    this.side.hidden = true
    this.side.replaceChildren()
    this.options.shown?.(undefined)
    this.waterfall.focus()
  }

  private waterfallTab(): HTMLElement {
    return el(
      "div",
      { class: "waterfall-tab" },
      this.toolbar(),
      el("div", { class: "waterfall-and-side" }, this.waterfall.element, this.side)
    )
  }

  private toolbar(): HTMLElement {
    const { spans } = this.options.turn
    const count = el(
      "span",
      { class: "count", attributes: { role: "status" } },
      Texts.plural(spans.length, "span")
    )
    const search = el("input", {
      attributes: { type: "search", placeholder: "Name, attribute, value…", spellcheck: "false" }
    })
    const failed = el("input", { attributes: { type: "checkbox", id: newId("failed") } })
    const critical = el("input", { attributes: { type: "checkbox", id: newId("critical") } })
    const filter = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean)
      const active = words.length > 0 || failed.checked
      const found = this.waterfall.filter(
        active
          ? (index) => {
              const span = spans[index]
              if (span === undefined || (failed.checked && !span.failed)) return false
              const text = `${span.name}\n${JSON.stringify(span.attributes)}`.toLowerCase()
              return words.every((word) => text.includes(word))
            }
          : undefined
      )
      count.textContent = active
        ? `${Texts.count(found)} of ${Texts.plural(spans.length, "span")}`
        : Texts.plural(spans.length, "span")
    }
    search.addEventListener("input", filter)
    failed.addEventListener("change", filter)
    critical.addEventListener("change", () => this.waterfall.highlightCritical(critical.checked))
    return el(
      "div",
      { class: "toolbar", attributes: { role: "search", "aria-label": "Filter spans" } },
      el("label", { class: "field grow" }, el("span", {}, "Search spans"), search),
      el("label", { class: "check" }, failed, "Failed only"),
      el("label", { class: "check" }, critical, "Critical path"),
      count,
      el(
        "div",
        { class: "button-group", attributes: { role: "group", "aria-label": "Zoom" } },
        button("−", () => this.waterfall.zoomOut(), { "aria-label": "Zoom out", title: "Zoom out (-)" }),
        button("Fit", () => this.waterfall.fit(), { title: "Show the whole turn (0)" }),
        button("+", () => this.waterfall.zoomIn(), { "aria-label": "Zoom in", title: "Zoom in (+)" })
      ),
      el(
        "div",
        { class: "button-group", attributes: { role: "group", "aria-label": "Tree" } },
        button("Expand", () => this.waterfall.expandAll(), { "aria-label": "Expand all spans" }),
        button("Collapse", () => this.waterfall.collapseAll(), { "aria-label": "Collapse all spans" })
      )
    )
  }
}
