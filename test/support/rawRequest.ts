/** Sends an HTTP request with exactly these lines, because `fetch` sets the `Host` header itself. */
import * as Effect from "effect/Effect"
import { connect } from "node:net"

/** Returns the status, or an empty text if the server closes the connection without an answer. */
export const status = (port: number, lines: ReadonlyArray<string>, body = ""): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const socket = connect(port, "127.0.0.1")
    let text = ""
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()))
    socket.on("close", () => resume(Effect.succeed(text.slice(9, 12))))
    socket.on("error", () => {})
    socket.write([...lines, "Connection: close", "", body].join("\r\n"))
  })

/** Returns the status line and the headers of the answer, in lower case. The request keeps its connection. */
export const head = (port: number, lines: ReadonlyArray<string>): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const socket = connect(port, "127.0.0.1")
    let text = ""
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString()
      const end = text.indexOf("\r\n\r\n")
      if (end >= 0) resume(Effect.succeed(text.slice(0, end).toLowerCase()))
    })
    socket.on("error", () => {})
    socket.write([...lines, "", ""].join("\r\n"))
    return Effect.sync(() => socket.destroy())
  })

/**
 * Opens connections that send nothing. Returns how many of them the server keeps, once it has closed all but `most` of them;
 * a server that does not has a minute.
 */
export const openConnections = (port: number, count: number, most: number): Effect.Effect<number> =>
  Effect.acquireUseRelease(
    Effect.sync(() => Array.from({ length: count }, () => connect(port, "127.0.0.1").on("error", () => {}))),
    (sockets) =>
      Effect.promise(async () => {
        await Promise.all(
          sockets.map(
            (socket) =>
              new Promise((resolve) => {
                socket.once("close", resolve)
                socket.once("connect", resolve)
              })
          )
        )
        const kept = () => sockets.filter((socket) => !socket.destroyed && !socket.readableEnded).length
        const end = performance.now() + 60_000
        while (kept() > most && performance.now() < end)
          await new Promise((resolve) => setTimeout(resolve, 20))
        return kept()
      }),
    (sockets) => Effect.sync(() => sockets.forEach((socket) => socket.destroy()))
  )

/** Sends the first lines of a request and keeps the connection. Returns the status once the server closes it. */
export const abandoned = (port: number, lines: ReadonlyArray<string>): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const socket = connect(port, "127.0.0.1")
    let text = ""
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()))
    socket.on("end", () => socket.destroy())
    socket.on("close", () => resume(Effect.succeed(text.slice(9, 12))))
    socket.on("error", () => {})
    socket.write([...lines, "", ""].join("\r\n"))
    return Effect.sync(() => socket.destroy())
  })
