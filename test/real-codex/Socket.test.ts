import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Approval from "../../src/Approval.ts"
import { Codex } from "../../src/Codex.ts"
import type * as Turn from "../../src/domain/Turn.ts"
import * as AppServer from "../../src/engine/AppServer.ts"
import type * as Signal from "../../src/instrumentation/Signal.ts"
import * as SignalBus from "../../src/instrumentation/SignalBus.ts"
import * as M from "../../src/testing/ModelServer.ts"
import { lstatSync } from "node:fs"
import * as CodexSocket from "../support/codexSocket.ts"
import { test, until } from "../support/live.ts"

const tags = (events: ReadonlyArray<Turn.TurnEvent>) => events.map(({ _tag }) => _tag)
const escalated = (command: string) => M.reply(M.shell(command, { escalate: "I need it" }))

/** Runs a turn whose events are recorded. */
const record = (stream: Stream.Stream<Turn.TurnEvent, unknown>) => {
  const events: Array<Turn.TurnEvent> = []
  return {
    events,
    seen: (name: string) =>
      until(
        name,
        Effect.sync(() => events.some(({ _tag }) => _tag === name))
      ),
    run: Effect.forkScoped(
      Stream.runForEach(stream, (event) => Effect.sync(() => void events.push(event))),
      { startImmediately: true }
    )
  }
}

const completed = (events: ReadonlyArray<Turn.TurnEvent>): Turn.Turn => {
  const last = events.at(-1)
  if (last?._tag !== "TurnCompleted") return assert.fail(`the last event is ${last?._tag}`)
  return last.turn
}

