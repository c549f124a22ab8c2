/** The page of traces in a real Chromium: what people do with it. */
import { assert, describe, it } from "@effect/vitest"
import type { Page } from "playwright-core"
import { sampleTurn } from "../support/samplePage.ts"
import * as TracePage from "../trace-page/browser.ts"

const { many } = TracePage

describe.skipIf(TracePage.skipped)("the page of traces", () => {
  const { within } = TracePage.usePage()

  const texts = async (page: Page, selector: string): Promise<ReadonlyArray<string>> =>
    (await page.locator(selector).allInnerTexts()).map((text) => text.trim())

  /** The name, and the position, of the active row of the grid that has the focus. */
  const activeRow = async (page: Page) => {
    const grid = page.locator(":focus")
    const id = await grid.getAttribute("aria-activedescendant")
    const row = page.locator(`[id="${id}"]`)
    return {
      position: Number(await row.getAttribute("aria-rowindex")),
      level: Number(await row.getAttribute("aria-level")),
      expanded: await row.getAttribute("aria-expanded"),
      text: await row.ariaSnapshot()
    }
  }

  it("filters and sorts turns, and says how many there are", () =>
    within(many, async (page) => {
      const count = page.locator(".list-view .count")
      assert.strictEqual(await count.innerText(), "12 turns")
      await page.getByLabel("Status").selectOption("failed")
      assert.strictEqual(await count.innerText(), "2 of 12 turns")
      assert.deepStrictEqual(await texts(page, ".turn-row .status"), ["failed", "failed"])
      await page.getByLabel("Status").selectOption("")
      await page.getByRole("searchbox").fill("TRIAGE gpt-5.4-mini")
      assert.strictEqual(await count.innerText(), "2 of 12 turns")
      await page.getByRole("searchbox").fill("no such turn")
      assert.deepStrictEqual(await texts(page, ".empty"), ["No turn matches the filters."])
      await page.getByRole("searchbox").fill("")
      const header = page.getByRole("columnheader", { name: "Tokens in" })
      const sorted = async () =>
        (await texts(page, ".grid-row .col-input")).map((text) => Number(text.replaceAll(",", "")))
      await header.getByRole("button").click()
      assert.strictEqual(await header.getAttribute("aria-sort"), "descending")
      const values = await sorted()
      assert.strictEqual(values.length, 12)
      assert.deepStrictEqual(
        values,
        values.toSorted((a, b) => b - a)
      )
      await header.getByRole("button").click()
      assert.strictEqual(await header.getAttribute("aria-sort"), "ascending")
      assert.deepStrictEqual(await sorted(), values.toReversed())
    }))

  it("opens a turn, shows the details of a span and its tables, and zooms with wheel, drag and buttons", () =>
    within(many, async (page) => {
      await page.locator(".grid-row").first().click()
      await page.getByRole("heading", { name: /^Turn/ }).waitFor()
      const spans = page.getByRole("treegrid")
      await spans.getByText("chat gpt-5.5").first().click()
      const panel = page.getByRole("complementary", { name: "Span details" })
      assert.include(await panel.innerText(), "gen_ai.usage.input_tokens")
      const ticks = () => texts(page, ".tick")
      const whole = await ticks()
      const middle = page.locator(".span-row .time-cell").nth(3)
      const box = await middle.boundingBox()
      assert.isNotNull(box)
      const { height = 0, width = 0, x = 0, y = 0 } = box ?? {}
      await page.mouse.move(x + width / 2, y + height / 2)
      await page.mouse.down()
      await page.mouse.move(x + width / 4, y + height / 2, { steps: 3 })
      await page.mouse.up()
      const dragged = await ticks()
      assert.notDeepEqual(dragged, whole)
      await page.keyboard.down("Control")
      await page.mouse.wheel(0, -200)
      await page.keyboard.up("Control")
      await page.waitForFunction(
        `Array.from(document.querySelectorAll(".tick"), (tick) => tick.innerText.trim()).join() !== ${JSON.stringify(dragged.join())}`
      )
      await page.getByRole("button", { name: "Fit" }).click()
      assert.deepStrictEqual(await ticks(), whole)
      await page.getByRole("button", { name: "Zoom in" }).click()
      assert.notDeepEqual(await ticks(), whole)
      await page.getByRole("tab", { name: /Model calls/ }).click()
      const calls = page.getByRole("table", { name: "Model calls" })
      assert.match(await calls.innerText(), /\$0\.00\d+/)
      await page.getByRole("tab", { name: /Errors/ }).click()
      await page.getByRole("tab", { name: /Approvals/ }).click()
      await page.getByRole("tab", { name: "Critical path" }).click()
      await page.getByRole("table", { name: "Critical path" }).getByRole("button").nth(1).click()
      assert.strictEqual(
        await page.getByRole("tab", { name: "Waterfall" }).getAttribute("aria-selected"),
        "true"
      )
      assert.include((await activeRow(page)).text, "execute_tool")
    }))

  it("does everything by keyboard only: list, filter, waterfall, details, zoom and comparison", () =>
    within(many, async (page) => {
      const { keyboard } = page
      const tabTo = async (role: string, name: RegExp, key = "Tab") => {
        for (let presses = 0; presses < 60; presses++) {
          await keyboard.press(key)
          const focused = page.locator(":focus")
          if ((await focused.count()) === 0) continue
          const found = await page
            .getByRole(
              role === "grid"
                ? "grid"
                : role === "treegrid"
                  ? "treegrid"
                  : role === "tab"
                    ? "tab"
                    : role === "link"
                      ? "link"
                      : role === "searchbox"
                        ? "searchbox"
                        : "button",
              { name }
            )
            .and(focused)
            .count()
          if (found > 0) return
        }
        assert.fail(`Tab does not reach the ${role} ${name.source}`)
      }
      await tabTo("searchbox", /./)
      await keyboard.type("review")
      assert.strictEqual(await page.locator(".list-view .count").innerText(), "6 of 12 turns")
      await tabTo("grid", /^Turns/)
      await keyboard.press("Space")
      await keyboard.press("End")
      await keyboard.press("Space")
      assert.strictEqual((await activeRow(page)).position, 7)
      await tabTo("button", /^Compare 2 of 2/, "Shift+Tab")
      await keyboard.press("Enter")
      await page.getByRole("heading", { name: "Compare two turns" }).waitFor()
      const left = page.getByRole("treegrid", { name: /left turn/ })
      assert.strictEqual(await left.and(page.locator(":focus")).count(), 1)
      await keyboard.press("ArrowDown")
      await keyboard.press("Enter")
      await page.getByRole("heading", { name: /^Turn/ }).waitFor()
      assert.strictEqual((await activeRow(page)).level, 2)
      await keyboard.press("Home")
      assert.strictEqual((await activeRow(page)).expanded, "true")
      const rows = () => page.locator(".span-row").count()
      const before = await rows()
      await keyboard.press("ArrowLeft")
      assert.strictEqual((await activeRow(page)).expanded, "false")
      assert.strictEqual(await rows(), 1)
      await keyboard.press("ArrowRight")
      assert.strictEqual(await rows(), before)
      await keyboard.press("ArrowRight")
      assert.strictEqual((await activeRow(page)).position, 3)
      await keyboard.press("ArrowLeft")
      assert.strictEqual((await activeRow(page)).position, 2)
      await keyboard.press("ArrowDown")
      const whole = await texts(page, ".tick")
      for (const key of ["z", "+", "Shift+ArrowRight"]) {
        const ticks = await texts(page, ".tick")
        await keyboard.press(key)
        assert.notDeepEqual(await texts(page, ".tick"), ticks, key)
      }
      await keyboard.press("0")
      assert.deepStrictEqual(await texts(page, ".tick"), whole)
      await keyboard.press("e")
      assert.include((await activeRow(page)).text, "failed")
      await keyboard.press("Enter")
      const panel = page.getByRole("complementary", { name: "Span details" })
      assert.strictEqual(await panel.and(page.locator(":focus")).count(), 1)
      assert.include(await panel.innerText(), "CommandFailed")
      await keyboard.press("Escape")
      assert.strictEqual(await panel.count(), 0)
      assert.strictEqual(await page.getByRole("treegrid").and(page.locator(":focus")).count(), 1)
      await tabTo("tab", /Waterfall/, "Shift+Tab")
      await keyboard.press("ArrowRight")
      assert.strictEqual(
        await page.getByRole("tab", { name: /Model calls/ }).getAttribute("aria-selected"),
        "true"
      )
      await tabTo("link", /Turns/, "Shift+Tab")
      await keyboard.press("Enter")
      await page.getByRole("grid", { name: /^Turns/ }).waitFor()
      await tabTo("button", /^Keys/, "Shift+Tab")
      await keyboard.press("Enter")
      await page.getByRole("dialog", { name: "Keys and pointer" }).waitFor()
      await keyboard.press("Escape")
    }))

  it("compares two turns: figures with their difference, operations, and waterfalls that zoom together", () =>
    within(many, async (page, { url }) => {
      await page.goto(`${url}#/compare/1/4`)
      const figures = page.getByRole("table", { name: "Figures of both turns" })
      assert.match(
        await figures.getByRole("row", { name: /^Duration/ }).innerText(),
        /[+−][\d.]+ m?s \([+−]\d+ %\)/
      )
      assert.isAbove(
        await page.getByRole("table", { name: "What each operation took" }).getByRole("row").count(),
        3
      )
      const axes = page.locator(".axis")
      const whole = await axes.nth(1).innerText()
      assert.strictEqual(await axes.nth(0).innerText(), whole)
      await page.keyboard.press("+")
      assert.notStrictEqual(await axes.nth(1).innerText(), whole)
      assert.strictEqual(await axes.nth(0).innerText(), await axes.nth(1).innerText())
    }))

  it("keeps 10,000 spans to the rows that are visible, wherever it scrolls", () =>
    within([sampleTurn(1, 10_000)], async (page) => {
      await page.locator(".grid-row").first().click()
      const grid = page.getByRole("treegrid")
      assert.isAtLeast(Number(await grid.getAttribute("aria-rowcount")), 10_000)
      for (const share of [0.1, 0.5, 0.93, 1, 0]) {
        const seen: unknown = await page.evaluate(
          `new Promise((resolve) => {
            const grid = document.querySelector("[role=treegrid]")
            grid.scrollTop = (grid.scrollHeight - grid.clientHeight) * ${share}
            requestAnimationFrame(() => requestAnimationFrame(() => {
              const { top, bottom } = grid.getBoundingClientRect()
              const rows = Array.from(grid.querySelectorAll(".span-row"), (row) => row.getBoundingClientRect())
              const inside = rows.filter((row) => row.bottom > top && row.top < bottom)
              resolve([rows.length, inside.length, Math.floor(grid.clientHeight / 26)])
            }))
          })`
        )
        assert.isTrue(Array.isArray(seen))
        const [rows, inside, room] = Array.isArray(seen) ? seen.map(Number) : []
        assert.isAtMost(rows ?? Infinity, (room ?? 0) + 20)
        assert.isAtLeast(inside ?? 0, (room ?? Infinity) - 2, `at ${share}`)
      }
      await page.keyboard.press("End")
      assert.isAtLeast((await activeRow(page)).position, 10_000)
    }))

  it("does bounded work for each scroll of 10,000 spans: one layout, one style, and the rows that appear", () =>
    within([sampleTurn(1, 10_000)], async (page) => {
      await page.locator(".grid-row").first().click()
      await page.getByRole("treegrid").waitFor()
      const session = await page.context().newCDPSession(page)
      await session.send("Performance.enable")
      const count = async (name: string) =>
        (await session.send("Performance.getMetrics")).metrics.find((metric) => metric.name === name)
          ?.value ?? 0
      const steps = 40
      /** Scrolls by some rows in each frame. Returns the rows of a window, the most rows made, and the most elements. */
      const scroll = async (rows: number): Promise<ReadonlyArray<number>> => {
        const seen: unknown = await page.evaluate(
          `new Promise((resolve) => {
            const grid = document.querySelector("[role=treegrid]")
            let made = 0
            new MutationObserver((records) => {
              for (const { addedNodes } of records) made += addedNodes.length
            }).observe(grid.querySelector(".grid-body"), { childList: true })
            let [step, mostMade, mostElements] = [0, 0, 0]
            const frame = () => {
              mostMade = Math.max(mostMade, made)
              mostElements = Math.max(mostElements, grid.querySelectorAll("*").length)
              made = 0
              if (step++ === ${steps}) return resolve([Math.ceil(grid.clientHeight / 26), mostMade, mostElements])
              grid.scrollTop += ${rows} * 26
              requestAnimationFrame(frame)
            }
            requestAnimationFrame(frame)
          })`
        )
        return Array.isArray(seen) ? seen.map(Number) : []
      }
      for (const rows of [1, 200]) {
        const before = [await count("LayoutCount"), await count("RecalcStyleCount")]
        const [room = Infinity, made = Infinity, elements = Infinity] = await scroll(rows)
        // A frame that the page draws by itself, for a measurement, costs a few more.
        assert.isAtMost((await count("LayoutCount")) - (before[0] ?? 0), steps + 10)
        assert.isAtMost((await count("RecalcStyleCount")) - (before[1] ?? 0), steps + 10)
        assert.isAtMost(made, rows === 1 ? 2 : room + 10)
        // The row, two cells and what they show; and the header with its ticks.
        assert.isAtMost(elements, (room + 10) * 12 + 40)
      }
    }))
})
