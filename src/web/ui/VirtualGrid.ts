/**
 * A grid of which only the visible rows are elements, so that it scrolls smoothly with any number of rows. The grid has the
 * focus, and `aria-activedescendant` names its active row, which is always an element.
 */
import { el, newId } from "./Dom.ts"

export interface VirtualGridOptions {
  readonly role: "grid" | "treegrid"
  readonly label: string
  readonly rowHeight: number
  /** The row of column headers. */
  readonly header: HTMLElement
  readonly rowCount: () => number
  /** Makes a row. The grid adds its position and whether it is active. */
  readonly row: (index: number) => HTMLElement
  /** Handles a key that is not one of the grid's own. Returns whether it did. */
  readonly key?: (event: KeyboardEvent, index: number) => boolean
  readonly activate?: (index: number) => void
  /** What to show without rows. */
  readonly empty: string
}

const extraRows = 4

export class VirtualGrid {
  readonly element: HTMLElement
  private readonly options: VirtualGridOptions
  private readonly body: HTMLElement
  private readonly empty: HTMLElement
  private readonly id = newId("grid")
  private readonly rows = new Map<number, HTMLElement>()
  private activeIndex = 0

  constructor(options: VirtualGridOptions) {
    this.options = options
    this.empty = el("p", { class: "empty", attributes: { role: "status" } })
    this.body = el("div", { class: "grid-body", attributes: { role: "rowgroup" } })
    this.element = el(
      "div",
      {
        class: "grid",
        attributes: { role: options.role, tabindex: 0, "aria-label": options.label },
        on: {
          scroll: () => this.draw(),
          keydown: (event) => this.press(event),
          click: (event) => this.click(event),
          focus: () => this.reveal(this.activeIndex)
        }
      },
      el("div", { class: "grid-header", attributes: { role: "rowgroup" } }, options.header),
      this.body
    )
    new ResizeObserver(() => this.draw()).observe(this.element)
  }

  get active(): number {
    return this.activeIndex
  }

  /** The number of row elements, for tests and benchmarks. */
  get drawn(): number {
    return this.rows.size
  }

  /** Makes all rows again. */
  refresh(): void {
    const count = this.options.rowCount()
    this.activeIndex = Math.min(this.activeIndex, Math.max(count - 1, 0))
    for (const row of this.rows.values()) row.remove()
    this.rows.clear()
    this.body.style.setProperty("height", `${count * this.options.rowHeight}px`)
    this.element.setAttribute("aria-rowcount", String(count + 1))
    if (count === 0) {
      this.empty.textContent = this.options.empty
      this.element.after(this.empty)
    } else this.empty.remove()
    this.draw()
  }

  /** Makes a row active and scrolls it into view. */
  activate(index: number): void {
    const count = this.options.rowCount()
    if (count === 0) return
    const before = this.activeIndex
    this.activeIndex = Math.min(Math.max(index, 0), count - 1)
    this.redrawRow(before)
    this.reveal(this.activeIndex)
    this.redrawRow(this.activeIndex)
    this.draw()
    this.options.activate?.(this.activeIndex)
  }

  focus(): void {
    this.element.focus({ preventScroll: true })
  }

  private get headerHeight(): number {
    return this.body.offsetTop
  }

  private reveal(index: number): void {
    const { clientHeight, scrollTop } = this.element
    const room = clientHeight - this.headerHeight
    const top = index * this.options.rowHeight
    if (top < scrollTop) this.element.scrollTop = top
    else if (top + this.options.rowHeight > scrollTop + room)
      this.element.scrollTop = top + this.options.rowHeight - room
  }

  private redrawRow(index: number): void {
    this.rows.get(index)?.remove()
    this.rows.delete(index)
  }

  private draw(): void {
    const count = this.options.rowCount()
    const { clientHeight, scrollTop } = this.element
    const first = Math.max(Math.floor(scrollTop / this.options.rowHeight) - extraRows, 0)
    const last = Math.min(Math.ceil((scrollTop + clientHeight) / this.options.rowHeight) + extraRows, count)
    for (const [index, row] of this.rows)
      if ((index < first || index >= last) && index !== this.activeIndex) {
        row.remove()
        this.rows.delete(index)
      }
    if (count > 0) this.place(this.activeIndex)
    for (let index = first; index < last; index++) this.place(index)
    const active = this.rows.get(this.activeIndex)
    if (active === undefined) this.element.removeAttribute("aria-activedescendant")
    else this.element.setAttribute("aria-activedescendant", active.id)
  }

  private place(index: number): void {
    if (this.rows.has(index)) return
    const row = this.options.row(index)
    row.id = `${this.id}-${index}`
    row.setAttribute("role", "row")
    row.setAttribute("aria-rowindex", String(index + 2))
    row.dataset["index"] = String(index)
    row.classList.add("grid-row")
    row.classList.toggle("active", index === this.activeIndex)
    row.style.setProperty("top", `${index * this.options.rowHeight}px`)
    row.style.setProperty("height", `${this.options.rowHeight}px`)
    // Screen readers read rows in the order of the document.
    let next: number | undefined
    for (const other of this.rows.keys())
      if (other > index && (next === undefined || other < next)) next = other
    this.body.insertBefore(row, next === undefined ? null : (this.rows.get(next) ?? null))
    this.rows.set(index, row)
  }

  private click(event: MouseEvent): void {
    const target = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-index]") : null
    if (target === null || !this.body.contains(target)) return
    this.activate(Number(target.dataset["index"]))
    this.focus()
  }

  private press(event: KeyboardEvent): void {
    if (event.target !== this.element || event.altKey) return
    const page = Math.max(Math.floor(this.element.clientHeight / this.options.rowHeight) - 2, 1)
    const target = this.options.key?.(event, this.activeIndex) === true ? "handled" : this.move(event, page)
    if (target === undefined) return
    event.preventDefault()
    if (target !== "handled") this.activate(target)
  }

  private move(event: KeyboardEvent, page: number): number | undefined {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return undefined
    switch (event.key) {
      case "ArrowDown":
        return this.activeIndex + 1
      case "ArrowUp":
        return this.activeIndex - 1
      case "PageDown":
        return this.activeIndex + page
      case "PageUp":
        return this.activeIndex - page
      case "Home":
        return 0
      case "End":
        return this.options.rowCount() - 1
      default:
        return undefined
    }
  }
}
