/** All spans in a small picture, with the part of the axis that the waterfall shows. Dragging over it shows another part. */
import { el } from "../ui/Dom.ts"
import * as TimeWindow from "./TimeWindow.ts"
import type { WaterfallRow } from "./SpanRows.ts"

export interface MinimapOptions {
  readonly rows: ReadonlyArray<Pick<WaterfallRow, "start" | "end" | "kind" | "failed" | "depth">>
  readonly bounds: TimeWindow.TimeWindow
  readonly change: (window: TimeWindow.TimeWindow) => void
}

const height = 44
const minDrag = 4

export class Minimap {
  readonly element: HTMLElement
  private readonly options: MinimapOptions
  private readonly canvas: HTMLCanvasElement
  private readonly lens: HTMLElement
  private start: number | undefined

  constructor(options: MinimapOptions) {
    this.options = options
    this.canvas = el("canvas")
    this.lens = el("div", { class: "lens" })
    const track = el(
      "div",
      {
        class: "minimap-track",
        on: {
          pointerdown: (event) => {
            if (event.button !== 0) return
            this.start = this.share(event)
            this.canvas.setPointerCapture(event.pointerId)
          },
          pointermove: (event) => this.drag(event, false),
          pointerup: (event) => this.drag(event, true),
          pointercancel: () => (this.start = undefined),
          dblclick: () => options.change(options.bounds)
        }
      },
      this.canvas,
      this.lens
    )
    // The same is possible with the keys of the waterfall, so that screen readers skip the picture.
    this.element = el("div", { class: "minimap", attributes: { "aria-hidden": "true" } }, track)
    new ResizeObserver(() => this.paint()).observe(track)
    const scheme = matchMedia("(prefers-color-scheme: dark)")
    scheme.addEventListener("change", () => this.paint())
    document.addEventListener("themechange", () => this.paint())
    this.show(options.bounds)
  }

  /** Marks the part that the waterfall shows. */
  show(window: TimeWindow.TimeWindow): void {
    const place = TimeWindow.bar(window.from, window.to, this.options.bounds)
    this.lens.style.setProperty("left", `${place?.left ?? 0}%`)
    this.lens.style.setProperty("width", `${place?.width ?? 100}%`)
    this.lens.classList.toggle("whole", (place?.width ?? 100) > 99.99)
  }

  private share(event: PointerEvent): number {
    const { left, width } = this.canvas.getBoundingClientRect()
    return Math.min(Math.max((event.clientX - left) / Math.max(width, 1), 0), 1)
  }

  private drag(event: PointerEvent, end: boolean): void {
    if (this.start === undefined) return
    const to = this.share(event)
    const [low, high] = [Math.min(this.start, to), Math.max(this.start, to)]
    const { bounds } = this.options
    if ((high - low) * this.canvas.clientWidth >= minDrag)
      this.options.change({ from: TimeWindow.timeAt(bounds, low), to: TimeWindow.timeAt(bounds, high) })
    if (end) this.start = undefined
  }

  /** Returns the colour of a kind in the current theme: a variable must be used to be resolved. */
  private colors(): (kind: string) => string {
    const probe = el("span", { attributes: { hidden: true } })
    const known = new Map<string, string>()
    return (kind) => {
      const found = known.get(kind)
      if (found !== undefined) return found
      this.element.append(probe)
      probe.style.setProperty("color", `var(--kind-${kind})`)
      const color = getComputedStyle(probe).color
      probe.remove()
      known.set(kind, color)
      return color
    }
  }

  private paint(): void {
    const { clientWidth: width } = this.canvas
    const context = this.canvas.getContext("2d")
    if (context === null || width === 0) return
    const ratio = devicePixelRatio
    this.canvas.width = width * ratio
    this.canvas.height = height * ratio
    context.scale(ratio, ratio)
    const { bounds, rows } = this.options
    const colorOf = this.colors()
    const line = Math.max((height - 6) / Math.max(rows.length, 1), 0.5)
    for (const [index, row] of rows.entries()) {
      const place = TimeWindow.bar(row.start, row.end, bounds)
      if (place === undefined) continue
      context.fillStyle = colorOf(row.failed ? "failed" : row.kind)
      context.fillRect(
        (place.left / 100) * width,
        3 + index * line,
        Math.max((place.width / 100) * width, 1),
        Math.min(Math.max(line * 0.8, 0.75), 5)
      )
    }
  }
}
