import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Approval, Codex, CodexError, Review } from "effect-codex"
import { Scripted } from "effect-codex/testing"
import * as CassetteFile from "../../../src/testing/cassette/CassetteFile.ts"
import * as CassetteFormat from "../../../src/testing/cassette/CassetteFormat.ts"
import * as Engine from "../../../src/engine/Engine.ts"
import { ItemId } from "../../../src/domain/Ids.ts"
import * as Settings from "../../../src/telemetry/config/Settings.ts"
import * as Cassette from "../../../src/testing/Cassette.ts"
import { assertMismatch, defectOf, inFolder, on, program, recording, script, scripted } from "./support.ts"

const linesOf = (text: string) => text.trimEnd().split("\n")

const warnings = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const said: Array<unknown> = []
  const logger = Logger.make(({ logLevel, message }) => {
    if (logLevel === "Warn") said.push(message)
  })
  const value = yield* Effect.provide(effect, Logger.layer([logger]))
  return { said: said.map(String), value }
})

/** Runs prompts on one thread and returns how each ends. */
const ends = (...prompts: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const thread = yield* Effect.flatMap(Codex, (codex) => codex.startThread())
    return yield* Effect.forEach(prompts, (prompt) =>
      Effect.match(thread.run(prompt), {
        onFailure: (error): string => error.errorType,
        onSuccess: ({ message }) => message
      })
    )
  }).pipe(Effect.scoped)

