/** The page of traces in a real Chromium: what its tests share. */
import { assert, afterAll, beforeAll } from "@effect/vitest"
import type { Browser, BrowserContextOptions, Page } from "playwright-core"
import { bundle } from "../../scripts/webAssets.ts"
import type { PageAssets } from "../../src/trace-page/PageAssets.ts"
import * as PageMarkup from "../../src/trace-page/PageMarkup.ts"
import type { TurnTrace } from "../../src/trace/reader/TraceModel.ts"
import * as Chromium from "../support/chromium.ts"
import { pageOf, sampleTurn } from "../support/samplePage.ts"

export const skipped = Chromium.skipped("the page of traces")

export const many = Array.from({ length: 12 }, (_, index) => sampleTurn(index + 1, 24))

/** Starts the browser and bundles the page, once for the tests of a file. */
export const usePage = () => {
  let browser: Browser
  let assets: PageAssets

  beforeAll(async () => {
    assets = await bundle("tracePage")
    browser = await Chromium.launch()
  })
  afterAll(() => browser?.close())

  const open = (turns: ReadonlyArray<TurnTrace>, options?: BrowserContextOptions) =>
    Chromium.openFile(browser, PageMarkup.render(pageOf(turns), assets), options)

  const within = async (
    turns: ReadonlyArray<TurnTrace>,
    use: (page: Page, opened: Chromium.OpenPage) => Promise<void>,
    options?: BrowserContextOptions
  ) => {
    const opened = await open(turns, options)
    try {
      await use(opened.page, opened)
      assert.deepStrictEqual(opened.errors, [])
      assert.deepStrictEqual(
        opened.requests.map((url) => url.replace(/#.*/, "")),
        opened.requests.map(() => opened.url),
        "the page makes no request"
      )
    } finally {
      await opened.close()
    }
  }

  /** Opens a page whose markup a test has changed. */
  const openChanged = (change: (html: string) => string) =>
    Chromium.openFile(browser, change(PageMarkup.render(pageOf(many), assets)))

  return { openChanged, within }
}
