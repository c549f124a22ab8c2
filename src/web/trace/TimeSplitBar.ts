/** Where the time of a turn went, as one bar of four parts. */
import type { TimeSplit } from "../../trace/reader/TraceModel.ts"
import { el } from "../ui/Dom.ts"
import * as Texts from "../ui/Texts.ts"

const parts = ["thinking", "tools", "approval", "overhead"] as const

type Part = (typeof parts)[number]

export const nanosOf = (split: TimeSplit, part: Part): number => {
  switch (part) {
    case "thinking":
      return split.thinkingNanos
    case "tools":
      return split.toolsNanos
    case "approval":
      return split.approvalNanos
    case "overhead":
      return split.overheadNanos
  }
}

export const timeParts: ReadonlyArray<Part> = parts

const total = (split: TimeSplit): number =>
  Math.max(
    parts.reduce((sum, part) => sum + nanosOf(split, part), 0),
    1
  )

/** The bar alone; its text is for screen readers. */
export const bar = (split: TimeSplit): HTMLElement => {
  const texts = parts.map((part) => `${part} ${Texts.duration(nanosOf(split, part))}`)
  return el(
    "div",
    {
      class: "split-bar",
      attributes: { role: "img", "aria-label": texts.join(", "), title: texts.join(", ") }
    },
    ...parts.map((part) =>
      el("span", {
        class: `split-${part}`,
        style: { width: `${(nanosOf(split, part) / total(split)) * 100}%` }
      })
    )
  )
}

/** The bar with a legend. */
export const withLegend = (split: TimeSplit): HTMLElement =>
  el(
    "div",
    { class: "split" },
    bar(split),
    el(
      "ul",
      { class: "legend", attributes: { "aria-label": "Time split" } },
      ...parts.map((part) =>
        el(
          "li",
          {},
          el("span", { class: `legend-mark split-${part}`, attributes: { "aria-hidden": "true" } }),
          `${part} `,
          el("strong", {}, Texts.duration(nanosOf(split, part))),
          el("span", { class: "muted" }, ` ${Texts.percent(nanosOf(split, part) / total(split))}`)
        )
      )
    )
  )
