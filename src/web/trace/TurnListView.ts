/** The list of turns with its filters; two of them can be chosen for a comparison. */
import { button, el, hiddenText } from "../ui/Dom.ts"
import * as Texts from "../ui/Texts.ts"
import { VirtualGrid } from "../ui/VirtualGrid.ts"
import type { PageData } from "./PageData.ts"
import type { TurnTrace } from "../../trace/reader/TraceModel.ts"
import * as Route from "./Route.ts"
import * as TimeSplitBar from "./TimeSplitBar.ts"
import * as TurnSelection from "./TurnSelection.ts"
import * as TurnTexts from "./TurnTexts.ts"

interface Column {
  readonly id: string
  readonly title: string
  readonly sort?: TurnSelection.ListColumn
  readonly number?: boolean
  readonly cell: (turn: TurnTrace) => Node | string
}

const dash = "–"
const optional = (value: number | undefined, text: (value: number) => string): string =>
  value === undefined ? dash : text(value)

const statusCell = ({ turn }: TurnTrace): HTMLElement =>
  el("span", { class: `status status-${turn.status}` }, turn.incomplete === true ? "incomplete" : turn.status)

const errorsCell = (turn: TurnTrace): Node | string => {
  const count = TurnSelection.errorCount(turn)
  if (count === 0) return dash
  const types = TurnSelection.errorTypesOf(turn).map((type) => Texts.shownLine(type, 60))
  return el(
    "span",
    { class: "error-text", attributes: { title: types.join(", ") } },
    el("strong", {}, Texts.count(count)),
    el("bdi", {}, ` ${types[0] ?? ""}${types.length > 1 ? ` +${types.length - 1}` : ""}`)
  )
}

const columns: ReadonlyArray<Column> = [
  {
    id: "turn",
    title: "Turn",
    cell: (turn) => el("bdi", { class: "turn-id" }, TurnTexts.shortId(turn))
  },
  {
    id: "started",
    title: "Started",
    sort: "started",
    cell: (turn) => Texts.localTime(TurnTexts.startedAt(turn))
  },
  { id: "status", title: "Status", sort: "status", cell: statusCell },
  {
    id: "model",
    title: "Model",
    cell: (turn) => el("bdi", {}, Texts.shownLine(TurnSelection.modelsOf(turn).join(", ") || dash, 60))
  },
  {
    id: "duration",
    title: "Duration",
    sort: "duration",
    number: true,
    cell: ({ turn }) => Texts.duration(turn.durationNanos)
  },
  {
    id: "split",
    title: "Time split",
    cell: ({ turn }) => (turn.time === undefined ? dash : TimeSplitBar.bar(turn.time))
  },
  {
    id: "modelCalls",
    title: "Model calls",
    sort: "modelCalls",
    number: true,
    cell: ({ turn }) => Texts.count(turn.modelCalls.count)
  },
  {
    id: "toolCalls",
    title: "Tool calls",
    sort: "toolCalls",
    number: true,
    cell: ({ turn }) => Texts.count(turn.toolCalls.count)
  },
  {
    id: "input",
    title: "Tokens in",
    sort: "input",
    number: true,
    cell: ({ turn }) => optional(turn.tokens?.input, Texts.count)
  },
  {
    id: "output",
    title: "Tokens out",
    sort: "output",
    number: true,
    cell: ({ turn }) => optional(turn.tokens?.output, Texts.count)
  },
  {
    id: "cost",
    title: "Cost",
    sort: "cost",
    number: true,
    cell: ({ turn }) => optional(turn.costUsd, Texts.dollars)
  },
  {
    id: "wait",
    title: "Approval wait",
    sort: "wait",
    number: true,
    cell: (turn) =>
      turn.turn.approvals.count === 0 ? dash : Texts.duration(TurnSelection.approvalWait(turn))
  },
  { id: "errors", title: "Errors", sort: "errors", cell: errorsCell }
]

export class TurnListView {
  readonly element: HTMLElement
  readonly title = "Turns"
  private readonly data: PageData
  private readonly grid: VirtualGrid
  private readonly count = el("p", { class: "count", attributes: { role: "status" } })
  private readonly compareButton: HTMLButtonElement
  private readonly chosen: Array<number> = []
  private readonly headers = new Map<TurnSelection.ListColumn, HTMLElement>()
  private filter = TurnSelection.noFilter
  private order: TurnSelection.ListOrder = { column: "started", descending: true }
  private visible: ReadonlyArray<number> = []

  constructor(data: PageData) {
    this.data = data
    this.compareButton = button("Compare", () => this.compare(), { disabled: true })
    this.grid = new VirtualGrid({
      role: "grid",
      label: "Turns. Enter opens a turn, Space chooses it for a comparison.",
      rowHeight: 34,
      header: this.header(),
      rowCount: () => this.visible.length,
      row: (index) => this.row(index),
      key: (event, index) => this.key(event, index),
      empty: "No turn matches the filters."
    })
    this.element = el(
      "section",
      { class: "list-view", attributes: { "aria-label": "Turns" } },
      el("h1", { class: "visually-hidden" }, "Turns"),
      this.filters(),
      el("div", { class: "grid-frame" }, this.grid.element)
    )
    this.grid.element.classList.add("turn-grid")
    this.update()
  }

  focus(): void {
    this.grid.focus()
  }

