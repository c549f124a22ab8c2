/**
 * How smoothly the page of traces scrolls 10,000 spans in a real Chromium. `node bench/page.ts [--quick]`
 *
 * Scrolls the waterfall from its start to its end for some seconds, a step each frame, and counts the frames that the browser
 * draws, and the CPU time of the page's own thread. An empty page that scrolls as far says what the machine can do. Needs
 * Chromium, and prints nothing without it.
 */
import type { Page } from "playwright-core"
import { bundle } from "../scripts/webAssets.ts"
import * as PageMarkup from "../src/trace-page/PageMarkup.ts"
import * as Chromium from "../test/support/chromium.ts"
import { pageOf, sampleTurn } from "../test/support/samplePage.ts"
import * as Report from "./report.ts"

const spans = 10_000
const seconds = Report.roundsOf(5, 2)
/** Milliseconds of a frame at 30 frames a second. */
const bar = 1000 / 30

const empty = `<!doctype html><div role="treegrid" style="height: 700px; overflow: auto"><div style="height: ${spans * 26}px"></div></div>`

/** Scrolls from the start to the end. Returns the times between frames, and the CPU time of a frame, in milliseconds. */
const scroll = async (
  page: Page
): Promise<{ readonly gaps: ReadonlyArray<number>; readonly cpu: number }> => {
  const session = await page.context().newCDPSession(page)
  await session.send("Performance.enable", { timeDomain: "threadTicks" })
  const cpu = async () =>
    (await session.send("Performance.getMetrics")).metrics.find(({ name }) => name === "TaskDuration")
      ?.value ?? 0
  const before = await cpu()
  const times: unknown = await page.evaluate(
    `new Promise((resolve) => {
      const grid = document.querySelector("[role=treegrid]")
      const end = grid.scrollHeight - grid.clientHeight
      const times = []
      const start = performance.now()
      const frame = (now) => {
        times.push(now)
        const share = (now - start) / ${seconds * 1000}
        grid.scrollTop = end * Math.min(Math.max(share, 0), 1)
        if (share < 1) requestAnimationFrame(frame)
        else resolve(times)
      }
      requestAnimationFrame(frame)
    })`
  )
  const frames = Array.isArray(times) ? times.map(Number) : []
  const gaps = frames.slice(1).map((time, index) => time - (frames[index] ?? 0))
  return { gaps, cpu: (((await cpu()) - before) * 1000) / gaps.length }
}

const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length

const rows: Array<Report.Row> = []
if (!Chromium.skipped("scrolling in the page of traces")) {
  const html = PageMarkup.render(pageOf([sampleTurn(1, spans)]), await bundle("tracePage"))
  const browser = await Chromium.launch()
  const blank = await Chromium.openFile(browser, empty)
  const least = await scroll(blank.page)
  await blank.close()
  const { close, page } = await Chromium.openFile(browser, html)
  await page.locator(".grid-row").first().click()
  await page.getByRole("treegrid").waitFor()
  const { cpu, gaps } = await scroll(page)
  await close()
  await browser.close()
  console.log(
    `${(1000 / mean(gaps)).toFixed(1)} frames a second, an empty page ${(1000 / mean(least.gaps)).toFixed(1)}; the page has ${(html.length / 1e6).toFixed(1)} MB`
  )
  rows.push(
    {
      name: `a frame, scrolling ${spans} spans`,
      ...Report.quartilesOf(gaps),
      value: mean(gaps),
      unit: "ms",
      bar
    },
    { name: "the same, against a frame of an empty page", value: mean(gaps) / mean(least.gaps), unit: "x" },
    { name: "CPU time of the page in a frame", value: cpu, unit: "ms" },
    { name: "the longest frame", value: Math.max(...gaps), unit: "ms" }
  )
}
Report.finish(rows)