describe.concurrent("a codex app-server behind a socket", () => {
  test("runs turns with commands and approvals, and goes on when the client leaves", () =>
    Effect.gen(function* () {
      const codex = yield* CodexSocket.make([
        escalated("touch made"),
        M.reply(M.text("done")),
        M.reply(M.text("again"))
      ])
      const id = yield* Effect.gen(function* () {
        const thread = yield* codex.start()
        assert.strictEqual((yield* thread.run("go")).message, "done")
        return thread.id
      }).pipe(
        Effect.provide([codex.layer, Approval.layer(() => Effect.succeed(Approval.accept))]),
        Effect.scoped
      )
      assert.isTrue(yield* codex.exists("made"))
      assert.isNull(codex.child.exitCode)
      const again = yield* Effect.flatMap(codex.resume(id), (thread) => thread.run("again")).pipe(
        Effect.provide(codex.layer),
        Effect.scoped
      )
      assert.strictEqual(again.message, "again")
    }))

  test("is reached at the path that Codex was given, which is a link to its socket", () =>
    Effect.gen(function* () {
      const codex = yield* CodexSocket.make([M.reply(M.text("done"))])
      assert.strictEqual(lstatSync(codex.server).isSymbolicLink(), true)
      const turn = yield* Effect.flatMap(codex.start(), (thread) => thread.run("go")).pipe(
        Effect.scoped,
        Effect.provide(Layer.provide(Layer.fresh(Codex.layer), AppServer.layerSocket({ path: codex.server })))
      )
      assert.strictEqual(turn.message, "done")
    }))

  test("shows the running turn of a client that died, from its start, and asks the new client", () =>
    Effect.gen(function* () {
      const codex = yield* CodexSocket.make([
        M.reply(M.shell("echo x >> runs")),
        escalated("echo y >> runs"),
        M.reply(M.text("done"))
      ])
      const never: Approval.Policy = () => Effect.never
      const dying = yield* Scope.make()
      const asked = yield* Deferred.make<void>()
      const id = yield* Effect.gen(function* () {
        const thread = yield* codex.start()
        yield* Effect.forkScoped(
          Stream.runForEach(thread.stream("go"), (event) =>
            event._tag === "ApprovalRequested" ? Deferred.succeed(asked, undefined) : Effect.void
          ),
          { startImmediately: true }
        )
        yield* Deferred.await(asked)
        return thread.id
      }).pipe(
        Effect.provideContext(
          yield* Layer.buildWithScope(
            Layer.merge(codex.layerWith({ reconnectTimeout: "1 millis" }), Approval.layer(never)),
            dying
          )
        ),
        Scope.provide(dying)
      )
      // The first client is gone for Codex: it can send and receive nothing more.
      yield* codex.pause
      yield* codex.unpause
      const events = yield* Effect.gen(function* () {
        const thread = yield* codex.resume(id)
        const turn: Array<Turn.TurnEvent> = []
        yield* thread.activity.pipe(
          Stream.takeUntil(({ _tag }) => _tag === "TurnEnded"),
          Stream.runForEach((event) =>
            Effect.sync(() => {
              if (event._tag === "TurnProgress") turn.push(event.event)
              if (event._tag === "TurnEnded")
                turn.push({ _tag: "TurnCompleted", turn: event.turn, at: event.at })
            })
          )
        )
        return turn
      }).pipe(
        Effect.scoped,
        Effect.provide([codex.layer, Approval.layer(() => Effect.succeed(Approval.accept))])
      )
      const turn = completed(events)
      assert.strictEqual(turn.message, "done")
      const commands = turn.items.flatMap((item) => (item._tag === "CommandExecution" ? [item.status] : []))
      assert.deepStrictEqual(commands, ["completed", "completed"])
      const fs = yield* FileSystem.FileSystem
      assert.strictEqual(yield* fs.readFileString(`${codex.workspace}/runs`), "x\ny\n")
      yield* Scope.close(dying, Exit.void)
    }))

  test("is EngineUnreachable if nothing listens, with the reason of the system", () =>
    Effect.gen(function* () {
      const path = "/var/tmp/no-codex-listens-here.sock"
      const error = yield* Effect.flatMap(Codex, (codex) => codex.startThread()).pipe(
        Effect.scoped,
        Effect.flip,
        Effect.provide(Layer.provide(Layer.fresh(Codex.layer), AppServer.layerSocket({ path })))
      )
      assert.deepInclude(error, { _tag: "EngineUnreachable", reason: "NotConnected", endpoint: path })
      assert.include(error.message, "ENOENT")
    }))

  test("refuses a file that is no socket, a socket of another user, and a token over plain ws to another machine", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped({ directory: "/var/tmp", prefix: "codex-socket-" })
      const refused = (options: AppServer.SocketOptions) =>
        Effect.flatMap(Codex, (codex) => codex.startThread()).pipe(
          Effect.scoped,
          Effect.flip,
          Effect.provide(Layer.provide(Layer.fresh(Codex.layer), AppServer.layerSocket(options)))
        )
      const file = `${directory}/file`
      yield* fs.writeFileString(file, "")
      const foreign = `${directory}/foreign.sock`
      yield* CodexSocket.proxy(foreign, () => file)
      const token = Redacted.make("a-dummy-token")
      const cases: Array<readonly [AppServer.SocketOptions, string]> = [
        [{ path: file }, "it is not a socket"],
        [{ url: "ws://codex.example:4500", token }, "only over wss://"]
      ]
      // Only root can give a file to another user.
      if (process.getuid?.() === 0) {
        yield* fs.chown(foreign, 12_345, 12_345)
        // The system lets root connect to it, but another user answers there.
        cases.push([{ path: foreign }, "it belongs to another user"])
      }
      for (const [options, reason] of cases) {
        const error = yield* refused(options)
        assert.deepInclude(error, { _tag: "EngineUnreachable", reason: "Refused" })
        assert.include(error.message, reason)
      }
    }))

  test("takes a token over ws, and refuses a wrong one", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const model = yield* M.make([M.reply(M.text("over tcp"))])
      const env = yield* M.home(model)
      const file = `${env.CODEX_HOME}/token`
      yield* fs.writeFileString(file, "a-dummy-token-of-the-test-0123456789")
      const server = yield* CodexSocket.serve(env, () => "ws://127.0.0.1:0", [
        "--ws-auth",
        "capability-token",
        "--ws-token-file",
        file
      ])
      yield* until(
        "codex prints its port",
        Effect.sync(() => /ws:\/\/127\.0\.0\.1:\d+/.test(server.stderr()))
      )
      const url = /ws:\/\/127\.0\.0\.1:\d+/.exec(server.stderr())?.[0] ?? ""
      const run = (token: string) =>
        Effect.flatMap(Codex, (codex) => codex.startThread({ cwd: server.directory })).pipe(
          Effect.flatMap((thread) => thread.run("go")),
          Effect.scoped,
          Effect.provide(
            Layer.provide(
              Layer.fresh(Codex.layer),
              AppServer.layerSocket({ url, token: Redacted.make(token) })
            )
          )
        )
      assert.strictEqual((yield* run("a-dummy-token-of-the-test-0123456789")).message, "over tcp")
      const error = yield* Effect.flip(run("wrong"))
      assert.deepInclude(error, { _tag: "EngineUnreachable", reason: "Refused", endpoint: url })
      assert.notInclude(JSON.stringify(error), "wrong")
    }))

  test("F01 fails the turn when codex dies and does not come back", () =>
    Effect.gen(function* () {
      const codex = yield* CodexSocket.make([M.reply(M.text("half", { deltas: true }), M.never)])
      const error = yield* Effect.gen(function* () {
        const thread = yield* codex.start()
        const turn = record(thread.stream("go"))
        const running = yield* turn.run
        yield* turn.seen("MessageDelta")
        yield* codex.kill
        return yield* Effect.flip(Fiber.join(running))
      }).pipe(Effect.provide(codex.layerWith({ reconnectTimeout: "500 millis" })))
      assert.deepInclude(error, { _tag: "EngineUnreachable", reason: "Lost" })
    }))
})