  /** Makes a turn the active row. */
  reveal(turn: number): void {
    const index = this.visible.indexOf(turn)
    if (index >= 0) this.grid.activate(index)
  }

  private filters(): HTMLElement {
    const search = el("input", {
      attributes: { type: "search", placeholder: "Id, model, tool, error, label…", spellcheck: "false" },
      on: { input: () => this.set({ text: search.value }) }
    })
    const choice = (
      title: string,
      field: "status" | "model" | "error",
      values: ReadonlyArray<string>,
      any: string
    ) => {
      const select = el(
        "select",
        { on: { change: () => this.set({ [field]: select.value }) } },
        el("option", { attributes: { value: "" } }, any),
        ...values.map((value) =>
          el("option", { attributes: { value } }, value === "*" ? "any error" : Texts.shownLine(value, 60))
        )
      )
      return el("label", { class: "field" }, el("span", {}, title), select)
    }
    const { turns } = this.data
    return el(
      "div",
      { class: "toolbar", attributes: { role: "search", "aria-label": "Filter turns" } },
      el("label", { class: "field grow" }, el("span", {}, "Search"), search),
      choice(
        "Status",
        "status",
        TurnSelection.choices(turns, ({ turn }) => [turn.status]),
        "all"
      ),
      choice("Model", "model", TurnSelection.choices(turns, TurnSelection.modelsOf), "all"),
      choice("Errors", "error", ["*", ...TurnSelection.choices(turns, TurnSelection.errorTypesOf)], "all"),
      this.count,
      this.compareButton
    )
  }

  private set(change: Partial<TurnSelection.ListFilter>): void {
    this.filter = { ...this.filter, ...change }
    this.update()
  }

  private update(): void {
    this.visible = TurnSelection.select(this.data.turns, this.filter, this.order)
    const all = this.data.turns.length
    this.count.textContent =
      this.visible.length === all
        ? Texts.plural(all, "turn")
        : `${Texts.count(this.visible.length)} of ${Texts.plural(all, "turn")}`
    for (const [column, header] of this.headers)
      header.setAttribute(
        "aria-sort",
        column !== this.order.column ? "none" : this.order.descending ? "descending" : "ascending"
      )
    this.grid.refresh()
  }

  private header(): HTMLElement {
    return el(
      "div",
      { class: "turn-row turn-header", attributes: { role: "row", "aria-rowindex": 1 } },
      el("div", { class: "cell col-choose", attributes: { role: "columnheader" } }, hiddenText("Compare")),
      ...columns.map((column) => {
        const { sort } = column
        const header = el(
          "div",
          {
            class: `cell col-${column.id}${column.number === true ? " number" : ""}`,
            attributes: { role: "columnheader" }
          },
          sort === undefined ? column.title : button(column.title, () => this.sortBy(sort), {}, "sort")
        )
        if (sort !== undefined) this.headers.set(sort, header)
        return header
      })
    )
  }

  private sortBy(column: TurnSelection.ListColumn): void {
    const descending = this.order.column === column ? !this.order.descending : column !== "status"
    this.order = { column, descending }
    this.update()
  }

  private row(index: number): HTMLElement {
    const at = this.visible[index] ?? -1
    const turn = this.data.turns[at]
    if (turn === undefined) return el("div")
    const chosen = this.chosen.includes(at)
    const checkbox = el("span", {
      class: chosen ? "choose chosen" : "choose",
      attributes: { title: "Compare" },
      on: {
        click: (event) => {
          event.stopPropagation()
          this.choose(index)
          this.grid.activate(index)
          this.focus()
        }
      }
    })
    const row = el(
      "div",
      { class: "turn-row", attributes: { "aria-selected": String(chosen) } },
      el(
        "div",
        { class: "cell col-choose", attributes: { role: "gridcell" } },
        checkbox,
        hiddenText(chosen ? "chosen" : "")
      ),
      ...columns.map((column) =>
        el(
          "div",
          {
            class: `cell col-${column.id}${column.number === true ? " number" : ""}`,
            attributes: { role: "gridcell" }
          },
          column.cell(turn)
        )
      )
    )
    row.addEventListener("click", (event) => {
      if (event.detail > 0 && getSelection()?.isCollapsed !== false) this.open(index)
    })
    return row
  }

  private key(event: KeyboardEvent, index: number): boolean {
    if (event.key === "Enter") this.open(index)
    else if (event.key === " ") this.choose(index)
    else return false
    return true
  }

  private open(index: number): void {
    const turn = this.visible[index]
    if (turn !== undefined) location.hash = Route.format({ view: "turn", turn })
  }

  /** Chooses a turn, or the opposite. A third choice replaces the first. */
  private choose(index: number): void {
    const turn = this.visible[index]
    if (turn === undefined) return
    const at = this.chosen.indexOf(turn)
    if (at >= 0) this.chosen.splice(at, 1)
    else this.chosen.push(turn)
    if (this.chosen.length > 2) this.chosen.shift()
    this.compareButton.disabled = this.chosen.length !== 2
    this.compareButton.textContent =
      this.chosen.length === 0 ? "Compare" : `Compare ${this.chosen.length} of 2`
    this.grid.refresh()
  }

  private compare(): void {
    const [left, right] = this.chosen
    if (left !== undefined && right !== undefined)
      location.hash = Route.format({ view: "compare", left, right })
  }
}
