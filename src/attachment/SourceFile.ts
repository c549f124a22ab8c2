/** A file that somebody named, opened so that nobody can put another one in its place. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type BigIntStats, constants } from "node:fs"
import { type FileHandle, lstat, open as openFile, readlink, realpath, statfs } from "node:fs/promises"
import { isAbsolute, join, relative, resolve, sep } from "node:path"
import { AttachmentRejected, type AttachmentReason } from "../domain/CodexError.ts"
import { codeOf } from "../internal/SystemError.ts"

export interface SourceLimits {
  /** The only folder that files may come from; anywhere when absent. */
  readonly root: string | undefined
  readonly maxBytes: number
}

/** A file that is open. What was checked is this handle, not what the name stands for by now. */
export interface SourceFile {
  /** In bytes, when it was opened. */
  readonly size: number
  readonly chunks: Stream.Stream<Uint8Array, AttachmentRejected>
  /** Fails with `Changed` when it is not what it was when it was opened; `read` is how many bytes came of it. */
  readonly unchanged: (read: number) => Effect.Effect<void, AttachmentRejected>
}

const chunkSize = 128 * 1024

/** Absent on Windows, where they mean nothing. */
const flags =
  constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0)

/** File systems whose files the kernel makes up: what they hold, and whether reading ends, nobody can check. */
const madeUp: ReadonlySet<number> = new Set([
  0x9fa0, // proc
  0x62656572, // sysfs
  0x64626720, // debugfs
  0x74726163, // tracefs
  0x27e0eb, // cgroup
  0x63677270, // cgroup2
  0x73636673, // securityfs
  0x62656570, // configfs
  0xcafe4a11, // bpf
  0xde5e81e4, // efivarfs
  0x6165676c, // pstore
  0x1cd1, // devpts
  0x19800202 // mqueue
])

const codeOrUnknown = (error: unknown): string => codeOf(error) ?? "unknown"

const reasons: Readonly<Record<string, AttachmentReason>> = {
  ENOENT: "NotFound",
  ENOTDIR: "NotFound",
  ELOOP: "Symlink",
  EMLINK: "Symlink",
  // A socket, or a device without a driver.
  ENXIO: "NotAFile",
  EISDIR: "NotAFile",
  ENODEV: "NotAFile",
  ENAMETOOLONG: "NotFound",
  ERR_INVALID_ARG_VALUE: "BadName"
}

const kind = (stats: BigIntStats): string => {
  if (stats.isSymbolicLink()) return "a symbolic link"
  if (stats.isDirectory()) return "a directory"
  if (stats.isFIFO()) return "a FIFO"
  if (stats.isSocket()) return "a socket"
  return "a device"
}

const within = (root: string, path: string): boolean =>
  path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)

