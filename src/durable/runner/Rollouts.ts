/**
 * Keeps the conversations of threads in the database, so that they survive their machine. Codex appends what happens on a
 * thread to a file, its rollout, and a Codex with another home directory continues a thread from a copy of that file.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import { dirname, join } from "node:path"
import type { Codex } from "../../Codex.ts"
import type * as CodexError from "../../domain/CodexError.ts"
import type { ThreadId } from "../../domain/Ids.ts"
import { StorageUnavailable } from "../../domain/StorageErrors.ts"
import * as SafeFile from "../../internal/SafeFile.ts"
import { codeOf } from "../../internal/SystemError.ts"
import type { Store } from "../store/Store.ts"
import type { TurnOwner } from "../store/TurnOwner.ts"

/** The size of a row, in bytes, unless a single line is longer. */
const chunkBytes = 256 * 1024
const maxLineBytes = 64 * 1024 * 1024
const newline = 0x0a

/** The place of a rollout below the home directory of Codex: `sessions/2026/01/02/rollout-….jsonl`. */
const place = /(?:^|\/)(sessions\/\d{4}\/\d{2}\/\d{2}\/rollout-[\w.:-]+\.jsonl)$/

/** Returns the path of a rollout relative to the home directory of its Codex, or `undefined` if it is stored elsewhere. */
export const relativePath = (path: string): string | undefined => place.exec(path)?.[1]

/** Returns the file in which Codex stores a thread. `undefined` for a thread that is not stored. */
export const fileOf = (
  { request }: Pick<Codex["Service"], "request">,
  threadId: ThreadId
): Effect.Effect<string | undefined, CodexError.StartError> =>
  Effect.map(request("thread/read", { threadId, includeTurns: false }), ({ thread }) =>
    Predicate.hasProperty(thread, "path") && typeof thread.path === "string" ? thread.path : undefined
  )

/** Reads whole lines from a position: at most a chunk, or one longer line. */
const readLines = (path: string, position: number): Uint8Array | undefined => {
  const descriptor = SafeFile.open(path, "read")
  try {
    for (let size = chunkBytes; ; size *= 2) {
      const buffer = Buffer.alloc(size)
      const read = Fs.readSync(descriptor, buffer, 0, size, position)
      const end = read === 0 ? -1 : buffer.lastIndexOf(newline, read - 1)
      if (end >= 0) return buffer.subarray(0, end + 1)
      // Codex writes the rest of the line now.
      if (read < size) return undefined
      if (size >= maxLineBytes) throw new Error(`a line is longer than ${maxLineBytes} bytes`)
    }
  } finally {
    Fs.closeSync(descriptor)
  }
}

export interface Follower {
  /** Stores what Codex has written since the last call. Does nothing for a file that does not exist yet. */
  readonly save: Effect.Effect<void, StorageUnavailable>
}

/**
 * Returns how to store a rollout as it grows. Only whole lines are stored. A file that cannot be read costs the thread its
 * copy, and not the turn its result: that is logged once. `owner`: the claim of the turn, without which nothing more is stored.
 */
export const follow = (
  { rollouts }: Pick<Store["Service"], "rollouts">,
  threadId: ThreadId,
  path: string,
  owner?: TurnOwner
): Follower => {
  const one = Semaphore.makeUnsafe(1)
  let stored: number | undefined
  let isUnreadable = false
  let isWaiting = false

  const read = (position: number): Effect.Effect<Uint8Array | undefined> =>
    Effect.suspend(() => {
      try {
        return Effect.succeed(readLines(path, position))
      } catch (error) {
        if (codeOf(error) === "ENOENT") return Effect.undefined
        isUnreadable = true
        return Effect.as(
          Effect.logWarning(
            `the conversation of thread ${threadId} cannot be copied to the database: ${String(error)}`
          ),
          undefined
        )
      }
    })

  const saveNow = Effect.gen(function* () {
    isWaiting = false
    stored ??= yield* rollouts.size(threadId)
    while (true) {
      const lines = isUnreadable ? undefined : yield* read(stored)
      if (lines === undefined) return
      yield* rollouts.append(threadId, stored, lines, owner)
      stored += lines.length
    }
  })

  return {
    // A call that waits for its permit also stores what is written until it gets it.
    save: Effect.suspend(() => {
      if (isWaiting) return one.withPermit(Effect.void)
      isWaiting = true
      return Effect.onInterrupt(one.withPermit(saveNow), () => Effect.sync(() => (isWaiting = false)))
    })
  }
}

const failed = (reason: "IoError" | "Unsafe", detail: string): StorageUnavailable =>
  new StorageUnavailable({ reason, detail })

/** Whether a file begins with the stored conversation of a thread. */
const holdsStored = (
  { rollouts }: Pick<Store["Service"], "rollouts">,
  threadId: ThreadId,
  file: string,
  attempt: <A>(work: () => A) => Effect.Effect<A, StorageUnavailable>
): Effect.Effect<boolean, StorageUnavailable> =>
  Effect.acquireUseRelease(
    attempt(() => SafeFile.open(file, "read")),
    (descriptor) => {
      let position = 0
      return rollouts.read(threadId).pipe(
        Stream.mapEffect((bytes) =>
          attempt(() => {
            const found = Buffer.alloc(bytes.length)
            const read = Fs.readSync(descriptor, found, 0, bytes.length, position)
            position += read
            return read === bytes.length && found.equals(bytes)
          })
        ),
        Stream.takeUntil((isSame) => !isSame),
        Stream.runFold(
          () => true,
          (_, isSame) => isSame
        )
      )
    },
    (descriptor) => Effect.sync(() => Fs.closeSync(descriptor))
  )

/**
 * Writes the stored rollout of a thread below the home directory of another Codex, which then can resume the thread. Returns
 * whether there is one. A file that begins with what is stored stays: the engines share the home directory. Any other file is
 * replaced: it is of an earlier time of the thread on this engine.
 */
export const restore = Effect.fnUntraced(function* (
  store: Pick<Store["Service"], "rollouts">,
  threadId: ThreadId,
  path: string,
  home: string
): Effect.fn.Return<boolean, StorageUnavailable> {
  const { rollouts } = store
  const relative = relativePath(path)
  if (relative === undefined || !relative.endsWith(`-${threadId}.jsonl`))
    return yield* failed("Unsafe", `the thread ${threadId} has a file in an unexpected place`)
  if ((yield* rollouts.size(threadId)) === 0) return false
  const file = join(home, relative)
  const partial = `${file}.partial`
  const attempt = <A>(work: () => A) =>
    Effect.try({
      try: work,
      catch: (error) =>
        failed(
          "IoError",
          `the conversation of thread ${threadId} cannot be written to ${file}: ${String(error)}`
        )
    })
  const exists = yield* attempt(() => Fs.existsSync(file))
  if (exists && (yield* holdsStored(store, threadId, file, attempt))) return true
  yield* Effect.acquireUseRelease(
    attempt(() => {
      SafeFile.makeDirectory(dirname(file))
      return SafeFile.open(partial, "replace")
    }),
    (descriptor) =>
      Stream.runForEach(rollouts.read(threadId), (bytes) =>
        attempt(() => SafeFile.writeAll(descriptor, bytes))
      ),
    (descriptor) => Effect.sync(() => Fs.closeSync(descriptor))
  )
  // Codex must not find half of a file.
  yield* attempt(() => SafeFile.rename(partial, file))
  return true
})
