/**
 * A waterfall of spans: a tree of names on the left, bars on a time axis on the right. It knows nothing about the page around
 * it, so that other pages can show it too.
 */
import * as Texts from "../ui/Texts.ts"
import { el, hiddenText } from "../ui/Dom.ts"
import { VirtualGrid } from "../ui/VirtualGrid.ts"
import { Minimap } from "./Minimap.ts"
import { visibleRows, type SpanRow, type WaterfallPart, type WaterfallRow } from "./SpanRows.ts"
import * as TimeAxis from "./TimeAxis.ts"
import * as TimeWindow from "./TimeWindow.ts"

export interface WaterfallViewOptions {
  readonly label: string
  readonly rows: ReadonlyArray<WaterfallRow>
  readonly critical: ReadonlyArray<WaterfallPart>
  /** What can be shown: all of the spans, or more of the axis for a comparison. */
  readonly bounds: TimeWindow.TimeWindow
  readonly select?: (span: number) => void
  readonly open?: (span: number) => void
  readonly zoomed?: (window: TimeWindow.TimeWindow) => void
}

const rowHeight = 26
const zoomStep = 0.7

export class WaterfallView {
  readonly element: HTMLElement
  readonly grid: VirtualGrid
  private readonly options: WaterfallViewOptions
  private readonly parts: ReadonlyMap<number, ReadonlyArray<WaterfallPart>>
  private readonly axis: HTMLElement
  private readonly minimap: Minimap
  private readonly collapsed = new Set<number>()
  private matches: ((span: number) => boolean) | undefined
  private criticalOnly = false
  private visible: ReadonlyArray<SpanRow> = []
  private shown: TimeWindow.TimeWindow

  constructor(options: WaterfallViewOptions) {
    this.options = options
    this.parts = Map.groupBy(options.critical, (part) => part.span)
    this.shown = options.bounds
    this.axis = el("div", { class: "axis", attributes: { "aria-hidden": "true" } })
    this.minimap = new Minimap({
      rows: options.rows,
      bounds: options.bounds,
      change: (window) => this.setWindow(window)
    })
    const timeHeader = el(
      "div",
      { class: "time-cell", attributes: { role: "columnheader" } },
      hiddenText("Time"),
      this.axis
    )
    this.grid = new VirtualGrid({
      role: "treegrid",
      label: options.label,
      rowHeight,
      header: el(
        "div",
        { class: "waterfall-header", attributes: { role: "row", "aria-rowindex": 1 } },
        el("div", { class: "name-cell", attributes: { role: "columnheader" } }, "Span"),
        timeHeader
      ),
      rowCount: () => this.visible.length,
      row: (index) => this.row(index),
      key: (event, index) => this.key(event, index),
      activate: (index) => {
        const row = this.visible[index]
        if (row !== undefined) this.options.select?.(row.span)
      },
      empty: "No span matches."
    })
    TimeAxis.listen(this.grid.element, timeHeader, {
      window: () => this.shown,
      bounds: options.bounds,
      change: (window) => this.setWindow(window)
    })
    this.element = el("div", { class: "waterfall" }, this.minimap.element, this.grid.element)
    this.refresh()
    new ResizeObserver(() => TimeAxis.draw(this.axis, this.shown)).observe(this.axis)
  }

  get window(): TimeWindow.TimeWindow {
    return this.shown
  }

  /** The active span. */
  get active(): number {
    return this.visible[this.grid.active]?.span ?? 0
  }

  /** Shows only spans that match, and their ancestors. Returns how many match. */
  filter(matches: ((span: number) => boolean) | undefined): number {
    this.matches = matches
    this.refresh()
    return this.visible.filter((row) => row.matches).length
  }

  /** Makes everything but the critical path pale. */
  highlightCritical(only: boolean): void {
    this.criticalOnly = only
    this.refresh()
  }

  setWindow(window: TimeWindow.TimeWindow): void {
    this.shown = TimeWindow.clamp(window, this.options.bounds)
    TimeAxis.draw(this.axis, this.shown)
    this.minimap.show(this.shown)
    this.grid.refresh()
    this.options.zoomed?.(this.shown)
  }

  zoomIn(): void {
    this.zoom(zoomStep)
  }

  zoomOut(): void {
    this.zoom(1 / zoomStep)
  }

  fit(): void {
    this.setWindow(this.options.bounds)
  }

  expandAll(): void {
    this.collapsed.clear()
    this.refresh()
  }

  collapseAll(): void {
    const active = this.visible[this.grid.active]?.span
    for (const row of visibleRows(this.options.rows, new Set()))
      if (row.children > 0 && row.depth > 0) this.collapsed.add(row.span)
    this.refresh()
    if (active !== undefined) this.reveal(active, false)
  }

  /** Makes a span active, opens its ancestors and scrolls to it. */
  reveal(span: number, open = true): void {
    if (open)
      for (let up = this.options.rows[span]?.parent; up !== undefined; up = this.options.rows[up]?.parent)
        this.collapsed.delete(up)
    this.refresh()
    for (let at: number | undefined = span; at !== undefined; at = this.options.rows[at]?.parent) {
      const index = this.visible.findIndex((row) => row.span === at)
      if (index >= 0) return this.grid.activate(index)
    }
  }

  focus(): void {
    this.grid.focus()
  }

  private refresh(): void {
    this.visible = visibleRows(this.options.rows, this.collapsed, this.matches)
    this.grid.refresh()
  }

  private zoom(factor: number): void {
    const row = this.activeRow()
    const middle = row === undefined ? undefined : (row.start + row.end) / 2
    const { from, to } = this.shown
    const at = middle !== undefined && middle >= from && middle <= to ? middle : (from + to) / 2
    this.setWindow(TimeWindow.zoom(this.shown, this.options.bounds, factor, at))
  }

