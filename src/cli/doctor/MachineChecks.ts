/** Checks of the machine: Node, the directories that Codex and this program write, and the disk. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Fs from "node:fs"
import { homedir } from "node:os"
import { dirname, join, resolve } from "node:path"
import * as StagingDirectory from "../../attachment/StagingDirectory.ts"
import * as PrivateDirectory from "../../internal/PrivateDirectory.ts"
import { type CheckResult, ok, problem, warning } from "./DoctorReport.ts"

/** The oldest Node that the package supports; a test compares it with package.json. */
export const oldestNode = [22, 19] as const

export const node = (version: string): CheckResult => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  const [needsMajor, needsMinor] = oldestNode
  return major > needsMajor || (major === needsMajor && minor >= needsMinor)
    ? ok("node", `Node ${version}`)
    : problem(
        "node",
        `Node ${version} is older than ${needsMajor}.${needsMinor}`,
        `install Node ${needsMajor}.${needsMinor} or newer`
      )
}

/** Returns where Codex keeps its configuration, login and threads. */
export const codexHome = (): string => {
  const { CODEX_HOME: given = "" } = process.env
  return given === "" ? join(homedir(), ".codex") : resolve(given)
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Writes and removes a file, because permissions alone do not say whether a directory can be written. */
const writeError = (directory: string): string | undefined => {
  const file = join(directory, `.effect-codex-doctor-${process.pid}`)
  try {
    Fs.closeSync(Fs.openSync(file, "wx", 0o600))
    Fs.rmSync(file)
    return undefined
  } catch (error) {
    return reasonOf(error)
  }
}

/** The nearest directory above a path that exists. */
const existing = (path: string): string =>
  Fs.existsSync(path) || dirname(path) === path ? path : existing(dirname(path))

/** Whether Codex can write its home. It creates the default one itself, but not one that CODEX_HOME names. */
export const home = Effect.sync((): CheckResult => {
  const directory = codexHome()
  const found = Fs.statSync(directory, { throwIfNoEntry: false })
  if (found === undefined && (process.env["CODEX_HOME"] ?? "") !== "")
    return problem(
      "home",
      `CODEX_HOME names "${directory}", which does not exist`,
      "create it, or correct CODEX_HOME"
    )
  if (found !== undefined && !found.isDirectory())
    return problem("home", `"${directory}" is not a directory`, "correct CODEX_HOME")
  const error = writeError(existing(directory))
  return error === undefined
    ? ok("home", `${directory} can be written`)
    : problem(
        "home",
        `"${directory}" cannot be written: ${error}`,
        `give this user write access to "${directory}"`
      )
})

/** Whether attachments can be staged in a private directory. */
export const state = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const directory = join(PrivateDirectory.stateHome(), "effect-codex")
  const root = yield* Effect.result(StagingDirectory.root(fs, undefined))
  if (root._tag === "Failure")
    return problem(
      "state",
      `attachments cannot be staged: ${PrivateDirectory.detail(root.failure)}`,
      `make "${directory}" a directory that only this user can access, or set XDG_STATE_HOME`
    )
  const error = writeError(existing(root.success ?? directory))
  return error === undefined
    ? ok("state", `${root.success ?? directory} is private and can be written`)
    : problem(
        "state",
        `attachments cannot be staged: ${error}`,
        `give this user write access to "${directory}", or set XDG_STATE_HOME`
      )
})

const mebibyte = 1024 * 1024
/** Codex needs some space for each thread; below this its database fails. */
const minFree = 50 * mebibyte
const comfortable = 500 * mebibyte

/** The space that is left where Codex and this program write. */
export const disk = Effect.sync((): CheckResult => {
  const places = [codexHome(), PrivateDirectory.stateHome(), process.env["TMPDIR"] ?? "/tmp"].map(existing)
  const free = places.flatMap((path) => {
    try {
      const { bavail, bsize } = Fs.statfsSync(path)
      return [{ path, bytes: bavail * bsize }]
    } catch {
      return []
    }
  })
  const [least] = free.toSorted((a, b) => a.bytes - b.bytes)
  if (least === undefined) return warning("disk", "the free space is unknown", "check it yourself")
  const message = `${Math.floor(least.bytes / mebibyte)} MiB free at ${least.path}`
  if (least.bytes >= comfortable) return ok("disk", message)
  const nextStep = "free some space; `effect-codex attachments clean` removes what ended processes left"
  return least.bytes < minFree ? problem("disk", message, nextStep) : warning("disk", message, nextStep)
})
