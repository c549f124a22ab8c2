/** The page of traces in a real Chromium: screen readers, colours, and what a hostile trace cannot do. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { sampleTurn, span, turnOf } from "../support/samplePage.ts"
import * as TracePage from "../trace-page/browser.ts"

const { many } = TracePage

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

/** A completed and a failed turn: axe looks at every element, so that more of the same would only take longer. */
const few = [sampleTurn(4, 12), sampleTurn(5, 12)]

describe.skipIf(TracePage.skipped)("the page of traces", () => {
  const { openChanged, within } = TracePage.usePage()

  for (const colorScheme of ["light", "dark"] as const)
    it(`has no violation that axe finds, in ${colorScheme}`, () =>
      within(
        few,
        async (page, { url }) => {
          const check = async (view: string) => {
            await page.evaluate(axe)
            const found: unknown = await page.evaluate(
              "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html, failureSummary }) => html + ' ' + failureSummary).join('; ')))"
            )
            assert.deepStrictEqual(found, [], view)
          }
          await check("list")
          await page.goto(`${url}#/turn/1/3`)
          await page.getByRole("complementary", { name: "Span details" }).waitFor()
          await check("turn")
          // The tables have the colours of the other views.
          const tables = [/Model calls/, /Approvals/, /Errors/, /Critical path/]
          for (const name of colorScheme === "light" ? tables : []) {
            await page.getByRole("tab", { name }).click()
            await check(name.source)
          }
          await page.goto(`${url}#/compare/0/1`)
          await page.getByRole("heading", { name: "Compare two turns" }).waitFor()
          await check("compare")
          await page.getByRole("button", { name: "Keys" }).click()
          await check("keys")
        },
        { colorScheme }
      ))

  it("fits a phone: no view is wider than the window", () =>
    within(
      few,
      async (page, { url }) => {
        for (const [view, name] of [
          ["#/", "Turns"],
          ["#/turn/1", "Turn"],
          ["#/compare/0/1", "Compare two turns"]
        ] as const) {
          await page.goto(`${url}${view}`)
          await page.getByRole("heading", { name }).first().waitFor()
          assert.strictEqual(await page.evaluate("document.documentElement.scrollWidth"), 390, view)
        }
      },
      { viewport: { width: 390, height: 844 } }
    ))

  it("switches between light and dark, and keeps the choice", () =>
    within(many, async (page) => {
      const background = () => page.evaluate("getComputedStyle(document.body).backgroundColor")
      const light = await background()
      await page.getByText("Dark", { exact: true }).click()
      const dark = await background()
      assert.notStrictEqual(dark, light)
      await page.reload()
      assert.strictEqual(await background(), dark)
      await page.getByText("Light", { exact: true }).click()
      assert.strictEqual(await background(), light)
    }))

  it("shows hostile names, attributes and messages as text, and does nothing else with them", () => {
    const script =
      "</script><script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">"
    const long = "A".repeat(1_000_000)
    const texts = {
      script,
      comment: "<!--<script>",
      separators: "one\u2028two\u2029three",
      bidi: "user\u202etxt.exe\u2066\u200b",
      link: "javascript:document.title='hacked'",
      // A computed name, because a plain one sets the prototype.
      ["__proto__"]: "polluted",
      long
    }
    const hostile = turnOf(
      [
        span({ name: script, kind: "turn", durationNanos: 10_000_000 }),
        ...Object.entries(texts).map(([name, text]) =>
          span({
            name: text,
            kind: "tool",
            parent: 0,
            failed: true,
            errorType: text,
            attributes: { [name]: text, [script]: { nested: [text] } },
            events: [{ name: text, atNanos: 0, attributes: { "exception.message": text } }]
          })
        )
      ],
      {
        turnId: script,
        threadId: script,
        model: script,
        source: script,
        errorClass: script,
        errorType: script
      }
    )
    return within([hostile], async (page, { url }) => {
      const body = () => page.locator("body").innerText()
      assert.include(await body(), "</script><script>")
      for (const index of Object.keys(texts).keys()) {
        await page.goto(`${url}#/turn/0/${index + 1}`)
        await page.getByRole("complementary", { name: "Span details" }).waitFor()
      }
      assert.include(await body(), "Show all 1,000,000 characters")
      await page
        .getByRole("button", { name: /Show all/ })
        .first()
        .click()
      await page.goto(`${url}#/turn/0/1`)
      await page.getByText("onerror=").first().waitFor()
      await page.goto(`${url}#/turn/0/3`)
      await page.getByText("one\\u2028two\\u2029three").first().waitFor()
      await page.goto(`${url}#/turn/0/4`)
      await page.getByText("user\\u202etxt.exe\\u2066\\u200b").first().waitFor()
      await page.getByRole("tab", { name: /Errors/ }).click()
      await page.goto(`${url}#/compare/0/0`)
      await page.getByRole("heading", { name: "Compare two turns" }).waitFor()
      assert.notInclude(await page.title(), "hacked")
      assert.strictEqual(await page.locator("img, iframe, object, embed, [onerror], [onclick]").count(), 0)
      assert.deepStrictEqual(
        await page.evaluate(
          "Array.from(document.links, (link) => link.getAttribute('href')).filter((href) => !href.startsWith('#/'))"
        ),
        []
      )
      assert.strictEqual(
        await page.evaluate("({}).polluted === undefined && Object.prototype.__proto__ === null"),
        true
      )
    })
  })

  it("runs no injected script, style, handler or markup: its policy is in force", async () => {
    const opened = await openChanged((html) =>
      html.replace(
        "<noscript>",
        "<script>document.documentElement.id = 'hacked'</script>" +
          "<b style='color: red' onclick=\"document.documentElement.id = 'hacked'\">injected</b><noscript>"
      )
    )
    try {
      const { page } = opened
      assert.strictEqual(await page.evaluate("document.documentElement.id"), "")
      assert.match(opened.errors.join(), /inline script .* Content Security Policy/)
      const refused = async (code: string) => {
        const outcome: unknown = await page.evaluate(
          `(() => { try { ${code}; return "allowed" } catch (error) { return error.name } })()`
        )
        return outcome
      }
      assert.strictEqual(await refused("document.body.innerHTML = '<img src=x>'"), "TypeError")
      assert.strictEqual(await refused("setTimeout('document.documentElement.id = 1')"), "TypeError")
      const fetched: unknown = await page.evaluate(
        "fetch('http://127.0.0.1:9/').then(() => 'allowed', (error) => error.name)"
      )
      assert.strictEqual(fetched, "TypeError")
      assert.match(opened.errors.join(), /connect-src|default-src/)
    } finally {
      await opened.close()
    }
  })
})
