/** Copies a stream to disk while counting and hashing it and detecting its type. Never holds the whole file in memory. */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as PlatformError from "effect/PlatformError"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import { AttachmentRejected } from "../domain/CodexError.ts"
import * as MediaType from "../internal/MediaType.ts"
import * as PrivateDirectory from "../internal/PrivateDirectory.ts"
import * as SafeFile from "../internal/SafeFile.ts"

export interface CopyLimits {
  readonly maxBytes: number
  readonly mediaTypes: ReadonlyArray<string> | undefined
  readonly name: string
  /** The path or name that the caller passed, for errors. */
  readonly path: string
}

export interface Copied {
  readonly path: string
  readonly size: number
  readonly sha256: string
  readonly mediaType: string
}

/** Creates a new file that only this user can read, whatever the umask is. Closed with the scope. */
const create = (fs: FileSystem.FileSystem, path: string) =>
  PrivateDirectory.at(path, (path) =>
    Effect.tap(fs.open(path, { flag: "wx", mode: 0o600 }), () => fs.chmod(path, 0o600))
  )

/** Writes a stream to a new file. Fails if the stream is too long or its type is not allowed. The caller removes the file. */
export const copy = <E, R>(
  fs: FileSystem.FileSystem,
  stream: Stream.Stream<Uint8Array, E, R>,
  path: string,
  limits: CopyLimits
): Effect.Effect<Copied, AttachmentRejected | E, R> =>
  Effect.scopedWith((scope) =>
    Effect.gen(function* () {
      const storageFailed = (error: PlatformError.PlatformError | PrivateDirectory.NotPrivate) =>
        new AttachmentRejected({
          reason: "StorageFailed",
          path: limits.path,
          detail: PrivateDirectory.detail(error)
        })
      const file = yield* create(fs, path).pipe(Scope.provide(scope), Effect.mapError(storageFailed))
      const hash = createHash("sha256")
      let size = 0
      let head = Buffer.alloc(0)
      let mediaType: string | undefined

      /** Detects the type from the head of the file. Fails if the type is not allowed. */
      const detectType = Effect.suspend(() => {
        mediaType = MediaType.detect(head, limits.name)
        return limits.mediaTypes === undefined || MediaType.isAllowed(mediaType, limits.mediaTypes)
          ? Effect.succeed(mediaType)
          : new AttachmentRejected({
              reason: "TypeNotAllowed",
              path: limits.path,
              detail: `its type is ${mediaType}`
            })
      })

      yield* Stream.runForEach(stream, (chunk) =>
        Effect.gen(function* () {
          size += chunk.length
          if (size > limits.maxBytes)
            return yield* new AttachmentRejected({
              reason: "TooLarge",
              path: limits.path,
              detail: `it has more than ${limits.maxBytes} bytes, the maximum`
            })
          if (head.length < MediaType.headSize) {
            head = Buffer.concat([head, chunk.subarray(0, MediaType.headSize - head.length)])
            if (head.length === MediaType.headSize) yield* detectType
          }
          hash.update(chunk)
          if (chunk.length > 0) yield* Effect.mapError(file.writeAll(chunk), storageFailed)
        })
      )
      return { path, size, sha256: hash.digest("hex"), mediaType: mediaType ?? (yield* detectType) }
    })
  )

const chunkSize = 128 * 1024

/** Returns the size and the SHA-256 digest of a regular file. Follows no link, and does not wait for a FIFO. */
export const digest = (path: string) =>
  Effect.acquireUseRelease(
    PrivateDirectory.attempt(path, () => SafeFile.open(path, "read")),
    (descriptor) =>
      Effect.gen(function* () {
        const hash = createHash("sha256")
        const buffer = new Uint8Array(chunkSize)
        let size = 0
        for (;;) {
          const count = yield* read(descriptor, buffer)
          if (count === 0) return { size, sha256: hash.digest("hex") }
          hash.update(buffer.subarray(0, count))
          size += count
        }
      }),
    (descriptor) => Effect.sync(() => Fs.closeSync(descriptor))
  )

const read = (descriptor: number, buffer: Uint8Array) =>
  Effect.callback<number, PlatformError.PlatformError>((resume) =>
    Fs.read(descriptor, buffer, 0, buffer.length, null, (error, count) =>
      resume(
        error === null
          ? Effect.succeed(count)
          : Effect.fail(
              PlatformError.systemError({
                _tag: "Unknown",
                module: "FileSystem",
                method: "read",
                cause: error
              })
            )
      )
    )
  )
