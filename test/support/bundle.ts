/** Bundles a program that tests start: Node finds and compiles one file in half the time of some 500 modules. */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync
} from "node:fs"
import { createRequire } from "node:module"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
const cache = join(root, "node_modules/.cache/programs")
const day = 86_400_000

const sources = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .toSorted()
    .map((name) => join(folder, name))

/** Hashes everything that a bundle can contain, so that a changed file always leads to a new bundle. */
const hashOf = (entry: string): string => {
  const hash = createHash("sha256").update(process.version)
  for (const file of [
    entry,
    ...["package-lock.json", "test/support/bundle.ts"].map((name) => join(root, name)),
    ...sources(join(root, "src")),
    ...sources(join(root, "test/support")),
    ...sources(dirname(entry))
  ])
    hash.update(`\n${file}\n`).update(readFileSync(file))
  return hash.digest("hex").slice(0, 32)
}

const age = (path: string): number => Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0)

const build = (entry: string, target: string): void => {
  for (const name of readdirSync(cache))
    if (age(join(cache, name)) > day) rmSync(join(cache, name), { recursive: true, force: true })
  const directory = mkdtempSync(join(cache, "new-"))
  const rolldown = join(
    dirname(createRequire(import.meta.url).resolve("rolldown/package.json")),
    "bin/cli.mjs"
  )
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      rolldown,
      entry,
      "--dir",
      directory,
      "--platform",
      "node",
      "--format",
      "esm",
      "--keep-names",
      "--logLevel",
      "silent"
    ],
    { cwd: root, encoding: "utf8" }
  )
  if (status !== 0) throw new Error(`rolldown cannot bundle ${entry}: ${stderr}`)
  try {
    renameSync(directory, target)
  } catch (error) {
    // Another worker may have built the same bundle.
    rmSync(directory, { recursive: true, force: true })
    if (!existsSync(target)) throw error
  }
}

const findOrBuild = (entry: string): string => {
  const name = basename(entry, ".ts")
  mkdirSync(cache, { recursive: true })
  const target = join(cache, `${name}-${hashOf(entry)}`)
  const lock = `${target}.lock`
  // One worker builds, the others wait for it, unless it has died.
  while (!existsSync(target)) {
    try {
      mkdirSync(lock)
    } catch {
      if (age(lock) < 60_000) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
        continue
      }
    }
    try {
      if (!existsSync(target)) build(entry, target)
    } finally {
      rmSync(lock, { recursive: true, force: true })
    }
  }
  return join(target, `${name}.js`)
}

const bundles = new Map<string, string>()

/** Returns the path of a program that is bundled from the source file at a URL. */
export const bundle = (source: URL): string => {
  const entry = fileURLToPath(source)
  const path = bundles.get(entry) ?? findOrBuild(entry)
  bundles.set(entry, path)
  return path
}
