/** Live and durable turns side by side on the page of `effect-codex serve`, in a real browser. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Page } from "playwright-core"
import * as Browser from "../serve/browser.ts"
import * as DurableTurns from "../serve/durableTurns.ts"

const { promise, test } = Browser

/** Shows a tab the first state of the server for ever. */
const freezeState = async (tab: Page): Promise<void> => {
  let state: string | undefined
  await tab.route("**/api/updates", async (route) => {
    state ??= await tab.evaluate(async () => {
      const headers = {
        authorization: `Bearer ${JSON.parse(sessionStorage.getItem("effect-codex session") ?? "")["session"]}`
      }
      const response = await fetch("/api/updates?once", { headers })
      const reader = response.body?.getReader()
      let text = ""
      while (!text.includes('"durable":')) text += new TextDecoder().decode((await reader?.read())?.value)
      const [last = ""] = text.split("\n\n").filter((event) => event.includes('"durable":'))
      return `${last}\n\n`
    })
    await route.fulfill({ contentType: "text/event-stream", body: state })
  })
}

describe.skipIf(Browser.skipped)("the page of effect-codex serve", () => {
  Browser.useBrowser()

  test("takes the first of two answers to a live and to a durable request, and shows the second person AlreadyDecided", () =>
    Effect.gen(function* () {
      const { durable, store } = yield* DurableTurns.open
      const server = yield* Browser.start({ durable: { client: durable, submit: {} } })
      yield* server.play(Browser.script)
      yield* Browser.askedBy(server)
      const { id } = yield* DurableTurns.ask(store, "release-7")
      const first = yield* Browser.openPage(server.url, yield* server.add("approve"))
      // The second page does not learn of the answers before its own.
      const second = yield* Browser.openPage(server.url, yield* server.add("approve"), {}, freezeState)
      const card = (tab: Page, command: string) =>
        tab.getByRole("article").filter({ has: tab.getByText(command, { exact: true }) })
      const approve = (tab: Page, command: string) =>
        card(tab, command).getByRole("button", { name: "Approve", exact: true })
      yield* promise(async () => {
        for (const command of ["npm test", "npm publish"])
          for (const { tab } of [first, second]) await approve(tab, command).waitFor()
        await card(first.tab, "npm publish").getByText("Waits without a limit").waitFor()
        for (const command of ["npm test", "npm publish"]) {
          await approve(first.tab, command).click()
          await card(first.tab, command).waitFor({ state: "detached" })
          await approve(second.tab, command).click()
          await card(second.tab, command).waitFor({ state: "detached" })
        }
        assert.deepStrictEqual(await first.tab.getByText("Approved.").count(), 2)
        assert.deepStrictEqual(
          await second.tab.getByText(/AlreadyDecided: .*already decided \(accept\)/).count(),
          2
        )
      })
      // The audit has the name of the token that was first.
      assert.deepInclude(yield* durable.approvals.show(id), { status: "decided", decidedBy: "approve-2" })
    }))

  test("shows durable turns as they go on, submits one, and interrupts it", () =>
    Effect.gen(function* () {
      const { durable, store } = yield* DurableTurns.open
      const server = yield* Browser.start({ durable: { client: durable, submit: {} } })
      yield* DurableTurns.ask(store, "nightly/<b>")
      yield* DurableTurns.append(store, "nightly/<b>", 2)
      const { errors, tab } = yield* Browser.openPage(server.url, yield* server.add("submit"))
      const turns = tab.getByRole("navigation", { name: "Durable turns" })
      yield* promise(async () => {
        await turns.getByRole("link", { name: "nightly/<b> waits for an answer" }).click()
        await tab.getByText("running, 2 retries").waitFor()
        await tab.getByText("npm publish", { exact: true }).waitFor()
      })
      yield* DurableTurns.finish(store, "nightly/<b>")
      yield* promise(async () => {
        await tab.getByText("failed, 2 retries").waitFor()
        await turns.getByRole("link", { name: "nightly/<b> failed" }).waitFor()
        await turns.getByRole("link", { name: "New durable turn" }).click()
        await tab.getByLabel("What should the agent do?").fill("Deploy it")
        await tab.getByRole("button", { name: "Submit" }).click()
        await tab.getByRole("heading", { name: "serve/" }).waitFor()
        await tab.getByRole("button", { name: "Interrupt" }).click()
        await turns.getByRole("link", { name: /^serve\/.* interrupted/ }).waitFor()
        assert.deepStrictEqual(await Browser.violations(tab), [])
      })
      const [submitted] = yield* durable.turns()
      assert.deepInclude(submitted, { status: "interrupted" })
      assert.deepStrictEqual(errors, [])
    }))
})
