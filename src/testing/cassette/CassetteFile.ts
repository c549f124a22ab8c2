/** The file of a cassette. All writes are synchronous, because nothing may take time under a test clock. */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Nodepath from "node:path"
import { jsonLine } from "../../internal/VisibleText.ts"
import * as SafeFile from "../../internal/SafeFile.ts"
import * as CassetteFormat from "./CassetteFormat.ts"

export interface CassetteWriter {
  /** Writes JSON lines: all of them or none. */
  readonly write: (lines: () => ReadonlyArray<unknown>) => Effect.Effect<void>
  /** Whether the recording still writes. A failed write closes the file. */
  readonly isOpen: () => boolean
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** Creates a directory and those above it. Node's own recursive creation never returns below /proc. */
const createDirectory = (directory: string): void => {
  if (Fs.existsSync(directory)) return
  createDirectory(Nodepath.dirname(directory))
  Fs.mkdirSync(directory)
}

/** Creates the file, with its directory, or empties it, and closes it with the scope. Reports only the first failed write. */
export const make = Effect.fnUntraced(function* (path: string, onError: "warn" | "fail") {
  let file: number | undefined
  let length = 0

  const close = () => {
    const open = file
    file = undefined
    if (open !== undefined) Fs.closeSync(open)
  }

  const attempt = (operation: () => void): Effect.Effect<void> =>
    Effect.suspend(() => {
      try {
        operation()
        return Effect.void
      } catch (error) {
        try {
          // Remove a partial line: it would make the whole file unreadable.
          if (file !== undefined && Fs.fstatSync(file).isFile()) Fs.ftruncateSync(file, length)
          close()
        } catch {
          file = undefined
        }
        const detail = `cannot be written, so the recording stops: ${messageOf(error)}`
        const problem = new CassetteFormat.CassetteError({ reason: "Unwritable", file: path, detail })
        return onError === "fail" ? Effect.die(problem) : Effect.logWarning(problem.message)
      }
    })

  yield* Effect.addFinalizer(() => Effect.sync(close))
  yield* attempt(() => {
    createDirectory(Nodepath.dirname(path))
    file = SafeFile.open(path, "replace")
  })

  return {
    write: (lines) =>
      attempt(() => {
        if (file === undefined) return
        const bytes = Buffer.from(
          lines()
            .map((line) => `${jsonLine(line)}\n`)
            .join("")
        )
        SafeFile.writeAll(file, bytes)
        length += bytes.length
      }),
    isOpen: () => file !== undefined
  } satisfies CassetteWriter
})

/** Reads the whole file. */
export const read = (path: string): Effect.Effect<Uint8Array, CassetteFormat.CassetteError> =>
  Effect.try({
    try: () => Fs.readFileSync(path),
    catch: (error) =>
      new CassetteFormat.CassetteError({
        reason: "Unreadable",
        file: path,
        detail: `cannot be read: ${messageOf(error)}`
      })
  })

/** Copies an unusable cassette, because a new recording replaces it. Returns the path of the copy, if it succeeds. */
export const keepCopy = (path: string, bytes: Uint8Array): string | undefined => {
  const copy = `${path}.corrupt`
  try {
    // What lies there may be a link; it is removed itself.
    SafeFile.remove(copy)
    SafeFile.write(copy, bytes, "create")
    return copy
  } catch {
    return undefined
  }
}
