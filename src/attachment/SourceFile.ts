/** Opens a source file and checks the open file itself, so that another program cannot replace it after the check. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type BigIntStats, constants } from "node:fs"
import { type FileHandle, lstat, open as openFile, readlink, realpath, statfs } from "node:fs/promises"
import { isAbsolute, join, relative, resolve, sep } from "node:path"
import { AttachmentRejected, type AttachmentReason } from "../domain/CodexError.ts"
import { codeOf } from "../internal/SystemError.ts"

export interface SourceLimits {
  /** The only directory that files may come from; `undefined` allows any. */
  readonly root: string | undefined
  readonly maxBytes: number
}

/** An open file. The checks apply to this handle, not to the file that the name refers to later. */
export interface SourceFile {
  /** The size in bytes at the time of opening. */
  readonly size: number
  readonly chunks: Stream.Stream<Uint8Array, AttachmentRejected>
  /** Fails with `Changed` if the file has changed since it was opened. `read` is the number of bytes that were read. */
  readonly unchanged: (read: number) => Effect.Effect<void, AttachmentRejected>
}

const chunkSize = 128 * 1024

/** Flags that do not exist on Windows are omitted there. */
const flags =
  constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0)

/** Virtual file systems of the kernel. The content of their files cannot be checked, and reading may never end. */
const virtualFileSystems: ReadonlySet<number> = new Set([
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

/** Opens a file for reading and closes it with the scope. Reads nothing from a file that is rejected. */
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
  if (path.includes("\0")) return yield* rejected("BadName", "the path contains a NUL character")
  const place =
    limits.root === undefined ? { file: resolve(path), root: undefined } : yield* locate(path, limits.root)
  const { file } = place
  if (process.platform !== "win32" && /^\/(?:proc|sys|dev)(?:\/|$)/.test(file))
    return yield* rejected("NotAFile", "files in /proc, /sys and /dev are not regular files")

  const check = (stats: BigIntStats) => {
    if (stats.isSymbolicLink()) return Effect.fail(rejected("Symlink", "the path is a symbolic link"))
    if (!stats.isFile()) return Effect.fail(rejected("NotAFile", `it is ${kind(stats)}`))
    if (stats.size > BigInt(limits.maxBytes))
      return Effect.fail(
        rejected("TooLarge", `it has ${stats.size} bytes; the maximum is ${limits.maxBytes}`)
      )
    return Effect.succeed(stats)
  }

  // Check before opening, because opening some devices has side effects.
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
    return yield* rejected("Changed", "another file replaced it while it was being opened")
  if (yield* isVirtual(handle, file))
    return yield* rejected("NotAFile", "it is in a virtual file system of the kernel")
  if (place.root !== undefined && !(yield* isInside(handle, place.root, file)))
    return yield* rejected("OutsideRoot", "the opened file is outside the root")

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
        `it had ${stats.size} bytes, ${read} were read, and now it has ${now.size}`
      )
    })
  }
})

/** Resolves a path inside a root. Fails if `..` leads out of the root or a directory on the way is a link. */
const locate = Effect.fnUntraced(function* (path: string, givenRoot: string) {
  const rejected = (reason: AttachmentReason, detail: string) =>
    new AttachmentRejected({ reason, path, detail })
  const root = yield* Effect.tryPromise({
    try: () => realpath(givenRoot),
    catch: (error) =>
      rejected("OutsideRoot", `the root "${givenRoot}" cannot be used: ${codeOrUnknown(error)}`)
  })
  // An absolute path may begin with the root as it was given or with its real path.
  const lexical = resolve(givenRoot)
  const target = resolve(root, path)
  const inside = within(root, target) ? relative(root, target) : relative(lexical, target)
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
    if (stats.isSymbolicLink()) return yield* rejected("Symlink", "a directory on the way is a symbolic link")
  }
  return { file: join(root, inside), root }
})

const descriptor = (handle: FileHandle): string => `/proc/self/fd/${handle.fd}`

const isVirtual = (handle: FileHandle, file: string): Effect.Effect<boolean> =>
  Effect.promise(() =>
    statfs(descriptor(handle)).then(
      ({ type }) => virtualFileSystems.has(type),
      () =>
        statfs(file).then(
          ({ type }) => process.platform === "linux" && virtualFileSystems.has(type),
          () => false
        )
    )
  )

/**
 * Whether an open file is inside a directory. Linux reports the path of an open file. Other systems do not, so this
 * resolves the path again, which misses a program that swaps the file and restores it in time.
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
