/** The page of `effect-codex serve` in a real browser: what its tests share. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { afterAll, beforeAll, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import type { Browser, BrowserContextOptions, Page } from "playwright-core"
import * as PageFiles from "../../src/serve/PageFiles.ts"
import type { Role } from "../../src/serve/Role.ts"
import * as Scripted from "../../src/testing/Scripted.ts"
import * as Chromium from "../support/chromium.ts"
import * as Server from "./server.ts"

export const skipped = Chromium.skipped("the page of effect-codex serve")

let browser: Browser
let files: ReadonlyArray<PageFiles.PageFile>

/** Starts the browser and makes the files of the page, once for the tests of a file. */
export const useBrowser = (): void => {
  beforeAll(async () => {
    browser = await Chromium.launch()
    files = await Effect.runPromise(Effect.provide(PageFiles.load, NodeServices.layer))
  })
  afterAll(() => browser?.close())
}

/** Opens a tab with its own storage that has not logged in. */
export const newContext = (options: BrowserContextOptions = {}) =>
  Effect.acquireRelease(
    promise(() => browser.newContext(options)),
    (context) => promise(() => context.close())
  )

/** Starts a server with the page. */
export const start = (options: Omit<Server.StartOptions, "page"> = {}) =>
  Server.start({ ...options, page: files })

/** A test in real time, without a log. */
export const test = (
  name: string,
  body: () => Effect.Effect<void, unknown, NodeServices.NodeServices | Scope.Scope>
) =>
  it.live(name, () =>
    body().pipe(Effect.provide(NodeServices.layer), Effect.provide(Logger.layer([])), Effect.scoped)
  )

export const promise = <A>(run: () => Promise<A>) => Effect.promise(run)

/** A tab with its own storage that has logged in with a token. Its errors fail the test. */
export const openPage = Effect.fnUntraced(function* (
  url: string,
  token: string,
  options: BrowserContextOptions = {},
  prepare: (page: Page) => Promise<void> = async () => {}
) {
  const context = yield* newContext(options)
  const tab = yield* promise(() => context.newPage())
  const errors: Array<string> = []
  tab.on("pageerror", (error) => errors.push(error.message))
  yield* promise(async () => {
    await prepare(tab)
    await tab.goto(url)
    await tab.getByLabel("Token").fill(token)
    await tab.getByRole("button", { name: "Log in" }).click()
    await tab.getByRole("heading", { name: "Approvals" }).waitFor()
  })
  return { tab, context, errors }
})

/** Starts a turn as a program does, and waits until it asks. Returns the id of the thread. */
export const askedBy = Effect.fnUntraced(function* (
  server: {
    readonly url: string
    readonly add: (...roles: readonly [Role, ...Array<Role>]) => Effect.Effect<string, unknown>
  },
  input = "Fix it"
) {
  const client = Server.client(server.url, yield* server.add("submit"))
  const { body: thread } = yield* client.json("POST", "/threads", {})
  const turn = yield* client.send("POST", `/threads/${thread.id}/turns`, { input, onDisconnect: "continue" })
  yield* promise(async () => turn.body?.cancel())
  yield* client.json("GET", `/threads/${thread.id}/approvals?wait=60`)
  return { id: String(thread.id), client }
})

export const script = [Scripted.command("npm test", { approval: true }), Scripted.message("Fixed.")]

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

/** Returns the violations that axe-core finds. The page's own policy forbids scripts from elsewhere, so the browser runs it. */
export const violations = async (tab: Page): Promise<ReadonlyArray<string>> => {
  const found: unknown = await tab.evaluate(
    `${axeSource}; axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" ")))`
  )
  return Array.isArray(found) ? found.map(String) : ["axe-core did not run"]
}