describe("a recording", () => {
  it.effect("is a file of JSON lines that only its owner can read, whatever the file was before", () =>
    inFolder(({ fs, path, read }) =>
      Effect.gen(function* () {
        yield* fs.writeFileString(`${path}/a.jsonl`, "what was there before\n".repeat(1000), { mode: 0o644 })
        yield* on(recording(`${path}/a.jsonl`, script, { engine: "scripted" }), program())
        const lines = linesOf(yield* read("a.jsonl"))
        assert.deepStrictEqual(JSON.parse(lines[0] ?? ""), {
          _tag: "Header",
          format: "effect-codex/cassette",
          version: 2,
          engine: "scripted"
        })
        assert.deepStrictEqual(JSON.parse(lines.at(-1) ?? ""), { _tag: "End", turns: 2 })
        const { mode } = yield* fs.stat(`${path}/a.jsonl`)
        assert.strictEqual(mode & 0o777, 0o600)
      })
    )
  )

  it.effect("creates the directory of the file", () =>
    inFolder(({ path, read }) =>
      Effect.gen(function* () {
        yield* on(recording(`${path}/new/cassettes/a.jsonl`, script, { onError: "fail" }), program())
        assert.isAbove(linesOf(yield* read("new/cassettes/a.jsonl")).length, 2)
      })
    )
  )
  it.effect("of the same program is equal in every directory", () =>
    inFolder(({ fs, path, read }) =>
      Effect.gen(function* () {
        const texts: Array<string> = []
        for (const name of ["one", "two"]) {
          const cwd = `${path}/${name}`
          yield* fs.makeDirectory(cwd)
          yield* on(recording(`${path}/${name}.jsonl`), program({ cwd }))
          texts.push(yield* read(`${name}.jsonl`))
        }
        assert.strictEqual(texts[0], texts[1])
        assert.include(texts[0], "<workspace>")
        assert.notInclude(texts[0], path)
        // A recording of one directory replays in another.
        const turns = yield* on(Cassette.replay(`${path}/one.jsonl`), program({ cwd: `${path}/two` }))
        const command = turns[0]?.items.find((item) => item._tag === "CommandExecution")
        assert.strictEqual(command?.cwd, `${path}/two`)
      })
    )
  )

  it.effect("without times is equal even if the program takes longer", () =>
    inFolder(({ path, read }) =>
      Effect.gen(function* () {
        const slow = [Scripted.delay("3 seconds"), ...script]
        yield* on(recording(`${path}/a.jsonl`, script, { times: "none" }), program())
        yield* on(recording(`${path}/b.jsonl`, slow, { times: "none" }), program())
        assert.strictEqual(yield* read("a.jsonl"), yield* read("b.jsonl"))
      })
    )
  )

  const secret = "sk-proj-4f9cA7bQ2mX8vT1zL6nR3wK5"
  it.effect(
    "F36 contains no secret of a prompt, an output or a tool, nor one that is split across deltas",
    () =>
      inFolder(({ path, read }) =>
        Effect.gen(function* () {
          const pieces = [
            `the key is ${secret.slice(0, 9)}`,
            secret.slice(9, 20),
            `${secret.slice(20)} so there`
          ]
          const steps = [
            Scripted.command(`curl -H 'Authorization: Bearer ${secret}'`, { output: `token=${secret}` }),
            Scripted.toolCall("lookup_ticket", { id: secret }),
            Scripted.message(pieces.join(""), { deltas: pieces })
          ]
          const own = "hunter2-of-the-environment"
          const environment = { DEPLOY_TOKEN: own, HOME: "/home/somebody" }
          const options = { prompts: [`use ${secret} and ${own} in /home/somebody/x`], title: `is ${secret}` }
          yield* on(recording(`${path}/a.jsonl`, steps), program(options)).pipe(
            Effect.provideService(Settings.Environment, environment)
          )
          const text = yield* read("a.jsonl")
          for (const leak of [secret, secret.slice(9, 20), own, "/home/somebody"])
            assert.notInclude(text, leak)
          assert.include(text, "~/x")
          // The replay masks the values of the program too, so the same program still matches.
          const [turn] = yield* on(Cassette.replay(`${path}/a.jsonl`), program(options)).pipe(
            Effect.provideService(Settings.Environment, environment)
          )
          assert.include(turn?.message, "the key is ")
        })
      )
  )

  it.effect("F36 contains no answer to a question that is marked as secret", () =>
    inFolder(({ path, read }) =>
      Effect.gen(function* () {
        const itemId = ItemId.make("q")
        const question = { header: "", question: "?", other: true }
        const request: Approval.ApprovalRequest = {
          _tag: "UserInput",
          id: "q",
          itemId,
          questions: [
            { ...question, id: "pin", secret: true },
            { ...question, id: "colour", secret: false }
          ]
        }
        const asking = Layer.effect(
          Engine.Engine,
          Effect.map(Engine.Engine, (engine) => ({
            ...engine,
            startThread: (options: Engine.EngineThreadOptions) =>
              Effect.map(engine.startThread(options), (thread) => ({
                ...thread,
                turn: (_input: unknown, _options: unknown, { approve, emit }: Engine.Handlers) =>
                  Effect.gen(function* () {
                    emit({ _tag: "ApprovalRequested", request, at: 0 })
                    const decision = yield* approve(request)
                    const of = { requestId: "q", itemId, source: "user" } as const
                    emit({ _tag: "ApprovalDecided", ...of, decision, at: 0 })
                  })
              }))
          }))
        ).pipe(Layer.provide(scripted([])))
        const answer = (pin: string) => () =>
          Effect.succeed(Approval.answer({ pin: [pin], colour: ["blueish"] }))
        const file = `${path}/a.jsonl`
        const one = (pin: string) => program({ prompts: ["go"], policy: answer(pin) })
        yield* on(Cassette.record(file).pipe(Layer.provide(asking)), one("Zanzibar"))
        const text = yield* read("a.jsonl")
        assert.notInclude(text, "Zanzibar")
        assert.lengthOf(text.match(/blueish/g) ?? [], 2)
        // The replay accepts a different secret.
        assert.lengthOf(yield* on(Cassette.replay(file), one("Timbuktu")), 1)
      })
    )
  )

  it.effect("contains everything with `scrub: false`", () =>
    inFolder(({ path, read }) =>
      Effect.gen(function* () {
        yield* on(
          recording(`${path}/a.jsonl`, [Scripted.message(secret)], { scrub: false }),
          program({ prompts: ["go"] })
        )
        assert.include(yield* read("a.jsonl"), secret)
      })
    )
  )

  const failures = [
    Scripted.message("half"),
    Scripted.failed(
      new CodexError.TurnFailed({ reason: "RateLimited", detail: "slow down", retryAfterMillis: 300 })
    ),
    Scripted.failed(new CodexError.TurnStalled({ detail: "gone" })),
    Scripted.interrupted,
    Scripted.message("fine")
  ]
  it.effect("contains the outcomes of turns: failed, stalled, interrupted, completed", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        const run = ends("one", "two", "three", "four")
        const live = yield* on(recording(`${path}/a.jsonl`, failures), run)
        assert.deepStrictEqual(live, ["TurnFailed.RateLimited", "TurnStalled", "TurnInterrupted", "fine"])
        assert.deepStrictEqual(yield* on(Cassette.replay(`${path}/a.jsonl`), run), live)
      })
    )
  )

  it.effect("keeps the file form of input parts and of the durations of past turns, and replays them", () =>
    inFolder(({ path, read }) =>
      Effect.gen(function* () {
        const run = Effect.gen(function* () {
          const codex = yield* Codex
          const thread = yield* codex.startThread()
          yield* thread.run([
            { _tag: "Text", text: "look" },
            { _tag: "LocalImage", path: "/a.png" }
          ])
          return yield* codex.readThread(thread.id)
        }).pipe(Effect.scoped)
        const live = yield* on(recording(`${path}/a.jsonl`, [Scripted.message("done")]), run)
        const text = yield* read("a.jsonl")
        assert.include(text, `[{"type":"text","text":"look"},{"type":"local_image","path":"/a.png"}]`)
        assert.include(text, `"duration":`)
        assert.notInclude(text, "durationMillis")
        const replayed = yield* on(Cassette.replay(`${path}/a.jsonl`), run)
        assert.isNumber(live.turns[0]?.durationMillis)
        assert.strictEqual(replayed.turns[0]?.durationMillis, live.turns[0]?.durationMillis)
      })
    )
  )

  const cutShort = Effect.gen(function* () {
    const thread = yield* Effect.flatMap(Codex, (codex) => codex.startThread())
    const running = yield* Effect.forkChild(thread.run("go"), { startImmediately: true })
    yield* Effect.sleep("2 seconds")
    yield* Fiber.interrupt(running)
  }).pipe(Effect.scoped)
  it.effect("of an interrupted turn waits until the program interrupts it again", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        yield* on(recording(`${path}/a.jsonl`, [Scripted.message("wait"), Scripted.silence]), cutShort)
        yield* on(Cassette.replay(`${path}/a.jsonl`), cutShort)
        const late = Effect.flatMap(Codex, (codex) => codex.startThread()).pipe(
          Effect.flatMap((thread) => Effect.flip(thread.run("go", { timeout: "1 minute" }))),
          Effect.scoped
        )
        assert.strictEqual((yield* on(Cassette.replay(`${path}/a.jsonl`), late))._tag, "TurnTimedOut")
      })
    )
  )

  it.effect("reports a turn that the program interrupts only in the replay", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        const steps = [Scripted.delay("5 seconds"), Scripted.message("done")]
        yield* on(recording(`${path}/a.jsonl`, steps), ends("go"))
        const defect = yield* defectOf(on(Cassette.replay(`${path}/a.jsonl`), cutShort))
        assertMismatch(defect, "turn 1 of thread 1 was interrupted after")
      })
    )
  )

  const everything = Effect.gen(function* () {
    const codex = yield* Codex
    const thread = yield* codex.startThread()
    yield* thread.run("one")
    yield* thread.compact()
    const forked = yield* codex.forkThread(thread.id)
    const steered = yield* Effect.forkChild(forked.run("two"), { startImmediately: true })
    yield* Effect.sleep("1 second")
    yield* forked.steer("and this")
    const turn = yield* Fiber.join(steered)
    yield* codex.renameThread(thread.id, "a name")
    const listed = yield* Stream.runCollect(codex.listThreads())
    const read = yield* codex.readThread(thread.id)
    const missing = yield* Effect.flip(
      codex.readThread(forked.id).pipe(Effect.andThen(codex.request("no/such")))
    )
    return { message: turn.message, listed: listed.length, turns: read.turns.length, missing: missing._tag }
  }).pipe(Effect.scoped)
  it.effect("has what is asked beside turns: forks, steers, compactions, the list of threads", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        const steps = [
          Scripted.message("first"),
          Scripted.completed,
          Scripted.steered("and this"),
          Scripted.message("second")
        ]
        const live = yield* on(recording(`${path}/a.jsonl`, steps), everything)
        assert.deepStrictEqual(yield* on(Cassette.replay(`${path}/a.jsonl`), everything), live)
      })
    )
  )

  it.effect("has plans, and reviews with their target", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        const reviewed = (target: Review.ReviewTarget) =>
          Effect.gen(function* () {
            const codex = yield* Codex
            const thread = yield* codex.startThread({ mode: "plan" })
            const planned = yield* thread.run([
              { _tag: "Text", text: "plan it" },
              { _tag: "Skill", name: "plan", path: "/skills/plan/SKILL.md" }
            ])
            const { review } = yield* thread.review({ target })
            return { plan: planned.plan, review }
          }).pipe(Effect.scoped)
        const finding = { title: "Close it", body: "Open.", path: "/a.ts", lines: { start: 1, end: 2 } }
        const steps = [
          Scripted.plan(["look"]),
          Scripted.proposedPlan("# Look"),
          Scripted.completed,
          Scripted.review({ findings: [finding], verdict: "patch is incorrect" })
        ]
        const file = `${path}/a.jsonl`
        const live = yield* on(recording(file, steps), reviewed(Review.branch("main")))
        assert.deepStrictEqual(live.review.findings, [finding])
        assert.deepStrictEqual(yield* on(Cassette.replay(file), reviewed(Review.branch("main"))), live)
        const defect = yield* defectOf(on(Cassette.replay(file), reviewed(Review.uncommitted)))
        assertMismatch(defect, "input")
      })
    )
  )

  it.effect("distinguishes concurrent threads", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        const both = Effect.forEach(["a", "b", "c"], (name) => Effect.map(ends(name), ([end]) => end), {
          concurrency: "unbounded"
        })
        const say = (text: string, wait: number) => [
          Scripted.message(text, { takes: `${wait} seconds` }),
          Scripted.completed
        ]
        const steps = [...say("A", 3), ...say("B", 1), ...say("C", 2)]
        const live = yield* on(recording(`${path}/a.jsonl`, steps), both)
        assert.sameMembers(live, ["A", "B", "C"])
        assert.deepStrictEqual(yield* on(Cassette.replay(`${path}/a.jsonl`), both), live)
      })
    )
  )

  describe("F32 that cannot be written", () => {
    for (const file of ["/dev/full", "/proc/nowhere/a.jsonl"]) {
      it.effect(`logs one warning and changes nothing else (${file})`, () =>
        inFolder(() =>
          Effect.gen(function* () {
            const { said, value } = yield* warnings(on(recording(file), program()))
            assert.strictEqual(value[0]?.message, "Fixed.")
            assert.lengthOf(said, 1)
            assert.include(said[0], file)
          })
        )
      )

      it.effect(`ends the program if onError is fail (${file})`, () =>
        inFolder(() =>
          Effect.gen(function* () {
            const defect = yield* defectOf(on(recording(file, script, { onError: "fail" }), program()))
            assert.instanceOf(defect, Cassette.CassetteError)
            assert.include(String(defect), "cannot be written")
          })
        )
      )
    }
  })
})

