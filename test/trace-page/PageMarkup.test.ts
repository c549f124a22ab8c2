import { assert, describe, it } from "@effect/vitest"
import { createHash } from "node:crypto"
import * as PageMarkup from "../../src/trace-page/PageMarkup.ts"
import { pageOf, span, turnOf } from "../support/samplePage.ts"

const assets = { script: "console.log(1)", style: "body{}" }
const hostile = "</script><script>alert(1)</script><!--\u2028\u2029\ud800]]>&amp;"

describe("the markup of the page of traces", () => {
  it("escapes data so that it can neither end its element nor start a comment, and keeps its value", () => {
    const json = PageMarkup.toScriptJson({ [hostile]: hostile })
    assert.notMatch(json, /[<>&\u2028\u2029]/)
    assert.deepStrictEqual(JSON.parse(json), { [hostile]: hostile })
  })

  it("contains exactly its own elements, whatever names spans have", () => {
    const html = PageMarkup.render(pageOf([turnOf([span({ name: hostile, kind: "turn" })])]), assets)
    assert.deepStrictEqual(
      [...html.matchAll(/<(\/?\w+)/g)].map(([, tag]) => tag),
      ["html", "head", "meta", "meta", "meta", "meta", "title", "/title", "style", "/style", "/head"].concat([
        "body",
        "noscript",
        "/noscript",
        "script",
        "/script",
        "script",
        "/script",
        "/body",
        "/html"
      ])
    )
  })

  it("allows its own script and style by their hashes, and nothing else", () => {
    const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`
    assert.strictEqual(
      PageMarkup.policy(assets),
      `default-src 'none'; script-src ${hash(assets.script)}; style-src ${hash(assets.style)}; ` +
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    assert.notInclude(PageMarkup.policy(assets), "unsafe")
  })

  it("refuses a script or a style that would end its own element", () => {
    for (const bad of [
      { ...assets, script: "'</script>'" },
      { ...assets, script: "a<!--b" },
      { ...assets, style: "</style>" }
    ])
      assert.throws(() => PageMarkup.render(pageOf([]), bad), /end of its own element/)
  })
})
