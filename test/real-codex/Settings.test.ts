/** Each handle of a thread runs its turns with the settings that it was opened with. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as M from "../../src/testing/ModelServer.ts"
import { test } from "../support/live.ts"
import * as Real from "../support/realEngine.ts"

/** Returns the texts of the developer in a request to the model, one after another. */
const developer = (body: unknown): string =>
  [...JSON.stringify(body).matchAll(/"role":"developer","content":(\[.*?\}\])/g)]
    .map(([, text]) => text)
    .join()

/** Which of some instructions a request to the model contains, in the order of their last occurrence. */
const given = (body: unknown, ...instructions: ReadonlyArray<string>): ReadonlyArray<string> => {
  const text = developer(body)
  return instructions
    .filter((instruction) => text.includes(instruction))
    .toSorted((a, b) => text.lastIndexOf(a) - text.lastIndexOf(b))
}

const write = (name: string) => [M.reply(M.shell(`touch ${name}`)), M.reply(M.text("done"))]

describe.concurrent("a second handle of an open thread", () => {
  test("runs each of its turns in its own sandbox, and leaves the first handle its own", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([...write("a"), ...write("b"), ...write("c"), ...write("d")])
      yield* Effect.gen(function* () {
        const first = yield* real.start({ sandbox: "danger-full-access", approvalMode: "never" })
        yield* first.run("go")
        const second = yield* real.resume(first.id, { sandbox: "read-only", approvalMode: "never" })
        yield* second.run("go")
        yield* first.run("go")
        yield* second.run("go")
      }).pipe(Effect.provide(real.layer))
      const exist = yield* Effect.forEach(["a", "b", "c", "d"], real.exists)
      assert.deepStrictEqual(exist, [true, false, true, false])
    }))

  test("gets its own approval mode and model", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(M.text("one")),
        M.reply(M.shell("touch asked")),
        M.reply(M.text("two")),
        M.reply(M.text("three"))
      ])
      yield* Effect.gen(function* () {
        const first = yield* real.start({ approvalMode: "never" })
        yield* first.run("go")
        const second = yield* real.resume(first.id, { approvalMode: "untrusted", model: "gpt-5.1-codex" })
        const turn = yield* second.run("go")
        // No policy is provided, so every request is declined.
        const command = turn.items.find((item) => item._tag === "CommandExecution")
        assert.deepInclude(command, { status: "declined" })
        yield* first.run("go")
      }).pipe(Effect.provide(real.layer))
      assert.isFalse(yield* real.exists("asked"))
      const models = (yield* real.server.requests).map(({ body }) => body["model"])
      assert.deepStrictEqual(models, ["gpt-5.5", "gpt-5.1-codex", "gpt-5.1-codex", "gpt-5.5"])
    }))
})

describe.concurrent("a handle without an effort and a summary", () => {
  const run = Effect.fnUntraced(function* (config: string) {
    const real = yield* Real.make(() => M.reply(M.text("fine")), { config })
    const last = yield* Effect.gen(function* () {
      const first = yield* real.start()
      yield* first.run("go")
      const second = yield* real.resume(first.id, { effort: "high", summary: "detailed" })
      yield* second.run("go")
      const last = yield* Effect.exit(first.run("go"))
      // A summary of its own ends the refusal.
      yield* first.run("go", { summary: "auto" })
      const third = yield* real.resume(first.id)
      yield* third.run("go")
      return last
    }).pipe(Effect.scoped, Effect.provide(real.layer))
    return { last, reasoning: (yield* real.server.requests).map(({ body }) => body["reasoning"]) }
  })
  const high = { effort: "high", summary: "detailed" }
  const auto = { effort: "medium", summary: "auto" }

  test("gets those of Codex's configuration back after the turn of another handle", () =>
    Effect.gen(function* () {
      const { reasoning } = yield* run('model_reasoning_summary = "concise"')
      const configured = { effort: "medium", summary: "concise" }
      assert.deepStrictEqual(reasoning, [configured, high, configured, auto, auto])
    }))

  test("is refused if Codex cannot go back to the default summary of the model", () =>
    Effect.gen(function* () {
      const { last, reasoning } = yield* run("")
      const error = Option.getOrThrow(Exit.findErrorOption(last))
      assert.deepInclude(error, { _tag: "InvalidRequest", reason: "Rejected" })
      assert.include(error.message, "set the option summary")
      assert.deepStrictEqual(reasoning, [{ effort: "medium" }, high, auto, auto])
    }))
})

describe.concurrent("a handle that names a sandbox", () => {
  test("keeps what Codex's configuration allows in it, also beside another handle", () =>
    Effect.gen(function* () {
      const config =
        "sandbox_workspace_write.network_access = true\nsandbox_workspace_write.exclude_slash_tmp = true"
      const real = yield* Real.make(
        ["1", "2", "3"].map((text) => M.reply(M.text(text))),
        { config }
      )
      yield* Effect.gen(function* () {
        const first = yield* real.start({ sandbox: "workspace-write" })
        yield* first.run("go")
        assert.deepInclude(yield* first.settings, { sandbox: "workspace-write", network: true })
        const second = yield* real.resume(first.id, { sandbox: "read-only" })
        yield* second.run("go")
        assert.deepInclude(yield* second.settings, { sandbox: "read-only", network: false })
        const third = yield* real.resume(first.id, { sandbox: "workspace-write" })
        yield* third.run("go")
        assert.deepInclude(yield* first.settings, { sandbox: "workspace-write", network: true })
      }).pipe(Effect.provide(real.layer))
      const [last] = (yield* real.server.requests).toReversed()
      assert.include(developer(last?.body), "Network access is enabled")
    }))
})

