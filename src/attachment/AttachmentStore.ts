/** The staged files of one layer: which files exist, which scopes hold them, and how long they are kept. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as PlatformError from "effect/PlatformError"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { randomBytes } from "node:crypto"
import { basename, dirname, join } from "node:path"
import type { Attachment } from "../domain/Attachment.ts"
import type { AttachmentOptions, NamedOptions, StageOptions } from "./AttachmentOptions.ts"
import { AttachmentRejected, type AttachmentReason } from "../domain/CodexError.ts"
import * as AttachmentTelemetry from "../instrumentation/AttachmentTelemetry.ts"
import * as HashedCopy from "./HashedCopy.ts"
import * as StagingDirectory from "./StagingDirectory.ts"
import * as FileName from "../internal/FileName.ts"
import * as HostDirectories from "../internal/HostDirectories.ts"
import * as ProcessIdentity from "../internal/ProcessIdentity.ts"
import * as PrivateDirectory from "../internal/PrivateDirectory.ts"
import * as SafeFile from "../internal/SafeFile.ts"
import * as SourceFile from "./SourceFile.ts"

/** A staged file on disk. Names with the same form on disk share one file. */
interface Entry {
  readonly path: string
  readonly sha256: string
  readonly size: number
  /** How many scopes hold the file. */
  holds: number
  /** The time until which the file is kept even if no scope holds it, in milliseconds since the epoch. */
  keepUntil: number
  /** Whether a fiber waits for `keepUntil`. */
  watched: boolean
}

export const defaultMaxBytes = 20 * 1024 * 1024

const countOf = ({ bytes, files }: StagingDirectory.CleanupResult): AttachmentTelemetry.StagedFile => ({
  files,
  bytes
})

/** Times and instruments a removal. Logs how many files could not be removed, without names, because names are content. */
const cleaning = (
  removal: Effect.Effect<Omit<StagingDirectory.CleanupResult, "durationMs">>
): Effect.Effect<StagingDirectory.CleanupResult> =>
  Effect.timed(removal).pipe(
    Effect.map(([took, removed]) => ({ ...removed, durationMs: Duration.toMillis(took) })),
    AttachmentTelemetry.cleaning(countOf),
    Effect.tap(({ failed }) =>
      failed.length === 0
        ? Effect.void
        : Effect.logWarning(
            `${failed.length} staged files could not be removed; the next cleanup tries again`
          )
    )
  )

const staging = AttachmentTelemetry.staging(({ size }: Attachment) => ({ files: 1, bytes: size }))

const noneRemoved: StagingDirectory.CleanupResult = { files: 0, bytes: 0, failed: [], durationMs: 0 }

const removeFolder = (folder: string) =>
  Effect.ignore(PrivateDirectory.attempt(folder, () => SafeFile.removeTree(folder)))

/** Runs an operation on two paths whose directories are open, so that neither is replaced meanwhile. */
const between = <A, E, R>(
  from: string,
  to: string,
  use: (from: string, to: string) => Effect.Effect<A, E, R>
) => PrivateDirectory.at(from, (source) => PrivateDirectory.at(to, (target) => use(source, target)))

