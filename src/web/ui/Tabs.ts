/** Tabs, by the pattern of the ARIA authoring practices: arrow keys choose, Tab goes to the content. */
import { el, newId } from "./Dom.ts"

export interface Tab {
  readonly id: string
  readonly title: string
  /** Makes the content when the tab is shown for the first time. */
  readonly content: () => HTMLElement
}

export class Tabs {
  readonly element: HTMLElement
  private readonly tabs: ReadonlyArray<Tab>
  private readonly buttons: ReadonlyArray<HTMLButtonElement>
  private readonly panels: ReadonlyArray<HTMLElement>

  constructor(label: string, tabs: ReadonlyArray<Tab>) {
    this.tabs = tabs
    const name = newId("tabs")
    this.panels = tabs.map((tab) =>
      el("div", {
        class: "tab-panel",
        attributes: {
          role: "tabpanel",
          id: `${name}-${tab.id}`,
          "aria-labelledby": `${name}-${tab.id}-tab`,
          hidden: true
        }
      })
    )
    this.buttons = tabs.map((tab) =>
      el(
        "button",
        {
          class: "tab",
          attributes: {
            type: "button",
            role: "tab",
            id: `${name}-${tab.id}-tab`,
            "aria-controls": `${name}-${tab.id}`,
            "aria-selected": "false",
            tabindex: -1
          },
          on: { click: () => this.select(tab.id), keydown: (event) => this.press(event) }
        },
        tab.title
      )
    )
    this.element = el(
      "div",
      { class: "tabs" },
      el("div", { class: "tab-list", attributes: { role: "tablist", "aria-label": label } }, ...this.buttons),
      ...this.panels
    )
    const [first] = tabs
    if (first !== undefined) this.select(first.id)
  }

  select(id: string): void {
    for (const [index, tab] of this.tabs.entries()) {
      const chosen = tab.id === id
      const panel = this.panels[index]
      const button = this.buttons[index]
      if (panel === undefined || button === undefined) continue
      button.setAttribute("aria-selected", String(chosen))
      button.tabIndex = chosen ? 0 : -1
      if (chosen && panel.childElementCount === 0) panel.append(tab.content())
      panel.hidden = !chosen
    }
  }

  private press(event: KeyboardEvent): void {
    const at = this.tabs.findIndex((_, index) => this.buttons[index] === event.target)
    const last = this.tabs.length - 1
    const to =
      event.key === "ArrowRight"
        ? (at + 1) % this.tabs.length
        : event.key === "ArrowLeft"
          ? (at + last) % this.tabs.length
          : event.key === "Home"
            ? 0
            : event.key === "End"
              ? last
              : undefined
    const tab = this.tabs[to ?? -1]
    if (to === undefined || tab === undefined) return
    event.preventDefault()
    this.select(tab.id)
    this.buttons[to]?.focus()
  }
}
