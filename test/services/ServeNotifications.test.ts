/** Notifications of `effect-codex serve` in a real browser. A stub replaces `Notification` and the visibility of the page. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Page } from "playwright-core"
import { openPage, promise, skipped, start, test, useBrowser } from "../serve/browser.ts"
import * as DurableTurns from "../serve/durableTurns.ts"

/** Runs before the page does. `observed` is what the page did, and how the browser answers. */
const stub = `
  const observed = { answer: "denied", asked: [], shown: [], focused: 0, visibility: "visible" }
  window.observed = observed
  window.focus = () => observed.focused++
  Object.defineProperty(document, "visibilityState", { get: () => observed.visibility })
  window.Notification = class extends EventTarget {
    static permission = "default"
    static async requestPermission() {
      observed.asked.push(navigator.userActivation.isActive)
      return (this.permission = observed.answer)
    }
    constructor(title, { body, tag }) {
      super()
      this.text = { title, body }
      this.tag = tag
      this.closed = false
      observed.shown.push(this)
    }
    close() {
      this.closed = true
    }
  }`

/** Waits until a condition holds. The policy of the page forbids `waitForFunction` with a text. */
const until = async (tab: Page, condition: string): Promise<void> => {
  while ((await tab.evaluate(condition)) !== true)
    await tab.evaluate("new Promise((resolve) => requestAnimationFrame(resolve))")
}

const bodies = (tab: Page) => tab.evaluate("observed.shown.map(({ text }) => text.title + ': ' + text.body)")

describe.skipIf(skipped)("a notification of the page of effect-codex serve", () => {
  useBrowser()

  test("comes once for each new request while the page is hidden, after a permission that only the person's choice asks for", () =>
    Effect.gen(function* () {
      const { durable, store } = yield* DurableTurns.open
      const server = yield* start({ durable: { client: durable, submit: {} } })
      yield* DurableTurns.ask(store, "seen")
      const { errors, tab } = yield* openPage(server.url, yield* server.add("approve"), {}, async (tab) => {
        await tab.addInitScript(stub)
      })
      const card = (key: string) => tab.getByRole("article").filter({ hasText: `durable turn ${key}` })
      const setting = tab.getByLabel("Notifications while this page is open")
      yield* promise(async () => {
        await card("seen").waitFor()
        await tab.getByRole("link", { name: "Settings" }).click()
        await setting.waitFor()
        assert.deepStrictEqual(await tab.evaluate("observed.asked"), [])
        await setting.press("ArrowDown")
        await tab.getByText("The browser does not allow notifications of this page.").waitFor()
        assert.strictEqual(await setting.inputValue(), "off")
        await tab.evaluate("observed.answer = 'granted'")
        await setting.press("ArrowDown")
        await until(tab, "localStorage.getItem('effect-codex notifications') === 'count'")
        // The person did something before each question.
        assert.deepStrictEqual(await tab.evaluate("observed.asked"), [true, true])
        await tab.evaluate("observed.visibility = 'hidden'")
      })
      const first = yield* DurableTurns.ask(store, "nightly/<b>")
      yield* promise(() => until(tab, "observed.shown.length === 1"))
      yield* DurableTurns.ask(store, "release")
      yield* promise(async () => {
        await until(tab, "observed.shown.length === 2")
        await setting.press("ArrowDown")
        await until(tab, "localStorage.getItem('effect-codex notifications') === 'title'")
      })
      yield* DurableTurns.ask(store, "deploy")
      yield* promise(async () => {
        await until(tab, "observed.shown.length === 3")
        await tab.evaluate("observed.visibility = 'visible'")
      })
      yield* DurableTurns.ask(store, "visible")
      yield* promise(async () => {
        await tab.getByRole("link", { name: "Approvals (5)" }).click()
        await card("visible").waitFor()
        // No text of the agent is in a notification.
        assert.deepStrictEqual(await bodies(tab), [
          "effect-codex: 2 requests wait for an answer",
          "effect-codex: 3 requests wait for an answer",
          "effect-codex: The agent asks to run a command"
        ])
        assert.strictEqual(await tab.evaluate("new Set(observed.shown.map(({ tag }) => tag)).size"), 3)
        // A click focuses its request: from another view, and again while the address names it already.
        const isFocused = `document.activeElement.id === ${JSON.stringify(`request-${first.id}`)}`
        await tab.getByRole("link", { name: "Settings" }).click()
        for (const focused of [1, 2]) {
          await tab.evaluate("observed.shown[0].dispatchEvent(new Event('click'))")
          await until(tab, isFocused)
          assert.strictEqual(await tab.evaluate("observed.focused"), focused)
          await card("release").getByRole("link").focus()
        }
        assert.deepStrictEqual(await tab.evaluate("observed.shown.map(({ closed }) => closed)"), [
          true,
          false,
          false
        ])
        // The notification of a request goes away with it.
        const approve = card("release").locator("button:enabled", { hasText: /^Approve$/ })
        await approve.click()
        await until(tab, "observed.shown[1].closed")
        assert.isFalse(await tab.evaluate("observed.shown[2].closed"))
      })
      assert.deepStrictEqual(errors, [])
    }))
})
