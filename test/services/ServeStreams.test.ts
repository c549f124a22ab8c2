/** What the page of `effect-codex serve` shows of turns while they stream, also when its connection breaks, in a real browser. */
import { assert, describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { Page } from "playwright-core"
import { ItemId } from "../../src/domain/Ids.ts"
import * as Scripted from "../../src/testing/Scripted.ts"
import { openPage, promise, skipped, start, test, useBrowser } from "../serve/browser.ts"
import * as DurableTurns from "../serve/durableTurns.ts"
import * as Server from "../serve/server.ts"
import * as TcpProxy from "../support/tcpProxy.ts"

/** Starts a server, and its page behind a proxy that the test can cut. */
const startBehindProxy = Effect.fnUntraced(function* (options: Parameters<typeof start>[0] = {}) {
  const server = yield* start(options)
  const proxy = yield* TcpProxy.make(Number(new URL(server.url).port))
  const url = `http://127.0.0.1:${proxy.port}`
  const { errors, tab } = yield* openPage(url, yield* server.add("submit"))
  const lost = tab.getByText("The connection to the server is lost.", { exact: false })
  return {
    /** A client that does not go through the proxy. */
    client: Server.client(server.url, yield* server.add("submit")),
    errors,
    server,
    tab,
    url,
    /** Breaks the connections of the page, and waits until it says so. */
    disconnect: Effect.andThen(
      proxy.down,
      promise(() => lost.waitFor())
    ),
    reconnect: Effect.andThen(
      proxy.up,
      promise(() => lost.waitFor({ state: "detached" }))
    )
  }
})

/** Holds the streams of events of a page that open from now on. Returns a function that lets them go on. */
const holdEvents = async (tab: Page): Promise<() => Promise<void>> => {
  const released = Promise.withResolvers<void>()
  const path = "**/threads/*/events"
  await tab.route(path, async (route) => {
    await released.promise
    // The page may have given up the request meanwhile.
    await route.continue().catch(() => {})
  })
  return async () => {
    released.resolve()
    await tab.unroute(path)
  }
}

const waitUntil = (latch: Latch.Latch): Scripted.ScriptedStep => ({ _tag: "Step", play: () => latch.await })

/** The agent writes a message, and waits for a latch after each part of it. */
const written = (parts: ReadonlyArray<string>, latches: ReadonlyArray<Latch.Latch>) => {
  const item = { _tag: "AgentMessage", id: "written", text: "" } as const
  return [
    Scripted.event({ _tag: "ItemStarted", item }),
    ...parts.flatMap((delta, at) => {
      const latch = latches[at]
      return [
        Scripted.event({ _tag: "MessageDelta", itemId: item.id, delta }),
        ...(latch === undefined ? [] : [waitUntil(latch)])
      ]
    }),
    Scripted.event({ _tag: "ItemCompleted", item: { ...item, text: parts.join("") } })
  ]
}

const prompt = async (tab: Page, text: string) => {
  await tab.getByLabel("What should the agent do?").fill(text)
  await tab.getByRole("button", { name: "Send" }).click()
}

/** Waits until the page shows exactly these messages of the agent, in this order. */
const showsMessages = async (tab: Page, ...texts: ReadonlyArray<string>) => {
  const prose = tab.locator(".item", { hasText: /^Agent/ }).locator(".prose")
  await expect.poll(() => prose.allTextContents(), { timeout: 60_000 }).toEqual(texts)
}

describe.skipIf(skipped)("a turn on the page of effect-codex serve", () => {
  useBrowser()

  test("continues after a lost connection with what it missed, without a gap and nothing twice", () =>
    Effect.gen(function* () {
      const { client, disconnect, errors, reconnect, server, tab } = yield* startBehindProxy()
      const [first, second] = [Latch.makeUnsafe(false), Latch.makeUnsafe(false)]
      yield* server.play([...written(["one ", "two, ", "three"], [first, second]), Scripted.message("Four.")])
      yield* promise(async () => {
        await tab.getByRole("button", { name: "New" }).click()
        await prompt(tab, "Count")
        await showsMessages(tab, "one ")
      })
      const [{ id }] = (yield* client.json("GET", "/threads")).body
      yield* disconnect
      first.openUnsafe()
      yield* Server.readUntil(yield* client.send("GET", `/threads/${id}/events`), "two, ")
      yield* promise(() => showsMessages(tab, "one "))
      yield* reconnect
      yield* promise(() => showsMessages(tab, "one two, "))
      second.openUnsafe()
      yield* promise(async () => {
        await tab.getByText(/^completed/).waitFor()
        await showsMessages(tab, "one two, three", "Four.")
      })
      assert.deepStrictEqual(errors, [])
    }))

  test("is shown to its end if it ends while the connection is lost, and so is the turn that follows", () =>
    Effect.gen(function* () {
      const { client, disconnect, errors, reconnect, server, tab, url } = yield* startBehindProxy()
      const first = Latch.makeUnsafe(false)
      const second = Latch.makeUnsafe(false)
      const third = Latch.makeUnsafe(false)
      yield* server.play([...written(["one, ", "two"], [first]), Scripted.completed])
      yield* promise(async () => {
        await tab.getByRole("button", { name: "New" }).click()
        await prompt(tab, "Count")
        await showsMessages(tab, "one, ")
      })
      const [{ id }] = (yield* client.json("GET", "/threads")).body
      const ended = yield* client.send("GET", `/threads/${id}/events`)
      yield* disconnect
      first.openUnsafe()
      yield* Server.readUntil(ended, "turn.completed")
      const release = yield* promise(() => holdEvents(tab))
      yield* reconnect
      yield* promise(async () => {
        // The page knows that no turn runs before it has the last events.
        await tab.getByLabel("What should the agent do?").waitFor()
        await release()
        await tab.getByText(/^completed/).waitFor()
        await showsMessages(tab, "one, two")
      })
      // Another client's turns: one that ends and one that begins while the connection is lost.
      yield* server.play([...written(["three, ", "four"], [second]), Scripted.completed])
      yield* server.play([...written(["five, ", "six"], [third]), Scripted.completed])
      const begin = Effect.fnUntraced(function* (text: string) {
        const turn = yield* client.send("POST", `/threads/${id}/turns`, {
          input: "On",
          onDisconnect: "continue"
        })
        yield* Server.readUntil(turn, text)
      })
      yield* begin("three, ")
      yield* promise(() => showsMessages(tab, "one, two", "three, "))
      const next = yield* client.send("GET", `/threads/${id}/events`)
      yield* disconnect
      second.openUnsafe()
      yield* Server.readUntil(next, "turn.completed")
      yield* begin("five, ")
      const releaseNext = yield* promise(() => holdEvents(tab))
      yield* reconnect
      yield* promise(async () => {
        await showsMessages(tab, "one, two", "three, four")
        await releaseNext()
        await showsMessages(tab, "one, two", "three, four", "five, ")
      })
      third.openUnsafe()
      yield* promise(async () => {
        await showsMessages(tab, "one, two", "three, four", "five, six")
        await tab.goto(`${url}/#/threads`)
        await tab.goto(`${url}/#/threads/${id}`)
        await showsMessages(tab, "one, two", "three, four", "five, six")
      })
      assert.deepStrictEqual(errors, [])
    }))

  test("continues after a lost connection in the database too", () =>
    Effect.gen(function* () {
      const { durable, store } = yield* DurableTurns.open
      const { disconnect, errors, reconnect, tab, url } = yield* startBehindProxy({
        durable: { client: durable, submit: {} }
      })
      const itemId = ItemId.make("m1")
      const append = (delta: string) =>
        store.events.append("nightly", [{ event: { type: "message.delta", itemId, delta, at: 1 } }])
      yield* DurableTurns.ask(store, "nightly")
      yield* append("one ")
      yield* promise(async () => {
        await tab.goto(`${url}/#/durable/nightly`)
        await showsMessages(tab, "one ")
      })
      yield* disconnect
      yield* append("two ")
      yield* DurableTurns.finish(store, "nightly")
      yield* reconnect
      yield* promise(async () => {
        await tab.getByText(/^failed the tool/).waitFor()
        await showsMessages(tab, "one two ")
      })
      assert.deepStrictEqual(errors, [])
    }))
})
