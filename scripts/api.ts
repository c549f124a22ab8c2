/**
 * Writes the API reference, docs/api, from the docstrings of the public names. `--check` fails if it is out of date;
 * `--examples` only compiles the examples in the docstrings.
 *
 *     npm run api -- [--check | --examples]
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Examples from "./api/Examples.ts"
import * as SourceTree from "./architecture/SourceTree.ts"
import { parseArguments } from "./scriptArguments.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const tool = join(root, "tools/api")

const run = (command: string, ...args: ReadonlyArray<string>): void => {
  const { error, status } = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed`)
}

const generate = (out: string): void => {
  if (!existsSync(join(tool, "node_modules"))) run("npm", "ci", "--prefix", tool, "--no-audit", "--no-fund")
  run(
    process.execPath,
    join(tool, "node_modules/typedoc/bin/typedoc"),
    "--options",
    join(tool, "typedoc.json"),
    "--out",
    out,
    "--logLevel",
    "Warn"
  )
}

const pagesOf = (directory: string): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(directory, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".md"))
      .map((path) => [path, readFileSync(join(directory, path), "utf8")])
  )

const isCurrent = (): boolean => {
  const out = mkdtempSync(join(tmpdir(), "effect-codex-api-"))
  try {
    generate(out)
    const [expected, found] = [pagesOf(out), pagesOf(join(root, "docs/api"))]
    const paths = [...new Set([...expected.keys(), ...found.keys()])].toSorted()
    const stale = paths.filter((path) => expected.get(path) !== found.get(path))
    for (const path of stale) console.error(`docs/api/${path} is out of date: run \`npm run api\``)
    if (stale.length === 0) console.log(`${expected.size} pages of docs/api are up to date`)
    return stale.length === 0 && expected.size > 0
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

const examplesCompile = (): boolean => {
  const examples = SourceTree.read(join(root, "src")).flatMap(({ path, text }) =>
    Examples.extract(`src/${path}`, text)
  )
  const problems = Examples.check(root, examples)
  for (const problem of problems) console.error(problem)
  console.log(`${examples.length} examples in docstrings, ${problems.length} problems`)
  return examples.length > 0 && problems.length === 0
}

const { values } = parseArguments(
  `Writes docs/api from the docstrings of the public names.

Usage: npm run api -- [--check | --examples]

  --check       fail if docs/api is out of date, or if an example does not compile
  --examples    only compile the examples in the docstrings`,
  { options: { check: { type: "boolean" }, examples: { type: "boolean" } } }
)

const compiled = examplesCompile()
const current =
  values.examples === true || (values.check === true ? isCurrent() : (generate(join(root, "docs/api")), true))
process.exitCode = compiled && current ? 0 : 1
