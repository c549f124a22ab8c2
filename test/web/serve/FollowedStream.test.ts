import { assert, describe, it } from "@effect/vitest"
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { ServerEvent } from "../../../src/web/serve/EventParser.ts"
import { followUntilEnd } from "../../../src/web/serve/FollowedStream.ts"

/** Follows a stream whose connections the handlers answer, one after the other. */
const followed = async (
  ...handlers: ReadonlyArray<(request: IncomingMessage, response: ServerResponse) => void>
) => {
  const waiting = [...handlers]
  const server = createServer((request, response) => waiting.shift()?.(request, response))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const port = typeof address === "object" ? address?.port : undefined
  const controller = new AbortController()
  const events: Array<string> = []
  let sleeps = 0
  try {
    await followUntilEnd(
      {
        open: (lastId, signal) =>
          fetch(`http://127.0.0.1:${port}/`, {
            headers: lastId === undefined ? {} : { "last-event-id": lastId },
            signal
          }),
        isRefused: () => false,
        sleep: async () => {
          sleeps++
          if (waiting.length === 0) controller.abort()
        }
      },
      {
        onEvent: ({ data }: ServerEvent) => void events.push(data),
        isLast: ({ data }) => data === "last"
      },
      controller.signal
    )
  } finally {
    server.closeAllConnections()
    server.close()
  }
  return { events, sleeps }
}

/** Sends events, and then cuts the connection. */
const cutAfter = (text: string) => (_: IncomingMessage, response: ServerResponse) => {
  response.writeHead(200, { "content-type": "text/event-stream" })
  response.write(text, () => response.destroy())
}

describe("a stream of events in the page", () => {
  it("is not opened again if its connection breaks right after the last event", async () => {
    const { events, sleeps } = await followed(cutAfter("id: 1\ndata: one\n\nid: 2\ndata: last\n\n"))
    assert.deepStrictEqual(events, ["one", "last"])
    assert.strictEqual(sleeps, 0)
  })

  it("continues after the last event that it has if its connection breaks within an event", async () => {
    let lastId: unknown
    const { events, sleeps } = await followed(
      cutAfter("id: 1\ndata: one\n\nid: 2\nda"),
      (request, response) => {
        lastId = request.headers["last-event-id"]
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.end("id: 2\ndata: two\n\nid: 3\ndata: last\n\n")
      }
    )
    assert.deepStrictEqual(events, ["one", "two", "last"])
    assert.strictEqual(lastId, "1")
    assert.strictEqual(sleeps, 1)
  })
})
