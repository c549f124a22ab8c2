/**
 * Changes critical code in one small place at a time and expects a named test to fail.
 *
 *     node scripts/mutants.ts [--only TEXT] [--workers N] [--list]
 *
 * Works on copies of the repository in the temporary directory, one for each worker. Runs the named tests alone: first
 * without a mutant, then each with its mutant. Exits with 1 if a mutant survives, if a named test does not exist or fails
 * without the mutant, or if a mutant no longer fits the code.
 */
import { spawn } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"
import { apply, type Mutant } from "./mutants/Mutant.ts"
import { mutants as all } from "./mutants/index.ts"
import { parseArguments } from "./scriptArguments.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const omitted = new Set([".git", "node_modules", "dist", "coverage"])

const { values } = parseArguments(
  `Changes critical code in one place at a time and expects a named test to fail. Exits with 1 if a mutant survives.

Usage: npm run mutants -- [options]

  --only TEXT    only mutants whose file, change or test contains the text
  --workers N    how many mutants run at once; default: the number of cores
  --list         print the mutants and run nothing`,
  { options: { only: { type: "string" }, workers: { type: "string" }, list: { type: "boolean" } } }
)
const nameOf = ({ file, mutated, original }: Mutant): string =>
  `${file}: ${JSON.stringify(original)} -> ${JSON.stringify(mutated)}`
const mutants = all.filter((mutant) =>
  `${nameOf(mutant)} ${mutant.test.file} ${mutant.test.title}`.includes(values.only ?? "")
)

if (values.list === true) {
  for (const mutant of mutants) console.log(nameOf(mutant))
  process.exit(0)
}

const copies: Array<string> = []
const children = new Set<ReturnType<typeof spawn>>()
const clean = () => {
  for (const child of children) child.kill("SIGTERM")
  for (const copy of copies) rmSync(copy, { recursive: true, force: true })
}
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    clean()
    process.exit(130)
  })

const makeCopy = (): void => {
  const copy = mkdtempSync(join(tmpdir(), "mutants-"))
  copies.push(copy)
  cpSync(root, copy, { recursive: true, filter: (path) => !omitted.has(basename(path)) })
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"))
}

interface Ran {
  readonly passed: ReadonlyArray<string>
  readonly failed: ReadonlyArray<string>
  readonly output: string
}

interface Report {
  readonly testResults: ReadonlyArray<{
    readonly message: string
    readonly assertionResults: ReadonlyArray<{ readonly fullName: string; readonly status: string }>
  }>
}

const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")

/** Runs the tests of a file with one of the titles. A file that cannot be loaded counts as a failed test. */
const runTests = (copy: string, file: string, titles: ReadonlyArray<string>): Promise<Ran> =>
  new Promise((resolve) => {
    const report = join(copy, "mutants-report.json")
    rmSync(report, { force: true })
    const child = spawn(
      process.execPath,
      [
        "node_modules/vitest/vitest.mjs",
        "run",
        file,
        "-t",
        `(?:^| )(?:${titles.map(escape).join("|")})$`,
        "--maxWorkers=1",
        "--reporter=json",
        `--outputFile=${report}`
      ],
      { cwd: copy, stdio: ["ignore", "pipe", "pipe"] }
    )
    children.add(child)
    let output = ""
    child.stdout.on("data", (data: Buffer) => (output += data.toString()))
    child.stderr.on("data", (data: Buffer) => (output += data.toString()))
    const timer = setTimeout(() => child.kill("SIGKILL"), 120_000)
    child.on("close", () => {
      clearTimeout(timer)
      children.delete(child)
      try {
        const parsed: Report = JSON.parse(readFileSync(report, "utf8"))
        const results = parsed.testResults.flatMap(({ assertionResults }) => assertionResults)
        const named = (status: string) =>
          results.flatMap((result) => (result.status === status ? [result.fullName] : []))
        const broken = parsed.testResults.flatMap(({ assertionResults, message }) =>
          assertionResults.length === 0 ? [message] : []
        )
        resolve({ passed: named("passed"), failed: [...named("failed"), ...broken], output })
      } catch {
        // Without a report the run was ended by its time limit: the mutant made the test hang.
        resolve({ passed: [], failed: ["no report: the tests did not end in time"], output })
      }
    })
  })

const failures: Array<string> = []
let killed = 0

/** Checks that the named tests of a file exist and pass without a mutant. */
const control = async (copy: string, file: string, titles: ReadonlyArray<string>): Promise<void> => {
  const { failed, output, passed } = await runTests(copy, file, titles)
  for (const title of titles) {
    if (failed.some((name) => name.endsWith(title)))
      failures.push(`${file} › ${title}: fails without a mutant`)
    else if (!passed.some((name) => name.endsWith(title)))
      failures.push(`${file} › ${title}: no such test\n${[...failed, output.slice(-400)].join("\n")}`)
  }
  process.stderr.write(`control ${file}: ${passed.length} passed, ${failed.length} failed\n`)
}

const tryMutant = async (copy: string, mutant: Mutant): Promise<void> => {
  const path = join(copy, mutant.file)
  const text = readFileSync(path, "utf8")
  try {
    writeFileSync(path, apply(text, mutant))
    const { failed } = await runTests(copy, mutant.test.file, [mutant.test.title])
    if (failed.length > 0) {
      killed++
      console.log(`killed    ${nameOf(mutant)}`)
    } else {
      failures.push(`survived  ${nameOf(mutant)} (${mutant.test.file} › ${mutant.test.title})`)
      console.log(`SURVIVED  ${nameOf(mutant)}`)
    }
  } catch (error) {
    failures.push(error instanceof Error ? error.message : String(error))
  } finally {
    writeFileSync(path, text)
  }
}

/** Takes every element of a list once, with one element at a time for each copy. */
const inEachCopy = async <A>(list: ReadonlyArray<A>, run: (copy: string, element: A) => Promise<void>) => {
  const waiting = [...list]
  await Promise.all(
    copies.map(async (copy) => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await run(copy, next)
    })
  )
}

const workers = Math.max(1, Number(values.workers ?? Math.min(4, availableParallelism())))
try {
  for (let n = 0; n < workers; n++) makeCopy()
  const files = Map.groupBy(mutants, ({ test }) => test.file)
  await inEachCopy([...files], (copy, [file, ofFile]) =>
    control(copy, file, [...new Set(ofFile.map(({ test }) => test.title))])
  )
  await inEachCopy(mutants, tryMutant)
} finally {
  clean()
}
for (const failure of failures) console.error(failure)
console.log(`${killed} of ${mutants.length} mutants killed`)
process.exitCode = failures.length === 0 ? 0 : 1
