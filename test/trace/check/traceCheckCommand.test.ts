/** `effect-codex trace check`, on what the file exporter writes of turns. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import { spawnSync } from "node:child_process"
import { Codex, CodexError, File, Settings } from "effect-codex"
import { Scripted } from "effect-codex/testing"
import { bundle } from "../../support/bundle.ts"
import { test } from "../../support/live.ts"

const main = new URL("../../../src/cli/main.ts", import.meta.url)

const check = (...args: ReadonlyArray<string>) => {
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    ["--no-warnings", bundle(main), "trace", "check", ...args],
    { encoding: "utf8" }
  )
  return { status, stderr, lines: stdout.split("\n").filter((line) => line !== "") }
}

/** The files of traces, metrics and logs of two turns, one of which fails. */
const written = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-check-" })
  yield* Effect.gen(function* () {
    yield* Scripted.play([
      Scripted.command("npm test", { exitCode: 1 }),
      Scripted.message("ok"),
      Scripted.completed
    ])
    yield* Scripted.play([Scripted.failed(new CodexError.TurnFailed({ reason: "ServerError", detail: "" }))])
    const codex = yield* Codex
    const thread = yield* codex.startThread()
    yield* thread.run("go")
    yield* Effect.ignore(thread.run("go on"))
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Layer.fresh(Codex.layer).pipe(
        Layer.provideMerge(Layer.fresh(Scripted.layer)),
        Layer.provideMerge(Layer.fresh(File.layer({ path: `${folder}/traces.json` }))),
        Layer.provide(Layer.succeed(Settings.Environment, {}))
      )
    )
  )
  return ["traces", "metrics", "logs"].map((signal) => `${folder}/${signal}.json`)
})

test("finds nothing in the files of all signals, and exits with 0", () =>
  Effect.gen(function* () {
    const files = yield* written
    const { lines, status, stderr } = check("--semconv", "latest", ...files)
    assert.deepStrictEqual([lines.filter((line) => line.startsWith("violation")), status], [[], 0], stderr)
    const [, spans, series, records] =
      /^(\d+) spans, (\d+) metric series, (\d+) records: 0 violations/.exec(stderr) ?? []
    assert.isAbove(Number(spans), 6)
    assert.isAbove(Number(series), 6)
    assert.isAbove(Number(records), 3)
  }))

test("prints violations to stdout as text or JSON, and exits with 1", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const [traces = "", metrics = "", logs = ""] = yield* written
    const doctor = Effect.fnUntraced(function* (file: string, found: string, by: string) {
      const text = yield* fs.readFileString(file)
      assert.include(text, found)
      yield* fs.writeFileString(file, text.replaceAll(found, by))
    })
    yield* doctor(traces, '"codex.turn.status"', '"codex.turn.state"')
    yield* doctor(metrics, '"unit":"{tool_call}"', '"unit":"1"')
    yield* doctor(logs, '"eventName":"codex.turn.stop"', '"eventName":"codex.turn.over"')
    const { lines, status, stderr } = check(traces, metrics, logs)
    assert.strictEqual(status, 1)
    for (const line of [
      'violation  span "invoke_agent codex": codex.turn.state is not in the convention [unknownAttribute] (2 times)',
      'violation  span "invoke_agent codex": codex.turn.status is missing [missingAttribute] (2 times)',
      'violation  metric "gen_ai.invoke_agent.tool_calls": the unit is "1"; expected "{tool_call}" [unit]',
      'violation  log "codex.turn.over": codex.turn.over is not in the convention [unknownRecord]'
    ])
      assert.include(lines, line)
    assert.match(stderr, /6 violations/)
    const json = check("--json", traces)
    assert.strictEqual(json.status, 1)
    const found = json.lines.map((line): unknown => JSON.parse(line))
    assert.isTrue(found.some((one) => Predicate.hasProperty(one, "level") && one.level === "violation"))
  }))

test("rejects invalid OTLP JSON by its line, and missing files", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const [traces = ""] = yield* written
    yield* fs.writeFileString(traces, `${yield* fs.readFileString(traces)}{"half": \n[]\n{"other":1}\n`)
    const { status, stderr } = check(traces)
    assert.strictEqual(status, 1)
    assert.strictEqual(stderr.match(/not a line of OTLP JSON/g)?.length, 3)
    const missing = check("/nowhere/x.json")
    assert.strictEqual(missing.status, 2)
    assert.include(missing.stderr, 'cannot read "/nowhere/x.json"')
    assert.strictEqual(check().status, 2)
  }))

it("prints its help", () => {
  const { lines, status } = check("--help")
  assert.strictEqual(status, 0)
  for (const word of ["--json", "--semconv", "--content", "exit code 1"])
    assert.include(lines.join("\n"), word)
})
