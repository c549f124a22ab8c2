/** A spawner whose pipes to and from a process are slow at the moments that suit an attacker. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"

/** When the pipes are slow. Each function receives a line. */
export interface SlowPipeOptions {
  /** Whether the host reads nothing after this line of the process, until `isLastHeld`. */
  readonly isLastRead: (line: string) => boolean
  /** Whether this line of the host is its answer, which the process receives after `isUnread`. */
  readonly isAnswer: (line: string) => boolean
  /** Whether this line of the process, which the host does not read in time, lets the answer through. */
  readonly isUnread: (line: string) => boolean
  /** Whether the host reads all lines of the process up to this one, and everything after it. */
  readonly isLastHeld: (line: string) => boolean
}

const decoded = (chunk: Uint8Array) => new TextDecoder().decode(chunk)
const encoded = (lines: ReadonlyArray<string>) =>
  new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""))

const slow = (handle: ChildProcessSpawner.ChildProcessHandle, options: SlowPipeOptions) => {
  const unread = Deferred.makeUnsafe<void>()
  const held: Array<string> = []
  let isHeld = false
  const read = (line: string): ReadonlyArray<string> => {
    if (!isHeld) {
      isHeld = options.isLastRead(line)
      return [line]
    }
    held.push(line)
    if (options.isUnread(line)) Deferred.doneUnsafe(unread, Effect.void)
    if (!options.isLastHeld(line)) return []
    isHeld = false
    return held.splice(0)
  }
  return ChildProcessSpawner.makeHandle({
    ...handle,
    stdout: handle.stdout.pipe(
      Stream.decodeText,
      Stream.splitLines,
      Stream.map((line) => encoded(read(line)))
    ),
    stdin: Sink.mapInputEffect(handle.stdin, (chunk: Uint8Array) =>
      options.isAnswer(decoded(chunk)) ? Effect.as(Deferred.await(unread), chunk) : Effect.succeed(chunk)
    )
  })
}

/**
 * Starts processes on slow pipes: the process has sent more than the host has read when the host answers. Everything waits
 * for a line and not for a time, so the race has the same winner every time.
 */
export const layer = (
  options: SlowPipeOptions
): Layer.Layer<ChildProcessSpawner.ChildProcessSpawner, never, ChildProcessSpawner.ChildProcessSpawner> =>
  Layer.effect(
    ChildProcessSpawner.ChildProcessSpawner,
    Effect.map(ChildProcessSpawner.ChildProcessSpawner, (spawner) =>
      ChildProcessSpawner.make((command) =>
        Effect.map(spawner.spawn(command), (handle) => slow(handle, options))
      )
    )
  )
