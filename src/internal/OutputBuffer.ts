/**
 * The output of a command that waits for its reader, bounded in bytes. The producer never waits: when the reader is slow,
 * the middle of what waits is dropped, and a line in its place counts the dropped bytes.
 */
import type * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"

export interface OutputBuffer<E> {
  readonly offer: (chunk: Uint8Array) => void
  /** Ends the stream after the output that still waits. */
  readonly end: (exit: Exit.Exit<unknown, E>) => void
  /** Takes what waits, one chunk at a time, so that a reader that stops early leaves the rest for another. */
  readonly stream: Stream.Stream<Uint8Array, E>
  /** How many bytes were dropped so far. */
  readonly omittedBytes: () => number
}

const encoder = new TextEncoder()

/** Makes a buffer that keeps at most `limit` bytes: half of them from the start of what waits, and half from its end. */
export const make = <E>(limit: number): OutputBuffer<E> => {
  const half = Math.max(1, Math.floor(limit / 2))
  const filled = Latch.makeUnsafe(false)
  let head: Array<Uint8Array> = []
  let headBytes = 0
  let tail: Array<Uint8Array> = []
  let tailBytes = 0
  /** The position of the oldest chunk in `tail`, so that dropping one does not move the others. */
  let first = 0
  let dropped = 0
  let total = 0
  let ended: Exit.Exit<unknown, E> | undefined

  const drop = (bytes: number) => {
    dropped += bytes
    total += bytes
    tailBytes -= bytes
  }

  const takeTail = (): Uint8Array | undefined => {
    const chunk = tail[first]
    if (chunk === undefined) return undefined
    first++
    if (first === tail.length || first >= 1024) {
      tail = tail.slice(first)
      first = 0
    }
    return chunk
  }

  const add = (chunk: Uint8Array) => {
    let rest = chunk
    if (tailBytes === 0 && dropped === 0 && headBytes < half) {
      const kept = rest.subarray(0, half - headBytes)
      head.push(kept)
      headBytes += kept.length
      rest = rest.subarray(kept.length)
      if (rest.length === 0) return
    }
    tail.push(rest)
    tailBytes += rest.length
    for (let excess = tailBytes - half; excess > 0; excess = tailBytes - half) {
      const oldest = tail[first]
      if (oldest === undefined) return
      if (oldest.length > excess) {
        tail[first] = oldest.subarray(excess)
        return drop(excess)
      }
      drop(oldest.length)
      takeTail()
    }
  }

  const next = (): Uint8Array | undefined => {
    const chunk = head.shift()
    if (chunk !== undefined) {
      headBytes -= chunk.length
      return chunk
    }
    if (dropped > 0) {
      const mark = encoder.encode(`\n[effect-codex omitted ${dropped} bytes]\n`)
      dropped = 0
      return mark
    }
    const oldest = takeTail()
    if (oldest !== undefined) tailBytes -= oldest.length
    return oldest
  }

  const take: Pull.Pull<Arr.NonEmptyReadonlyArray<Uint8Array>, E> = Effect.suspend(() => {
    const chunk = next()
    if (chunk !== undefined) return Effect.succeed<Arr.NonEmptyReadonlyArray<Uint8Array>>([chunk])
    if (ended === undefined) {
      filled.closeUnsafe()
      return Effect.andThen(filled.await, take)
    }
    return Exit.isFailure(ended) ? Effect.failCause(ended.cause) : Cause.done()
  })

  return {
    offer: (chunk) => {
      if (chunk.length === 0) return
      add(chunk)
      // The reader may continue synchronously, so it comes after.
      filled.openUnsafe()
    },
    end: (exit) => {
      ended ??= exit
      filled.openUnsafe()
    },
    stream: Stream.fromPull(Effect.succeed(take)),
    omittedBytes: () => total
  }
}
