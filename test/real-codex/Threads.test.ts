import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import { createRequire } from "node:module"
import { Codex } from "../../src/Codex.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import * as M from "../../src/testing/ModelServer.ts"
import { test } from "../support/live.ts"
import * as Real from "../support/realEngine.ts"

/** Returns the user texts in a request to the model. */
const prompts = (body: unknown): ReadonlyArray<string> => {
  const found = [
    ...JSON.stringify(body).matchAll(/"role":"user","content":\[\{"type":"input_text","text":"([^"<#]*)"/g)
  ]
  return found.map(([, text]) => text ?? "").filter((text) => text !== "")
}
const noRetries = "model_providers.mock.request_max_retries = 0\nmodel_providers.mock.stream_max_retries = 0"

describe.concurrent("threads of the real Codex", () => {
  test("are listed, read, renamed, archived, unarchived and deleted", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.text("one")), M.reply(M.text("two"))])
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const list = (filter = {}) =>
          Effect.map(Stream.runCollect(codex.listThreads(filter)), (all) => all.map(({ id }) => id))
        assert.deepStrictEqual(yield* list(), [])
        const a = yield* real.start()
        const b = yield* real.start()
        yield* a.run("hello from a")
        yield* b.run("hello from b")
        assert.sameMembers(yield* list(), [a.id, b.id])
        yield* codex.renameThread(a.id, "The first one")
        assert.deepStrictEqual(yield* list({ search: "first one" }), [a.id])
        assert.deepStrictEqual(yield* list({ cwd: "/nowhere" }), [])
        const read = yield* codex.readThread(a.id)
        assert.deepInclude(read, {
          id: a.id,
          name: "The first one",
          cwd: real.workspace,
          preview: "hello from a"
        })
        assert.deepStrictEqual(
          read.turns.map(({ items, status }) => [status, items.map((item) => item._tag)]),
          [["completed", ["UserMessage", "AgentMessage"]]]
        )
        yield* codex.archiveThread(a.id)
        assert.deepStrictEqual(yield* list(), [b.id])
        assert.deepStrictEqual(yield* list({ archived: true }), [a.id])
        yield* codex.unarchiveThread(a.id)
        assert.sameMembers(yield* list(), [a.id, b.id])
        yield* codex.deleteThread(a.id)
        assert.deepStrictEqual(yield* list(), [b.id])
        const gone = yield* Effect.flip(codex.readThread(a.id))
        assert.deepInclude(gone, { _tag: "InvalidRequest", reason: "ThreadNotFound", method: "thread/read" })
      }).pipe(Effect.provide(real.layer))
    }))

  test("are listed by creation time or by last use", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(["1", "2", "3"].map((text) => M.reply(M.text(text))))
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const ids = (sort: "created" | "updated") =>
          Stream.runCollect(Stream.map(codex.listThreads({ sort }), ({ id }) => id))
        // Codex counts in seconds.
        const nextSecond = Effect.sleep("1100 millis")
        const older = yield* real.start()
        yield* older.run("first")
        yield* nextSecond
        const newer = yield* real.start()
        yield* newer.run("second")
        yield* nextSecond
        yield* older.run("third")
        assert.deepStrictEqual(yield* ids("created"), [newer.id, older.id])
        assert.deepStrictEqual(yield* ids("updated"), [older.id, newer.id])
      }).pipe(Effect.provide(real.layer))
    }))

  test("of other programs are listed only on request", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.text("by hand")), M.reply(M.text("by us"))])
      const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
      const bin = createRequire(import.meta.url).resolve("@openai/codex/bin/codex.js")
      const exec = ChildProcess.make(process.execPath, [bin, "exec", "--skip-git-repo-check", "by hand"], {
        cwd: real.workspace,
        env: { ...real.env, PATH: process.env["PATH"] },
        extendEnv: false,
        stdin: "ignore"
      })
      assert.strictEqual(Number(yield* spawner.exitCode(exec)), 0)
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* real.start()
        yield* thread.run("by us")
        const listed = (everywhere: boolean) =>
          Stream.runCollect(Stream.map(codex.listThreads({ everywhere }), ({ preview }) => preview))
        assert.deepStrictEqual(yield* listed(false), ["by us"])
        assert.sameMembers(yield* listed(true), ["by us", "by hand"])
      }).pipe(Effect.provide(real.layer))
    }))

  test("are listed in pages", () =>
    Effect.gen(function* () {
      const count = 30
      const real = yield* Real.make(Array.from({ length: count }, (_, i) => M.reply(M.text(`${i}`))))
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        yield* Effect.forEach(
          Array.from({ length: count }),
          () => Effect.scoped(Effect.flatMap(real.start(), (thread) => thread.run("hi"))),
          { concurrency: 4 }
        )
        const ids = yield* Stream.runCollect(Stream.map(codex.listThreads(), ({ id }) => id))
        assert.strictEqual(new Set(ids).size, count)
        assert.lengthOf(yield* Stream.runCollect(Stream.take(codex.listThreads(), 3)), 3)
      }).pipe(Effect.provide(real.layer))
    }))

  test("are forked completely or up to a turn, and the original continues unchanged", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(
        ["one", "two", "in the fork", "in the other"].map((text) => M.reply(M.text(text)))
      )
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* real.start()
        const first = yield* thread.run("question one")
        yield* thread.run("question two")
        const whole = yield* codex.forkThread(thread.id, { cwd: real.workspace })
        assert.notStrictEqual(whole.id, thread.id)
        assert.strictEqual((yield* whole.run("question three")).message, "in the fork")
        const part = yield* codex.forkThread(thread.id, { cwd: real.workspace, through: first.id })
        assert.strictEqual((yield* part.run("question four")).message, "in the other")
        assert.lengthOf((yield* codex.readThread(thread.id)).turns, 2)
      }).pipe(Effect.provide(real.layer))
      const [, , whole, part] = yield* real.server.requests
      assert.deepStrictEqual(prompts(whole?.body), ["question one", "question two", "question three"])
      assert.deepStrictEqual(prompts(part?.body), ["question one", "question four"])
    }))

  test("include the last one of a directory, which can be resumed", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(["one", "two"].map((text) => M.reply(M.text(text))))
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const none = yield* Effect.flip(codex.resumeLast({ cwd: real.workspace }))
        assert.deepInclude(none, { _tag: "InvalidRequest", reason: "ThreadNotFound" })
        const thread = yield* real.start()
        yield* thread.run("question one")
        const again = yield* codex.resumeLast({ cwd: real.workspace })
        assert.strictEqual(again.id, thread.id)
        yield* again.run("question two")
      }).pipe(Effect.provide(real.layer))
      assert.deepStrictEqual(prompts((yield* real.server.requests)[1]?.body), [
        "question one",
        "question two"
      ])
    }))

  test("that do not exist cause a typed error for every request", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([])
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const id = ThreadId.make("01999999-0000-7000-8000-000000000000")
        for (const ask of [
          Effect.asVoid(codex.readThread(id)),
          Effect.asVoid(Effect.scoped(codex.resumeThread(id))),
          Effect.asVoid(Effect.scoped(codex.forkThread(id)))
        ]) {
          assert.deepInclude(yield* Effect.flip(ask), { _tag: "InvalidRequest", reason: "ThreadNotFound" })
        }
      }).pipe(Effect.provide(real.layer))
    }))

  test("list their models, and other methods of the engine are called by name", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([])
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const models = yield* Stream.runCollect(codex.listModels)
        assert.lengthOf(
          models.filter((model) => model.isDefault),
          1
        )
        const config = yield* codex.request("config/read", { includeLayers: false })
        assert.include(JSON.stringify(config), "mock")
        const unknown = yield* Effect.flip(codex.request("no/such/method"))
        assert.deepInclude(unknown, { _tag: "InvalidRequest", reason: "Rejected", method: "no/such/method" })
      }).pipe(Effect.provide(real.layer))
    }))

  test("are steered: added input reaches the running turn", () =>
    Effect.gen(function* () {
      const streaming = yield* Deferred.make<void>()
      const real = yield* Real.make([
        M.reply(M.until(Deferred.succeed(streaming, undefined)), M.delay("300 millis"), M.text("too late")),
        M.reply(M.text("as you say"))
      ])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const none = yield* Effect.flip(thread.steer("no turn runs"))
        assert.deepInclude(none, { _tag: "InvalidRequest", reason: "Rejected", method: "turn/steer" })
        const running = yield* Effect.forkScoped(thread.run("go"), { startImmediately: true })
        yield* Deferred.await(streaming)
        yield* thread.steer("but in French")
        const turn = yield* Fiber.join(running)
        assert.strictEqual(turn.message, "as you say")
        assert.strictEqual(turn.items.filter((item) => item._tag === "UserMessage").length, 2)
      }).pipe(Effect.provide(real.layer))
      assert.deepStrictEqual(prompts((yield* real.server.requests).at(-1)?.body), ["go", "but in French"])
    }))

  test("are compacted by a separate turn", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(["one", "the summary", "after"].map((text) => M.reply(M.text(text))))
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        yield* thread.run("a long story")
        const turn = yield* thread.compact()
        assert.deepStrictEqual(
          turn.items.map((item) => item._tag),
          ["ContextCompaction"]
        )
        assert.strictEqual((yield* thread.run("go on")).message, "after")
      }).pipe(Effect.provide(real.layer))
      assert.include(JSON.stringify((yield* real.server.requests).at(-1)?.body), "the summary")
    }))

  test("are interrupted through their handle, and continue without repeated input", () =>
    Effect.gen(function* () {
      const streaming = yield* Deferred.make<void>()
      const real = yield* Real.make([
        M.reply(M.until(Deferred.succeed(streaming, undefined)), M.never),
        M.reply(M.text("here I am again"))
      ])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        yield* thread.interrupt
        const running = yield* Effect.forkScoped(Effect.flip(thread.run("count to ten")), {
          startImmediately: true
        })
        yield* Deferred.await(streaming)
        yield* thread.interrupt
        assert.deepInclude(yield* Fiber.join(running), { _tag: "TurnInterrupted", by: "caller" })
        assert.strictEqual((yield* thread.continue()).message, "here I am again")
      }).pipe(Effect.provide(real.layer))
      assert.deepStrictEqual(
        prompts((yield* real.server.requests).at(-1)?.body).filter((text) => text === "count to ten"),
        ["count to ten"]
      )
    }))
})

