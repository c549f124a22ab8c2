/** docs/internals/parity.md says of every row which test holds it: each of them must be there, under that very title. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import manifest from "../../package.json" with { type: "json" }

interface Row {
  readonly section: string
  readonly asked: string
  readonly here: string
  readonly tests: ReadonlyArray<{ readonly file: string; readonly title: string }>
}

/** The cells of a row, whose own bars are escaped. */
const cells = (line: string): ReadonlyArray<string> =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll("\\|", "|"))

const testsOf = (cell: string): Row["tests"] =>
  cell === "-"
    ? []
    : cell.split("<br>").map((part) => {
        const [, file = "", title = ""] = /^`(\S+\.test\.ts) › (.+)`$/s.exec(part) ?? []
        return { file, title: file === "" ? part : title }
      })

const rowsOf = (text: string): ReadonlyArray<Row> => {
  let section = ""
  return text.split("\n").flatMap((line) => {
    if (line.startsWith("## ")) section = line.slice(3)
    if (!line.startsWith("|")) return []
    const [, asked = "", here = "", held = ""] = cells(line)
    return asked === "asked" || /^-+$/.test(asked) ? [] : [{ section, asked, here, tests: testsOf(held) }]
  })
}

// `it("…")`, `it.effect("…")`, `it.live.skipIf(x)(\`…\`)`, and the names that files give to these.
const titled = /\b(?:it|test|live)((?:\.\w+)*)(?:\([^()]*\))?\(\s*(["'`])((?:\\.|(?!\2).)*)\2/gs

/** The titles of the tests that a source has and runs, templates as they are written. */
const titlesOf = (source: string): ReadonlySet<string> =>
  new Set(
    [...source.replaceAll(/^\s*\/\/.*$|\/\*[\s\S]*?\*\//gm, "").matchAll(titled)]
      .filter(([, modifiers = ""]) => !/\.(?:skip|todo|fails)\b/.test(modifiers))
      .map(([, , , title = ""]) => title.replaceAll(/\\(["'`])/g, "$1"))
  )

const read = (file: string) => FileSystem.FileSystem.use((fs) => fs.readFileString(file))
const rows = Effect.map(read("docs/internals/parity.md"), rowsOf)

describe("docs/internals/parity.md", () => {
  it.effect("every row names tests that exist, or says that there are none", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const titles = new Map<string, ReadonlySet<string>>()
      const missing: Array<string> = []
      for (const { asked, here, tests } of yield* rows) {
        // What is not there on purpose may be held by a test as well, what is done by hand is not.
        if (tests.length === 0 ? !/^(?:not here|by hand)\b[^:]*: ./.test(here) : /^by hand\b/.test(here)) {
          missing.push(`"${asked}" has ${tests.length} tests, and says: ${here}`)
        }
        for (const { file, title } of tests) {
          if (!titles.has(file)) {
            titles.set(file, titlesOf(yield* Effect.orElseSucceed(fs.readFileString(file), () => "")))
          }
          if (!titles.get(file)?.has(title)) missing.push(`"${asked}": no test "${title}" in "${file}"`)
        }
      }
      assert.deepStrictEqual(missing, [])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("has every design, and no line twice in one part of it", () =>
    Effect.gen(function* () {
      const all = yield* rows
      const sections = Map.groupBy(all, (row) => row.section)
      assert.deepStrictEqual(
        [...sections.keys()],
        [
          "The Elixir SDK's telemetry design",
          "Its timing note",
          "Its runbook",
          "The Codex CLI's OpenTelemetry design",
          "Faults of the Elixir SDK's telemetry"
        ]
      )
      for (const [section, found] of sections) assert.isAbove(found.length, 15, section)
      const lines = (yield* read("docs/internals/parity.md"))
        .split("\n")
        .filter((line) => line.startsWith("| "))
      const told = lines.map(cells).map(([where, asked, here]) => `${where}: ${asked}: ${here}`)
      const headers = told.filter((line) => /^(?:where:|-)/.test(line))
      assert.strictEqual(new Set(told).size, told.length - headers.length + new Set(headers).size)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("names files and scripts that are there", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      for (const page of ["docs/internals/parity.md", "docs/platforms.md", "docs/telemetry.md"]) {
        const text = yield* read(page)
        for (const [, link = ""] of text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
          assert.isTrue(yield* fs.exists(path.join(path.dirname(page), link)), `${page}: ${link}`)
        }
        for (const [, script = ""] of text.matchAll(/`npm run ([\w:]+)/g))
          assert.property(manifest.scripts, script)
        for (const [, file = ""] of text.matchAll(
          /`(?:node )?((?:bench|examples|scripts|src|test)\/[\w./-]+)`/g
        )) {
          assert.isTrue(yield* fs.exists(file), `${page}: ${file}`)
        }
      }
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("the README says how telemetry is turned on", () =>
    Effect.gen(function* () {
      const readme = yield* read("README.md")
      for (const word of [
        "OtlpLayer",
        "CODEX_OTLP_ENABLE=1",
        "CODEX_OTLP_ENDPOINT=",
        "CODEX_OTLP_HEADERS="
      ]) {
        assert.include(readme, word)
      }
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it("knows titles that are not run, or only spoken of", () => {
    const source = [
      'it("runs", () => {})',
      'it.effect.prop(\n  "spans lines",\n [])',
      "test(`of ${each}`, () => {})",
      'it.live.skipIf(!here)("may run", () => {})',
      'it.skip("is skipped", () => {})',
      '// it("is gone", () => {})',
      '/* it("is gone, too", () => {}) */',
      'describe("a group", () => {})'
    ].join("\n")
    assert.deepStrictEqual([...titlesOf(source)], ["runs", "spans lines", "of ${each}", "may run"])
  })
})
