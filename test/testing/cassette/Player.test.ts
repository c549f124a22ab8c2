import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { writeFileSync } from "node:fs"
import { Approval, Codex } from "effect-codex"
import { Scripted } from "effect-codex/testing"
import { ThreadId } from "../../../src/domain/Ids.ts"
import * as Cassette from "../../../src/testing/Cassette.ts"
import { assertMismatch, defectOf, inFolder, on, program, recording, type Program } from "./support.ts"

/** Ids are others in a recording; all the rest is what it was. */
const withoutIds = (value: unknown) => JSON.stringify(value).replace(/"(?:id|threadId)":"[^"]*"/g, "")

describe("a cassette", () => {
  it.effect("plays what was recorded: the same results, in the same time", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        const file = `${path}/all.jsonl`
        const live = yield* on(recording(file), program())
        const before = yield* Clock.currentTimeMillis
        const replayed = yield* on(Cassette.replay(file), program())
        assert.strictEqual(withoutIds(replayed), withoutIds(live))
        assert.deepInclude(replayed[0]?.time, { total: 6500, tools: 5000 })
        assert.isAtLeast((yield* Clock.currentTimeMillis) - before, 6500)
      })
    )
  )

  it.effect("does not wait when it is told not to, but for the program itself", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        const file = `${path}/all.jsonl`
        yield* on(recording(file), program())
        const [turn] = yield* on(Cassette.replay(file, { timing: "instant" }), program())
        assert.strictEqual(turn?.message, "Fixed.")
        // The tool's own two seconds.
        assert.strictEqual(turn?.time.total, 2000)
      })
    )
  )

  const divergences: ReadonlyArray<readonly [string, Program, ReadonlyArray<string>]> = [
    [
      "another input",
      { prompts: ["Fix T-42", "Thank you"] },
      ["turn 2 of thread 1", "at input", '"Thanks"', '"Thank you"']
    ],
    ["another option", { model: "gpt-9" }, ["the start of thread 1", "at options.model", '"gpt-9"']],
    [
      "another answer of a tool",
      { title: "else" },
      ["turn 1 of thread 1", "at output.text", "about T-42", "else"]
    ],
    [
      "another decision",
      { policy: Approval.deny },
      ["turn 1 of thread 1", "at decision._tag", 'expected "accept"', 'actual   "decline"']
    ],
    ["a turn more", { prompts: ["Fix T-42", "Thanks", "More"] }, ["thread 1 has 2 recorded turns", "More"]],
    ["a turn less", { prompts: ["Fix T-42"] }, ["turn 2 of thread 1 (line ", "was not played"]]
  ]
  for (const [name, changed, parts] of divergences) {
    it.effect(`is a defect that says where with ${name}`, () =>
      inFolder(({ path }) =>
        Effect.gen(function* () {
          const file = `${path}/all.jsonl`
          yield* on(recording(file), program())
          const defect = yield* defectOf(on(Cassette.replay(file), program(changed)))
          assertMismatch(defect, file, ...parts)
        })
      )
    )
  }

  const resumed = (id: string) =>
    Effect.gen(function* () {
      const codex = yield* Codex
      const threadId = ThreadId.make(id)
      yield* codex.renameThread(threadId, "a name")
      const thread = yield* codex.resumeThread(threadId)
      const events = yield* Stream.runCollect(thread.stream("go on"))
      const [first] = events
      return [thread.id, first?._tag === "TurnStarted" ? first.threadId : ""]
    }).pipe(Effect.scoped)
  it.effect("knows a thread that was kept elsewhere by the id that the program has for it", () =>
    inFolder(({ path, read }) =>
      Effect.gen(function* () {
        const file = `${path}/a.jsonl`
        const id = "01a1fcea-ccd2-7422-bd9d-9ef42ebae678"
        const steps = [Scripted.message("first"), Scripted.completed, Scripted.message("going on")]
        const kept = Effect.gen(function* () {
          const thread = yield* Effect.flatMap(Codex, (codex) => codex.startThread())
          yield* thread.run("begin")
          return yield* resumed(thread.id)
        }).pipe(Effect.scoped)
        yield* on(recording(file, steps), kept)
        assert.notInclude(yield* read("a.jsonl"), "thread_1")
        // The part of the recording that a later process would have made.
        const lines = (yield* read("a.jsonl")).split("\n")
        const from = lines.findIndex((line) => line.includes('"renameThread"'))
        const later = [lines[0], ...lines.slice(from)].join("\n").replace('"turns":2', '"turns":1')
        yield* Effect.sync(() => writeFileSync(file, later))
        assert.deepStrictEqual(yield* on(Cassette.replay(file), resumed(id)), [id, id])
      })
    )
  )
})