describe.concurrent("instructions", () => {
  test("reach the model on the next turn of a second handle, and once", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(["1", "2", "3", "4"].map((text) => M.reply(M.text(text))))
      yield* Effect.gen(function* () {
        const first = yield* real.start({ instructions: "Speak AAA." })
        yield* first.run("go")
        const second = yield* real.resume(first.id, { instructions: "Speak BBB." })
        yield* second.run("go")
        yield* second.run("go")
        yield* first.run("go")
      }).pipe(Effect.provide(real.layer))
      const requests = yield* real.server.requests
      assert.deepStrictEqual(
        requests.map(({ body }) => given(body, "Speak AAA.", "Speak BBB.")),
        [
          ["Speak AAA."],
          ["Speak AAA.", "Speak BBB."],
          ["Speak AAA.", "Speak BBB."],
          ["Speak BBB.", "Speak AAA."]
        ]
      )
      assert.strictEqual(developer(requests.at(-1)?.body).split("Speak BBB.").length, 2)
    }))

  test("of a second handle reach the model again after a compaction, and those of the thread once", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(["1", "2", "3", "4", "5"].map((text) => M.reply(M.text(text))))
      yield* Effect.gen(function* () {
        const first = yield* real.start({ instructions: "Speak AAA." })
        yield* first.run("go")
        const second = yield* real.resume(first.id, { instructions: "Speak BBB." })
        yield* second.run("go")
        yield* second.compact()
        yield* second.run("go")
        yield* first.run("go")
      }).pipe(Effect.provide(real.layer))
      const bodies = (yield* real.server.requests).slice(-2).map(({ body }) => body)
      assert.deepStrictEqual(
        bodies.map((body) => given(body, "Speak AAA.", "Speak BBB.")),
        [
          ["Speak AAA.", "Speak BBB."],
          ["Speak BBB.", "Speak AAA."]
        ]
      )
    }))

  test("of a second handle reach the model again in the turn that compacts", () =>
    Effect.gen(function* () {
      const usage = (input: number) => M.usage({ input, output: 1 })
      const real = yield* Real.make(
        [
          M.reply(M.text("1"), usage(10)),
          // So many tokens that Codex compacts the conversation before it returns the output of the command.
          M.reply(M.shell("true"), usage(90_000)),
          M.reply(M.text("summary"), usage(10)),
          M.reply(M.text("early"), usage(10)),
          M.reply(M.text("late"), usage(10)),
          M.reply(M.text("next"), usage(10))
        ],
        { config: "model_auto_compact_token_limit = 50000" }
      )
      yield* Effect.gen(function* () {
        const first = yield* real.start({ instructions: "Speak AAA." })
        yield* first.run("go")
        const second = yield* real.resume(first.id, { instructions: "Speak BBB." })
        const turn = yield* second.run("go")
        assert.include(
          turn.items.map(({ _tag }) => _tag),
          "ContextCompaction"
        )
        // The answer of the turn is the model's answer to the instructions.
        assert.strictEqual(turn.message, "late")
        yield* second.run("go on")
      }).pipe(Effect.provide(real.layer))
      const bodies = (yield* real.server.requests).map(({ body }) => body)
      assert.deepStrictEqual(
        bodies.slice(-2).map((body) => given(body, "Speak AAA.", "Speak BBB.")),
        [
          ["Speak AAA.", "Speak BBB."],
          ["Speak AAA.", "Speak BBB."]
        ]
      )
      assert.strictEqual(developer(bodies.at(-1)).split("Speak BBB.").length, 2)
    }))

  test("reach the model after a resume in another process, and only if they changed", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(["1", "2", "3", "4"].map((text) => M.reply(M.text(text))))
      const id = yield* Effect.gen(function* () {
        const thread = yield* real.start({ instructions: "Speak AAA." })
        yield* thread.run("go")
        return thread.id
      }).pipe(Effect.provide(real.layer), Effect.scoped)
      for (const instructions of ["Speak AAA.", "Speak BBB.", "Speak BBB."]) {
        yield* Effect.gen(function* () {
          const thread = yield* real.resume(id, { instructions })
          yield* thread.run("go")
        }).pipe(Effect.provide(real.layer), Effect.scoped)
      }
      const texts = (yield* real.server.requests).map(({ body }) => developer(body))
      const count = (text: string, part: string) => text.split(part).length - 1
      assert.deepStrictEqual(
        texts.map((text) => [count(text, "Speak AAA."), count(text, "Speak BBB.")]),
        [
          [1, 0],
          [1, 0],
          [1, 1],
          [1, 1]
        ]
      )
    }))

  test("reach the model in a fork", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(["1", "2"].map((text) => M.reply(M.text(text))))
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ instructions: "Speak AAA." })
        yield* thread.run("go")
        const fork = yield* real.fork(thread.id, { instructions: "Speak CCC." })
        yield* fork.run("go")
      }).pipe(Effect.provide(real.layer))
      const body = (yield* real.server.requests).at(-1)?.body
      assert.deepStrictEqual(given(body, "Speak AAA.", "Speak CCC."), ["Speak AAA.", "Speak CCC."])
    }))
})