describe.concurrent("the input and options of a turn", () => {
  const png =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

  test("include text, image URLs and local images, which reach the model", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const real = yield* Real.make([M.reply(M.text("I see"))])
      const path = `${real.workspace}/dot.png`
      yield* fs.writeFile(path, Buffer.from(png, "base64"))
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        yield* thread.run([
          { _tag: "Text", text: "what is this?" },
          { _tag: "Image", url: `data:image/png;base64,${png}` },
          { _tag: "LocalImage", path }
        ])
      }).pipe(Effect.provide(real.layer))
      const input = JSON.stringify((yield* real.server.requests)[0]?.body["input"])
      assert.include(input, "what is this?")
      assert.strictEqual(input.split('"type":"input_image"').length - 1, 2)
      assert.include(input, "data:image/png;base64,")
    }))

  test("include a model, an effort, a directory and a sandbox", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const real = yield* Real.make([
        M.reply(M.shell("pwd")),
        M.reply(M.shell("touch forbidden")),
        M.reply(M.text("done")),
        M.reply(M.shell("pwd; touch allowed")),
        M.reply(M.text("done"))
      ])
      const other = `${real.workspace}/other`
      yield* fs.makeDirectory(other)
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ approvalMode: "never" })
        const turn = yield* thread.run("go", {
          model: "gpt-5.1-codex",
          effort: "low",
          cwd: other,
          sandbox: "read-only"
        })
        const command = turn.items.find((item) => item._tag === "CommandExecution")
        assert.deepInclude(command, { cwd: other, output: `${other}\n` })
        const after = yield* thread.run("go", { cwd: real.workspace, sandbox: "workspace-write" })
        assert.deepInclude(
          after.items.find((item) => item._tag === "CommandExecution"),
          { exitCode: 0 }
        )
      }).pipe(Effect.provide(real.layer))
      const [first] = yield* real.server.requests
      assert.deepInclude(first?.body, { model: "gpt-5.1-codex" })
      assert.include(JSON.stringify(first?.body["reasoning"]), "low")
      assert.isFalse(yield* real.exists("other/forbidden"))
      assert.isTrue(yield* real.exists("allowed"))
    }))

  test("exclude a directory that does not exist and an input that is too large", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.text("fine"))])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const large = yield* Effect.flip(thread.run("x".repeat(1_100_000)))
        assert.deepInclude(large, { _tag: "InvalidRequest", reason: "InputTooLarge" })
        const nowhere = yield* Effect.flip(thread.run("go", { cwd: "/no/such/folder" }))
        assert.deepInclude(nowhere, { _tag: "InvalidRequest", reason: "BadParams" })
        assert.strictEqual((yield* thread.run("go")).message, "fine")
      }).pipe(Effect.provide(real.layer))
    }))
})

