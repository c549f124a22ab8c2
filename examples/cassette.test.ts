/**
 * Tests a program against a recording of the real Codex: without Codex, without a model, on the test's clock.
 *
 * RECORD=1 npx vitest run examples/cassette.test.ts   # records again, with your login
 */
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { AppServer, Codex } from "effect-codex"
import { Cassette } from "effect-codex/testing"
import { tmpdir } from "node:os"
import { fileURLToPath } from "node:url"

const Triage = Schema.Struct({ priority: Schema.Literals(["low", "high"]), summary: Schema.String })

// The program under test: your own code.
const triage = Effect.fn("triage")(function* (report: string) {
  const codex = yield* Codex
  const thread = yield* codex.startThread({ cwd: tmpdir(), sandbox: "read-only" })
  const turn = yield* thread.run(`Triage this report: ${report}`, { output: Triage })
  return turn.output
}, Effect.scoped)

const file = fileURLToPath(new URL("cassettes/triage.jsonl", import.meta.url))
const isRecording = process.env["RECORD"] !== undefined
const engine = isRecording
  ? Cassette.record(file, { onError: "fail" }).pipe(Layer.provide(AppServer.layer))
  : Cassette.replay(file)

// The real Codex needs real time. A replay advances the clock of the test by itself.
const test = isRecording ? it.live : it.effect

test("triages a failing build as urgent", () =>
  Effect.gen(function* () {
    const { priority } = yield* triage("the build of main fails")
    assert.strictEqual(priority, "high")
  }).pipe(Effect.provide(Codex.layer.pipe(Layer.provide(engine)))))
