/**
 * Plays attacks of a hostile model, repository, MCP server or neighbour against the library, with the real Codex.
 *
 *     node scripts/attacks.ts [--only H01] [--title TEXT] [--mutants]
 *
 * Exits with 1 if an attack gets through. With `--mutants` it reopens each hole in a copy of the repository and exits with 1
 * if the attack on it does not get through there.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Attack } from "./attacks/Attack.ts"
import { attacks as all } from "./attacks/index.ts"
import { parseArguments } from "./scriptArguments.ts"

const { values } = parseArguments(
  `Plays attacks against the library, with the real Codex. Exits with 1 if one gets through.

Usage: npm run attacks -- [options]

  --only ID    play only the attacks of this row, such as H01
  --title TEXT play only the attacks whose title contains this text
  --mutants    reopen each hole in a copy of the repository, and expect the attack to get through there`,
  { options: { only: { type: "string" }, title: { type: "string" }, mutants: { type: "boolean" } } }
)
const attacks = all.filter(
  ({ id, title }) => (values.only === undefined || id === values.only) && title.includes(values.title ?? "")
)
if (attacks.length === 0) {
  process.stderr.write(`no such attack; there are ${all.map(({ id }) => id).join(", ")}\n`)
  process.exit(2)
}

const services = Layer.merge(NodeServices.layer, Logger.layer([]))

/** Plays an attack and prints its outcome. Whether the library held. */
const play = async ({ id, run, title }: Attack): Promise<boolean> => {
  const outcome = await Effect.runPromise(
    run.pipe(
      Effect.scoped,
      Effect.catch((error) => Effect.succeed(`the attack failed to run: ${String(error)}`)),
      Effect.provide(services)
    )
  )
  console.log(outcome === "held" ? `${id} held: ${title}` : `${id} GOT THROUGH: ${title}: ${outcome}`)
  return outcome === "held"
}

const root = fileURLToPath(new URL("..", import.meta.url))
const left = new Set([".git", "node_modules", "dist", "coverage"])

/** Reopens a hole in a copy of the repository. Whether the attack gets through there. */
const playMutant = ({ id, mutant: { file, mutated, original }, title }: Attack, copy: string): boolean => {
  const path = join(copy, file)
  const text = readFileSync(path, "utf8")
  const occurrences = text.split(original).length - 1
  if (occurrences !== 1) {
    console.log(`${id} mutant does not fit: ${file} contains its text ${occurrences} times`)
    return false
  }
  writeFileSync(
    path,
    text.replace(original, () => mutated)
  )
  const { stdout } = spawnSync(process.execPath, ["scripts/attacks.ts", "--only", id, "--title", title], {
    cwd: copy,
    encoding: "utf8"
  })
  writeFileSync(path, text)
  const through = stdout.includes(`${id} GOT THROUGH`) && !stdout.includes("failed to run")
  console.log(through ? `${id} mutant noticed` : `${id} mutant NOT NOTICED: ${stdout.trim()}`)
  return through
}

if (values.mutants === true) {
  const copy = mkdtempSync(join(tmpdir(), "attacks-"))
  try {
    cpSync(root, copy, { recursive: true, filter: (path) => !left.has(basename(path)) })
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"))
    for (const attack of attacks) if (!playMutant(attack, copy)) process.exitCode = 1
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
} else {
  for (const attack of attacks) if (!(await play(attack))) process.exitCode = 1
}
