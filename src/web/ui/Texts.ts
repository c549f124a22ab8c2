/** Texts for people: durations, numbers, money, times, and text from a trace with every character visible. */
import * as DurationText from "../../internal/DurationText.ts"
import { printable } from "../../internal/VisibleText.ts"

/** `1.24 ms`, `12.4 s`; `-` before a negative duration. Takes nanoseconds. */
export const duration = (nanos: number): string =>
  `${nanos < 0 ? "−" : ""}${DurationText.format(BigInt(Math.round(Math.abs(nanos))))}`

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 })

/** `12,550`. */
export const count = (value: number): string => whole.format(value)

/** `$0.0123`: cents for large amounts, four digits for small ones. */
export const dollars = (value: number): string =>
  Math.abs(value) >= 1 || value === 0 ? `$${value.toFixed(2)}` : `$${Number(value.toPrecision(3)).toString()}`

/** `42 %`. */
export const percent = (share: number): string => {
  const value = share * 100
  return `${value > 0 && value < 1 ? "<1" : Math.round(value)} %`
}

const two = (value: number): string => String(value).padStart(2, "0")

/** The local time of a moment: `2026-11-03 14:05:09`. */
export const localTime = (millis: number): string => {
  const at = new Date(millis)
  return Number.isNaN(at.getTime())
    ? "unknown"
    : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

/** `1 turn`, `2 turns`. */
export const plural = (value: number, noun: string): string =>
  `${count(value)} ${noun}${value === 1 ? "" : "s"}`

/** Text from a trace. Control, bidi and other invisible characters are shown as escapes. */
export const shown = (text: string): string => printable(text.toWellFormed())

/** The same on one line, cut to a length. */
export const shownLine = (text: string, length = 300): string => {
  const line = shown(text.slice(0, length * 2))
    .replace(/\s+/g, " ")
    .trim()
  return line.length > length || text.length > length * 2 ? `${line.slice(0, length).toWellFormed()}…` : line
}
