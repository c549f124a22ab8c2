/** The switch between the colours of the system, light and dark. */
import { el, newId } from "./Dom.ts"

const themes = ["system", "light", "dark"] as const

type Theme = (typeof themes)[number]

const key = "effect-codex-theme"

// A page from a file may have no storage.
const stored = (): Theme => {
  try {
    const value = localStorage.getItem(key)
    return themes.find((theme) => theme === value) ?? "system"
  } catch {
    return "system"
  }
}

const store = (theme: Theme): void => {
  try {
    localStorage.setItem(key, theme)
  } catch {
    // The choice lasts as long as the page.
  }
}

const use = (theme: Theme): void => {
  if (theme === "system") delete document.documentElement.dataset["theme"]
  else document.documentElement.dataset["theme"] = theme
  document.dispatchEvent(new Event("themechange"))
}

/** Applies the stored choice, and makes the switch. */
export const themeSwitch = (): HTMLElement => {
  const chosen = stored()
  use(chosen)
  const name = newId("theme")
  return el(
    "fieldset",
    { class: "switch" },
    el("legend", { class: "visually-hidden" }, "Colours"),
    ...themes.map((theme) =>
      el(
        "label",
        {},
        el("input", {
          attributes: { type: "radio", name, value: theme, checked: theme === chosen },
          on: {
            change: () => {
              use(theme)
              store(theme)
            }
          }
        }),
        el("span", {}, theme === "system" ? "System" : theme === "light" ? "Light" : "Dark")
      )
    )
  )
}
