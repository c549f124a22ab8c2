/** Each row of docs/internals/parity.md names the tests that check it: each must exist, run and assert something. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import manifest from "../../package.json" with { type: "json" }
import { testsIn, testsInFile, type TestSource } from "../../scripts/testSources.ts"

interface Row {
  readonly section: string
  readonly requirement: string
  readonly provided: string
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
    const [, requirement = "", provided = "", tests = ""] = cells(line)
    return requirement === "requirement" || /^-+$/.test(requirement)
      ? []
      : [{ section, requirement, provided, tests: testsOf(tests) }]
  })
}

const read = (file: string) => FileSystem.FileSystem.use((fs) => fs.readFileString(file))
const rows = Effect.map(read("docs/internals/parity.md"), rowsOf)

describe("docs/internals/parity.md", () => {
  it.effect("names in each row tests that run and assert something, or says why there are none", () =>
    Effect.gen(function* () {
      const files = new Map<string, ReadonlyArray<TestSource>>()
      const problems: Array<string> = []
      for (const { provided, requirement, tests } of yield* rows) {
        // A test may check that something is left out on purpose; no test repeats a manual measurement.
        const isManual = /^manual\b/.test(provided)
        if (tests.length === 0 ? !/^(?:not provided|manual)\b[^:]*: ./.test(provided) : isManual) {
          problems.push(`"${requirement}" has ${tests.length} tests, and says: ${provided}`)
        }
        for (const { file, title } of tests) {
          const known = files.get(file) ?? testsInFile(file)
          files.set(file, known)
          const found = known.filter((test) => test.title === title)
          if (found.length === 0) problems.push(`"${requirement}": no test "${title}" in "${file}"`)
          else if (!found.every(({ asserts }) => asserts))
            problems.push(`"${requirement}": the test "${title}" in "${file}" asserts nothing`)
        }
      }
      assert.deepStrictEqual(problems, [])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("has no test of a fault that asserts nothing", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const files = (yield* fs.readDirectory("test", { recursive: true })).filter((file) =>
        file.endsWith(".test.ts")
      )
      const faults = files.flatMap((file) =>
        testsInFile(`test/${file}`).flatMap(({ asserts, title }) =>
          /^F\d\d\b/.test(title) ? [{ asserts, test: `${file} › ${title}` }] : []
        )
      )
      assert.isAbove(faults.length, 50)
      assert.deepStrictEqual(
        faults.filter(({ asserts }) => !asserts),
        []
      )
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("has a section for each design note, and no duplicate row", () =>
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
          "The whole of Codex",
          "Faults of the Elixir SDK's telemetry"
        ]
      )
      for (const [section, found] of sections) assert.isAbove(found.length, 15, section)
      const lines = (yield* read("docs/internals/parity.md"))
        .split("\n")
        .filter((line) => line.startsWith("| "))
      const keys = lines.map(cells).map((row) => row.slice(0, 3).join(": "))
      const headers = keys.filter((line) => /^(?:section:|-)/.test(line))
      assert.strictEqual(new Set(keys).size, keys.length - headers.length + new Set(headers).size)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("names only files and scripts that exist", () =>
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

  it.effect("has a README that says how to turn telemetry on", () =>
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

  it("finds the titles of tests that run, and leaves out skipped tests and comments", () => {
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
    assert.deepStrictEqual(
      testsIn(source).map(({ title }) => title),
      ["runs", "spans lines", "of ${each}", "may run"]
    )
  })

  it("finds tests that assert nothing, themselves or through a helper", () => {
    const source = [
      'import * as F from "./fixtures.ts"',
      "const check = (value: number) => {",
      "  assert.strictEqual(value, 1)",
      "}",
      "const checkTwice = (value: number) => [check(value), check(value)]",
      "const add = (value: number) => value + 1",
      'describe("a group", () => {',
      '  it("asserts", () => {',
      "    assert.isTrue(true)",
      "  })",
      "",
      '  it("asserts by a helper", () => {',
      "    checkTwice(1)",
      "  })",
      "",
      '  it("asserts by a helper of another file", () => F.refused())',
      "",
      '  it("calls a helper that asserts nothing", () => add(1))',
      "",
      '  it("is empty: assert.isTrue(true)", () => {})',
      "",
      '  it("runs a program of several lines", () => {',
      "    run(`",
      "assert.isTrue(true)",
      "`)",
      "  })",
      "",
      '  it("comes before a test that asserts", () => {',
      "    // assert.isTrue(true)",
      "  })",
      '  it("asserts on the next line", () => {',
      "    expect(1).toBe(1)",
      "  })",
      "})"
    ].join("\n")
    assert.deepStrictEqual(
      testsIn(source, new Set(["refused"]))
        .filter(({ asserts }) => !asserts)
        .map(({ title }) => title),
      [
        "calls a helper that asserts nothing",
        "is empty: assert.isTrue(true)",
        "runs a program of several lines",
        "comes before a test that asserts"
      ]
    )
  })
})
