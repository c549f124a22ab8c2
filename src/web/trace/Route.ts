/** The views of the page, in the fragment of its address. */

export type Route =
  | { readonly view: "list" }
  | { readonly view: "turn"; readonly turn: number; readonly span?: number }
  | { readonly view: "compare"; readonly left: number; readonly right: number }

/** Returns the view that a fragment names. Anything else is the list. */
export const parse = (fragment: string, turns: number): Route => {
  const [, view, first, second] = /^#\/(turn|compare)\/(\d{1,9})(?:\/(\d{1,9}))?$/.exec(fragment) ?? []
  const one = Number(first)
  const other = Number(second)
  if (view === "turn" && one < turns)
    return second === undefined ? { view, turn: one } : { view, turn: one, span: other }
  if (view === "compare" && one < turns && other < turns) return { view, left: one, right: other }
  return { view: "list" }
}

/** Returns the fragment of a view. */
export const format = (route: Route): string => {
  switch (route.view) {
    case "list":
      return "#/"
    case "turn":
      return `#/turn/${route.turn}${route.span === undefined ? "" : `/${route.span}`}`
    case "compare":
      return `#/compare/${route.left}/${route.right}`
  }
}
