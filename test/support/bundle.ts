/** Bundles a program that tests start: Node finds and compiles one file in half the time of some 500 modules. */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as CachedDirectory from "./cachedDirectory.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

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

const build = (entry: string) => (directory: string) => {
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
}

const findOrBuild = (entry: string): string => {
  const name = basename(entry, ".ts")
  return join(CachedDirectory.findOrBuild("programs", `${name}-${hashOf(entry)}`, build(entry)), `${name}.js`)
}

const bundles = new Map<string, string>()

/** Returns the path of a program that is bundled from the source file at a URL. */
export const bundle = (source: URL): string => {
  const entry = fileURLToPath(source)
  const path = bundles.get(entry) ?? findOrBuild(entry)
  bundles.set(entry, path)
  return path
}
