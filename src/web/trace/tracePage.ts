/** The page of traces: reads its data, and shows the view that the address names. */
import { el } from "../ui/Dom.ts"
import * as Texts from "../ui/Texts.ts"
import { themeSwitch } from "../ui/Theme.ts"
import { CompareView } from "./CompareView.ts"
import { helpButton } from "./HelpDialog.ts"
import type { PageData } from "./PageData.ts"
import * as Route from "./Route.ts"
import { TurnListView } from "./TurnListView.ts"
import { TurnView } from "./TurnView.ts"

const data: PageData = JSON.parse(document.getElementById("data")?.textContent ?? "")

const list = new TurnListView(data)
const main = el("main", { attributes: { id: "view" } })
let last: Route.Route = { view: "list" }

const viewOf = (route: Route.Route) =>
  route.view === "turn"
    ? new TurnView(data, route.turn, route.span)
    : route.view === "compare"
      ? new CompareView(data, route.left, route.right)
      : list

const show = (first: boolean): void => {
  const route = Route.parse(location.hash, data.turns.length)
  const view = viewOf(route)
  main.replaceChildren(view.element)
  document.title = `${view.title} · effect-codex trace`
  if (view === list && last.view === "turn") list.reveal(last.turn)
  if (view instanceof TurnView) view.reveal()
  last = route
  if (!first || route.view !== "list") view.focus()
}

const remarks = [
  data.omittedTurns > 0 ? `${Texts.plural(data.omittedTurns, "turn")} left out` : "",
  data.badLines > 0 ? `${Texts.plural(data.badLines, "line")} could not be read` : ""
].filter((remark) => remark !== "")

const files = data.files.map((file) => Texts.shownLine(file, 80))

document.body.replaceChildren(
  el(
    "header",
    { class: "app-head" },
    el("a", { class: "brand", attributes: { href: "#/" } }, "effect-codex", el("span", {}, " trace")),
    el(
      "p",
      { class: "files", attributes: { title: files.join("\n") } },
      el("bdi", {}, files.length > 1 ? `${files[0] ?? ""} and ${files.length - 1} more` : (files[0] ?? ""))
    ),
    remarks.length > 0 && el("p", { class: "remark", attributes: { role: "status" } }, remarks.join(", ")),
    el("span", { class: "spacer" }),
    helpButton(),
    themeSwitch()
  ),
  main
)

addEventListener("hashchange", () => show(false))
show(true)
