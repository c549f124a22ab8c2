/**
 * Nothing goes on unobserved: for two seconds after a result, and again after the scope of the thread has closed while the
 * engine is open, the model gets no request, no process starts and Codex lists no terminal.
 */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Codex } from "../../src/Codex.ts"
import type * as Thread from "../../src/Thread.ts"
import * as M from "../../src/testing/ModelServer.ts"
import { staysQuiet } from "../support/quiet.ts"
import * as Real from "../support/realEngine.ts"
import { test } from "../support/live.ts"

const write = M.shell("touch written")
const done = M.reply(M.text("done"))

/** Runs `use` with a thread, and watches what goes on after it and after the scope of the thread. */
const watched = <A, E, R>(
  script: M.Script,
  use: (thread: Thread.Thread, real: Effect.Success<ReturnType<typeof Real.make>>) => Effect.Effect<A, E, R>,
  config?: string
) =>
  Effect.gen(function* () {
    const real = yield* Real.make(script, config === undefined ? {} : { config })
    yield* Effect.gen(function* () {
      const id = yield* Effect.scoped(
        Effect.gen(function* () {
          const thread = yield* real.start({ approvalMode: "never" })
          yield* use(thread, real)
          yield* staysQuiet(real, thread.id)
          return thread.id
        })
      )
      yield* staysQuiet(real, id)
    }).pipe(Effect.provide(real.layer))
  })

describe.concurrent("nothing goes on after a result and after the scope of the thread", () => {
  test("of a second handle with another sandbox", () =>
    watched([done, M.reply(write), done], (thread, real) =>
      Effect.gen(function* () {
        // Codex stores a thread with its first turn.
        yield* thread.run("first")
        const second = yield* real.resume(thread.id, { sandbox: "read-only", approvalMode: "never" })
        yield* second.run("go")
        assert.isFalse(yield* real.exists("written"))
      })
    ))

  test("of a handle with instructions of its own", () =>
    watched([done, done], (thread, real) =>
      Effect.gen(function* () {
        yield* thread.run("first")
        const second = yield* real.resume(thread.id, { instructions: "be brief" })
        yield* second.run("go")
        assert.include(JSON.stringify((yield* real.server.requests).at(-1)?.body["input"]), "be brief")
      })
    ))

  test("of a turn with a command that its sandbox denies in part", () =>
    watched([M.reply(M.shell("echo x > inside; echo y > /etc/effect-codex")), done], (thread) =>
      Effect.map(thread.run("go"), ({ sideEffects }) => assert.isTrue(sideEffects))
    ))

  test("of a turn that ends its background command", () =>
    watched([M.reply(M.shell("sleep 391.5", { timeoutMillis: 250 })), done], (thread) =>
      thread.run("go", { terminals: "end" })
    ))

  test("of a raw command that is interrupted", () =>
    watched([done], (thread) =>
      Effect.gen(function* () {
        yield* thread.run("go")
        const codex = yield* Codex
        const command = ["sh", "-c", "sleep 392.5"]
        const request = codex.request("command/exec", { command, timeoutMs: 600_000 })
        yield* Effect.timeoutOption(request, "500 millis")
      })
    ))

  test("of a turn beside an MCP server that does not start", () =>
    watched([done], (thread) => thread.run("go"), '[mcp_servers.broken]\ncommand = "/nonexistent/server"\n'))
})
