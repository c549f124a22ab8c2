/**
 * Makes the pictures in docs/images with a real Chromium: the page of traces, with turns that the demo recorded, and the inbox of
 * `effect-codex serve`. Also writes what each picture shows to docs/images/outlines.json, so that a test finds a picture that no longer shows the page.
 *
 *     node scripts/screenshots.ts
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Chromium from "../test/support/chromium.ts"
import * as Views from "./screenshots/Views.ts"

if (Chromium.executable === undefined) {
  console.error("Chromium is missing: scripts/install-optional.sh chromium")
  process.exit(1)
}

mkdirSync(Views.images, { recursive: true })
const browser = await Chromium.launch()
const outlines: Record<string, string> = {}
for (const { name, open } of await Views.pictures()) {
  const { close, page } = await open(browser)
  const path = fileURLToPath(new URL(`${name}.png`, Views.images))
  await page.screenshot({ path })
  outlines[name] = await Views.outline(page)
  await close()
  console.log(path)
}
await browser.close()
writeFileSync(Views.outlines, `${JSON.stringify(outlines, null, 2)}\n`)
