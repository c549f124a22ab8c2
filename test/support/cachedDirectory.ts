/** Directories that are built once and kept for later runs: workers wait for each other, and old directories are removed. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const day = 86_400_000

const age = (path: string): number => Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0)

const build = (cache: string, target: string, fill: (directory: string) => void): void => {
  for (const name of readdirSync(cache))
    if (age(join(cache, name)) > day) rmSync(join(cache, name), { recursive: true, force: true })
  const directory = mkdtempSync(join(cache, "new-"))
  try {
    fill(directory)
    renameSync(directory, target)
  } catch (error) {
    // Another worker may have built the same directory.
    rmSync(directory, { recursive: true, force: true })
    if (!existsSync(target)) throw error
  }
}

/**
 * Returns the directory `name` of the cache `kind`. `fill` writes its files if it does not exist. The name contains a hash of
 * everything that the files depend on.
 */
export const findOrBuild = (kind: string, name: string, fill: (directory: string) => void): string => {
  const cache = fileURLToPath(new URL(`../../node_modules/.cache/${kind}`, import.meta.url))
  mkdirSync(cache, { recursive: true })
  const target = join(cache, name)
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
      if (!existsSync(target)) build(cache, target, fill)
    } finally {
      rmSync(lock, { recursive: true, force: true })
    }
  }
  return target
}
