import { homedir } from "node:os"
import { join, resolve } from "node:path"

/** The home directory as an environment has it; `undefined` for one that was made up and names none. */
export const of = (environment: Readonly<Record<string, string | undefined>>): string | undefined =>
  environment["HOME"] ?? environment["USERPROFILE"] ?? (environment === process.env ? homedir() : undefined)

/** A path with `~/` for the home directory, made absolute. */
export const expand = (path: string, home: string = homedir()): string =>
  path === "~" ? home : path.startsWith("~/") ? join(home, path.slice(2)) : resolve(path)
