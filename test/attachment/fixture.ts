/** A folder for a test, and a store that stages in it. */
import { assert } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as PlatformError from "effect/PlatformError"
import * as Fs from "node:fs"
import { join } from "node:path"
import { Attachments, type AttachmentOptions } from "../../src/attachment/Attachments.ts"
import type { AttachmentReason, AttachmentRejected } from "../../src/domain/CodexError.ts"

export const folder = Effect.flatMap(FileSystem.FileSystem, (fs) =>
  Effect.flatMap(fs.makeTempDirectoryScoped({ prefix: "effect-codex-attachments-" }), fs.realPath)
)

/** A store in `${base}/staged`; it closes with the scope. */
export const store = (base: string, options: AttachmentOptions = {}) =>
  Effect.map(
    Layer.build(Attachments.layerNoDeps({ directory: join(base, "staged"), ...options })),
    Context.get(Attachments)
  )

/** Every file below a folder, as a path relative to it. */
export const files = (base: string): ReadonlyArray<string> =>
  Fs.existsSync(base)
    ? Fs.readdirSync(base, { recursive: true, encoding: "utf8" })
        .filter((name) => !Fs.lstatSync(join(base, name)).isDirectory())
        .toSorted()
    : []

export const staged = (base: string): ReadonlyArray<string> => files(join(base, "staged"))

export const text = (path: string): string => Fs.readFileSync(path, "utf8")

/** The error that it must fail with. */
export const refused = <A, E extends { readonly _tag: string }, R>(
  effect: Effect.Effect<A, E | AttachmentRejected, R>,
  reason: AttachmentReason
) =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.deepInclude(error, { _tag: "AttachmentRejected", reason })
    return error
  })

/** The file system of Node with some of it replaced. */
export const replacing =
  (replace: (fs: FileSystem.FileSystem) => Partial<FileSystem.FileSystem>) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.flatMap(FileSystem.FileSystem, (fs) =>
      Effect.provideService(effect, FileSystem.FileSystem, { ...fs, ...replace(fs) })
    )

export const broken = (method: string, description: string) =>
  PlatformError.systemError({ _tag: "Unknown", module: "FileSystem", method, description })
