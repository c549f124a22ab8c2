/** Opens pages in a real Chromium without a window. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core"

const programs = ["chromium", "chromium-browser", "google-chrome"]

const find = (name: string): string | undefined =>
  spawnSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).stdout.trim() || undefined

/** The program, or `undefined` if this machine has none. */
export const executable: string | undefined = programs.map(find).find((path) => path !== undefined)

/** Whether to skip tests that need a browser. Prints the reason. */
export const skipped = (what: string): boolean => {
  if (executable === undefined)
    process.stderr.write(
      `\nSKIPPED: no Chromium here (scripts/install-optional.sh chromium): ${what} is not tried\n`
    )
  return executable === undefined
}

/** Starts the browser. Chromium has no sandbox of its own for root. */
export const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: executable ?? "chromium",
    args: process.getuid?.() === 0 ? ["--no-sandbox"] : []
  })

export interface OpenPage {
  readonly page: Page
  /** The addresses of all requests, the first one for the page itself. */
  readonly requests: ReadonlyArray<string>
  /** Uncaught errors, and errors that the page or the browser prints. */
  readonly errors: ReadonlyArray<string>
  readonly url: string
  readonly close: () => Promise<void>
}

/** Opens a page from a file. */
export const openFile = async (
  browser: Browser,
  html: string,
  options: BrowserContextOptions = {}
): Promise<OpenPage> => {
  const directory = mkdtempSync(join(tmpdir(), "effect-codex-page-"))
  const file = join(directory, "page.html")
  writeFileSync(file, html)
  const url = pathToFileURL(file).href
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options })
  const page = await context.newPage()
  const requests: Array<string> = []
  const errors: Array<string> = []
  page.on("request", (request) => requests.push(request.url()))
  page.on("pageerror", (error) => errors.push(error.message))
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text())
  })
  await page.goto(url)
  return {
    page,
    requests,
    errors,
    url,
    close: async () => {
      await context.close()
      rmSync(directory, { recursive: true })
    }
  }
}