describe.concurrent("a connection that breaks", () => {
  test("while the model streams: the turn completes with its whole message and one model request", () =>
    Effect.gen(function* () {
      const codex = yield* CodexSocket.make([
        M.reply(M.text("one two three", { deltas: true, every: "300 millis" }))
      ])
      const reconnects: Array<Signal.SignalEnd> = []
      const listening = SignalBus.layerListener(
        Effect.succeed(({ signal }) => void (signal._tag === "Reconnect" && reconnects.push(signal.end)))
      )
      const events = yield* Effect.gen(function* () {
        const thread = yield* codex.start()
        const turn = record(thread.stream("go"))
        const running = yield* turn.run
        yield* turn.seen("MessageDelta")
        yield* codex.cut
        yield* Fiber.join(running)
        assert.include(tags(turn.events), "ConnectionRestored")
        return turn.events
      }).pipe(Effect.provide(codex.layer.pipe(Layer.provideMerge(listening))))
      assert.deepStrictEqual(reconnects, [{ _tag: "Ok" }])
      assert.strictEqual(completed(events).message, "one two three")
      assert.lengthOf(yield* codex.model.requests, 1)
      assert.strictEqual(codex.connections(), 2)
    }))

  test("while a command runs: it runs once, and its end is restored", () =>
    Effect.gen(function* () {
      const codex = yield* CodexSocket.make([
        M.reply(M.shell("echo x >> runs; while [ ! -e go ]; do sleep 0.05; done; echo ended")),
        M.reply(M.text("done"))
      ])
      const events = yield* Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const thread = yield* codex.start()
        const turn = record(thread.stream("go"))
        const running = yield* turn.run
        yield* until("the command runs", codex.exists("runs"))
        yield* turn.seen("ItemStarted")
        yield* codex.pause
        yield* fs.writeFileString(`${codex.workspace}/go`, "")
        yield* until(
          "the turn ends",
          Effect.map(codex.model.requests, ({ length }) => length === 2)
        )
        yield* codex.unpause
        yield* Fiber.join(running)
        assert.strictEqual(yield* fs.readFileString(`${codex.workspace}/runs`), "x\n")
        return turn.events
      }).pipe(Effect.provide(codex.layer))
      const turn = completed(events)
      assert.strictEqual(turn.message, "done")
      const commands = turn.items.flatMap((item) => (item._tag === "CommandExecution" ? [item] : []))
      assert.lengthOf(commands, 1)
      assert.deepInclude(commands[0], { status: "completed", exitCode: 0 })
      assert.lengthOf(
        events.filter((event) => event._tag === "ItemCompleted" && event.item._tag === "CommandExecution"),
        1
      )
      assert.lengthOf(yield* codex.model.requests, 2)
    }))

  test("while an approval waits: the policy is asked once, and its answer counts", () =>
    Effect.gen(function* () {
      const codex = yield* CodexSocket.make([escalated("echo x >> runs"), M.reply(M.text("done"))])
      const asked = yield* Deferred.make<void>()
      const answer = yield* Deferred.make<void>()
      let questions = 0
      const policy: Approval.Policy = () => {
        questions++
        return Effect.andThen(
          Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(answer)),
          Effect.succeed(Approval.accept)
        )
      }
      const events = yield* Effect.gen(function* () {
        const thread = yield* codex.start()
        const turn = record(thread.stream("go"))
        const running = yield* turn.run
        yield* Deferred.await(asked)
        yield* codex.cut
        yield* turn.seen("ConnectionRestored")
        yield* Deferred.succeed(answer, undefined)
        yield* Fiber.join(running)
        return turn.events
      }).pipe(Effect.provide([codex.layer, Approval.layer(policy)]))
      assert.strictEqual(completed(events).message, "done")
      assert.strictEqual(questions, 1)
      const fs = yield* FileSystem.FileSystem
      assert.strictEqual(yield* fs.readFileString(`${codex.workspace}/runs`), "x\n")
    }))

  test("an answer that got lost with the connection is repeated without another question", () =>
    Effect.gen(function* () {
      const codex = yield* CodexSocket.make([escalated("echo x >> runs"), M.reply(M.text("done"))])
      let questions = 0
      const decided = yield* Deferred.make<void>()
      const events = yield* Effect.gen(function* () {
        const thread = yield* codex.start()
        const turn = record(thread.stream("go"))
        const running = yield* turn.run
        yield* Deferred.await(decided)
        yield* codex.cut
        yield* Fiber.join(running)
        return turn.events
      }).pipe(
        Effect.provide([
          codex.layer,
          Approval.layer(() => {
            questions++
            return codex.swallow.pipe(
              Effect.andThen(Deferred.succeed(decided, undefined)),
              Effect.as(Approval.accept)
            )
          })
        ])
      )
      assert.strictEqual(completed(events).message, "done")
      assert.strictEqual(questions, 1)
      const fs = yield* FileSystem.FileSystem
      assert.strictEqual(yield* fs.readFileString(`${codex.workspace}/runs`), "x\n")
    }))

  test("while a tool of the program runs: it runs once, and the model gets its result", () =>
    Effect.gen(function* () {
      const codex = yield* CodexSocket.make([M.reply(M.call("slow", {})), M.reply(M.text("done"))])
      const Tools = Toolkit.make(Tool.make("slow", { success: Schema.String }))
      const called = yield* Deferred.make<void>()
      const answer = yield* Deferred.make<void>()
      let calls = 0
      const handlers = yield* Tools.pipe(
        Effect.provide(
          Tools.toLayer({
            slow: () => {
              calls++
              return Effect.andThen(
                Effect.andThen(Deferred.succeed(called, undefined), Deferred.await(answer)),
                Effect.succeed("the result")
              )
            }
          })
        )
      )
      const events = yield* Effect.gen(function* () {
        const thread = yield* codex.start({ tools: handlers })
        const turn = record(thread.stream("go"))
        const running = yield* turn.run
        yield* Deferred.await(called)
        yield* codex.cut
        yield* turn.seen("ConnectionRestored")
        yield* Deferred.succeed(answer, undefined)
        yield* Fiber.join(running)
        return turn.events
      }).pipe(Effect.provide(codex.layer))
      assert.strictEqual(completed(events).message, "done")
      assert.strictEqual(calls, 1)
      assert.deepStrictEqual(
        (yield* codex.model.requests).at(-1)?.toolOutputs.map(({ output }) => output),
        ["the result"]
      )
    }))

  test("between turn/start and its reply: one turn starts, with one model request", () =>
    Effect.gen(function* () {
      const codex = yield* CodexSocket.make([M.reply(M.text("once"))])
      const events = yield* Effect.gen(function* () {
        const thread = yield* codex.start()
        yield* codex.mute
        const turn = record(thread.stream("go"))
        const running = yield* turn.run
        yield* until(
          "the model is asked",
          Effect.map(codex.model.requests, ({ length }) => length === 1)
        )
        yield* codex.cut
        yield* Fiber.join(running)
        return turn.events
      }).pipe(Effect.provide(codex.layer))
      const turn = completed(events)
      assert.strictEqual(turn.message, "once")
      assert.deepStrictEqual(
        turn.items.flatMap((item) => (item._tag === "UserMessage" ? [item.text] : [])),
        ["go"]
      )
      assert.strictEqual(tags(events)[0], "TurnStarted")
      assert.lengthOf(yield* codex.model.requests, 1)
    }))
})
