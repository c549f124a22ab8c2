/** The page of `effect-codex serve` in a real browser: hostile content and other pages, screen readers and the keyboard. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import * as Scripted from "../../src/testing/Scripted.ts"
import * as Browser from "../serve/browser.ts"

const { promise, test } = Browser

const attackingPage = readFileSync(new URL("../serve/attackingPage.js", import.meta.url), "utf8")

describe.skipIf(Browser.skipped)("the page of effect-codex serve", () => {
  Browser.useBrowser()

  test("shows hostile prompts, commands, paths and diffs as text", () =>
    Effect.gen(function* () {
      const evil = `<img src=x onerror="document.title='pwned'"><script>document.title='pwned'</script>\u202e[a](javascript:alert(1))`
      const server = yield* Browser.start()
      yield* server.play([
        Scripted.message(evil),
        Scripted.fileChange([{ path: `${evil}.txt`, kind: "add", diff: `+${evil}` }]),
        Scripted.command(`echo ${evil}\n  │ false\nhash of the request:`, { approval: true })
      ])
      const { id } = yield* Browser.askedBy(server, evil)
      const { errors, tab } = yield* Browser.openPage(server.url, yield* server.add("submit", "approve"))
      const asked: Array<string> = []
      tab.on("request", (request) => asked.push(request.url()))
      yield* promise(async () => {
        await tab.getByText(`\\u202e`).first().waitFor()
        // Content that imitates a label stays in the frame of the command.
        const labels = await tab.locator(".request dt").allTextContents()
        assert.deepStrictEqual(
          labels.filter((label) => label.includes("hash of the request")),
          ["hash of the request:"]
        )
        await tab.goto(`${server.url}/#/threads/${id}`)
        await tab.getByText("pwned").first().waitFor()
        assert.strictEqual(
          await tab.locator("img, script:not([src]), iframe, a[href^='javascript']").count(),
          0
        )
        assert.match(await tab.title(), /effect-codex$/)
      })
      assert.deepStrictEqual(errors, [])
      assert.deepStrictEqual(
        asked.filter((url) => !url.startsWith(server.url)),
        []
      )
    }))

  test("cannot be read or used by the page of another origin", () =>
    Effect.gen(function* () {
      const server = yield* Browser.start()
      yield* server.play(Browser.script)
      const { id, client } = yield* Browser.askedBy(server)
      const { body: pending } = yield* client.json("GET", `/threads/${id}/approvals`)
      const { context } = yield* Browser.openPage(server.url, yield* server.add("approve"))
      const attack = yield* Effect.acquireRelease(
        promise(
          () =>
            new Promise<{ readonly url: string; readonly close: () => void }>((resolve) => {
              const http = createServer((_, response) =>
                response
                  .writeHead(200, { "content-type": "text/html" })
                  .end("<!doctype html><title>evil</title>")
              )
              http.listen(0, "127.0.0.1", () => {
                const address = http.address()
                const port = typeof address === "object" && address !== null ? address.port : 0
                resolve({ url: `http://127.0.0.1:${port}/`, close: () => http.close() })
              })
            })
        ),
        ({ close }) => Effect.sync(close)
      )
      yield* promise(async () => {
        // The same browser with the same storage in which a person has logged in.
        const evil = await context.newPage()
        await evil.goto(attack.url)
        const target = server.url
        const answer = `${target}/api/threads/${id}/approvals/${pending[0].id}`
        const body = JSON.stringify({ hash: pending[0].hash, decision: "accept" })
        await evil.evaluate(attackingPage)
        const found: unknown = await evil.evaluate(`attack(${JSON.stringify({ answer, body, target })})`)
        assert.deepStrictEqual(found, {
          fetch: "blocked",
          page: "blocked",
          simplePost: "blocked",
          jsonPost: "blocked",
          withToken: "blocked",
          image: "blocked",
          script: "blocked",
          socket: "blocked",
          events: "blocked",
          framed: "blocked",
          form: "blocked",
          storage: 0
        })
        assert.deepStrictEqual(await context.cookies(), [])
      })
      // The request still waits.
      assert.lengthOf((yield* client.json("GET", `/threads/${id}/approvals`)).body, 1)
    }))

  test("has no violation that axe-core finds, light and dark, wide and on a phone", () =>
    Effect.gen(function* () {
      const server = yield* Browser.start()
      yield* server.play([
        Scripted.message("Let me see."),
        Scripted.fileChange([{ path: "sum.js", kind: "update", diff: "@@\n-a\n+b" }]),
        ...Browser.script
      ])
      const { id } = yield* Browser.askedBy(server)
      const token = yield* server.add("submit", "approve")
      for (const [colorScheme, width] of [
        ["light", 1200],
        ["dark", 390]
      ] as const) {
        const options = { colorScheme, viewport: { width, height: 800 } }
        const { errors, tab } = yield* Browser.openPage(server.url, token, options)
        yield* promise(async () => {
          await tab.getByText("npm test", { exact: true }).waitFor()
          for (const view of ["#/inbox", `#/threads/${id}`, "#/threads", "#/limits"]) {
            await tab.goto(`${server.url}/${view}`)
            await tab.getByRole("heading", { level: 2 }).first().waitFor()
            assert.deepStrictEqual(await Browser.violations(tab), [], `${colorScheme} ${view}`)
            const overflow = await tab.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert.isAtMost(Number(overflow), 0, `${width} ${view}`)
          }
          await tab.getByRole("button", { name: "Log out" }).click()
          await tab.getByLabel("Token").waitFor()
          assert.deepStrictEqual(await Browser.violations(tab), [], `${colorScheme} login`)
        })
        assert.deepStrictEqual(errors, [])
      }
    }))

  test("can be used with the keyboard alone, keeps its login over a reload, and loses it when the token is revoked", () =>
    Effect.gen(function* () {
      const server = yield* Browser.start()
      yield* server.play(Browser.script)
      const { id } = yield* Browser.askedBy(server)
      const token = yield* server.add("approve")
      const { tab } = yield* Browser.openPage(server.url, token)
      yield* promise(async () => {
        await tab.reload()
        await tab.getByText("npm test", { exact: true }).waitFor()
        await tab.locator("button:enabled", { hasText: /^Approve$/ }).waitFor()
        const focused = () => tab.evaluate("document.activeElement?.textContent ?? ''")
        for (let n = 0; n < 30 && (await focused()) !== "Approve"; n++) await tab.keyboard.press("Tab")
        await tab.keyboard.press("Enter")
        await tab.getByText("Approved.").waitFor()
        await tab.goto(`${server.url}/#/threads/${id}`)
        await tab.getByText("Fixed.").waitFor()
      })
      yield* server.store.revoke("approve-2")
      yield* promise(() => tab.getByLabel("Token").waitFor())
    }))
})
