/** The file of a recording. Written at once and not in the background, for under a test's clock nothing may take time. */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as CassetteFormat from "./CassetteFormat.ts"

export interface File {
  /** Writes lines of JSON, all of them or none. */
  readonly write: (lines: () => ReadonlyArray<unknown>) => Effect.Effect<void>
  /** Whether anything is still written. */
  readonly isOpen: () => boolean
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

const create = (path: string): number => {
  const file = Fs.openSync(path, "w", 0o600)
  // The mode is for a new file only, and one from before may be open to all.
  if (Fs.fstatSync(file).isFile()) Fs.fchmodSync(file, 0o600)
  return file
}

const append = (file: number, bytes: Uint8Array) => {
  let at = 0
  while (at < bytes.length) at += Fs.writeSync(file, bytes, at)
}

/** Opens a new file, or the old one emptied; it is closed with the scope. What cannot be written is told once. */
export const make = Effect.fnUntraced(function* (path: string, onError: "warn" | "fail") {
  let file: number | undefined
  let length = 0

  const close = () => {
    const open = file
    file = undefined
    if (open !== undefined) Fs.closeSync(open)
  }

  const attempt = (what: () => void): Effect.Effect<void> =>
    Effect.suspend(() => {
      try {
        what()
        return Effect.void
      } catch (error) {
        try {
          // A line that is there in half would make the rest unreadable.
          if (file !== undefined && Fs.fstatSync(file).isFile()) Fs.ftruncateSync(file, length)
          close()
        } catch {
          file = undefined
        }
        const detail = `cannot be written, and nothing more is recorded: ${messageOf(error)}`
        const problem = new CassetteFormat.CassetteError({ reason: "Unwritable", file: path, detail })
        return onError === "fail" ? Effect.die(problem) : Effect.logWarning(problem.message)
      }
    })

  yield* Effect.addFinalizer(() => Effect.sync(close))
  yield* attempt(() => void (file = create(path)))

  return {
    write: (lines) =>
      attempt(() => {
        if (file === undefined) return
        const bytes = Buffer.from(
          lines()
            .map((line) => `${JSON.stringify(line)}\n`)
            .join("")
        )
        append(file, bytes)
        length += bytes.length
      }),
    isOpen: () => file !== undefined
  } satisfies File
})

/** The whole of a file. */
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

/** Keeps a copy of what cannot be used, for recording it again would replace it; where it is, if it could be kept. */
export const keepCopy = (path: string, bytes: Uint8Array): string | undefined => {
  const copy = `${path}.corrupt`
  try {
    Fs.writeFileSync(copy, bytes, { mode: 0o600 })
    return copy
  } catch {
    return undefined
  }
}