const Answer = Schema.Struct({
  summary: Schema.String,
  files: Schema.Array(Schema.String),
  risk: Schema.optionalKey(Schema.Number)
})

describe.concurrent("a turn with an output schema", () => {
  test("passes the schema to the model and decodes the output", () =>
    Effect.gen(function* () {
      const said = { summary: "done", files: ["a.ts"], risk: null }
      const real = yield* Real.make([
        M.reply(M.text(JSON.stringify(said))),
        M.reply(M.text(`{"value":[1,2]}`))
      ])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const turn = yield* thread.run("go", { output: Answer })
        assert.deepStrictEqual(turn.output, { summary: "done", files: ["a.ts"] })
        // Codex requires an object, so the library wraps other schemas in one.
        const list = yield* thread.run("go", { output: Schema.Array(Schema.Number) })
        assert.deepStrictEqual(list.output, [1, 2])
      }).pipe(Effect.provide(real.layer))
      const format = (yield* real.server.requests)[0]?.body["text"]
      assert.include(JSON.stringify(format), '"type":"json_schema"')
      assert.include(JSON.stringify(format), '"required":["summary","files","risk"]')
    }))

  test("fails with the output if it does not match the schema", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(M.text(`{"summary":3}`)),
        M.reply(M.text("no JSON at all")),
        M.reply(M.text("[]"))
      ])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        for (const output of [`{"summary":3}`, "no JSON at all"]) {
          const error = yield* Effect.flip(thread.run("go", { output: Answer }))
          assert.deepInclude(error, { _tag: "OutputInvalid", output, retryable: false })
          if (error._tag === "OutputInvalid") assert.strictEqual(error.turn?.message, output)
        }
        const streamed = yield* Effect.flip(Stream.runDrain(thread.stream("go", { output: Answer })))
        assert.deepInclude(streamed, { _tag: "OutputInvalid", output: "[]" })
      }).pipe(Effect.provide(real.layer))
    }))

  test("is corrected by the agent, which sees the error and the schema again", () =>
    Effect.gen(function* () {
      const said = { summary: "done", files: [], risk: null }
      const real = yield* Real.make([
        M.reply(M.text(`{"summary":3,"files":[],"risk":null}`)),
        M.reply(M.text("Here it is:\n```json\n" + JSON.stringify(said) + "\n```"))
      ])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const turn = yield* thread.run("go", { output: { schema: Answer, repair: 1 } })
        assert.deepStrictEqual(turn.output, { summary: "done", files: [] })
      }).pipe(Effect.provide(real.layer))
      const [, correction] = yield* real.server.requests
      assert.include(correction?.lastUserText, `at ["summary"]`)
      assert.include(JSON.stringify(correction?.body["text"]), '"type":"json_schema"')
    }))
})

