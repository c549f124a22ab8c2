/** The part of a time axis that a waterfall shows, and where bars and ticks are in it. Times are nanoseconds. */

export interface TimeWindow {
  readonly from: number
  readonly to: number
}

/** The shortest part of the axis that zooming shows: one microsecond. */
export const minSpan = 1_000

/** Moves and shortens a window so that it lies inside the bounds and is not shorter than `minSpan`. */
export const clamp = (window: TimeWindow, bounds: TimeWindow): TimeWindow => {
  const whole = Math.max(bounds.to - bounds.from, minSpan)
  const length = Math.min(Math.max(window.to - window.from, minSpan), whole)
  const from = Math.min(Math.max(window.from, bounds.from), bounds.from + whole - length)
  return { from, to: from + length }
}

/** Zooms by a factor and keeps the moment `at` in its place; a factor below 1 shows less of the axis. */
export const zoom = (window: TimeWindow, bounds: TimeWindow, factor: number, at: number): TimeWindow => {
  const length = Math.max((window.to - window.from) * factor, minSpan)
  const share = (at - window.from) / (window.to - window.from)
  const from = at - share * length
  return clamp({ from, to: from + length }, bounds)
}

/** Moves the window by a share of its length. */
export const pan = (window: TimeWindow, bounds: TimeWindow, share: number): TimeWindow => {
  const by = (window.to - window.from) * share
  return clamp({ from: window.from + by, to: window.to + by }, bounds)
}

/** Shows a span with a margin on both sides. */
export const around = (span: TimeWindow, bounds: TimeWindow): TimeWindow => {
  const margin = Math.max((span.to - span.from) * 0.1, minSpan / 2)
  return clamp({ from: span.from - margin, to: span.to + margin }, bounds)
}

/** The place of a bar, in percent of the width. */
export interface Bar {
  readonly left: number
  readonly width: number
}

/** Returns the visible part of a bar, or `undefined` if it lies outside the window. */
export const bar = (from: number, to: number, window: TimeWindow): Bar | undefined => {
  if (to < window.from || from > window.to) return undefined
  const length = window.to - window.from
  const left = (Math.max(from, window.from) - window.from) / length
  const right = (Math.min(to, window.to) - window.from) / length
  return { left: left * 100, width: Math.max(right - left, 0) * 100 }
}

/** Less than a pixel of any screen, in percent of the width. */
const invisible = 0.02

/**
 * Returns the visible parts of several bars in order of time. Bars without a visible gap between them are one, so that any
 * number of bars needs few elements.
 */
export const bars = (
  spans: ReadonlyArray<{ readonly start: number; readonly end: number }>,
  window: TimeWindow
): ReadonlyArray<Bar> => {
  const found: Array<Bar> = []
  for (const { end, start } of spans) {
    const next = bar(start, end, window)
    const last = found.at(-1)
    if (next === undefined) continue
    if (last === undefined || next.left - (last.left + last.width) > invisible) found.push(next)
    else
      found[found.length - 1] = {
        left: last.left,
        width: Math.max(next.left + next.width - last.left, last.width)
      }
  }
  return found
}

/** The time at a share of the width, from 0 to 1. */
export const timeAt = (window: TimeWindow, share: number): number =>
  window.from + (window.to - window.from) * Math.min(Math.max(share, 0), 1)

const steps = [1, 2, 5, 10]

/** Returns at most `count` round times in the window, for the ticks of its axis. */
export const ticks = (window: TimeWindow, count: number): ReadonlyArray<number> => {
  const raw = (window.to - window.from) / Math.max(count, 1)
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = power * (steps.find((step) => step * power >= raw) ?? 10)
  const first = Math.ceil(window.from / step)
  const last = Math.floor(window.to / step)
  return Array.from({ length: Math.max(last - first + 1, 0) }, (_, index) => (first + index) * step)
}
