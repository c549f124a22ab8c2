import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Approval from "../../src/Approval.ts"
import { Codex, type ThreadOptions } from "../../src/Codex.ts"
import type { ThreadId } from "../../src/domain/Ids.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as CodexSocket from "../support/codexSocket.ts"
import { test, until } from "../support/live.ts"

const Tools = Toolkit.make(Tool.make("slow", { success: Schema.String }))

/** The handlers of the tool. */
const toolkit = (slow: Effect.Effect<string>) =>
  Tools.pipe(Effect.provide(Tools.toLayer({ slow: () => slow })))

const attach = <Tools extends Record<string, Tool.Any> = {}>(
  id: ThreadId,
  options: ThreadOptions<Tools> = {}
) => Effect.flatMap(Codex, (codex) => codex.attach(id, options))

/** A client asks for a thread and closes the handle before the reply arrives. */
const openAndClose = Effect.fnUntraced(function* (
  codex: Effect.Success<ReturnType<typeof CodexSocket.make>>,
  id: ThreadId,
  method: string
) {
  // The client is connected before Codex's messages are kept back.
  yield* codex.start()
  yield* codex.hold
  const opening = yield* Effect.forkScoped(Effect.scoped(codex.resume(id)), { startImmediately: true })
  yield* until(
    "Codex replies, and sends the request that waits",
    Effect.sync(() => codex.held().includes(method))
  )
  const before = codex.received()
  const closing = yield* Effect.forkScoped(Fiber.interrupt(opening), { startImmediately: true })
  yield* until(
    "the client closes the handle",
    Effect.sync(() => codex.received() > before)
  )
  yield* codex.release
  yield* Fiber.join(closing)
})

/** Starts a turn in a client that dies when Codex asks it for something. Returns the id of the thread. */
const startAndDie = Effect.fnUntraced(function* <Tools extends Record<string, Tool.Any> = {}>(
  codex: Effect.Success<ReturnType<typeof CodexSocket.make>>,
  asked: Deferred.Deferred<void>,
  options: ThreadOptions<Tools> = {}
) {
  const dying = yield* Scope.make()
  const policy: Approval.Policy = () => Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)
  const id = yield* Effect.gen(function* () {
    const thread = yield* codex.start(options)
    yield* Effect.forkScoped(thread.run("go"), { startImmediately: true })
    yield* Deferred.await(asked)
    return thread.id
  }).pipe(
    Effect.provideContext(
      yield* Layer.buildWithScope(
        Layer.merge(codex.layerWith({ reconnectTimeout: "1 millis" }), Approval.layer(policy)),
        dying
      )
    ),
    Scope.provide(dying)
  )
  // Codex learns that the client is gone: it can send and receive nothing more.
  yield* codex.pause
  yield* codex.unpause
  yield* Effect.addFinalizer(() => Scope.close(dying, Exit.void))
  return id
})

describe.concurrent("a handle that closes while it opens a thread with a running turn", () => {
  test("leaves a waiting tool call to the next client", () =>
    Effect.gen(function* () {
      const codex = yield* CodexSocket.make([M.reply(M.call("slow", {})), M.reply(M.text("done"))])
      const called = yield* Deferred.make<void>()
      const hanging = yield* toolkit(Effect.andThen(Deferred.succeed(called, undefined), Effect.never))
      const id = yield* startAndDie(codex, called, { tools: hanging })
      const tools = yield* toolkit(Effect.succeed("the result"))
      const turn = yield* Effect.gen(function* () {
        yield* openAndClose(codex, id, "item/tool/call")
        return yield* Effect.flatMap(attach(id, { tools }), (turn) => turn.await)
      }).pipe(Effect.provide(codex.layer))
      assert.strictEqual(turn.message, "done")
      const outputs = (yield* codex.model.requests).flatMap(({ toolOutputs }) => toolOutputs)
      assert.deepStrictEqual(
        outputs.map(({ output }) => output),
        ["the result"]
      )
    }))

  test("leaves a waiting approval to the next client", () =>
    Effect.gen(function* () {
      const codex = yield* CodexSocket.make([
        M.reply(M.shell("touch made", { escalate: "I need it" })),
        M.reply(M.text("done"))
      ])
      const id = yield* startAndDie(codex, yield* Deferred.make<void>())
      const turn = yield* Effect.gen(function* () {
        yield* openAndClose(codex, id, "requestApproval")
        return yield* Effect.flatMap(attach(id), (turn) => turn.await)
      }).pipe(Effect.provide([codex.layer, Approval.layer(() => Effect.succeed(Approval.accept))]))
      assert.strictEqual(turn.message, "done")
      assert.isTrue(yield* codex.exists("made"))
    }))
})
