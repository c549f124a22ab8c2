/** Finds the codex binary to run and checks its version. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as SemVer from "effect/SemVer"
import { createRequire } from "node:module"
import * as CodexError from "../../domain/CodexError.ts"

/** The oldest supported Codex version; the engine refuses an older one. */
export const oldest = "0.169.0"
/** The newest tested Codex release line; the engine runs a newer one with a warning. */
export const newest = "0.169"

export interface CodexBinary {
  readonly command: string
  readonly args: ReadonlyArray<string>
}

const triples: Readonly<Record<string, string>> = {
  "linux-x64": "x86_64-unknown-linux-musl",
  "linux-arm64": "aarch64-unknown-linux-musl",
  "darwin-x64": "x86_64-apple-darwin",
  "darwin-arm64": "aarch64-apple-darwin",
  "win32-x64": "x86_64-pc-windows-msvc",
  "win32-arm64": "aarch64-pc-windows-msvc"
}

const resolveFrom = (from: string, specifier: string) =>
  Effect.option(Effect.try({ try: () => createRequire(from).resolve(specifier), catch: () => undefined }))

/**
 * Finds the binary in the `@openai/codex` package: the native binary, which starts 25 ms faster than the launcher, or
 * the launcher if the package has another layout.
 */
const findInPackage = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const launcher = yield* resolveFrom(import.meta.url, "@openai/codex/package.json")
  if (launcher._tag === "None") return undefined
  const platform = `${process.platform}-${process.arch}`
  const native = yield* resolveFrom(launcher.value, `@openai/codex-${platform}/package.json`)
  const triple = triples[platform]
  if (native._tag === "Some" && triple !== undefined) {
    const name = process.platform === "win32" ? "codex.exe" : "codex"
    const command = path.join(path.dirname(native.value), "vendor", triple, "bin", name)
    if (yield* Effect.orElseSucceed(fs.exists(command), () => false)) return { command, args: [] }
  }
  return { command: process.execPath, args: [path.join(path.dirname(launcher.value), "bin", "codex.js")] }
})

/** Finds codex in the directories of a search path. */
export const findOnPath = Effect.fnUntraced(function* (searchPath: string | undefined) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const names = process.platform === "win32" ? ["codex.exe", "codex.cmd"] : ["codex"]
  for (const directory of (searchPath ?? "").split(process.platform === "win32" ? ";" : ":")) {
    // A relative directory depends on the working directory, which may be a repository that brings a codex of its own.
    for (const name of path.isAbsolute(directory) ? names : []) {
      const command = path.join(directory, name)
      if (yield* Effect.orElseSucceed(fs.exists(command), () => false)) return { command, args: [] }
    }
  }
  return undefined
})

/** Finds codex by the option, then `CODEX_PATH`, then the `@openai/codex` package, then `PATH`. */
export const find = Effect.fnUntraced(function* (
  option: string | undefined,
  env: Readonly<Record<string, string | undefined>>
): Effect.fn.Return<CodexBinary, CodexError.CodexNotFound, FileSystem.FileSystem | Path.Path> {
  const fs = yield* FileSystem.FileSystem
  const named = option ?? (env["CODEX_PATH"] === "" ? undefined : env["CODEX_PATH"])
  if (named !== undefined) {
    // Use or refuse an explicit path; never fall back to another codex.
    return (yield* Effect.orElseSucceed(fs.exists(named), () => false))
      ? { command: named, args: [] }
      : yield* new CodexError.CodexNotFound({
          tried: [`${option === undefined ? "CODEX_PATH" : "the option codexPath"} "${named}"`]
        })
  }
  const found = (yield* findInPackage) ?? (yield* findOnPath(env["PATH"]))
  if (found !== undefined) return found
  return yield* new CodexError.CodexNotFound({ tried: ["the package @openai/codex", "PATH"] })
})

/** Returns the version in the `userAgent` of `initialize`: `<client>/<version> (<system>) …`. */
export const version = (userAgent: string): string | undefined =>
  /^[^/]*\/(\d+\.\d+\.\d+[^\s]*)/.exec(userAgent)?.[1]

/** Parses major, minor and patch only, so that a prerelease counts as its release. */
const parseRelease = (version: string): Option.Option<SemVer.SemVer> =>
  Option.flatMap(Option.fromNullishOr(/^\d+\.\d+\.\d+/.exec(version)), ([release]) =>
    Option.getSuccess(SemVer.parse(release))
  )

const oldestRelease = SemVer.parseUnsafe(oldest)
const newestLine = SemVer.parseUnsafe(`${newest}.0`)

/** Whether a version is older than the oldest supported one. A prerelease counts as its release. */
export const isTooOld = (version: string): boolean =>
  Option.exists(parseRelease(version), SemVer.isLessThan(oldestRelease))

/** Whether a version belongs to a newer release line than the newest tested one. */
export const isUntested = (version: string): boolean =>
  Option.exists(parseRelease(version), ({ major, minor }) =>
    SemVer.isGreaterThan(SemVer.make({ major, minor, patch: 0 }), newestLine)
  )
