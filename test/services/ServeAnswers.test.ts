/** The forms of `effect-codex serve` in a real browser: questions of the agent, and forms of MCP servers. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { ApprovalDecision } from "../../src/domain/ApprovalDecision.ts"
import * as Scripted from "../../src/testing/Scripted.ts"
import { askedBy, openPage, promise, skipped, start, test, useBrowser, violations } from "../serve/browser.ts"

const evil = `<img src=x onerror="document.title='pwned'">\u202e`

/** How the page shows it. */
const visibleEvil = evil.replace("\u202e", "\\u202e")

const form = (properties: Readonly<Record<string, unknown>>, required: ReadonlyArray<string>) => ({
  _tag: "Elicitation" as const,
  server: "deploys",
  message: "Where to?",
  mode: "form" as const,
  schema: { type: "object", properties, required }
})

const givenOf = (decision: ApprovalDecision) => ("given" in decision ? decision.given : undefined)

/** Starts a server whose agent asks, and opens its page. `decisions` are what the agent receives. */
const ask = Effect.fnUntraced(function* (questions: ReadonlyArray<Parameters<typeof Scripted.question>[0]>) {
  const decisions: Array<ApprovalDecision> = []
  const server = yield* start()
  yield* server.play([
    ...questions.map((question) =>
      Scripted.question(question, { expect: (decision) => decisions.push(decision) > 0 })
    ),
    Scripted.message("Thanks.")
  ])
  const { id } = yield* askedBy(server)
  const { errors, tab } = yield* openPage(server.url, yield* server.add("approve"))
  const send = tab.locator("button:enabled", { hasText: /^Send the answers$/ })
  const thanks = async () => {
    await tab.goto(`${server.url}/#/threads/${id}`)
    await tab.getByText("Thanks.", { exact: true }).waitFor()
  }
  return { decisions, errors, send, tab, thanks }
})

describe.skipIf(skipped)("a form on the page of effect-codex serve", () => {
  useBrowser()

  test("sends the answers to the questions of the agent: a choice, an answer of one's own and a secret", () =>
    Effect.gen(function* () {
      const question = { header: "", question: "Which one?", other: false, secret: false }
      const options = [
        { label: "blue", description: "calm" },
        { label: evil, description: "" }
      ]
      const { decisions, errors, send, tab, thanks } = yield* ask([
        {
          _tag: "UserInput",
          questions: [
            { ...question, id: "constructor", header: evil, options },
            { ...question, id: "toString", question: "Another color?", other: true, options },
            { ...question, id: "key", question: "The key?", secret: true },
            { ...question, id: "skipped", question: "Anything else?" }
          ]
        }
      ])
      yield* promise(async () => {
        const first = tab.getByRole("group", { name: `${visibleEvil}: Which one?` })
        await first.getByRole("radio", { name: visibleEvil, exact: true }).check()
        assert.strictEqual(await first.getByLabel("Another answer").count(), 0)
        const second = tab.getByRole("group", { name: "Another color?" })
        await second.getByRole("radio", { name: "blue: calm" }).check()
        await second.getByLabel("Another answer").fill("green")
        assert.isFalse(await second.getByRole("radio", { name: "blue: calm" }).isChecked())
        const secret = tab.getByLabel("The key?")
        assert.strictEqual(await secret.getAttribute("type"), "password")
        await secret.fill("s3cret")
        assert.deepStrictEqual(await violations(tab), [])
        assert.strictEqual(await tab.locator("img").count(), 0)
        await send.click()
        await tab.getByText("No request waits.").waitFor()
        await thanks()
        assert.notInclude(await tab.content(), "s3cret")
        assert.match(await tab.title(), /effect-codex$/)
      })
      // An answer has the text that the agent gave, with every character.
      assert.deepStrictEqual(decisions.map(givenOf), [
        {
          _tag: "Answers",
          answers: { constructor: [evil], toString: ["green"], key: ["s3cret"] }
        }
      ])
      assert.deepStrictEqual(errors, [])
    }))

  test("sends the form of an MCP server when it is complete and valid, keeps it when it is not, and declines one", () =>
    Effect.gen(function* () {
      const list = { type: "array", items: { enum: ["eu", evil] } }
      const { decisions, errors, send, tab, thanks } = yield* ask([
        form(
          {
            constructor: list,
            [evil]: { type: "string" },
            count: { type: "integer", minimum: 1 },
            sure: { type: "boolean" },
            note: { type: "string" }
          },
          ["constructor", evil, "count", "sure"]
        ),
        form({ valueOf: list, hasOwnProperty: { type: "boolean" } }, ["valueOf", "hasOwnProperty"])
      ])
      yield* promise(async () => {
        const sends = tab.getByRole("button", { name: "Send the answers" })
        const region = tab.getByRole("group", { name: "constructor" })
        await region.getByRole("checkbox", { name: "eu" }).waitFor()
        assert.strictEqual(await region.getByRole("checkbox", { checked: true }).count(), 0)
        await tab.getByLabel(visibleEvil, { exact: true }).last().fill("x")
        await tab.getByLabel("count").fill("0")
        await tab.getByRole("group", { name: "sure" }).getByRole("radio", { name: "no" }).check()
        // A field is missing: the buttons wait for it, and declining does not.
        await tab.locator("button:enabled", { hasText: "Decline" }).waitFor()
        assert.isTrue(await sends.isDisabled())
        await region.getByRole("checkbox", { name: visibleEvil }).check()
        assert.deepStrictEqual(await violations(tab), [])
        await send.click()
        await tab.getByRole("alert").getByText(/count/).waitFor()
        assert.deepStrictEqual(decisions, [])
        await tab.getByLabel("count").fill("2")
        await send.click()
        const second = tab.getByRole("group", { name: "valueOf" })
        await second.waitFor()
        await tab.getByRole("button", { name: "Decline", exact: true }).click()
        await tab.getByText("Declined.").waitFor()
        assert.strictEqual(await tab.locator("img").count(), 0)
        await thanks()
      })
      assert.deepStrictEqual(
        decisions.map(({ _tag }) => _tag),
        ["Accept", "Decline"]
      )
      assert.deepStrictEqual(decisions.map(givenOf), [
        { _tag: "Content", content: { constructor: [evil], [evil]: "x", count: 2, sure: false } },
        undefined
      ])
      assert.deepStrictEqual(errors, [])
    }))
})
