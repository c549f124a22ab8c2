/** `effect-codex serve` in a real browser: the page in front of the real Codex, and how people use it. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as TokenStore from "../../src/serve/TokenStore.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as Scripted from "../../src/testing/Scripted.ts"
import * as Browser from "../serve/browser.ts"
import * as ServeProcess from "../serve/serveProcess.ts"
import * as Real from "../support/realEngine.ts"

const { promise, test } = Browser

describe.skipIf(Browser.skipped)("the page of effect-codex serve", () => {
  Browser.useBrowser()

  test("goes from a prompt to an approved command and a diff with the real Codex, and drains on SIGTERM", () =>
    Effect.gen(function* () {
      const patch = "*** Begin Patch\n*** Add File: fixed.txt\n+the fix\n*** End Patch"
      const real = yield* Real.make([
        M.reply(M.shell("touch made", { escalate: "I need it" })),
        M.reply(M.patch(patch)),
        M.reply(M.text("All done.")),
        M.reply(M.shell("touch second", { escalate: "I need it again" })),
        M.reply(M.text("Done again."))
      ])
      const fs = yield* FileSystem.FileSystem
      const state = yield* fs.makeTempDirectoryScoped({
        directory: "/var/tmp",
        prefix: "effect-codex-serve-"
      })
      const store = yield* TokenStore.make(state)
      const token = yield* store.add("ada", ["submit", "approve"])
      const { child, errors, url } = yield* ServeProcess.start(
        ["--port", "0", "--state", state, "--cd", real.workspace],
        real.env
      )
      const { tab } = yield* Browser.openPage(url, token)
      yield* promise(async () => {
        await tab.getByRole("button", { name: "New" }).click()
        await tab.getByLabel("What should the agent do?").fill("Fix the test")
        await tab.getByRole("button", { name: "Send" }).click()
        const card = tab.getByRole("article", { name: "The agent asks to run a command" })
        await card.getByText("touch made", { exact: true }).waitFor()
      })
      assert.isFalse(yield* real.exists("made"))
      yield* promise(async () => {
        await tab.getByRole("button", { name: "Approve", exact: true }).click()
        await tab.getByText("the fix", { exact: true }).waitFor()
        await tab.getByText("All done.").waitFor()
        // The trace of the turn, in the real process: time, calls of the model, the approval with its wait.
        await tab.getByRole("button", { name: "Waterfall" }).click()
        await tab.getByRole("treegrid").getByText("chat ", { exact: false }).first().waitFor()
        await tab.getByRole("tab", { name: "Approvals (1)" }).click()
        await tab.getByRole("cell", { name: "accept", exact: true }).waitFor()
        await tab.getByRole("tab", { name: /^Model calls/ }).click()
        await tab.getByRole("columnheader", { name: "Cost" }).waitFor()
        assert.deepStrictEqual(await Browser.violations(tab), [])
        await tab.getByLabel("What should the agent do?").fill("And again")
        await tab.getByRole("button", { name: "Send" }).click()
        await tab.getByText("touch second", { exact: true }).first().waitFor()
      })
      assert.isTrue(yield* real.exists("made"))
      // The turn that waits may still be answered, and ends before the server does.
      child.kill("SIGTERM")
      yield* promise(async () => {
        await tab.getByRole("button", { name: "Approve", exact: true }).click()
        await tab.getByText("Done again.").waitFor()
      })
      assert.strictEqual(yield* ServeProcess.exited(child), 130)
      assert.isTrue(yield* real.exists("second"))
      assert.notInclude(errors(), token)
    }))

  test("shows a token without the role no button, and the server refuses its answer", () =>
    Effect.gen(function* () {
      const server = yield* Browser.start()
      yield* server.play(Browser.script)
      const { id, client } = yield* Browser.askedBy(server)
      const { body: pending } = yield* client.json("GET", `/threads/${id}/approvals`)
      const { tab } = yield* Browser.openPage(server.url, yield* server.add("read"))
      yield* promise(async () => {
        await tab.getByText("npm test", { exact: true }).waitFor()
        await tab.getByText("Your token does not have the role approve.").waitFor()
        for (const name of [
          "Approve",
          "Approve for the session",
          "Decline",
          "Stop the turn",
          "New",
          "Interrupt"
        ])
          assert.strictEqual(await tab.getByRole("button", { name, exact: true }).count(), 0, name)
        const status = await tab.evaluate(
          async ({ body, path }) => {
            const { session } = JSON.parse(sessionStorage.getItem("effect-codex session") ?? "")
            const headers = { authorization: `Bearer ${session}`, "content-type": "application/json" }
            return (await fetch(path, { method: "POST", headers, body: JSON.stringify(body) })).status
          },
          {
            path: `/api/threads/${id}/approvals/${pending[0].id}`,
            body: { hash: pending[0].hash, decision: "accept" }
          }
        )
        assert.strictEqual(status, 403)
      })
    }))

  test("shows the limits of the account, and the cost of a turn by the prices of the server", () =>
    Effect.gen(function* () {
      const server = yield* Browser.start({ prices: { scripted: { input: 10, output: 100 } } })
      const window = (usedPercent: number, hours: number, resetsAt: number) => ({
        usedPercent,
        windowDurationMins: hours * 60,
        resetsAt: resetsAt / 1000
      })
      const limit = {
        limitName: null,
        normalModelSlug: null,
        credits: null,
        individualLimit: null,
        spendControlReached: null
      }
      yield* server.answer("account/rateLimits/read", () => ({
        ordinaryUsageAllowed: true,
        rateLimits: limit,
        rateLimitsByLimitId: {
          codex: {
            ...limit,
            limitId: "codex",
            planType: "plus",
            primary: window(40, 5, Date.UTC(2030, 0, 2, 3, 4)),
            secondary: window(100, 168, Date.UTC(2030, 0, 5)),
            rateLimitReachedType: "rate_limit_reached"
          }
        }
      }))
      yield* server.play([Scripted.usage({ input: 1000, output: 200 }), Scripted.message("Done.")])
      const options = { locale: "en-GB", timezoneId: "UTC" }
      const { errors, tab } = yield* Browser.openPage(server.url, yield* server.add("submit"), options)
      yield* promise(async () => {
        await tab.getByRole("link", { name: "Settings" }).click()
        const limits = tab.locator(".card", { has: tab.getByRole("heading", { name: "codex, plus" }) })
        await limits.getByText("Short window of 5 h: 40 % used").waitFor()
        await limits.getByText("resets at 02/01/2030, 03:04").waitFor()
        await limits.getByText("Long window of 168 h: 100 % used").waitFor()
        await limits.getByText("reached: rate_limit_reached").waitFor()
        assert.strictEqual(await limits.getByRole("meter").first().getAttribute("value"), "40")
        assert.deepStrictEqual(await Browser.violations(tab), [])
        await tab.getByRole("button", { name: "New" }).click()
        await tab.getByLabel("What should the agent do?").fill("Fix it")
        await tab.getByRole("button", { name: "Send" }).click()
        // 1000 tokens in for $10 a million, and 200 out for $100.
        await tab.getByText("completed, 1000 + 200 tokens, $0.0300", { exact: true }).waitFor()
        await tab.getByRole("button", { name: "Waterfall" }).click()
        await tab.getByText("$0.03", { exact: true }).waitFor()
      })
      assert.deepStrictEqual(errors, [])
    }))

  test("logs in with the code of the terminal, which leaves the address at once and works once", () =>
    Effect.gen(function* () {
      const server = yield* Browser.start()
      const code = yield* server.sessions.makeCode
      const context = yield* Browser.newContext()
      yield* promise(async () => {
        const tab = await context.newPage()
        const asked: Array<string> = []
        tab.on("request", (request) => asked.push(request.url()))
        await tab.goto(`${server.url}/#code=${code}`)
        await tab.getByText("terminal (read, submit, approve)").waitFor()
        assert.notInclude(tab.url(), code)
        assert.notInclude(asked.slice(1).join(), code)
        const other = await context.newPage()
        await other.goto(`${server.url}/#code=${code}`)
        await other.getByText("The server does not know this token or code.").waitFor()
      })
    }))
})
