/** What a person can do with waiting requests and with a running turn on the page of `effect-codex serve`, in a real browser. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import type { ApprovalDecision } from "../../src/domain/ApprovalDecision.ts"
import { ItemId } from "../../src/domain/Ids.ts"
import * as Scripted from "../../src/testing/Scripted.ts"
import * as Browser from "../serve/browser.ts"
import * as DurableTurns from "../serve/durableTurns.ts"

const { promise, test } = Browser

const command = (script: string) => ({
  _tag: "Command" as const,
  command: script,
  script,
  cwd: "/srv/app",
  extra: false
})

/** Records in the page when the button of its only request becomes disabled and enabled again, by the clock of the page. */
const recordChanges = `{
  globalThis.changes = []
  const button = [...document.querySelectorAll("article button")].find((button) => button.textContent === "Approve")
  const record = () => changes.push({ at: Date.now(), isDisabled: button.disabled })
  new MutationObserver(record).observe(button, { attributes: true, attributeFilter: ["disabled"] })
}`
const decodeChanges = Schema.decodeUnknownSync(
  Schema.Array(Schema.Struct({ at: Schema.Finite, isDisabled: Schema.Boolean }))
)

describe.skipIf(Browser.skipped)("a person at the page of effect-codex serve", () => {
  Browser.useBrowser()

  test("sees the real path, the diff, the deadline and the hash of a request, and declines, approves for the session and stops", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped({
        directory: "/var/tmp",
        prefix: "effect-codex-serve-"
      })
      for (const name of ["app", "shared"]) yield* fs.makeDirectory(`${directory}/${name}`)
      const decisions: Array<ApprovalDecision> = []
      const asks = (question: Parameters<typeof Scripted.question>[0]) =>
        Scripted.question(question, { expect: (decision) => decisions.push(decision) > 0 })
      const server = yield* Browser.start()
      yield* server.play([
        asks({
          _tag: "FileChange",
          changes: [{ path: "../shared/new.ts", kind: "update", diff: "@@\n-old\n+new price" }],
          cwd: `${directory}/app`,
          extra: false
        }),
        asks(command("npm test")),
        asks(command("npm publish"))
      ])
      const { client, id } = yield* Browser.askedBy(server)
      const [{ hash }] = (yield* client.json("GET", `/threads/${id}/approvals`)).body
      const { errors, tab } = yield* Browser.openPage(server.url, yield* server.add("approve"))
      const card = tab.getByRole("article")
      const press = (name: string) =>
        card.locator("button:enabled", { hasText: new RegExp(`^${name}$`) }).click()
      yield* promise(async () => {
        const section = card.locator(".request-section")
        await section.filter({ hasText: `which is:${directory}/shared/new.ts` }).waitFor()
        await section.filter({ hasText: `hash of the request:${hash}` }).waitFor()
        await section.locator(".added", { hasText: /^\+new price$/ }).waitFor()
        await card.getByText(/^Declined by itself in 9:\d\d/).waitFor()
        await press("Decline")
        await tab.getByText("Declined.").waitFor()
        await card.getByText("npm test", { exact: true }).waitFor()
        await press("Approve for the session")
        await tab.getByText("Approved for the session.").waitFor()
        await card.getByText("npm publish", { exact: true }).waitFor()
        await press("Stop the turn")
        await tab.getByText("Declined, and the turn stops.").waitFor()
      })
      // The turn ended before the third decision reached the script.
      assert.deepStrictEqual(
        decisions.map(({ _tag }) => _tag),
        ["Decline", "AcceptForSession"]
      )
      yield* promise(async () => {
        await tab.goto(`${server.url}/#/threads/${id}`)
        await tab.getByText(/^interrupted/).waitFor()
      })
      assert.deepStrictEqual(errors, [])
    }))

  test("can approve a long request only after its last line, and no request right after the list changed", () =>
    Effect.gen(function* () {
      const { durable, store } = yield* DurableTurns.open
      const server = yield* Browser.start({ durable: { client: durable, submit: {} } })
      const script = Array.from({ length: 450 }, (_, at) => `echo ${at}`).join("\n")
      const request = { ...command(script), id: "r1", itemId: ItemId.make("item-1") }
      const { id } = yield* DurableTurns.ask(store, "long", { request })
      const { errors, tab } = yield* Browser.openPage(server.url, yield* server.add("approve"), {}, (tab) =>
        tab.clock.install()
      )
      const card = tab.getByRole("article").filter({ hasText: "durable turn long" })
      const approve = card.getByRole("button", { name: "Approve", exact: true })
      const more = card.getByRole("button", { name: "Show more lines" })
      yield* promise(async () => {
        await card.getByText(/^200 of \d+ lines are shown/).waitFor()
        await tab.clock.runFor(1000)
        assert.isTrue(await approve.isDisabled())
        await more.click()
        await card.getByText(/^400 of \d+ lines are shown/).waitFor()
        assert.isTrue(await approve.isDisabled())
        await more.click()
        await card.getByText("echo 449", { exact: true }).waitFor()
        await card.locator("button:enabled", { hasText: /^Approve$/ }).waitFor()
      })
      // The page records when the button changes: how fast the test looks does not matter.
      yield* promise(() => tab.evaluate(recordChanges))
      yield* DurableTurns.ask(store, "short")
      yield* promise(async () => {
        await tab.getByRole("article").filter({ hasText: "durable turn short" }).waitFor()
        await card.locator("button:enabled", { hasText: /^Approve$/ }).waitFor()
        const [disabled, enabled] = decodeChanges(await tab.evaluate("changes"))
        assert.deepStrictEqual([disabled?.isDisabled, enabled?.isDisabled], [true, false])
        assert.isAtLeast((enabled?.at ?? 0) - (disabled?.at ?? 0), 700)
        await approve.click()
        await tab.getByText("Approved.").waitFor()
      })
      assert.deepInclude(yield* durable.approvals.show(id), { status: "decided" })
      assert.deepStrictEqual(errors, [])
    }))

  test("steers a running turn and interrupts it", () =>
    Effect.gen(function* () {
      const server = yield* Browser.start()
      yield* server.play([
        Scripted.steered("Only the tests"),
        Scripted.message("Only the tests then."),
        Scripted.delay("10 minutes")
      ])
      const { errors, tab } = yield* Browser.openPage(server.url, yield* server.add("submit"))
      yield* promise(async () => {
        await tab.getByRole("button", { name: "New" }).click()
        await tab.getByLabel("What should the agent do?").fill("Fix it")
        await tab.getByRole("button", { name: "Send" }).click()
        await tab.getByLabel("Steer the running turn").fill("Only the tests")
        await tab.getByRole("button", { name: "Steer" }).click()
        await tab.getByText("Only the tests", { exact: true }).waitFor()
        await tab.getByText("Only the tests then.").waitFor()
        await tab.getByRole("button", { name: "Interrupt" }).click()
        await tab.getByText(/^interrupted/).waitFor()
        await tab.getByLabel("What should the agent do?").waitFor()
        assert.strictEqual(await tab.getByRole("button", { name: "Interrupt" }).count(), 0)
      })
      assert.deepStrictEqual(errors, [])
    }))
})
