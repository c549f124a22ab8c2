/** docs/internals/codex-surface.md is what the installed Codex and the code say. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { difference } from "../../scripts/catalogue/markdown.ts"
import { document, file } from "../../scripts/codexSurface.ts"

describe("docs/internals/codex-surface.md", () => {
  it("equals the output of the generator, where nothing is untyped", () => {
    const page = readFileSync(file, "utf8")
    const generated = document()
    assert.isTrue(page === generated, `npm run surface\n${difference(page, generated)}`)
    assert.notInclude(page, "untyped")
    assert.notInclude(page.slice(page.indexOf("## Items")), "Unknown")
  }, 30_000)
})