describe.concurrent("a turn with a budget", () => {
  const endless = Array.from({ length: 30 }, () =>
    M.reply(M.shell("true"), M.usage({ input: 100, output: 10 }))
  )

  test("F35 of tool calls, model calls or tokens ends an endless loop, with the turn so far in the error", () =>
    Effect.gen(function* () {
      for (const [budget, reason] of [
        [{ toolCalls: 3 }, "ToolCalls"],
        [{ modelCalls: 3 }, "ModelCalls"],
        [{ tokens: 300 }, "Tokens"]
      ] as const) {
        const real = yield* Real.make(endless)
        yield* Effect.gen(function* () {
          const thread = yield* real.start({ sandbox: "danger-full-access" })
          const error = yield* Effect.flip(thread.run("loop", { budget }))
          assert.deepInclude(error, { _tag: "BudgetExceeded", reason, scope: "turn" })
          if (error._tag !== "BudgetExceeded") return
          assert.isAbove(error.used, error.limit)
          assert.isAtLeast(error.turn?.toolCalls ?? 0, 2)
          assert.isTrue(error.turn?.sideEffects)
        }).pipe(Effect.provide(real.layer))
        assert.isBelow((yield* real.server.requests).length, 8)
      }
    }))

  test("F35 of time ends it as well", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.never)])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const error = yield* Effect.flip(thread.run("wait", { budget: { time: "200 millis" } }))
        assert.deepInclude(error, { _tag: "BudgetExceeded", reason: "Time", scope: "turn", limit: 200 })
      }).pipe(Effect.provide(real.layer))
    }))

  test("F35 of the thread covers all its turns", () =>
    Effect.gen(function* () {
      const script = ["one", "two", "three"].map((text) =>
        M.reply(M.text(text), M.usage({ input: 80, output: 10 }))
      )
      const real = yield* Real.make(script)
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ budget: { tokens: 200 } })
        yield* thread.run("one")
        yield* thread.run("two")
        assert.deepInclude(yield* thread.spent, { tokens: 180, modelCalls: 2 })
        const error = yield* Effect.flip(thread.run("three"))
        assert.deepInclude(error, { _tag: "BudgetExceeded", scope: "thread", limit: 200, used: 270 })
      }).pipe(Effect.provide(real.layer))
    }))
})

