/** The details of one span: its times, its attributes and its events. */
import type { AttributeValue, TurnSpan, TurnTrace } from "../../trace/reader/TraceModel.ts"
import { button, el } from "../ui/Dom.ts"
import * as Texts from "../ui/Texts.ts"

/** Longer values are cut until the reader asks for the whole. */
const shortLength = 2_000

const textOf = (value: AttributeValue): string =>
  typeof value === "string" ? value : JSON.stringify(value, null, typeof value === "object" ? 2 : 0)

const valueNode = (value: AttributeValue): HTMLElement => {
  const text = textOf(value)
  const cell = el("bdi", { class: text.length > 60 || text.includes("\n") ? "value block" : "value" })
  cell.textContent = Texts.shown(text.slice(0, shortLength))
  if (text.length <= shortLength) return cell
  const whole = button(`Show all ${Texts.count(text.length)} characters`, () => {
    cell.textContent = Texts.shown(text)
    whole.remove()
  })
  return el("div", {}, cell, whole)
}

const table = (caption: string, entries: ReadonlyArray<readonly [string, AttributeValue]>): HTMLElement =>
  el(
    "table",
    { class: "attributes" },
    el("caption", {}, caption),
    el(
      "tbody",
      {},
      ...entries.map(([name, value]) =>
        el(
          "tr",
          {},
          el("th", { attributes: { scope: "row" } }, el("bdi", {}, Texts.shownLine(name, 200))),
          el("td", {}, valueNode(value))
        )
      )
    )
  )

const facts = (span: TurnSpan, turn: TurnTrace, index: number): ReadonlyArray<readonly [string, string]> => {
  const share = span.durationNanos / Math.max(turn.turn.durationNanos, 1)
  const critical = turn.criticalPath
    .filter((part) => part.span === index)
    .reduce((sum, part) => sum + part.durationNanos, 0)
  const { costUsd, tokens } = span
  return [
    ["Duration", `${Texts.duration(span.durationNanos)} (${Texts.percent(share)} of the turn)`],
    ["Start", `${Texts.duration(span.startNanos)} after the start of the turn`],
    ["On the critical path", critical > 0 ? Texts.duration(critical) : "no"],
    ...(tokens === undefined
      ? []
      : ([
          [
            "Tokens",
            [
              `${Texts.count(tokens.input)} in`,
              tokens.cachedInput === undefined ? "" : `(${Texts.count(tokens.cachedInput)} cached)`,
              `${Texts.count(tokens.output)} out`,
              tokens.reasoning === undefined ? "" : `(${Texts.count(tokens.reasoning)} reasoning)`
            ]
              .filter((part) => part !== "")
              .join(" ")
          ]
        ] as const)),
    ...(costUsd === undefined ? [] : ([["Cost", Texts.dollars(costUsd)]] as const)),
    ...(span.decision === undefined
      ? []
      : ([
          [
            "Decision",
            `${Texts.shownLine(span.decision, 60)} (${Texts.shownLine(span.decidedBy ?? "unknown", 60)})`
          ]
        ] as const)),
    ["Span id", Texts.shownLine(span.id, 60)]
  ]
}

/** Makes the panel of a span. */
export const spanPanel = (turn: TurnTrace, index: number, close: () => void): HTMLElement => {
  const span = turn.spans[index]
  if (span === undefined) return el("aside")
  const attributes = Object.entries(span.attributes).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return el(
    "aside",
    {
      class: "panel",
      attributes: { "aria-label": "Span details", tabindex: -1 },
      on: {
        keydown: (event) => {
          if (event.key !== "Escape") return
          event.preventDefault()
          close()
        }
      }
    },
    el(
      "div",
      { class: "panel-head" },
      el(
        "h2",
        {},
        el("span", { class: `swatch kind-${span.kind}`, attributes: { "aria-hidden": "true" } }),
        el("bdi", {}, Texts.shownLine(span.name) || "(no name)")
      ),
      button("✕", close, { "aria-label": "Close the details", title: "Close (Escape)" }, "button icon")
    ),
    span.failed &&
      el(
        "p",
        { class: "failure" },
        el("strong", {}, "Failed"),
        el("bdi", {}, ` ${Texts.shownLine(span.errorType ?? "without an error.type")}`),
        span.exitCode === undefined ? "" : ` · exit ${span.exitCode}`
      ),
    el(
      "dl",
      { class: "facts" },
      ...facts(span, turn, index).flatMap(([name, value]) => [
        el("dt", {}, name),
        el("dd", {}, el("bdi", {}, value))
      ])
    ),
    attributes.length > 0 && table(`Attributes (${attributes.length})`, attributes),
    ...span.events.map((event) =>
      table(
        `Event ${Texts.shownLine(event.name, 100)} at ${Texts.duration(event.atNanos)}`,
        Object.entries(event.attributes)
      )
    )
  )
}
