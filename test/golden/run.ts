/** Runs a scenario on the real Codex to record its transcript, or on the transcript to check it. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import * as Schema from "effect/Schema"
import { fileURLToPath } from "node:url"
import * as Approval from "../../src/Approval.ts"
import * as AppServer from "../../src/engine/AppServer.ts"
import { Codex } from "../../src/Codex.ts"
import { mergeText } from "./merge.ts"
import * as Captured from "../../src/testing/Captured.ts"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import * as CodexHome from "../support/codexHome.ts"
import * as RealCodex from "../support/realCodex.ts"
import type { Scenario } from "./scenarios.ts"
import { isAnswer, type Line, normalizer, type Places } from "./wire.ts"

const child = (name: string) => fileURLToPath(new URL(`./${name}.ts`, import.meta.url))
const repository = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "")

/** Writes an executable that runs a node script with these arguments followed by its own. */
const executable = Effect.fnUntraced(function* (folder: string, script: string, args: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const path = (yield* Path.Path).join(folder, "codex")
  const words = [process.execPath, "--no-warnings", child(script), ...args].map((word) => `"${word}"`)
  yield* fs.writeFileString(path, `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`, { mode: 0o755 })
  return path
})

const temporary = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  return yield* Effect.flatMap(fs.makeTempDirectoryScoped({ prefix: "effect-codex-golden-" }), fs.realPath)
})

/** Makes a directory whose name is the same in every run, because Codex uses it in diffs. */
const workspaceIn = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const workspace = (yield* Path.Path).join(folder, "workspace")
  yield* fs.makeDirectory(workspace)
  return workspace
})

/** Messages after Codex's last reply may be missing, because its input ends then. */
const untilLastAnswer = (lines: ReadonlyArray<Line>): ReadonlyArray<Line> =>
  lines.slice(0, lines.findLastIndex((line) => ">" in line && isAnswer(line[">"])) + 1)

/** The events, the results and the spans of a run. */
const result = (scenario: Scenario, workspace: string, codexPath: string, env: Record<string, string>) =>
  Effect.gen(function* () {
    const value = yield* scenario
      .program(workspace)
      .pipe(
        Effect.scoped,
        Effect.provide(
          Layer.fresh(Codex.layer).pipe(Layer.provideMerge(AppServer.layerOptions({ codexPath, env })))
        )
      )
    return { value, spans: (yield* Captured.tree).split("\n") }
  }).pipe(Effect.provide(Layer.fresh(Captured.layer)))

const common: Places = [
  [repository, "<repository>"],
  [process.execPath, "<node>"]
]

/** Fields that differ by run or machine. Where paths lead is a fact of the machine. */
const volatile = new Set(["at", "durationMillis", "time", "resolved"])

const isRequest = Schema.is(Approval.ApprovalRequest)
const isDecision = Schema.is(Approval.ApprovalDecision)
const encodeRequest = Schema.encodeSync(Approval.ApprovalRequest)
const encodeDecision = Schema.encodeSync(Approval.ApprovalDecision)

/** Returns a request or a decision in its encoded form, which keeps its names. */
const encoded = (value: unknown): unknown => {
  if (isRequest(value)) return encodeRequest(value)
  return isDecision(value) ? encodeDecision(value) : value
}

/** Returns the run as JSON, without times and with merged text deltas. */
const normalized = (normal: (value: unknown) => unknown, value: unknown): unknown => {
  const json: unknown = JSON.parse(
    JSON.stringify(value, (key, inner: unknown) => (volatile.has(key) ? undefined : encoded(inner)))
  )
  return normal(mergeText(json))
}

/** Runs a scenario on the real Codex. Returns the lines of the wire and the result. */
export const record = Effect.fnUntraced(function* (scenario: Scenario) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const server = yield* ModelServer.make(scenario.script)
  const env = yield* CodexHome.make(server, { config: scenario.config })
  const folder = yield* temporary
  const workspace = yield* workspaceIn(folder)
  const transcript = path.join(folder, "transcript.jsonl")
  yield* fs.writeFileString(transcript, "")
  const codexPath = yield* executable(folder, "tee", [
    transcript,
    RealCodex.command,
    ...RealCodex.launcherArgs
  ])
  const seen = yield* result(scenario, workspace, codexPath, env)
  const unexpected = yield* server.unexpected
  if (unexpected.length > 0) return yield* Effect.die(new Error(unexpected.join("; ")))
  const places: Places = [
    [workspace, "<workspace>"],
    [env.HOME, "<home>"],
    [path.basename(folder), "<folder>"],
    ...common
  ]
  const normal = normalizer(places)
  const lines = (yield* fs.readFileString(transcript))
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Line => {
      const parsed: Line = JSON.parse(line)
      return ">" in parsed ? { ">": normal(parsed[">"]) } : { "<": normal(parsed["<"]) }
    })
  return { lines: untilLastAnswer(lines), result: normalized(normal, seen) }
})

/** Runs a scenario on a transcript. Returns the result and the differences from the recorded lines. */
export const replay = Effect.fnUntraced(function* (scenario: Scenario, transcript: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = yield* temporary
  const workspace = yield* workspaceIn(folder)
  const places: Places = [
    [workspace, "<workspace>"],
    [folder, "<home>"],
    [path.basename(folder), "<folder>"],
    ...common
  ]
  yield* fs.writeFileString(path.join(folder, "places.json"), JSON.stringify(places))
  const differences = path.join(folder, "differences.jsonl")
  yield* fs.writeFileString(differences, "")
  const codexPath = yield* executable(folder, "player", [
    transcript,
    path.join(folder, "places.json"),
    differences
  ])
  const seen = yield* result(scenario, workspace, codexPath, { HOME: folder, CODEX_HOME: folder })
  return {
    result: normalized(normalizer(places), seen),
    differences: (yield* fs.readFileString(differences)).split("\n").filter((line) => line !== "")
  }
})
