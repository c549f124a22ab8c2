import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as AppServer from "../../src/engine/AppServer.ts"
import * as Engine from "../../src/engine/Engine.ts"
import * as CodexPromise from "../../src/promise/index.ts"
import * as M from "../../src/testing/ModelServer.ts"
import { test, until } from "../support/live.ts"
import * as Real from "../support/realEngine.ts"

type Real = Effect.Success<ReturnType<typeof Real.make>>

/** Runs a script with promises against the real Codex, whose process it ends. */
const script = (
  replies: M.Script,
  body: (codex: CodexPromise.Codex, real: Real) => Promise<unknown>,
  options: CodexPromise.CodexOptions = {}
) =>
  Effect.gen(function* () {
    const real = yield* Real.make(replies)
    const codex = new CodexPromise.Codex({
      idleMillis: 60_000,
      telemetry: Logger.layer([]),
      ...options,
      env: real.env
    })
    yield* Effect.promise(async () => {
      try {
        await body(codex, real)
      } finally {
        await codex.close()
      }
    })
    assert.deepStrictEqual(yield* real.processes, [])
  })

const settings = (real: Real): CodexPromise.ThreadOptions => ({
  workingDirectory: real.workspace,
  sandboxMode: "workspace-write",
  approvalPolicy: "on-request"
})

const rejection = async (promise: PromiseLike<unknown>): Promise<unknown> => {
  try {
    await promise
  } catch (error) {
    return error
  }
  return assert.fail("the promise did not reject")
}