export const make = Effect.fnUntraced(function* (options: AttachmentOptions) {
  const fs = yield* FileSystem.FileSystem
  const scope = yield* Effect.scope
  const me = yield* ProcessIdentity.self
  const maxBytes = options.maxBytes ?? defaultMaxBytes
  const entries = new Map<string, Entry>()
  // Files are copied concurrently, but added and removed one at a time.
  const mutex = Semaphore.makeUnsafe(1)

  const outer = yield* PrivateDirectory.folders(fs, options.directory)
  const root = outer.at(-1) ?? ""
  const hostDirectories = yield* HostDirectories.Current
  // Only a turn with attachments is refused if its sandbox can write them; `holding` checks that.
  yield* hostDirectories.add({
    path: root,
    content: "staged attachments",
    setting: "the option directory of the attachments",
    isTree: true,
    allowsTurns: true
  })
  const own = join(root, ProcessIdentity.directoryName(me))
  const incoming = join(own, "incoming")
  let closed = false

  /** Creates missing directories. A cleaner of temporary files may have removed them at any time. */
  const prepare = Effect.gen(function* () {
    const [first = root] = outer
    if (!(yield* fs.exists(dirname(first))))
      yield* fs.makeDirectory(dirname(first), { recursive: true, mode: 0o700 })
    for (const folder of [...outer, own, incoming]) yield* PrivateDirectory.ensure(fs, folder)
  })

  const remove = (gone: ReadonlyArray<Entry>) =>
    gone.length === 0
      ? Effect.succeed(noneRemoved)
      : cleaning(
          Effect.gen(function* () {
            const removed = yield* StagingDirectory.removeFiles(
              fs,
              gone.map((entry) => ({ path: entry.path, bytes: entry.size }))
            )
            const left = new Set(removed.failed.map(({ path }) => path))
            const emptied = new Set<string>()
            for (const entry of gone) {
              if (left.has(entry.path)) continue
              entries.delete(entry.path)
              emptied.add(dirname(entry.path))
            }
            for (const entry of entries.values()) emptied.delete(dirname(entry.path))
            for (const folder of emptied) yield* removeFolder(folder)
            return removed
          })
        )

  const isFree = (now: number) => (entry: Entry) => entry.holds === 0 && entry.keepUntil <= now

  const removeIfFree = (entry: Entry) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      entries.get(entry.path) === entry && isFree(now)(entry) ? remove([entry]) : Effect.void
    )

  const release = (entry: Entry) =>
    mutex.withPermits(1)(
      Effect.suspend(() => {
        entry.holds--
        return removeIfFree(entry)
      })
    )

  /** Removes an entry when its time is over. The time may be extended while this waits. */
  const watch: (entry: Entry) => Effect.Effect<void> = Effect.fnUntraced(function* (entry) {
    while (entries.get(entry.path) === entry) {
      const left = entry.keepUntil - (yield* Clock.currentTimeMillis)
      if (left > 0) yield* Effect.sleep(left)
      else {
        entry.watched = false
        return yield* mutex.withPermits(1)(removeIfFree(entry))
      }
    }
  })

  const keep = Effect.fnUntraced(function* (entry: Entry, ttl: Duration.Input | undefined) {
    if (ttl === undefined) return
    const until = (yield* Clock.currentTimeMillis) + Duration.toMillis(Duration.fromInputUnsafe(ttl))
    entry.keepUntil = Math.max(entry.keepUntil, until)
    if (entry.watched || entry.keepUntil === Infinity) return
    entry.watched = true
    yield* Effect.forkIn(watch(entry), scope, { startImmediately: true })
  })

  const rejected = (path: string) => (reason: AttachmentReason, detail: string) =>
    new AttachmentRejected({ reason, path, detail })

  const storageFailed =
    (path: string) => (error: PlatformError.PlatformError | PrivateDirectory.NotPrivate) =>
      rejected(path)("StorageFailed", PrivateDirectory.detail(error))

  /** Fails unless the file has the staged content. Moves a damaged file to the directory of damaged files. */
  const verify = Effect.fnUntraced(function* (file: Attachment, path: string) {
    const found = yield* HashedCopy.digest(file.path).pipe(
      Effect.catchIf(
        (error) => error._tag === "PlatformError" && PrivateDirectory.isMissing(error),
        () => Effect.undefined
      ),
      Effect.mapError(storageFailed(path))
    )
    if (found === undefined)
      return yield* rejected(path)("NotFound", "the staged file is gone; stage it again")
    if (found.sha256 === file.sha256 && found.size === file.size) return
    const damage = `the staged file is damaged: ${found.size} bytes of ${file.size}, sha256 ${found.sha256}`
    if (!entries.has(file.path)) return yield* rejected(path)("StorageFailed", damage)
    entries.delete(file.path)
    const kept = yield* Effect.mapError(
      StagingDirectory.keepDamaged(fs, root, file.path, file.sha256),
      storageFailed(path)
    )
    return yield* rejected(path)("StorageFailed", `${damage}; it is kept as "${kept}"; stage it again`)
  })

  /** Moves a copy to its final path, or uses the existing file if the same bytes are already staged. */
  const place = Effect.fnUntraced(function* (copied: HashedCopy.Copied, name: string, path: string) {
    if (closed) return yield* rejected(path)("StorageFailed", "the attachment layer is closed")
    const { mediaType, sha256, size } = copied
    const file = { path: join(own, sha256, FileName.onDisk(name)), name, size, mediaType, sha256 }
    const same = [...entries.values()].filter((entry) => entry.sha256 === sha256)
    const intact: Array<Entry> = []
    for (const entry of same) {
      const exit = yield* Effect.result(verify({ ...file, path: entry.path }, path))
      if (exit._tag === "Success") intact.push(entry)
      else if (exit.failure.reason === "NotFound") entries.delete(entry.path)
      else return yield* exit.failure
    }
    const existing = intact.find((entry) => entry.path === file.path)
    if (existing !== undefined) return { entry: existing, file }
    const put = Effect.gen(function* () {
      yield* PrivateDirectory.ensure(fs, dirname(file.path))
      const [other] = intact
      const moved = between(copied.path, file.path, fs.rename)
      // Not every file system supports links. Without them, a second name needs a second copy.
      yield* other === undefined ? moved : Effect.catch(between(other.path, file.path, fs.link), () => moved)
    })
    yield* put.pipe(
      Effect.onError(() => (intact.length > 0 ? Effect.void : removeFolder(dirname(file.path)))),
      Effect.mapError(storageFailed(path))
    )
    const entry: Entry = { path: file.path, sha256, size, holds: 0, keepUntil: 0, watched: false }
    entries.set(file.path, entry)
    return { entry, file }
  })

  const receive = <E, R>(
    stream: Stream.Stream<Uint8Array, E, R>,
    path: string,
    given: string,
    ttl: Duration.Input | undefined,
    check: (size: number) => Effect.Effect<void, AttachmentRejected> = () => Effect.void
  ) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const name = FileName.sanitize(given)
        if (name === undefined) return yield* rejected(path)("BadName", "no character of its name is allowed")
        yield* Effect.mapError(prepare, storageFailed(path))
        const target = join(incoming, randomBytes(8).toString("hex"))
        const { entry, file } = yield* Effect.gen(function* () {
          const copied = yield* restore(
            HashedCopy.copy(fs, stream, target, {
              maxBytes,
              mediaTypes: options.mediaTypes,
              name,
              path
            }).pipe(Effect.tap(({ size }) => check(size)))
          )
          return yield* mutex.withPermits(1)(
            Effect.tap(place(copied, name, path), ({ entry }) => Effect.sync(() => entry.holds++))
          )
        }).pipe(
          Effect.ensuring(
            Effect.ignore(PrivateDirectory.at(target, (path) => fs.remove(path, { force: true })))
          )
        )
        yield* Effect.addFinalizer(() => release(entry))
        yield* keep(entry, ttl ?? options.ttl)
        return file
      })
    )

  const stage = (path: string, { name = basename(path), ttl }: StageOptions = {}) =>
    Effect.scopedWith((opened) =>
      Effect.flatMap(
        Scope.provide(SourceFile.open(path, { root: options.root, maxBytes }), opened),
        (source) => receive(source.chunks, path, name, ttl, source.unchanged)
      )
    ).pipe(staging)

  const stageStream = <E, R>(stream: Stream.Stream<Uint8Array, E, R>, { name, ttl }: NamedOptions) =>
    receive(stream, name, name, ttl).pipe(staging)

  const hold = Effect.fnUntraced(function* (file: Attachment) {
    const entry = entries.get(file.path)
    if (entry !== undefined)
      yield* Effect.acquireRelease(
        Effect.sync(() => void entry.holds++),
        () => release(entry)
      )
    yield* mutex.withPermits(1)(Effect.uninterruptible(verify(file, file.name)))
  })

  const cleanup = mutex.withPermits(1)(
    Effect.suspend(() => remove([...entries.values()].filter((entry) => entry.holds === 0)))
  )

  /** Removes the directories of ended processes. Ignores failures, because staging a file reports an unusable root. */
  const sweep = Effect.gen(function* () {
    const existingRoot = yield* StagingDirectory.root(fs, options.directory)
    const folders = existingRoot === undefined ? [] : yield* StagingDirectory.list(fs, existingRoot, me)
    const gone = folders.flatMap(({ path, state }) => (state === "gone" ? [path] : []))
    if (gone.length > 0) yield* cleaning(StagingDirectory.removeFolders(fs, gone))
  }).pipe(Effect.ignore)

  yield* Effect.addFinalizer(() =>
    mutex.withPermits(1)(
      Effect.gen(function* () {
        closed = true
        yield* remove([...entries.values()])
        // If a file remains, keep the directory: a later layer finds and removes it after this process has ended.
        if (entries.size === 0) yield* removeFolder(own)
      })
    )
  )
  yield* sweep

  return {
    stage,
    stageBytes: (bytes: Uint8Array, named: NamedOptions) => stageStream(Stream.make(bytes), named),
    stageStream,
    hold,
    cleanup
  }
})
