import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Codex } from "../../src/Codex.ts"
import * as CodexProtocol from "../../src/engine/CodexProtocol.ts"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import * as JsonShape from "../support/jsonSchemaCompat.ts"
import { test, until } from "../support/live.ts"
import { protocolSchema } from "../support/protocolCompatibility.ts"
import * as Real from "../support/realEngine.ts"

/** Collects what Codex says while the scope is open. */
const collect = (notifications: Stream.Stream<CodexProtocol.Notification>) =>
  Effect.gen(function* () {
    const seen: Array<CodexProtocol.Notification> = []
    const reading = yield* Effect.forkScoped(
      Stream.runForEach(notifications, (one) => Effect.sync(() => seen.push(one))),
      { startImmediately: true }
    )
    const has = (method: CodexProtocol.NotificationMethod) => seen.some(CodexProtocol.isNotification(method))
    return {
      seen,
      reading,
      has,
      until: (method: CodexProtocol.NotificationMethod) =>
        until(
          method,
          Effect.sync(() => has(method))
        )
    }
  })

const methodsOf = (seen: ReadonlyArray<CodexProtocol.Notification>) =>
  new Set(seen.map((one) => (one._tag === "NotificationsOmitted" ? one._tag : one.method)))

describe.concurrent("the notifications of Codex", () => {
  test("all arrive, of the whole engine and of one thread, with parameters of their type", () =>
    Effect.gen(function* () {
      const document: unknown = JSON.parse(yield* protocolSchema)
      const union = { schema: { $ref: "#/definitions/ServerNotification" }, document }
      const types = JsonShape.variants(union, "method")
      const real = yield* Real.make([
        ModelServer.reply(
          ModelServer.text("hello", { deltas: true }),
          ModelServer.usage({ input: 9, output: 1 })
        ),
        ModelServer.reply(ModelServer.text("there"))
      ])
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const all = yield* collect(codex.notifications)
        const one = yield* real.start()
        const other = yield* real.start()
        const ofOne = yield* collect(one.notifications)
        yield* one.run("hi")
        yield* other.run("hi")
        yield* codex.renameThread(one.id, "renamed")
        yield* all.until("thread/name/updated")
        const methods = methodsOf(all.seen)
        for (const method of [
          "thread/started",
          "thread/status/changed",
          "turn/started",
          "item/started",
          "item/agentMessage/delta",
          "item/completed",
          "rawResponse/completed",
          "thread/tokenUsage/updated",
          "account/rateLimits/updated",
          "thread/readState/changed",
          "turn/completed"
        ])
          assert.include(methods, method)
        assert.notInclude(methods, "NotificationsOmitted")
        for (const notification of all.seen) {
          if (notification._tag !== "Notification") assert.fail(JSON.stringify(notification))
          const type = types.get(notification.method)
          const params = type === undefined ? undefined : JsonShape.at(type, "params")
          if (params !== undefined)
            assert.deepStrictEqual(JsonShape.validate(notification.params, params), [], notification.method)
        }
        // Everything about the thread since its stream runs, in the same order.
        const first = JSON.stringify(ofOne.seen[0])
        const from = all.seen.findIndex((notification) => JSON.stringify(notification) === first)
        assert.isAtLeast(from, 0)
        assert.deepStrictEqual(
          ofOne.seen,
          all.seen.slice(from).filter((notification) => JSON.stringify(notification).includes(one.id))
        )
      }).pipe(Effect.scoped, Effect.provide(real.layer))
    }))

  test("end with the thread, and with the layer", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([])
      const codexReading = yield* Effect.gen(function* () {
        const codex = yield* Codex
        const reading = yield* Effect.forkDetach(Stream.runDrain(codex.notifications), {
          startImmediately: true
        })
        const scope = yield* Scope.make()
        const thread = yield* Scope.provide(real.start(), scope)
        const threadReading = yield* Effect.forkScoped(Stream.runDrain(thread.notifications), {
          startImmediately: true
        })
        yield* Scope.close(scope, Exit.void)
        yield* Fiber.join(threadReading)
        assert.isUndefined(reading.pollUnsafe())
        return reading
      }).pipe(Effect.scoped, Effect.provide(real.layer))
      yield* Fiber.join(codexReading)
    }))

  test("tell of an MCP server that does not start, which is logged too", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => {
        lines.push(`${logLevel} ${String(message)}`)
      })
      const real = yield* Real.make([ModelServer.reply(ModelServer.text("done"))])
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const all = yield* collect(codex.notifications)
        const thread = yield* real.start({ mcpServers: { broken: { command: "/no/such/program" } } })
        yield* thread.run("go")
        yield* all.until("mcpServer/startupStatus/updated")
        const isFailed = (one: CodexProtocol.Notification) =>
          CodexProtocol.isNotification("mcpServer/startupStatus/updated")(one) &&
          one.params.status === "failed"
        yield* until(
          "it fails",
          Effect.sync(() => all.seen.some(isFailed))
        )
        const failed = lines.filter((line) => line.includes("broken"))
        assert.lengthOf(failed, 1)
        assert.match(failed[0] ?? "", /^Warn codex: the MCP server "broken" did not start: ./)
      }).pipe(
        Effect.scoped,
        Effect.provide(real.layer),
        Effect.provideService(Logger.CurrentLoggers, new Set([logger]))
      )
    }))

  test("carry the output of `command/exec` while it runs", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([])
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const outputs = yield* codex.notifications.pipe(
          Stream.filter(CodexProtocol.isNotification("command/exec/outputDelta")),
          Stream.take(2),
          Stream.map(({ params }) => Buffer.from(params.deltaBase64, "base64").toString()),
          Stream.runCollect,
          Effect.forkScoped({ startImmediately: true })
        )
        yield* codex.request("command/exec", {
          command: ["sh", "-c", "echo one; sleep 0.3; echo two"],
          processId: "p1",
          streamStdoutStderr: true
        })
        assert.deepStrictEqual(yield* Fiber.join(outputs), ["one\n", "two\n"])
      }).pipe(Effect.scoped, Effect.provide(real.layer))
    }))

  test("tell of a login that is cancelled, because the caller no longer waits for it", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([])
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        yield* codex.request("account/read")
        const all = yield* collect(codex.notifications)
        const login = yield* Effect.forkScoped(codex.request("account/login/start", { type: "chatgpt" }), {
          startImmediately: true
        })
        yield* Fiber.interrupt(login)
        yield* all.until("account/login/completed")
        const [completed] = all.seen.filter(CodexProtocol.isNotification("account/login/completed"))
        assert.isFalse(completed?.params.success)
      }).pipe(Effect.scoped, Effect.provide(real.layer))
    }))
})
