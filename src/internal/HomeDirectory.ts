import { homedir } from "node:os"
import { join, resolve } from "node:path"

/** Returns the home directory of an environment, or `undefined` if an environment other than the process's names none. */
export const of = (environment: Readonly<Record<string, string | undefined>>): string | undefined =>
  environment["HOME"] ?? environment["USERPROFILE"] ?? (environment === process.env ? homedir() : undefined)

/** Makes a path absolute. A leading `~/` is the home directory. */
export const expand = (path: string, home: string = homedir()): string =>
  path === "~" ? home : path.startsWith("~/") ? join(home, path.slice(2)) : resolve(path)
