/** Bytes on their way to disk: counted, hashed and looked at as they pass, never all in memory. */
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
  /** As the caller gave it, for errors. */
  readonly path: string
}

export interface Copied {
  readonly path: string
  readonly size: number
  readonly sha256: string
  readonly mediaType: string
}

/** A file that is not there yet, readable for us alone whatever the umask. Closed with the scope. */
const create = (fs: FileSystem.FileSystem, path: string) =>
  Effect.tap(fs.open(path, { flag: "wx", mode: 0o600 }), () => fs.chmod(path, 0o600))

/** Writes a stream to a new file. Too many bytes, or a type that is not allowed, end it; the file is the caller's to remove. */
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

      /** Says what it is once enough of it was seen. */
      const judge = Effect.suspend(() => {
        mediaType = MediaType.detect(head, limits.name)
        return limits.mediaTypes === undefined || MediaType.isAllowed(mediaType, limits.mediaTypes)
          ? Effect.succeed(mediaType)
          : new AttachmentRejected({
              reason: "TypeNotAllowed",
              path: limits.path,
              detail: `it is ${mediaType}`
            })
      })

      yield* Stream.runForEach(stream, (chunk) =>
        Effect.gen(function* () {
          size += chunk.length
          if (size > limits.maxBytes)
            return yield* new AttachmentRejected({
              reason: "TooLarge",
              path: limits.path,
              detail: `more than ${limits.maxBytes} bytes, which are the most`
            })
          if (head.length < MediaType.headSize) {
            head = Buffer.concat([head, chunk.subarray(0, MediaType.headSize - head.length)])
            if (head.length === MediaType.headSize) yield* judge
          }
          hash.update(chunk)
          if (chunk.length > 0) yield* Effect.mapError(file.writeAll(chunk), storageFailed)
        })
      )
      return { path, size, sha256: hash.digest("hex"), mediaType: mediaType ?? (yield* judge) }
    })
  )

const chunkSize = 128 * 1024

/** The size and the digest of a regular file. */
export const digest = (fs: FileSystem.FileSystem, path: string) =>
  Effect.scopedWith((scope) =>
    Effect.gen(function* () {
      // To open a FIFO would wait for somebody who writes to it.
      const named = yield* fs.lstat(path)
      if (named.type !== "File")
        return yield* PlatformError.systemError({
          _tag: "InvalidData",
          module: "FileSystem",
          method: "open",
          pathOrDescriptor: path,
          description: "no regular file"
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