describe("H24 a cassette that is a link", () => {
  it.effect("H24 is not recorded through the link, at its end or on the way", () =>
    inFolder(({ path: folder }) =>
      Effect.gen(function* () {
        Fs.mkdirSync(`${folder}/outside`)
        Fs.writeFileSync(`${folder}/outside/a.jsonl`, "theirs")
        Fs.symlinkSync(`${folder}/outside/a.jsonl`, `${folder}/a.jsonl`)
        Fs.symlinkSync(`${folder}/outside`, `${folder}/cassettes`)
        for (const file of [`${folder}/a.jsonl`, `${folder}/cassettes/a.jsonl`]) {
          const { said } = yield* warnings(on(recording(file), program()))
          assert.lengthOf(said, 1)
          assert.include(said[0], "is a symbolic link")
        }
        assert.strictEqual(Fs.readFileSync(`${folder}/outside/a.jsonl`, "utf8"), "theirs")
      })
    )
  )

  it("H25 is not copied through a planted link before it is replaced", () => {
    const folder = Fs.realpathSync(Fs.mkdtempSync(join(tmpdir(), "cassette-")))
    try {
      Fs.writeFileSync(`${folder}/outside`, "theirs")
      Fs.symlinkSync(`${folder}/outside`, `${folder}/a.jsonl.corrupt`)
      assert.strictEqual(
        CassetteFile.keepCopy(`${folder}/a.jsonl`, Buffer.from("ours")),
        `${folder}/a.jsonl.corrupt`
      )
      assert.strictEqual(Fs.readFileSync(`${folder}/outside`, "utf8"), "theirs")
      assert.strictEqual(Fs.readFileSync(`${folder}/a.jsonl.corrupt`, "utf8"), "ours")
    } finally {
      Fs.rmSync(folder, { recursive: true })
    }
  })
})