/** Opens a file for reading; it is closed with the scope. Nothing is read of a file that is refused. */
export const open = Effect.fnUntraced(function* (
  path: string,
  limits: SourceLimits
): Effect.fn.Return<SourceFile, AttachmentRejected, Scope.Scope> {
  const rejected = (reason: AttachmentReason, detail: string) =>
    new AttachmentRejected({ reason, path, detail })
  const attempt = <A>(run: () => Promise<A>) =>
    Effect.tryPromise({
      try: run,
      catch: (error) => rejected(reasons[codeOrUnknown(error)] ?? "Unreadable", codeOrUnknown(error))
    })

  if (path === "") return yield* rejected("NotFound", "the path is empty")
  if (path.includes("\0")) return yield* rejected("BadName", "the path has a NUL in it")
  const place =
    limits.root === undefined ? { file: resolve(path), root: undefined } : yield* locate(path, limits.root)
  const { file } = place
  if (process.platform !== "win32" && /^\/(?:proc|sys|dev)(?:\/|$)/.test(file))
    return yield* rejected("NotAFile", "files of /proc, /sys and /dev are the kernel's")

  const check = (stats: BigIntStats) => {
    if (stats.isSymbolicLink()) return Effect.fail(rejected("Symlink", "the path is a symbolic link"))
    if (!stats.isFile()) return Effect.fail(rejected("NotAFile", `it is ${kind(stats)}`))
    if (stats.size > BigInt(limits.maxBytes))
      return Effect.fail(rejected("TooLarge", `${stats.size} bytes, and ${limits.maxBytes} are the most`))
    return Effect.succeed(stats)
  }

  // Before it is opened, for to open some devices is to do something.
  const named = yield* Effect.flatMap(
    attempt(() => lstat(file, { bigint: true })),
    check
  )
  const handle = yield* Effect.acquireRelease(
    attempt(() => openFile(file, flags)),
    (handle) => Effect.promise(() => handle.close().catch(() => {}))
  )
  const stats = yield* Effect.flatMap(
    attempt(() => handle.stat({ bigint: true })),
    check
  )
  if (stats.ino !== named.ino || stats.dev !== named.dev)
    return yield* rejected("Changed", "another file took its place while it was opened")
  if (yield* isMadeUp(handle, file)) return yield* rejected("NotAFile", "the kernel makes it up")
  if (place.root !== undefined && !(yield* isInside(handle, place.root, file)))
    return yield* rejected("OutsideRoot", "what was opened lies outside the root")

  return {
    size: Number(stats.size),
    chunks: Stream.unfold(undefined, () =>
      Effect.map(
        attempt(() => handle.read(Buffer.allocUnsafeSlow(chunkSize), 0, chunkSize, null)),
        ({ buffer, bytesRead }) =>
          bytesRead === 0 ? undefined : ([buffer.subarray(0, bytesRead), undefined] as const)
      )
    ),
    unchanged: Effect.fnUntraced(function* (read) {
      const now = yield* attempt(() => handle.stat({ bigint: true }))
      if (now.mtimeNs === stats.mtimeNs && now.size === stats.size && now.size === BigInt(read)) return
      return yield* rejected(
        "Changed",
        `it had ${stats.size} bytes, ${read} came, and now it has ${now.size}`
      )
    })
  }
})

/** The file that is meant inside a root: no `..` leads out of it, and no folder on the way is a link. */
const locate = Effect.fnUntraced(function* (path: string, givenRoot: string) {
  const rejected = (reason: AttachmentReason, detail: string) =>
    new AttachmentRejected({ reason, path, detail })
  const root = yield* Effect.tryPromise({
    try: () => realpath(givenRoot),
    catch: (error) =>
      rejected("OutsideRoot", `the root "${givenRoot}" cannot be used: ${codeOrUnknown(error)}`)
  })
  // An absolute path may name the root as it was given or as it is.
  const lexical = resolve(givenRoot)
  const wanted = resolve(root, path)
  const inside = within(root, wanted) ? relative(root, wanted) : relative(lexical, wanted)
  if (inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside))
    return yield* rejected("OutsideRoot", `it is not in "${root}"`)
  let folder = root
  for (const part of inside.split(sep).slice(0, -1)) {
    folder = join(folder, part)
    const current = folder
    const stats = yield* Effect.tryPromise({
      try: () => lstat(current),
      catch: (error) => rejected(reasons[codeOrUnknown(error)] ?? "Unreadable", codeOrUnknown(error))
    })
    if (stats.isSymbolicLink()) return yield* rejected("Symlink", "a folder on the way is a symbolic link")
  }
  return { file: join(root, inside), root }
})

const descriptor = (handle: FileHandle): string => `/proc/self/fd/${handle.fd}`

const isMadeUp = (handle: FileHandle, file: string): Effect.Effect<boolean> =>
  Effect.promise(() =>
    statfs(descriptor(handle)).then(
      ({ type }) => madeUp.has(type),
      () =>
        statfs(file).then(
          ({ type }) => process.platform === "linux" && madeUp.has(type),
          () => false
        )
    )
  )

/**
 * Whether an open file lies in a folder. Linux says where; elsewhere the way to it is looked at once more, which leaves
 * a gap to somebody who puts everything back in time.
 */
const isInside = (handle: FileHandle, root: string, file: string): Effect.Effect<boolean> =>
  Effect.promise(() =>
    readlink(descriptor(handle)).then(
      (found) => within(root, found),
      () =>
        realpath(file).then(
          (found) => found === file,
          () => false
        )
    )
  )