describe.concurrent("Codex with promises", () => {
  test("sends its API key to the provider, and stores it nowhere", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.text("Hello."))])
      const apiKey = "sk-dummy-key-of-this-test-0123456789"
      const codex = new CodexPromise.Codex({
        apiKey,
        // The provider of OpenAI, without the connection that it tries first.
        configOverrides: [
          'model_provider="keyed"',
          `model_providers.keyed={ name = "keyed", base_url = "${real.server.url}/v1", wire_api = "responses", requires_openai_auth = true, supports_websockets = false }`
        ],
        idleMillis: 60_000,
        telemetry: Logger.layer([]),
        env: real.env
      })
      const turn = yield* Effect.promise(() => codex.startThread(settings(real)).run("Say hello")).pipe(
        Effect.ensuring(Effect.promise(() => codex.close()))
      )
      assert.strictEqual(turn.finalResponse, "Hello.")
      const requests = yield* real.server.requests
      assert.strictEqual(requests[0]?.headers["authorization"], `Bearer ${apiKey}`)
      const fs = yield* FileSystem.FileSystem
      const engine = yield* Effect.provide(
        Engine.Engine,
        AppServer.layerOptions({ apiKey: Redacted.make(apiKey), env: real.env })
      )
      // Telemetry masks what is in the environment.
      assert.include(Object.values(engine.environment ?? {}), apiKey)
      for (const name of yield* fs.readDirectory(real.env.CODEX_HOME, { recursive: true })) {
        const path = `${real.env.CODEX_HOME}/${name}`
        if ((yield* fs.stat(path)).type === "File")
          assert.notInclude(new TextDecoder().decode(yield* fs.readFile(path)), apiKey, name)
      }
    }))

  test("runs turns of a thread, which has an id from its first turn", () =>
    script(
      [M.reply(M.text("Hello."), M.usage({ input: 10, output: 2 })), M.reply(M.text("Again."))],
      async (codex, real) => {
        const thread = codex.startThread(settings(real))
        assert.strictEqual(thread.id ?? "none", "none")
        const turn = await thread.run([{ type: "text", text: "Say hello" }])
        assert.strictEqual(turn.finalResponse, "Hello.")
        assert.strictEqual(String(turn.threadId), thread.id)
        assert.deepInclude(turn.usage, { input: 10, output: 2 })
        assert.deepStrictEqual(
          turn.items.map(({ type }) => type),
          ["user_message", "agent_message"]
        )
        const resumed = codex.resumeThread(String(thread.id), settings(real))
        assert.strictEqual((await resumed.run("And again")).finalResponse, "Again.")
        const listed = []
        for await (const { id } of codex.listThreads()) listed.push(id)
        assert.deepStrictEqual(listed.map(String), [thread.id])
      }
    ))

  test("returns the value of a schema, and of a JSON Schema", () =>
    script([M.reply(M.text(`{"n":1}`)), M.reply(M.text(`{"n":2}`))], async (codex, real) => {
      const thread = codex.startThread(settings(real))
      const typed = await thread.run("go", { output: Schema.Struct({ n: Schema.Number }) })
      assert.strictEqual(typed.output.n, 1)
      const outputSchema = { type: "object", properties: { n: { type: "number" } }, required: ["n"] }
      const parsed = await thread.run("go", { outputSchema })
      assert.deepStrictEqual(parsed.output, { n: 2 })
      assert.instanceOf(await rejection(thread.run("go", { outputSchema: [] })), TypeError)
    }))

  test("streams the events of a turn, and interrupts the turn of a reader that leaves", () =>
    script(
      [
        M.reply(M.shell("echo hi")),
        M.reply(M.text("done", { deltas: true })),
        M.reply(M.text("never read", { deltas: true }), M.never)
      ],
      async (codex, real) => {
        const thread = codex.startThread(settings(real))
        const types = new Set<string>()
        let last: CodexPromise.ThreadEvent | undefined
        for await (const event of (await thread.runStreamed("go")).events) {
          types.add(event.type)
          if (event.type === "item.completed" && event.item.type === "command_execution")
            assert.deepInclude(event.item, { status: "completed", exitCode: 0 })
          last = event
        }
        assert.includeMembers([...types], ["turn.started", "item.started", "item.completed", "message.delta"])
        assert.deepInclude(last, { type: "turn.completed", message: "done" })
        for await (const { type } of (await thread.runStreamed("go on")).events)
          if (type === "message.delta") break
        const status = await codex.use((service) =>
          Effect.map(service.readThread(CodexPromise.ThreadId.make(String(thread.id))), ({ turns }) =>
            turns.at(-1)
          )
        )
        assert.strictEqual(status?.status, "interrupted")
      }
    ))

  test("interrupts a turn whose signal is aborted, and rejects with the reason of the signal", () =>
    script(
      [M.reply(M.text("a"), M.never), M.reply(M.text("b", { deltas: ["b"] }), M.never), M.reply(M.text("c"))],
      async (codex, real) => {
        const thread = codex.startThread(settings(real))
        const controller = new AbortController()
        const running = rejection(thread.run("go", { signal: controller.signal }))
        await Effect.runPromise(
          until(
            "a request",
            Effect.map(real.server.requests, (all) => all.length === 1)
          )
        )
        const reason = new Error("enough")
        controller.abort(reason)
        assert.strictEqual(await running, reason)
        assert.strictEqual(await rejection(thread.run("go", { signal: controller.signal })), reason)

        const streaming = new AbortController()
        const seen: Array<string> = []
        const error = await rejection(
          (async () => {
            for await (const event of (await thread.runStreamed("go", { signal: streaming.signal })).events) {
              seen.push(event.type)
              if (event.type === "message.delta") streaming.abort(reason)
            }
          })()
        )
        assert.strictEqual(error, reason)
        assert.strictEqual(seen.at(-1), "turn.interrupted")
        assert.strictEqual((await thread.run("go")).finalResponse, "c")
      }
    ))

  test("interrupts a turn whose signal is aborted while the reader does something else", () =>
    script([M.reply(M.text("a", { deltas: ["a"] }), M.never), M.reply(M.text("b"))], async (codex, real) => {
      const thread = codex.startThread(settings(real))
      const controller = new AbortController()
      const { events } = await thread.runStreamed("go", { signal: controller.signal })
      while ((await events.next()).value?.type !== "message.delta");
      const reason = new Error("enough")
      controller.abort(reason)
      // Nothing reads the events meanwhile.
      await Effect.runPromise(
        until(
          "the turn is interrupted",
          Effect.promise(() =>
            codex.use((service) =>
              Effect.map(
                service.readThread(CodexPromise.ThreadId.make(String(thread.id))),
                ({ turns }) => turns.at(-1)?.status === "interrupted"
              )
            )
          )
        )
      )
      const last: Array<string> = []
      const error = await rejection(
        (async () => {
          for await (const event of events) last.push(event.type)
        })()
      )
      assert.deepStrictEqual([error, last.at(-1)], [reason, "turn.interrupted"])
      assert.strictEqual((await thread.run("go")).finalResponse, "b")
    }))

  test("starts nothing with an aborted signal, and does not wait for a Codex that does not start", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const [codexPathOverride, started] = [`${directory}/codex`, `${directory}/started`]
      yield* fs.writeFileString(codexPathOverride, `#!/bin/sh\necho > ${started}\nexec cat > /dev/null\n`)
      yield* fs.chmod(codexPathOverride, 0o755)
      let engines = 0
      const counting = Layer.effectDiscard(Effect.sync(() => void engines++))
      const telemetry = Layer.merge(Logger.layer([]), counting)
      const codex = new CodexPromise.Codex({ codexPathOverride, telemetry })
      const reason = new Error("enough")
      const signal = AbortSignal.abort(reason)
      yield* Effect.promise(async () => {
        assert.strictEqual(await rejection(codex.startThread().run("go", { signal })), reason)
        assert.strictEqual(
          await rejection((await codex.startThread().runStreamed("go", { signal })).events.next()),
          reason
        )
      })
      assert.strictEqual(engines, 0)
      for (const start of [
        (signal: AbortSignal) => codex.startThread().run("go", { signal }),
        async (signal: AbortSignal) => (await codex.startThread().runStreamed("go", { signal })).events.next()
      ]) {
        const controller = new AbortController()
        const running = rejection(start(controller.signal))
        yield* until("the process starts", fs.exists(started))
        controller.abort(reason)
        assert.strictEqual(yield* Effect.promise(() => running), reason)
        yield* Effect.promise(() => codex.close())
        yield* fs.remove(started)
      }
    }))

  test("asks a function for approvals, and declines when the function fails", () => {
    const asked: Array<string> = []
    return script(
      [
        M.reply(M.shell("echo yes > ../promise-yes", { escalate: "it is needed" })),
        M.reply(M.shell("echo no > ../promise-no", { escalate: "it is needed" })),
        M.reply(M.text("done"))
      ],
      async (codex, real) => {
        const turn = await codex.startThread(settings(real)).run("go")
        assert.deepStrictEqual(
          turn.items.flatMap((item) => (item.type === "command_execution" ? [item.status] : [])),
          ["completed", "declined"]
        )
        assert.deepStrictEqual(asked, ["echo yes > ../promise-yes", "echo no > ../promise-no"])
      },
      {
        approve: async (request, { signal }) => {
          assert.isFalse(signal.aborted)
          if (request._tag !== "Command") return CodexPromise.Approval.decline("commands only")
          asked.push(request.script)
          if (request.script.includes("no")) throw new Error("the reviewer is away")
          return CodexPromise.Approval.accept
        }
      }
    )
  })

  test("calls functions as tools, with decoded arguments, and tells the model about a rejection", () =>
    script(
      [
        M.reply(M.call("square", { n: 3 }), M.call("square", { n: "three" })),
        M.reply(M.call("square", { n: -1 })),
        M.reply(M.text("nine"))
      ],
      async (codex, real) => {
        const square = CodexPromise.tool({
          name: "square",
          description: "Squares a number",
          parameters: Schema.Struct({ n: Schema.Number }),
          readOnly: true,
          run: async ({ n }, { signal }) => {
            assert.isFalse(signal.aborted)
            if (n < 0) throw new Error("only positive numbers")
            return { result: n * n }
          }
        })
        const turn = await codex.startThread({ ...settings(real), tools: [square] }).run("go")
        assert.isFalse(turn.sideEffects)
        const outputs = turn.items.flatMap((item) => (item.type === "tool_call" ? [item.output] : []))
        assert.include(outputs, `{"result":9}`)
        assert.isTrue(outputs.some((output) => output?.includes("only positive numbers")))
        assert.lengthOf(outputs, 3)
      }
    ))

  test("rejects with the classes of the errors, and ends a stream with the error", () =>
    script(
      [M.httpError(400, { message: "bad things" }), M.httpError(400, { message: "bad things" })],
      async (codex, real) => {
        const thread = codex.startThread(settings(real))
        const error = await rejection(thread.run("go"))
        assert.instanceOf(error, CodexPromise.TurnFailed)
        assert.instanceOf(error, Error)
        const types: Array<string> = []
        const streamed = await rejection(
          (async () => {
            for await (const { type } of (await thread.runStreamed("go")).events) types.push(type)
          })()
        )
        assert.instanceOf(streamed, CodexPromise.TurnFailed)
        assert.strictEqual(types.at(-1), "turn.failed")
        assert.instanceOf(
          await rejection(codex.resumeThread("01a200e1-8367-7a62-9c19-617fb9342789").run("go")),
          CodexPromise.InvalidRequest
        )
      }
    ))

  test("ends the process when no call runs, and continues the thread with a new one", () =>
    script(
      [M.reply(M.text("one")), M.reply(M.text("two")), M.reply(M.text("three"))],
      async (codex, real) => {
        const thread = codex.startThread(settings(real))
        await thread.run("first")
        await Effect.runPromise(
          until(
            "no process",
            Effect.map(real.processes, (all) => all.length === 0)
          )
        )
        const [two, three] = await Promise.all([thread.run("second"), thread.run("third")])
        assert.deepStrictEqual([two.finalResponse, three.finalResponse], ["two", "three"])
        const requests = await Effect.runPromise(real.server.requests)
        assert.include(JSON.stringify(requests.at(-1)?.body["input"]), "first")
        await thread.close()
      },
      { idleMillis: 1 }
    ))
})
