/** One turn: a heading, its figures, and its waterfall and tables as tabs. */
import { button, el } from "../ui/Dom.ts"
import * as Texts from "../ui/Texts.ts"
import type { PageData } from "./PageData.ts"
import * as Route from "./Route.ts"
import { TurnDetails } from "./TurnDetails.ts"
import * as TurnSections from "./TurnSections.ts"
import * as TurnTexts from "./TurnTexts.ts"

/** The part of the address of a view, without a new entry in the history. */
const replaceRoute = (route: Route.Route): void => {
  history.replaceState(null, "", Route.format(route))
}

export class TurnView {
  readonly element: HTMLElement
  readonly title: string
  private readonly data: PageData
  private readonly at: number
  private readonly details: TurnDetails

  constructor(data: PageData, at: number, span?: number) {
    const turn = data.turns[at]
    if (turn === undefined) throw new Error(`there is no turn ${at}`)
    this.data = data
    this.at = at
    this.title = `Turn ${TurnTexts.shortId(turn)}`
    this.details = new TurnDetails({
      turn,
      span,
      shown: (span) => replaceRoute({ view: "turn", turn: at, ...(span === undefined ? {} : { span }) })
    })
    this.element = el(
      "section",
      { class: "turn-view", attributes: { "aria-label": this.title } },
      this.head(),
      ...this.details.elements
    )
  }

  focus(): void {
    this.details.focus()
  }

  /** Scrolls to the active span, once the view is in the page. */
  reveal(): void {
    this.details.reveal()
  }

  private head(): HTMLElement {
    const turn = this.data.turns[this.at]
    const go = (to: number) => (location.hash = Route.format({ view: "turn", turn: to }))
    return el(
      "div",
      { class: "view-head" },
      el("a", { class: "back", attributes: { href: "#/" } }, "← Turns"),
      el("h1", {}, "Turn ", el("bdi", {}, turn === undefined ? "" : TurnTexts.shortId(turn))),
      turn !== undefined && el("span", { class: `status status-${turn.turn.status}` }, turn.turn.status),
      turn !== undefined && el("span", {}, Texts.localTime(TurnTexts.startedAt(turn))),
      el("span", { class: "spacer" }),
      button("‹ Previous", () => go(this.at - 1), { disabled: this.at === 0 }),
      button("Next ›", () => go(this.at + 1), { disabled: this.at === this.data.turns.length - 1 }),
      turn !== undefined && TurnSections.identity(turn)
    )
  }
}
