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

/** Only ids differ in a recording. */
const withoutIds = (value: unknown) => JSON.stringify(value).replace(/"(?:id|threadId)":"[^"]*"/g, "")

describe("a cassette", () => {
  it.effect("replays the same results in the same time", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        const file = `${path}/all.jsonl`
        const live = yield* on(recording(file), program())
        const before = yield* Clock.currentTimeMillis
        const replayed = yield* on(Cassette.replay(file), program())
        assert.strictEqual(withoutIds(replayed), withoutIds(live))
        assert.deepInclude(replayed[0]?.time, { totalMillis: 6500, toolsMillis: 5000 })
        assert.isAtLeast((yield* Clock.currentTimeMillis) - before, 6500)
      })
    )
  )

  it.effect("waits only for the program itself with instant timing", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        const file = `${path}/all.jsonl`
        yield* on(recording(file), program())
        const [turn] = yield* on(Cassette.replay(file, { timing: "instant" }), program())
        assert.strictEqual(turn?.message, "Fixed.")
        // The tool itself takes two seconds.
        assert.strictEqual(turn?.time.totalMillis, 2000)
      })
    )
  )

  const divergences: ReadonlyArray<readonly [string, Program, ReadonlyArray<string>]> = [
    [
      "a different input",
      { prompts: ["Fix T-42", "Thank you"] },
      ["turn 2 of thread 1", "at input", '"Thanks"', '"Thank you"']
    ],
    ["a different option", { model: "gpt-9" }, ["the start of thread 1", "at options.model", '"gpt-9"']],
    [
      "a different tool result",
      { title: "else" },
      ["turn 1 of thread 1", "at output.text", "about T-42", "else"]
    ],
    [
      "a different decision",
      { policy: Approval.deny },
      ["turn 1 of thread 1", "at decision._tag", 'expected "Accept"', 'actual   "Decline"']
    ],
    [
      "an additional turn",
      { prompts: ["Fix T-42", "Thanks", "More"] },
      ["thread 1 has 2 recorded turns", "More"]
    ],
    ["a missing turn", { prompts: ["Fix T-42"] }, ["turn 2 of thread 1 (line ", "was not played"]]
  ]
  for (const [name, changed, parts] of divergences) {
    it.effect(`dies with the place of the difference for ${name}`, () =>
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
  it.effect("accepts the id that the program stored for a thread", () =>
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
        // Keep only the part that a later process would record.
        const lines = (yield* read("a.jsonl")).split("\n")
        const from = lines.findIndex((line) => line.includes('"renameThread"'))
        const later = [lines[0], ...lines.slice(from)].join("\n").replace('"turns":2', '"turns":1')
        yield* Effect.sync(() => writeFileSync(file, later))
        assert.deepStrictEqual(yield* on(Cassette.replay(file), resumed(id)), [id, id])
      })
    )
  )
})
