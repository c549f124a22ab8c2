import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Attachments, Codex } from "effect-codex"
import { Scripted } from "effect-codex/testing"
import * as Cassette from "../../../src/testing/Cassette.ts"
import { assertMismatch, defectOf, inFolder, on, program, recording, type Program } from "./support.ts"

/** Stages two files in a directory of its own and runs a turn with them. Returns the message and the directory. */
const attaching = (root: string, text: string) =>
  Effect.gen(function* () {
    const attachments = yield* Attachments
    const log = yield* attachments.stageBytes(Buffer.from(text), { name: "log.txt" })
    const notes = yield* attachments.stageBytes(Buffer.from("notes"), { name: "notes.txt" })
    const thread = yield* Effect.flatMap(Codex, (codex) => codex.startThread({ sandbox: "read-only" }))
    const turn = yield* thread.run([
      { _tag: "Text", text: `Compare ${log.path} and the other file` },
      { _tag: "Attachment", attachment: log },
      { _tag: "Attachment", attachment: notes }
    ])
    return { message: turn.message, path: log.path }
  }).pipe(Effect.scoped, Effect.provide(Layer.fresh(Attachments.layerOptions({ directory: root }))))

describe("a replay", () => {
  it.effect("D01 accepts an attachment that this run has staged in another directory", () =>
    inFolder(({ path, read }) =>
      Effect.gen(function* () {
        const file = `${path}/a.jsonl`
        const first = yield* on(
          recording(file, [Scripted.message("done")]),
          attaching(`${path}/one`, "a log")
        )
        assert.notInclude(yield* read("a.jsonl"), `${path}/one`)
        assert.include(yield* read("a.jsonl"), "<attachments>/")
        const again = yield* on(Cassette.replay(file), attaching(`${path}/two`, "a log"))
        assert.strictEqual(again.message, "done")
        assert.notStrictEqual(again.path, first.path)
        const changed = yield* defectOf(on(Cassette.replay(file), attaching(`${path}/two`, "another log")))
        assertMismatch(changed, "turn 1 of thread 1", "at input[0].text")
      })
    )
  )
})

/** Runs Codex on an engine, and leaves the test clock to the engine. */
const unadjusted = <A, E, E2>(
  engine: Parameters<typeof on<A, E, E2>>[0],
  effect: Parameters<typeof on<A, E, E2>>[1]
) => Effect.provide(effect, Layer.fresh(Codex.layer).pipe(Layer.provideMerge(engine)))

describe("a replay under a test clock that the test does not adjust", () => {
  const given: Program = { prompts: ["Fix T-42", "Thanks"] }

  for (const timing of ["recorded", "instant"] as const)
    it.effect(`ends, and the tool takes its recorded time, with ${timing} timing`, () =>
      inFolder(({ path }) =>
        Effect.gen(function* () {
          yield* on(recording(`${path}/a.jsonl`), program(given))
          const before = yield* Clock.currentTimeMillis
          const [first, second] = yield* unadjusted(
            Cassette.replay(`${path}/a.jsonl`, { timing }),
            program(given)
          )
          const total = timing === "recorded" ? 6500 : 2000
          assert.strictEqual(first?.time.totalMillis, total)
          assert.strictEqual(second?.message, "You are welcome.")
          assert.strictEqual((yield* Clock.currentTimeMillis) - before, total)
        })
      )
    )

  it.effect("plays concurrent turns in their recorded order", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        const ended: Array<string> = []
        const one = Effect.gen(function* () {
          const thread = yield* Effect.flatMap(Codex, (codex) => codex.startThread())
          const { message } = yield* thread.run("go")
          ended.push(`${message} ${yield* Clock.currentTimeMillis}`)
        }).pipe(Effect.scoped)
        const three = Effect.all([one, one, one], { concurrency: "unbounded" })
        const say = (text: string, seconds: number) => [
          Scripted.message(text, { takes: `${seconds} seconds` }),
          Scripted.completed
        ]
        yield* on(recording(`${path}/a.jsonl`, [...say("A", 3), ...say("B", 1), ...say("C", 2)]), three)
        ended.length = 0
        const start = yield* Clock.currentTimeMillis
        yield* unadjusted(Cassette.replay(`${path}/a.jsonl`), three)
        assert.deepStrictEqual(ended, [`B ${start + 1000}`, `C ${start + 2000}`, `A ${start + 3000}`])
      })
    )
  )

  it.effect("waits as long as the recording until the program interrupts its turn or steers it", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        const cutting = Effect.gen(function* () {
          const thread = yield* Effect.flatMap(Codex, (codex) => codex.startThread())
          const running = yield* Effect.forkChild(thread.run("go"), { startImmediately: true })
          yield* Effect.sleep("2 seconds")
          yield* thread.steer("and this")
          yield* Effect.sleep("20 seconds")
          yield* Fiber.interrupt(running)
          return yield* Clock.currentTimeMillis
        }).pipe(Effect.scoped)
        const steps = [Scripted.steered("and this"), Scripted.message("wait"), Scripted.silence]
        yield* on(recording(`${path}/a.jsonl`, steps), cutting)
        const before = yield* Clock.currentTimeMillis
        const after = yield* unadjusted(Cassette.replay(`${path}/a.jsonl`), cutting)
        assert.strictEqual(after - before, 22_000)
      })
    )
  )
})
