/** `effect-codex serve` in a real browser: the page in front of the real Codex, and how people use it. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { type ChildProcess, spawn } from "node:child_process"
import type { Page } from "playwright-core"
import * as TokenStore from "../../src/serve/TokenStore.ts"
import * as M from "../../src/testing/ModelServer.ts"
import {
  askedBy,
  newContext,
  openPage,
  promise,
  script,
  skipped,
  start,
  test,
  useBrowser,
  violations
} from "../serve/browser.ts"
import * as DurableTurns from "../serve/durableTurns.ts"
import { bundle } from "../support/bundle.ts"
import * as Real from "../support/realEngine.ts"

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

const exited = (child: ChildProcess) =>
  promise(
    () =>
      new Promise<number | null>((resolve) => {
        if (child.exitCode !== null) resolve(child.exitCode)
        child.once("exit", (code) => resolve(code))
      })
  )

/** Starts `effect-codex serve`, and returns its address. It is killed with the scope. */
const serveProcess = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>>
) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [bundle(new URL("../../src/cli/main.ts", import.meta.url)), "serve", ...args], {
        env: { PATH: process.env["PATH"], SSL_CERT_FILE: process.env["SSL_CERT_FILE"], ...env },
        stdio: ["ignore", "pipe", "pipe"]
      })
    ),
    (child) => Effect.sync(() => void child.kill("SIGKILL"))
  )
  let errors = ""
  child.stderr.on("data", (part) => (errors += String(part)))
  const url = yield* promise(
    () =>
      new Promise<string>((resolve, reject) => {
        child.stdout.once("data", (part) => resolve(String(part).trim()))
        child.once("exit", () => reject(new Error(`effect-codex serve has ended: ${errors}`)))
      })
  )
  return { child, url, errors: () => errors }
})

describe.skipIf(skipped)("the page of effect-codex serve", () => {
  useBrowser()

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
      const { child, errors, url } = yield* serveProcess(
        ["--port", "0", "--state", state, "--cd", real.workspace],
        real.env
      )
      const { tab } = yield* openPage(url, token)
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
        assert.deepStrictEqual(await violations(tab), [])
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
      assert.strictEqual(yield* exited(child), 130)
      assert.isTrue(yield* real.exists("second"))
      assert.notInclude(errors(), token)
    }))

  test("takes the first of two answers to a live and to a durable request, and shows the second person AlreadyDecided", () =>
    Effect.gen(function* () {
      const { durable, store } = yield* DurableTurns.open
      const server = yield* start({ durable: { client: durable, submit: {} } })
      yield* server.play(script)
      yield* askedBy(server)
      const { id } = yield* DurableTurns.ask(store, "release-7")
      const first = yield* openPage(server.url, yield* server.add("approve"))
      // The second page does not learn of the answers before its own.
      const second = yield* openPage(server.url, yield* server.add("approve"), {}, freezeState)
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
      const server = yield* start({ durable: { client: durable, submit: {} } })
      yield* DurableTurns.ask(store, "nightly/<b>")
      yield* DurableTurns.append(store, "nightly/<b>", 2)
      const { errors, tab } = yield* openPage(server.url, yield* server.add("submit"))
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
        assert.deepStrictEqual(await violations(tab), [])
      })
      const [submitted] = yield* durable.turns()
      assert.deepInclude(submitted, { status: "interrupted" })
      assert.deepStrictEqual(errors, [])
    }))

  test("shows a token without the role no button, and the server refuses its answer", () =>
    Effect.gen(function* () {
      const server = yield* start()
      yield* server.play(script)
      const { id, client } = yield* askedBy(server)
      const { body: pending } = yield* client.json("GET", `/threads/${id}/approvals`)
      const { tab } = yield* openPage(server.url, yield* server.add("read"))
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

  test("logs in with the code of the terminal, which leaves the address at once and works once", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const code = yield* server.sessions.makeCode
      const context = yield* newContext()
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
