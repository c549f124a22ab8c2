/** What the pictures in docs/images show: the page of traces, with traces that the demo recorded, and the inbox of `serve`. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Browser, Page } from "playwright-core"
import * as Prices from "../../src/domain/Prices.ts"
import * as PageFiles from "../../src/serve/PageFiles.ts"
import * as PageContent from "../../src/trace-page/PageContent.ts"
import * as PageMarkup from "../../src/trace-page/PageMarkup.ts"
import * as TraceReader from "../../src/trace/reader/TraceReader.ts"
import * as Chromium from "../../test/support/chromium.ts"
import * as ServePage from "../../test/support/servePage.ts"
import { bundle } from "../webAssets.ts"

const traces = fileURLToPath(new URL("demo.traces.jsonl", import.meta.url))

/** Where the pictures are, and the outline of the page that each one shows. */
export const images = new URL("../../docs/images/", import.meta.url)
export const outlines = new URL("outlines.json", images)

/** A picture: its file without extension, and the page as the picture shows it. */
interface Picture {
  readonly name: string
  readonly open: (browser: Browser) => Promise<{ readonly page: Page; readonly close: () => Promise<void> }>
}

interface TraceView {
  readonly name: string
  readonly fragment: string
  readonly dark?: boolean
}

const traceViews: ReadonlyArray<TraceView> = [
  { name: "turns", fragment: "#/" },
  { name: "waterfall", fragment: "#/turn/0/3" },
  { name: "waterfall-dark", fragment: "#/turn/0", dark: true },
  { name: "compare", fragment: "#/compare/1/0" }
]

const prices = Prices.make({ "gpt-5.5": { input: 1.25, cachedInput: 0.125, output: 10 } })

const readTurns = Effect.gen(function* () {
  const { read, turns } = yield* TraceReader.scan([traces])
  const found = yield* read(PageContent.chooseTurns(turns, PageContent.defaultLimits))
  return found.map((trace) => PageContent.withCosts(trace, prices))
}).pipe(Effect.provide(NodeServices.layer))

/** Returns the page with the turns of the demo. */
const traceHtml = async (): Promise<string> =>
  PageMarkup.render(
    { files: ["traces.jsonl"], turns: await Effect.runPromise(readTurns), omittedTurns: 0, badLines: 0 },
    await bundle("tracePage")
  )

/** Every picture has the same size, language and time zone. */
const fixed = { viewport: { width: 1360, height: 760 }, locale: "en-US", timezoneId: "UTC" }

const openTrace = (html: string, view: TraceView) => async (browser: Browser) => {
  const opened = await Chromium.openFile(browser, html, {
    ...fixed,
    colorScheme: view.dark === true ? "dark" : "light"
  })
  await opened.page.goto(`${opened.url}${view.fragment}`)
  await opened.page.locator(".grid-row").first().waitFor()
  return opened
}

const openInbox = (files: ReadonlyArray<PageFiles.PageFile>) => async (browser: Browser) => {
  const page = await ServePage.openInbox(browser, {
    ...fixed,
    viewport: { width: 1360, height: 1040 },
    colorScheme: "light",
    page: files
  })
  return { page, close: () => page.context().close() }
}

/** Returns all pictures. */
export const pictures = async (): Promise<ReadonlyArray<Picture>> => {
  const html = await traceHtml()
  const files = await Effect.runPromise(Effect.provide(PageFiles.load, NodeServices.layer))
  return [
    ...traceViews.map((view) => ({ name: view.name, open: openTrace(html, view) })),
    { name: "inbox", open: openInbox(files) }
  ]
}

/**
 * Hashes what a view consists of: its elements with their classes, roles and texts. Positions are left out, because they
 * depend on the fonts of the machine, and so are rows that a smaller room would not have.
 */
export const outline = async (page: Page): Promise<string> => {
  const text: unknown = await page.evaluate(`(() => {
    const lines = []
    const visit = (element, depth) => {
      if (element.matches(".tick") || Number(element.dataset?.index ?? 0) > 9) return
      const own = Array.from(element.childNodes, (node) => node.nodeType === 3 ? node.data : "").join("")
      lines.push([depth, element.tagName, element.className, element.getAttribute("role") ?? "", own].join(" "))
      for (const child of element.children) visit(child, depth + 1)
    }
    visit(document.body, 0)
    return lines.join("\\n")
  })()`)
  return createHash("sha256").update(String(text)).digest("hex")
}

/** The outlines of the pictures in the repository, by name. */
export const storedOutlines = (): unknown => JSON.parse(readFileSync(outlines, "utf8"))
