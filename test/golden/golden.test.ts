import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Predicate from "effect/Predicate"
import { readdirSync, readFileSync } from "node:fs"
import { test } from "../support/live.ts"
import * as Golden from "./files.ts"
import { replay } from "./run.ts"
import { scenarios } from "./scenarios.ts"
import { canonical, type Line, normalizer } from "./wire.ts"

const versions = readdirSync(Golden.root, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : []
)
const parse = (text: string): unknown => JSON.parse(text)

/** Replays a changed transcript. Returns its result and the recorded result. */
const doctored = Effect.fnUntraced(function* (name: string, change: (line: unknown) => unknown) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* fs.readFileString(Golden.fileOf(name))
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-doctored-" })
  const lines = text.split("\n").filter((line) => /^\{"[<>]"/.test(line))
  const changed = lines.map((line) =>
    [change(parse(line))]
      .flat()
      .map((one) => `${JSON.stringify(one)}\n`)
      .join("")
  )
  yield* fs.writeFileString(`${folder}/transcript.jsonl`, changed.join(""))
  const make = scenarios[name]
  if (make === undefined) return yield* Effect.die(new Error(`no scenario ${name}`))
  return { ...(yield* replay(make(), `${folder}/transcript.jsonl`)), expected: Golden.resultOf(text) }
})

/** Fields whose values pass through unchanged, so that an added field would change the result. */
const passedThrough = new Set(["arguments", "result"])

const isSaid = (line: unknown, by: "<" | ">") => Predicate.hasProperty(line, by)

const extended = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(extended)
  if (!Predicate.isObject(value)) return value
  const fields = Object.entries(value).map(([key, inner]) => [
    key,
    passedThrough.has(key) ? inner : extended(inner)
  ])
  return { ...Object.fromEntries(fields), aFieldFromTheFuture: { of: ["any", 1, null] } }
}

/** Extends a line as a newer Codex might, and adds lines that it might send. */
const inflate = (line: unknown): unknown => {
  if (!Predicate.hasProperty(line, ">")) return line
  const said = line[">"]
  if (!Predicate.isObject(said)) return line
  const { method, params } = said
  // A repeated reply, and a reply to an unknown request.
  if (method === undefined) return [{ ">": extended(said) }, line, { ">": { id: 4711, result: {} } }]
  const complete = { ">": { ...said, params: extended(params) } }
  if (method !== "item/completed" || !Predicate.isObject(params)) return complete
  const { threadId, turnId } = params
  const of = { threadId, turnId, startedAtMs: 0, completedAtMs: 0 }
  return [
    complete,
    { ">": { method: "turn/dreamt", params: { ...of, dream: "sheep" } } },
    { ">": { method: "item/completed", params: { ...of, item: { type: "hologram", id: "h1", light: 3 } } } },
    { ">": { method: "world/ended", params: {} } },
    { ">": { method: "item/agentMessage/delta", params: { ...of, itemId: "m", delta: 7 } } }
  ]
}

/** Removes the events and items that pass through as `Unknown`. */
const withoutUnknown = (value: unknown): unknown => {
  const isUnknown = (one: unknown): boolean =>
    Predicate.hasProperty(one, "_tag") &&
    (one._tag === "Unknown" || (Predicate.hasProperty(one, "item") && isUnknown(one.item)))
  if (Array.isArray(value)) return value.filter((one) => !isUnknown(one)).map(withoutUnknown)
  if (!Predicate.isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutUnknown(inner)]))
}

describe("a transcript of the real Codex", () => {
  it("exists for the installed version", () => assert.include(versions, Golden.version))

  for (const version of versions) {
    for (const [name, make] of Object.entries(scenarios)) {
      test(`produces the recorded events and result: ${name} (${version})`, () =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const file = Golden.fileOf(name, version)
          const replayed = yield* replay(make(), file)
          assert.deepStrictEqual(replayed.differences, [])
          const expected = Golden.resultOf(yield* fs.readFileString(file))
          assert.deepStrictEqual(parse(canonical(replayed.result)), parse(canonical(expected)))
        }))
    }
  }

  test("fails when this library sends something else", () =>
    Effect.gen(function* () {
      const replayed = yield* doctored("message", (line) =>
        isSaid(line, "<") ? parse(JSON.stringify(line).replace("How is it?", "How was it?")) : line
      )
      assert.lengthOf(replayed.differences, 1)
      assert.include(replayed.differences[0], "How was it?")
    }))

  test("fails when Codex sends something else", () =>
    Effect.gen(function* () {
      const replayed = yield* doctored("message", (line) =>
        isSaid(line, ">") ? parse(JSON.stringify(line).replaceAll("summaryTextDelta", "summaryDelta")) : line
      )
      assert.notStrictEqual(canonical(replayed.result), canonical(replayed.expected))
    }))

  for (const name of ["message", "commands", "tools", "file-change"]) {
    test(`F24 F25 may contain unknown additions without losing anything: ${name}`, () =>
      Effect.gen(function* () {
        const replayed = yield* doctored(name, inflate)
        assert.deepStrictEqual(replayed.differences, [])
        const known = withoutUnknown(replayed.result)
        assert.notStrictEqual(canonical(known), canonical(replayed.result))
        assert.deepStrictEqual(parse(canonical(known)), parse(canonical(withoutUnknown(replayed.expected))))
      }))
  }

  it("contains every kind of item and no unknown one", () => {
    const kinds = new Set<string>()
    for (const name of Object.keys(scenarios)) {
      for (const [, kind] of readFileSync(Golden.fileOf(name), "utf8").matchAll(
        /\{"_tag":"([A-Z]\w+)","id"/g
      )) {
        kinds.add(kind ?? "")
      }
    }
    assert.sameMembers(
      [...kinds],
      [
        "UserMessage",
        "AgentMessage",
        "Reasoning",
        "CommandExecution",
        "FileChange",
        "ToolCall",
        "McpToolCall",
        "WebSearch",
        "ContextCompaction"
      ]
    )
  })

  it("contains nothing of the machine that recorded it", () => {
    for (const name of Object.keys(scenarios)) {
      const text = readFileSync(Golden.fileOf(name), "utf8")
      assert.notMatch(text, /\/tmp\/|\/root|\/home\/|127\.0\.0\.1:\d|MOCK_API_KEY/, name)
      const lines = text.split("\n").filter((line) => /^\{"[<>]"/.test(line))
      const normal = normalizer([])
      // Normalizing a second time changes nothing.
      for (const line of lines) {
        const said = JSON.parse(line) as Line
        const message = ">" in said ? said[">"] : said["<"]
        assert.strictEqual(canonical(normal(message)).length, canonical(message).length, name)
      }
    }
  })
})
