/** The pictures of the documentation still show the pages as they are. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { existsSync } from "node:fs"
import type { Browser } from "playwright-core"
import * as Views from "../../scripts/screenshots/Views.ts"
import * as Chromium from "../support/chromium.ts"

const skipped = Chromium.skipped("the pictures of the documentation")

describe.skipIf(skipped)("the pages of effect-codex", () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await Chromium.launch()
  })
  afterAll(() => browser?.close())

  it("look like the pictures in docs/images, which npm run screenshots makes", async () => {
    const outlines: Record<string, string> = {}
    for (const { name, open } of await Views.pictures()) {
      assert.isTrue(existsSync(new URL(`${name}.png`, Views.images)), name)
      const { close, page } = await open(browser)
      outlines[name] = await Views.outline(page)
      await close()
    }
    assert.deepStrictEqual(Views.storedOutlines(), outlines, "run npm run screenshots")
  })
})
