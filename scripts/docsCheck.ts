/**
 * Checks the code of all pages as a reader would use it: type-checks every block of TypeScript against the built package, and
 * runs those with the mark `run` on the real Codex with a scripted model. Prints the number of compiled, run and skipped blocks.
 *
 *     npm run build && node scripts/docsCheck.ts [PAGE]
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, FileSystem, Path, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import * as Data from "./docs-check/Data.ts"
import * as Modules from "./docs-check/Modules.ts"
import * as Runner from "./docs-check/Runner.ts"
import * as Blocks from "./runbook/Blocks.ts"
import { pages } from "./runbook/pages.ts"
import { parseArguments } from "./scriptArguments.ts"

const directory = ".docs-check"

const tsconfig = {
  compilerOptions: {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    target: "es2024",
    lib: ["es2024"],
    module: "nodenext",
    moduleDetection: "force",
    noEmit: true,
    allowImportingTsExtensions: true,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    types: ["node"],
    skipLibCheck: true
  },
  include: ["**/*.ts"]
}

const sh = Effect.fnUntraced(function* (command: string, ...args: ReadonlyArray<string>) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const handle = yield* spawner.spawn(ChildProcess.make(command, args, { extendEnv: true, stdin: "ignore" }))
  const output = yield* handle.all.pipe(Stream.decodeText(), Stream.mkString)
  return { code: yield* handle.exitCode, output }
}, Effect.scoped)

/** Writes all modules and returns the errors of the compiler, at the lines of the pages. */
const compile = Effect.fnUntraced(function* (modules: ReadonlyArray<Modules.Module>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  yield* fs.remove(directory, { recursive: true, force: true })
  for (const { file, lines } of modules) {
    yield* fs.makeDirectory(path.join(directory, path.dirname(file)), { recursive: true })
    yield* fs.writeFileString(path.join(directory, file), lines.map(({ text }) => text).join("\n"))
  }
  yield* fs.writeFileString(path.join(directory, "tsconfig.json"), JSON.stringify(tsconfig))
  const { code, output } = yield* sh("node_modules/.bin/tsc", "--project", directory, "--pretty", "false")
  const byFile = new Map(modules.map((module) => [module.file, module]))
  const problems = output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [, file = "", row = "", rest] = /^\.docs-check\/(.*?)\((\d+),\d+\): (.*)$/.exec(line) ?? []
      const module = byFile.get(file)
      if (module === undefined) return line
      const from = module.lines[Number(row) - 1]?.from
      return from === undefined
        ? `${module.block.at}: ${rest} (in the code around the block, ${directory}/${file}:${row})`
        : `${module.block.at.replace(/:.*/, "")}:${from}: ${rest}`
    })
  return code !== 0 && problems.length === 0 ? ["the compiler failed without a message"] : problems
})

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const {
    positionals: [only]
  } = parseArguments(
    `Type-checks and runs the code of the pages. Run \`npm run build\` first.

Usage: npm run docs:check -- [PAGE]

  PAGE    check only this page, such as docs/tools.md`,
    { allowPositionals: true }
  )
  if (!(yield* fs.exists("dist/index.d.ts"))) return yield* Effect.fail("no dist: run `npm run build` first")
  const modules: Array<Modules.Module> = []
  const problems: Array<string> = []
  let skipped = 0
  let data = 0
  for (const page of yield* pages) {
    if (only !== undefined && only !== page) continue
    const text = yield* fs.readFileString(page)
    const blocks = Blocks.parse(page, text)
    problems.push(...Data.hidden(page, text))
    data += blocks.filter(Data.isData).length
    problems.push(...blocks.map(Data.check).filter((problem) => problem !== undefined))
    const code = blocks.filter(({ language }) => language === "ts")
    for (const { at, marks } of code) {
      const reason = marks.get("skip")
      if (reason === undefined) continue
      skipped++
      yield* Console.log(`skip  ${at}: ${reason}`)
      if (reason.length < 10) problems.push(`${at}: skip has no reason`)
    }
    for (const module of Modules.assemble(code.filter(({ marks }) => !marks.has("skip")))) {
      if (typeof module === "string") problems.push(module)
      else modules.push(module)
    }
  }
  problems.push(...(yield* compile(modules)))
  for (const problem of problems) yield* Console.error(`FAIL  ${problem}`)
  const tests = modules.filter(({ run }) => run?._tag === "Test").length
  const failing = tests === 0 ? [] : yield* Runner.test(directory)
  for (const problem of failing) yield* Console.error(`FAIL  ${problem}`)
  const ran = yield* Runner.run(
    directory,
    modules.filter(({ run }) => run !== undefined && run._tag !== "Test")
  )
  for (const { module, output, problems } of ran) {
    if (problems.length === 0) continue
    yield* Console.error(
      `FAIL  ${module.block.at}: ${problems.join("; ")}\n${output.replaceAll(/^/gm, "      ")}`
    )
    failing.push(module.block.at)
  }
  problems.push(...failing)
  yield* Console.log(
    `${modules.length} blocks compiled, ${ran.length + tests} of them run (${tests} tests), ${skipped} skipped; ${data} blocks of data`
  )
  if (problems.length > 0 || modules.length + data === 0)
    return yield* Effect.fail("the code of a page is wrong")
})

program.pipe(Effect.timeout("5 minutes"), Effect.provide(NodeServices.layer), NodeRuntime.runMain)
