/** Copies a stream to disk while counting and hashing it and detecting its type. Never holds the whole file in memory. */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as PlatformError from "effect/PlatformError"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { AttachmentRejected } from "../domain/CodexError.ts"
import * as MediaType from "../internal/MediaType.ts"
import * as PrivateDirectory from "../internal/PrivateDirectory.ts"

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
  Effect.tap(fs.open(path, { flag: "wx", mode: 0o600 }), () => fs.chmod(path, 0o600))

/** Writes a stream to a new file. Fails if the stream is too long or its type is not allowed. The caller removes the file. */
export const copy = <E, R>(
  fs: FileSystem.FileSystem,
  stream: Stream.Stream<Uint8Array, E, R>,
  path: string,
  limits: CopyLimits
): Effect.Effect<Copied, AttachmentRejected | E, R> =>
  Effect.scopedWith((scope) =>
    Effect.gen(function* () {
      const storageFailed = (error: PlatformError.PlatformError) =>
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

/** Returns the size and the SHA-256 digest of a regular file. */
export const digest = (fs: FileSystem.FileSystem, path: string) =>
  Effect.scopedWith((scope) =>
    Effect.gen(function* () {
      // Opening a FIFO would wait for a writer.
      const named = yield* fs.lstat(path)
      if (named.type !== "File")
        return yield* PlatformError.systemError({
          _tag: "InvalidData",
          module: "FileSystem",
          method: "open",
          pathOrDescriptor: path,
          description: "not a regular file"
        })
      const file = yield* Scope.provide(fs.open(path, { noFollow: process.platform !== "win32" }), scope)
      const hash = createHash("sha256")
      const buffer = new Uint8Array(chunkSize)
      let size = 0
      for (;;) {
        const read = yield* file.read(buffer)
        if (read === 0) return { size, sha256: hash.digest("hex") }
        hash.update(buffer.subarray(0, read))
        size += read
      }
    })
  )