describe("F33 an incomplete cassette is refused", () => {
  const refusal = (file: string) =>
    on(Cassette.replay(file), program()).pipe(
      Effect.provide(Layer.empty),
      Effect.flip,
      Effect.map((error) => {
        assert.instanceOf(error, Cassette.CassetteError)
        return error as Cassette.CassetteError
      })
    )

  it.effect("with its line and a copy, wherever the file is cut off", () =>
    inFolder(({ fs, path, read }) =>
      Effect.gen(function* () {
        const file = `${path}/a.jsonl`
        yield* on(recording(file), program())
        const text = yield* read("a.jsonl")
        const cuts = new Set([0, 1, text.length - 1])
        for (let i = text.indexOf("\n"); i >= 0; i = text.indexOf("\n", i + 1)) {
          if (i + 1 < text.length) cuts.add(i + 1)
          cuts.add(i - 3)
        }
        for (const cut of cuts) {
          const left = text.slice(0, cut)
          yield* fs.writeFileString(file, left)
          const error = yield* refusal(file)
          assert.strictEqual(error.reason, "Corrupt", String(cut))
          assert.strictEqual(error.line, left === "" ? 1 : left.split("\n").length, String(cut))
          assert.include(error.message, `${file}.corrupt`)
          assert.strictEqual(yield* read("a.jsonl.corrupt"), left)
        }
      })
    )
  )

  it.effect("when a line is missing, duplicated or in the wrong place", () =>
    inFolder(({ fs, path, read }) =>
      Effect.gen(function* () {
        const file = `${path}/a.jsonl`
        yield* on(recording(file), program())
        const lines = linesOf(yield* read("a.jsonl"))
        const tagAt = (tag: string) => lines.findIndex((line) => line.startsWith(`{"_tag":"${tag}"`))
        const changed = [
          lines.toSpliced(tagAt("Ended"), 1),
          lines.toSpliced(tagAt("Turn"), 1),
          lines.toSpliced(0, 1),
          [...lines, lines.at(-1) ?? ""],
          lines.with(2, '{"_tag":"Event","event":{"_tag":"TurnStarted"}}'),
          lines.with(2, "null")
        ]
        for (const some of changed) {
          yield* fs.writeFileString(file, `${some.join("\n")}\n`)
          assert.strictEqual((yield* refusal(file)).reason, "Corrupt")
        }
        yield* fs.writeFile(file, Uint8Array.of(0x7b, 0xff, 0xfe))
        assert.strictEqual((yield* refusal(file)).reason, "Corrupt")
      })
    )
  )

  it.effect("when the first or the last turn is missing", () =>
    inFolder(({ fs, path, read }) =>
      Effect.gen(function* () {
        const file = `${path}/a.jsonl`
        yield* on(recording(file), program())
        const lines = linesOf(yield* read("a.jsonl"))
        const starts = lines.flatMap((line, index) => (line.startsWith('{"_tag":"Turn"') ? [index] : []))
        const ends = lines.flatMap((line, index) => (line.startsWith('{"_tag":"Ended"') ? [index] : []))
        assert.lengthOf(starts, 2)
        for (const [turn, start] of starts.entries()) {
          const left = lines.toSpliced(start, (ends[turn] ?? 0) - start + 1)
          yield* fs.writeFileString(file, `${left.join("\n")}\n`)
          const error = yield* refusal(file)
          assert.deepStrictEqual([error.reason, error.line], ["Corrupt", left.length])
        }
      })
    )
  )

  it.effect("or read with all its turns, for any flipped bit", () =>
    inFolder(({ path, read }) =>
      Effect.gen(function* () {
        yield* on(recording(`${path}/a.jsonl`), program())
        const bytes = Buffer.from(yield* read("a.jsonl"))
        let refused = 0
        for (let i = 0; i < bytes.length; i += 5) {
          const flipped = Buffer.from(bytes)
          flipped[i] = (flipped[i] ?? 0) ^ (1 << (i % 8))
          const parsed = CassetteFormat.parse("a.jsonl", flipped)
          if (parsed._tag === "CassetteError") refused++
          else assert.strictEqual(parsed.turns.length, 2)
        }
        assert.isAbove(refused, bytes.length / 20)
      })
    )
  )

  it.effect("with instructions, for another format version", () =>
    inFolder(({ fs, path, read }) =>
      Effect.gen(function* () {
        const file = `${path}/a.jsonl`
        yield* on(recording(file), program())
        yield* fs.writeFileString(file, (yield* read("a.jsonl")).replace('"version":2', '"version":3'))
        const error = yield* refusal(file)
        assert.strictEqual(error.reason, "UnsupportedVersion")
        assert.include(error.message, "format version 3")
        assert.include(error.message, "record it again")
        assert.isFalse(yield* fs.exists(`${file}.corrupt`))
      })
    )
  )

  it.effect("when it does not exist", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        assert.strictEqual((yield* refusal(`${path}/none.jsonl`)).reason, "Unreadable")
        yield* TestClock.adjust(0)
      })
    )
  )
})
