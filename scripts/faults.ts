/**
 * The faults that the runtime must survive. The titles of their tests start with the id of the fault. Runs exactly these
 * tests and prints a line for each row; exits with 1 unless all of them pass.
 *
 *     node scripts/faults.ts [F01 F42 ...] [--list] [--results REPORT.json]...
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { idsOf, rows } from "./faults/rows.ts"
import { parseArguments } from "./scriptArguments.ts"
import { testsInFile } from "./testSources.ts"

interface Found {
  readonly title: string
  readonly status: string
  readonly file: string
}

interface Report {
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly message: string
    readonly assertionResults: ReadonlyArray<{
      readonly fullName: string
      readonly title: string
      readonly status: string
      readonly failureMessages: ReadonlyArray<string>
    }>
  }>
}

const root = fileURLToPath(new URL("..", import.meta.url))

/** Returns the test files that mention one of these rows. */
const filesOf = (ids: ReadonlySet<string>): ReadonlyArray<string> =>
  ["test", "examples"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".test.ts"))
      .map((name) => join(folder, name))
      .filter((name) =>
        (readFileSync(join(root, name), "utf8").match(/\bF\d\d\b/g) ?? []).some((id) => ids.has(id))
      )
  )

/** Whether a title could come from this template, whose `${…}` stands for any text. */
const isFrom = (template: string, title: string): boolean =>
  new RegExp(
    `^${template
      .split(/\$\{[^}]*\}/)
      .map((part) => part.replaceAll(/[$()*+.?[\\\]^{|}]/g, "\\$&"))
      .join(".*")}$`,
    "s"
  ).test(title)

/** Whether the test with this title asserts nothing. An empty test passes, and checks no row. */
const isEmpty = (file: string, title: string): boolean => {
  const sources = testsInFile(join(root, file)).filter((test) => isFrom(test.title, title))
  return sources.length > 0 && sources.every(({ asserts }) => !asserts)
}

/** Returns the tests that a report of vitest lists as passed or failed. A test that asserts nothing has failed. */
const foundIn = (path: string): ReadonlyArray<Found> => {
  const report: Report = JSON.parse(readFileSync(path, "utf8"))
  return report.testResults.flatMap(({ assertionResults, message, name }) => {
    const file = name.slice(root.length)
    // A file that cannot be loaded has no tests, and must not look like a file without tests of this row.
    if (assertionResults.length === 0) process.stderr.write(`${file} did not run: ${message}\n`)
    return assertionResults
      .filter(({ status }) => status === "passed" || status === "failed")
      .map(({ failureMessages, fullName, status, title }) => {
        const empty = isEmpty(file, title)
        if (empty) process.stderr.write(`${file} › ${title}\n  asserts nothing\n`)
        if (status === "failed") process.stderr.write(`${file} › ${title}\n  ${failureMessages[0] ?? ""}\n`)
        // The title of the group may have the id instead of the title of the test.
        return { title: idsOf(title).length > 0 ? title : fullName, status: empty ? "failed" : status, file }
      })
  })
}

const runTests = (files: ReadonlyArray<string>, ids: ReadonlySet<string>): ReadonlyArray<Found> => {
  const folder = mkdtempSync(join(tmpdir(), "effect-codex-faults-"))
  const output = join(folder, "report.json")
  const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs")
  const pattern = `\\b(?:${[...ids].join("|")})\\b`
  const more = ["--reporter=json", `--outputFile=${output}`, "--passWithNoTests"]
  const { status, stderr } = spawnSync(
    process.execPath,
    ["--no-warnings", vitest, "run", ...files, "-t", pattern, ...more],
    { cwd: root, encoding: "utf8", maxBuffer: 1 << 28 }
  )
  try {
    return foundIn(output)
  } catch {
    process.stderr.write(`vitest ended with ${status} and without a report\n${stderr}\n`)
    return []
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const { positionals, values } = parseArguments(
  `Runs the tests of the rows of faults, and prints which row has a test that passes.

Usage: npm run faults -- [ROW...] [options]

  --list            print the title of each test too
  --results FILE    read the report of a run of all tests (vitest run --reporter=json) instead of running them;
                    repeat it for several reports`,
  {
    allowPositionals: true,
    options: { list: { type: "boolean", default: false }, results: { type: "string", multiple: true } }
  }
)

const strange = positionals.filter((id) => rows[id] === undefined)
if (strange.length > 0) {
  process.stderr.write(`no row ${strange.join(", ")}; there are ${Object.keys(rows).join(", ")}\n`)
  process.exit(2)
}
const wanted = new Set(positionals.length === 0 ? Object.keys(rows) : positionals)
const found =
  values.results === undefined ? runTests(filesOf(wanted), wanted) : values.results.flatMap(foundIn)

let passed = 0
for (const id of wanted) {
  const own = found.filter(({ title }) => idsOf(title).includes(id))
  const state = own.length === 0 ? "absent" : own.every(({ status }) => status === "passed") ? "pass" : "fail"
  if (state === "pass") passed++
  process.stdout.write(`${id} ${state} ${rows[id]} (${own.length} ${own.length === 1 ? "test" : "tests"})\n`)
  if (values.list)
    for (const { file, status, title } of own) process.stdout.write(`      ${status} ${file} › ${title}\n`)
}
process.stdout.write(`\n${passed} of ${wanted.size} rows pass\n`)
if (passed < wanted.size) process.exitCode = 1
