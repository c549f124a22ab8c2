/**
 * How smoothly the page of traces scrolls 10,000 spans in a real Chromium. `node bench/page.ts [--quick]`
 *
 * Scrolls the waterfall from its start to its end for some seconds, a step each frame, and counts the frames that the browser
 * draws. Needs Chromium, and prints nothing without it.
 */
import { bundle } from "../scripts/webAssets.ts"
import * as PageMarkup from "../src/trace-page/PageMarkup.ts"
import * as Chromium from "../test/support/chromium.ts"
import { pageOf, sampleTurn } from "../test/support/samplePage.ts"
import * as Report from "./report.ts"

const spans = 10_000
const seconds = Report.roundsOf(5, 2)
/** Milliseconds of a frame at 30 frames a second. */
const bar = 1000 / 30

const rows: Array<Report.Row> = []
if (!Chromium.skipped("scrolling in the page of traces")) {
  const html = PageMarkup.render(pageOf([sampleTurn(1, spans)]), await bundle("tracePage"))
  const browser = await Chromium.launch()
  const { close, page } = await Chromium.openFile(browser, html)
  await page.locator(".grid-row").first().click()
  await page.getByRole("treegrid").waitFor()
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
  await close()
  await browser.close()
  const frames = Array.isArray(times) ? times.map(Number) : []
  const gaps = frames.slice(1).map((time, index) => time - (frames[index] ?? 0))
  const total = gaps.reduce((sum, gap) => sum + gap, 0)
  console.log(
    `${((gaps.length * 1000) / total).toFixed(1)} frames a second; the page has ${(html.length / 1e6).toFixed(1)} MB`
  )
  rows.push(
    {
      name: `a frame, scrolling ${spans} spans`,
      ...Report.quartilesOf(gaps),
      value: total / gaps.length,
      unit: "ms",
      bar
    },
    { name: "the longest frame", value: Math.max(...gaps), unit: "ms" }
  )
}
Report.finish(rows)