describe.concurrent("a turn that is retried", () => {
  const retry = Schedule.recurs(3)

  test("F28 sends input only once: Codex does not get stored input again", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.httpError(503), M.httpError(500), M.reply(M.text("at last"))], {
        config: noRetries
      })
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const events = yield* Stream.runCollect(thread.stream("please", { retry }))
        assert.strictEqual(events.filter((event) => event._tag === "TurnStarted").length, 3)
        const last = events.at(-1)
        assert.strictEqual(last?._tag === "TurnCompleted" ? last.turn.message : "", "at last")
      }).pipe(Effect.provide(real.layer))
      assert.deepStrictEqual(prompts((yield* real.server.requests).at(-1)?.body), ["please"])
    }))

  test("F28 waits as long as the provider requests", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(
        [
          M.reply(M.failed({ code: "rate_limit_exceeded", message: "Please try again in 0.7s." })),
          M.reply(M.text("at last"))
        ],
        { config: noRetries }
      )
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const events = yield* Stream.runCollect(thread.stream("please", { retry }))
        const starts = events.flatMap((event) => (event._tag === "TurnStarted" ? [event.at] : []))
        assert.isAtLeast((starts[1] ?? 0) - (starts[0] ?? 0), 690)
      }).pipe(Effect.provide(real.layer))
    }))

  test("F28 excludes permanent failures and turns with side effects, and stops at the limit", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [script: ReadonlyArray<M.Reply>, requests: number]> = [
        [[M.httpError(400, { message: "no" })], 1],
        [[M.reply(M.shell("true")), M.httpError(503)], 2],
        [[M.httpError(503), M.httpError(503), M.httpError(503), M.httpError(503)], 4]
      ]
      for (const [script, requests] of cases) {
        const real = yield* Real.make(script, { config: noRetries })
        yield* Effect.gen(function* () {
          const thread = yield* real.start()
          const exit = yield* Effect.exit(thread.run("please", { retry }))
          assert.isTrue(Exit.isFailure(exit))
        }).pipe(Effect.provide(real.layer))
        assert.lengthOf(yield* real.server.requests, requests)
      }
    }))

  test("F01 continues in a new process after a crash, and sends nothing twice", () =>
    Effect.gen(function* () {
      const streaming = yield* Deferred.make<void>()
      const real = yield* Real.make([
        M.reply(M.until(Deferred.succeed(streaming, undefined)), M.never),
        M.reply(M.text("back again"))
      ])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const running = yield* Effect.forkScoped(thread.run("are you there?", { retry }), {
          startImmediately: true
        })
        yield* Deferred.await(streaming)
        const codex = (yield* real.processes).find(({ parent }) => parent === process.pid)
        if (codex !== undefined) process.kill(codex.pid, "SIGKILL")
        assert.strictEqual((yield* Fiber.join(running)).message, "back again")
      }).pipe(Effect.provide(real.layer))
      assert.deepStrictEqual(prompts((yield* real.server.requests).at(-1)?.body), ["are you there?"])
    }))

  test("F01 fails on a thread whose stored turns are gone, with an error that explains what to do", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.text("first")), M.reply(M.text("fine"))])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        yield* thread.run("hello")
        const codex = (yield* real.processes).find(({ parent }) => parent === process.pid)
        if (codex !== undefined) process.kill(codex.pid, "SIGKILL")
        const fs = yield* FileSystem.FileSystem
        yield* fs.remove(`${real.env.CODEX_HOME}/sessions`, { recursive: true })
        const error = yield* Effect.flip(thread.run("hello")).pipe(
          // The library may notice the exit only after the turn has started.
          Effect.repeat({ times: 5, until: (error) => error._tag !== "EngineExited" })
        )
        assert.deepInclude(error, { _tag: "InvalidRequest", reason: "ThreadNotFound" })
        assert.include(error._tag === "InvalidRequest" ? error.detail : "", "start a new thread")
        const other = yield* real.start()
        assert.strictEqual((yield* other.run("hello")).message, "fine")
      }).pipe(Effect.provide(real.layer))
    }))
})
