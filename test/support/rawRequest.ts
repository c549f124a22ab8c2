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
