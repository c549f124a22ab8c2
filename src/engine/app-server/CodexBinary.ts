/** Which codex to run. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import { createRequire } from "node:module"
import * as CodexError from "../../domain/CodexError.ts"

/** The oldest Codex that is tested against; an older one is refused. */
export const oldest = "0.169.0"
/** The newest line that is tested against; a newer one is used, with a warning. */
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
 * The binary inside the `@openai/codex` package: the native one, which starts 25 ms earlier than its launcher, or the
 * launcher where the package is laid out otherwise.
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

const findOnPath = Effect.fnUntraced(function* (searchPath: string | undefined) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const names = process.platform === "win32" ? ["codex.exe", "codex.cmd"] : ["codex"]
  for (const folder of (searchPath ?? "").split(process.platform === "win32" ? ";" : ":")) {
    for (const name of folder === "" ? [] : names) {
      const command = path.join(folder, name)
      if (yield* Effect.orElseSucceed(fs.exists(command), () => false)) return { command, args: [] }
    }
  }
  return undefined
})

/** The option, then `CODEX_PATH`, then the `@openai/codex` package, then `PATH`. */
export const find = Effect.fnUntraced(function* (
  option: string | undefined,
  env: Readonly<Record<string, string | undefined>>
): Effect.fn.Return<CodexBinary, CodexError.CodexNotFound, FileSystem.FileSystem | Path.Path> {
  const fs = yield* FileSystem.FileSystem
  const named = option ?? (env["CODEX_PATH"] === "" ? undefined : env["CODEX_PATH"])
  if (named !== undefined) {
    // A path that somebody chose is used or refused, never replaced by another codex.
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

/** The version in the `userAgent` of `initialize`: `<client>/<version> (<system>) …`. */
export const version = (userAgent: string): string | undefined =>
  /^[^/]*\/(\d+\.\d+\.\d+[^\s]*)/.exec(userAgent)?.[1]

const parts = (version: string): ReadonlyArray<number> =>
  version.split(/[.-]/, 3).map((part) => Number.parseInt(part, 10) || 0)

/** Below, at or above, by major, minor and patch alone. */
export const compare = (a: string, b: string): number => {
  const left = parts(a)
  const right = parts(b)
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
