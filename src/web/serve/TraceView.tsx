/**
 * The trace of a turn that has ended: its figures, waterfall, calls of the model and approvals, as the page of traces shows them. It is
 * in a shadow root, because both pages have styles for the same names.
 */
import { useEffect, useRef, useState } from "preact/hooks"
import type { TurnTrace } from "../../trace/reader/TraceModel.ts"
import { TurnDetails } from "../trace/TurnDetails.ts"
import { el } from "../ui/Dom.ts"
import { explain, get } from "./Client.ts"

/** Adds the style to a shadow root, and waits for it: the waterfall measures its room. */
const addStyle = (root: ShadowRoot): Promise<void> =>
  new Promise((resolve, reject) => {
    const style = el("link", { attributes: { rel: "stylesheet", href: "/trace.css" } })
    style.addEventListener("load", () => resolve())
    style.addEventListener("error", () => reject(new Error("the style of the waterfall is missing")))
    root.append(style)
  })

const Trace = ({ turnId }: { readonly turnId: string }) => {
  const [problem, setProblem] = useState("")
  const host = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const controller = new AbortController()
    const show = async () => {
      const turn = await get<TurnTrace>(`/turns/${encodeURIComponent(turnId)}/trace`, controller.signal)
      const root = host.current?.attachShadow({ mode: "open" })
      if (root === undefined) return
      await addStyle(root)
      root.append(el("div", { class: "turn-view" }, ...new TurnDetails({ turn }).elements))
    }
    show().catch((error: unknown) => !controller.signal.aborted && setProblem(explain(error)))
    return () => controller.abort()
  }, [turnId])
  return problem === "" ? <div class="trace" ref={host} /> : <p class="facts">{problem}</p>
}

/** A button that shows and hides the trace of a turn. */
export const TraceView = ({ turnId }: { readonly turnId: string }) => {
  const [open, setOpen] = useState(false)
  return (
    <>
      <button type="button" class="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        Waterfall
      </button>
      {open && <Trace turnId={turnId} />}
    </>
  )
}