  private activeRow(): WaterfallRow | undefined {
    return this.options.rows[this.visible[this.grid.active]?.span ?? -1]
  }

  private toggle(index: number, open: boolean): void {
    const row = this.visible[index]
    if (row === undefined || row.children === 0) return
    if (open) this.collapsed.delete(row.span)
    else this.collapsed.add(row.span)
    this.refresh()
    this.grid.activate(index)
  }

  private key(event: KeyboardEvent, index: number): boolean {
    const row = this.visible[index]
    const { bounds } = this.options
    if (row === undefined || event.ctrlKey || event.metaKey) return false
    if (event.shiftKey && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      this.setWindow(TimeWindow.pan(this.shown, bounds, event.key === "ArrowLeft" ? -0.25 : 0.25))
      return true
    }
    switch (event.key) {
      case "ArrowRight":
        if (row.children > 0) {
          if (row.expanded) this.grid.activate(index + 1)
          else this.toggle(index, true)
        }
        return true
      case "ArrowLeft":
        if (row.children > 0 && row.expanded && this.matches === undefined) this.toggle(index, false)
        else this.activateParent(row)
        return true
      case "Enter":
      case " ":
        this.options.open?.(row.span)
        return true
      case "+":
      case "=":
        this.zoomIn()
        return true
      case "-":
        this.zoomOut()
        return true
      case "0":
        this.fit()
        return true
      case "z": {
        const span = this.activeRow()
        if (span !== undefined) this.setWindow(TimeWindow.around({ from: span.start, to: span.end }, bounds))
        return true
      }
      case "e":
        this.activateNext(index, 1)
        return true
      case "E":
        this.activateNext(index, -1)
        return true
      default:
        return false
    }
  }

  private activateParent({ span }: SpanRow): void {
    const parent = this.options.rows[span]?.parent
    const index = this.visible.findIndex((row) => row.span === parent)
    if (index >= 0) this.grid.activate(index)
  }

  /** Makes the next failed span active, in a direction. */
  private activateNext(index: number, direction: 1 | -1): void {
    const count = this.visible.length
    for (let step = 1; step <= count; step++) {
      const at = (index + direction * step + count) % count
      if (this.options.rows[this.visible[at]?.span ?? -1]?.failed === true) return this.grid.activate(at)
    }
  }

  private row(index: number): HTMLElement {
    const row = this.visible[index]
    const span = this.options.rows[row?.span ?? -1]
    if (row === undefined || span === undefined) return el("div")
    const parts = this.parts.get(row.span) ?? []
    const pale = !row.matches || (this.criticalOnly && parts.length === 0)
    const element = el(
      "div",
      {
        class: `span-row kind-${span.kind}${span.failed ? " failed" : ""}${pale ? " pale" : ""}`,
        attributes: {
          "aria-level": row.depth + 1,
          "aria-expanded": row.children > 0 ? String(row.expanded) : undefined,
          "aria-selected": String(index === this.grid?.active)
        }
      },
      this.nameCell(row, span, index),
      this.timeCell(span, parts)
    )
    element.addEventListener("dblclick", () => {
      this.setWindow(TimeWindow.around({ from: span.start, to: span.end }, this.options.bounds))
    })
    return element
  }

  private nameCell(row: SpanRow, span: WaterfallRow, index: number): HTMLElement {
    const twisty = el("span", {
      class: row.children === 0 ? "twisty leaf" : row.expanded ? "twisty open" : "twisty",
      on: {
        click: (event) => {
          event.stopPropagation()
          this.toggle(index, !row.expanded)
          this.focus()
        }
      }
    })
    const name = Texts.shownLine(span.name) || "(no name)"
    return el(
      "div",
      {
        class: "name-cell",
        attributes: {
          role: "gridcell",
          title: span.note === "" ? name : `${name}: ${span.note}`
        },
        style: { "padding-inline-start": `${8 + Math.min(row.depth, 24) * 14}px` }
      },
      twisty,
      el("span", { class: "swatch", attributes: { "aria-hidden": "true" } }),
      el("bdi", { class: "span-name" }, name),
      hiddenText(`, ${span.kind}${span.failed ? ", failed" : ""}`),
      span.note !== "" && el("bdi", { class: "span-note" }, span.note)
    )
  }

  private timeCell(span: WaterfallRow, parts: ReadonlyArray<WaterfallPart>): HTMLElement {
    const place = TimeWindow.bar(span.start, span.end, this.shown)
    const length = Texts.duration(span.end - span.start)
    const label = `${length}, starts at ${Texts.duration(span.start)}${parts.length > 0 ? ", on the critical path" : ""}`
    const cell = el("div", { class: "time-cell", attributes: { role: "gridcell", "aria-label": label } })
    if (place === undefined) {
      cell.append(
        el("span", {
          class: span.end < this.shown.from ? "outside before" : "outside after",
          attributes: { "aria-hidden": "true" }
        })
      )
      return cell
    }
    const right = place.left + place.width
    const inside = place.left > 70 && right > 82
    cell.append(
      el("div", { class: "bar", style: { left: `${place.left}%`, width: `${place.width}%` } }),
      ...TimeWindow.bars(parts, this.shown).map(({ left, width }) =>
        el("div", { class: "critical", style: { left: `${left}%`, width: `${width}%` } })
      ),
      el(
        "span",
        {
          class: inside ? "bar-label left" : right > 86 ? "bar-label within" : "bar-label",
          attributes: { "aria-hidden": "true" },
          style:
            inside || right > 86
              ? { right: `${100 - (inside ? place.left : right)}%` }
              : { left: `${right}%` }
        },
        length
      )
    )
    return cell
  }
}
