/** The time axis above the bars, and zooming and moving it with wheel and pointer. */
import { el } from "../ui/Dom.ts"
import * as Texts from "../ui/Texts.ts"
import * as TimeWindow from "./TimeWindow.ts"

const tickWidth = 110

/** Draws ticks with their times. */
export const draw = (axis: HTMLElement, window: TimeWindow.TimeWindow): void => {
  const count = Math.max(Math.floor((axis.clientWidth || 880) / tickWidth), 1)
  axis.replaceChildren(
    ...TimeWindow.ticks(window, count).map((time) => {
      const place = TimeWindow.bar(time, time, window)
      return el(
        "span",
        { class: (place?.left ?? 0) > 94 ? "tick last" : "tick", style: { left: `${place?.left ?? 0}%` } },
        time === 0 ? "0" : Texts.duration(time)
      )
    })
  )
}

export interface AxisControl {
  readonly window: () => TimeWindow.TimeWindow
  readonly bounds: TimeWindow.TimeWindow
  readonly change: (window: TimeWindow.TimeWindow) => void
}

/** The position of the pointer in the time column, from 0 to 1. */
const shareAt = (column: HTMLElement, clientX: number): number => {
  const { left, width } = column.getBoundingClientRect()
  return (clientX - left) / Math.max(width, 1)
}

/**
 * Zooms with Ctrl and the wheel (or a pinch), moves with a sideways wheel, and zooms to the part that the pointer drags over
 * on the axis or over the bars. The wheel alone scrolls the rows; over the axis it zooms.
 */
export const listen = (scroller: HTMLElement, column: HTMLElement, control: AxisControl): void => {
  scroller.addEventListener(
    "wheel",
    (event) => {
      const overAxis = event.target instanceof Node && column.contains(event.target)
      const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX
      if (event.ctrlKey || event.metaKey || (overAxis && !event.shiftKey && event.deltaY !== 0)) {
        event.preventDefault()
        const window = control.window()
        const at = TimeWindow.timeAt(window, shareAt(column, event.clientX))
        control.change(TimeWindow.zoom(window, control.bounds, Math.exp(event.deltaY * 0.002), at))
      } else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
        event.preventDefault()
        control.change(
          TimeWindow.pan(control.window(), control.bounds, sideways / Math.max(column.clientWidth, 1))
        )
      }
    },
    { passive: false }
  )
  drag(scroller, column, control)
}

const minDrag = 5

const drag = (scroller: HTMLElement, column: HTMLElement, control: AxisControl): void => {
  const selection = el("div", { class: "selection", attributes: { "aria-hidden": "true" } })
  let from: number | undefined
  const place = (event: PointerEvent): readonly [left: number, right: number] => {
    const to = Math.min(Math.max(shareAt(column, event.clientX), 0), 1)
    return [Math.min(from ?? to, to), Math.max(from ?? to, to)]
  }
  scroller.addEventListener("pointerdown", (event) => {
    const cell = event.target instanceof Element ? event.target.closest(".time-cell") : null
    if (cell === null || event.button !== 0 || event.pointerType === "touch") return
    from = shareAt(column, event.clientX)
  })
  scroller.addEventListener("pointermove", (event) => {
    if (from === undefined) return
    const [left, right] = place(event)
    if (!selection.isConnected) {
      if ((right - left) * column.clientWidth < minDrag) return
      column.append(selection)
      scroller.setPointerCapture(event.pointerId)
    }
    selection.style.setProperty("left", `${left * 100}%`)
    selection.style.setProperty("width", `${(right - left) * 100}%`)
  })
  scroller.addEventListener("pointerup", (event) => {
    if (selection.isConnected) {
      const [left, right] = place(event)
      const window = control.window()
      control.change({ from: TimeWindow.timeAt(window, left), to: TimeWindow.timeAt(window, right) })
    }
    from = undefined
    selection.remove()
  })
  scroller.addEventListener("pointercancel", () => {
    from = undefined
    selection.remove()
  })
}
