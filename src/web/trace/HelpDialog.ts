/** The dialog that lists the keys. */
import { button, el, newId } from "../ui/Dom.ts"

const keys: ReadonlyArray<readonly [group: string, keys: ReadonlyArray<readonly [string, string]>]> = [
  [
    "Turns",
    [
      ["↑ ↓, Page Up, Page Down, Home, End", "choose a row"],
      ["Enter", "open the turn"],
      ["Space", "choose the turn for a comparison"]
    ]
  ],
  [
    "Waterfall",
    [
      ["↑ ↓, Page Up, Page Down, Home, End", "choose a span"],
      ["→ ←", "open or close a span, or go to its first child or its parent"],
      ["Enter", "show the details of the span; Escape closes them"],
      ["+ −", "zoom in and out around the span"],
      ["z, double click", "zoom to the span"],
      ["0", "show everything"],
      ["Shift + ← →", "move along the time axis"],
      ["e, Shift + e", "next and previous failed span"]
    ]
  ],
  [
    "Pointer",
    [
      ["drag over bars, axis or overview", "zoom to that time"],
      ["Ctrl + wheel, pinch, wheel on the axis", "zoom around the pointer"],
      ["Shift + wheel", "move along the time axis"]
    ]
  ]
]

/** Makes the dialog and the button that opens it. */
export const helpButton = (): HTMLElement => {
  const title = newId("help")
  const dialog: HTMLDialogElement = el(
    "dialog",
    { class: "help", attributes: { "aria-labelledby": title } },
    el(
      "div",
      { class: "panel-head" },
      el("h2", { attributes: { id: title } }, "Keys and pointer"),
      button("✕", () => dialog.close(), { "aria-label": "Close" }, "button icon")
    ),
    ...keys.map(([group, list]) =>
      el(
        "section",
        {},
        el("h3", {}, group),
        el("dl", {}, ...list.flatMap(([key, meaning]) => [el("dt", {}, key), el("dd", {}, meaning)]))
      )
    )
  )
  return el(
    "div",
    {},
    button("Keys", () => dialog.showModal(), { "aria-haspopup": "dialog" }),
    dialog
  )
}
