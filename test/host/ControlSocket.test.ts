import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { connect } from "node:net"
import * as ControlSocket from "../../src/host/ControlSocket.ts"
import * as Host from "../support/engineHost.ts"
import { test } from "../support/live.ts"

/** Sends bytes and returns what comes back until the connection closes. */
const raw = (path: string, bytes: string) =>
  Effect.promise(
    () =>
      new Promise<string>((resolve) => {
        let text = ""
        const socket = connect(path, () => socket.write(bytes))
        socket.on("error", () => {})
        socket.on("data", (chunk) => (text += String(chunk)))
        socket.on("close", () => resolve(text))
      })
  )

describe("the socket of a supervisor", () => {
  test("answers requests that it knows, and closes the connection of any other", () =>
    Effect.gen(function* () {
      const dir = yield* Host.directory
      const asked: Array<string> = []
      yield* ControlSocket.serve(dir, ({ method }) =>
        Effect.sync(() => {
          asked.push(method)
          return { _tag: "Done", value: asked.length }
        })
      )
      assert.deepStrictEqual(yield* ControlSocket.send(dir, { method: "status" }), { _tag: "Done", value: 1 })
      const path = `${dir}/host.sock`
      for (const line of ["", "{}", '{"method":"format"}', "GET / HTTP/1.1", '["status"]', "\0"])
        assert.strictEqual(yield* raw(path, `${line}\n`), "", line)
      // More than a line may have, without its end.
      assert.strictEqual(yield* raw(path, "x".repeat(3 * 1024 * 1024)), "")
      // One answer to a connection.
      assert.strictEqual(
        yield* raw(path, '{"method":"drain"}\n{"method":"stop"}\n'),
        '{"_tag":"Done","value":2}\n'
      )
      assert.deepStrictEqual(asked, ["status", "drain"])
    }))

  test("fails the request if it is not there", () =>
    Effect.gen(function* () {
      const dir = yield* Host.directory
      assert.strictEqual(
        yield* Effect.flip(ControlSocket.send(dir, { method: "status" })),
        "it has no socket"
      )
      assert.match(yield* Effect.flip(ControlSocket.send(`${dir}/missing`, { method: "status" })), /ENOENT/)
    }))
})
