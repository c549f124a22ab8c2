/** The event lines of one turn, for any number of readers. It keeps a bounded part of them; the turn never waits. */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"

/** A line with its number, from 1. */
export interface NumberedLine {
  readonly number: number
  readonly line: string
}

/** The lines between two that a reader gets are gone: how many, and the number of the last of them. */
export interface MissingLines {
  readonly number: number
  readonly missing: number
}

/** What a reader receives. `Idle` comes after each heartbeat interval without a line. */
export type LogEntry = NumberedLine | MissingLines | "Idle"

export interface TurnLog {
  /** Adds a line. Drops the oldest lines while the log has more than its bytes. */
  readonly append: (line: string) => void
  /** Ends the streams of all readers after the lines that they have not read. */
  readonly end: () => void
  /** The number of the last line. */
  readonly last: () => number
  /** The lines after number `after`, now and until the end. */
  readonly read: (after: number) => Stream.Stream<LogEntry>
}

/** How many lines a reader takes at once, so that a slow client holds few of them outside of the log. */
const batch = 64

/** Makes a log that keeps at most `bytes`, and always the last line. */
export const make = (options: { readonly bytes: number; readonly heartbeat: Duration.Input }): TurnLog => {
  let lines: Array<string> = []
  /** How many lines at the start of `lines` are dropped, and how many lines were dropped before these. */
  let dropped = 0
  let before = 0
  let bytes = 0
  let ended = false
  const changed = Latch.makeUnsafe(false)

  const first = () => before + dropped + 1
  const last = () => before + lines.length

  const take = (next: number): readonly [entries: ReadonlyArray<LogEntry>, next: number] => {
    const entries: Array<LogEntry> = []
    const from = Math.max(next, first())
    if (from > next) entries.push({ number: from - 1, missing: from - next })
    const to = Math.min(from + batch, last() + 1)
    for (let number = from; number < to; number++) {
      const line = lines[number - before - 1]
      if (line !== undefined) entries.push({ number, line })
    }
    return [entries, to]
  }

  return {
    append: (line) => {
      lines.push(line)
      bytes += 2 * line.length
      while (bytes > options.bytes && dropped < lines.length - 1) bytes -= 2 * (lines[dropped++] ?? "").length
      if (dropped > 1024 && dropped * 2 > lines.length) {
        lines = lines.slice(dropped)
        before += dropped
        dropped = 0
      }
      changed.openUnsafe()
    },
    end: () => {
      ended = true
      changed.openUnsafe()
    },
    last,
    read: (after) =>
      Stream.fromPull(
        Effect.sync(() => {
          let next = Math.min(after, last()) + 1
          const pull: Pull.Pull<readonly [LogEntry, ...Array<LogEntry>]> = Effect.suspend(() => {
            const [entries, to] = take(next)
            next = to
            if (Arr.isReadonlyArrayNonEmpty(entries)) return Effect.succeed(entries)
            if (ended) return Cause.done()
            changed.closeUnsafe()
            return Effect.flatMap(
              Effect.timeoutOption(changed.await, options.heartbeat),
              (waited): typeof pull => (Option.isSome(waited) ? pull : Effect.succeed(["Idle"]))
            )
          })
          return pull
        })
      )
  }
}
