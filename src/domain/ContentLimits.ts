/** Limits on the content that a thread keeps in memory, in bytes. */
import * as Context from "effect/Context"

/**
 * Limits in bytes of memory, counted as two bytes for each UTF-16 code unit of a text plus a small amount for each value.
 * Text in one-byte characters therefore takes half of it.
 * @since 0.1.0
 * @category models
 */
export interface MemoryLimits {
  /**
   * The content of one item, message, delta or diff. It keeps the start and the end of a longer text. The default, 8 MiB,
   * is several times what Codex itself keeps of the output of a command.
   */
  readonly itemBytes: number
  /**
   * The items of a turn together, whose result contains them. Beyond it, the oldest items keep only 1 KiB each; if that is
   * not enough, the turn drops the oldest items. Turns of a thread run one after the other, so this bounds the thread.
   * Default: 64 MiB.
   */
  readonly turnBytes: number
  /**
   * The events that wait for a slow consumer of a stream. Beyond it, the stream drops the oldest text deltas, then the
   * oldest other events, and says so in an `EventsOmitted`. Default: 64 MiB.
   */
  readonly bufferBytes: number
}

const mebibyte = 1024 * 1024

/**
 * The limits that hold unless the program provides others: 8 MiB for an item, 64 MiB for a turn and for a buffer.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { ContentLimits } from "effect-codex"
 *
 * const half = { ...ContentLimits.defaults, turnBytes: ContentLimits.defaults.turnBytes / 2 }
 * ```
 */
export const defaults: MemoryLimits = {
  itemBytes: 8 * mebibyte,
  turnBytes: 64 * mebibyte,
  bufferBytes: 64 * mebibyte
}

/**
 * The limits of the current context. A program that runs many threads with large outputs may lower them.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { Codex, ContentLimits } from "effect-codex"
 *
 * const Frugal = Codex.layer.pipe(
 *   Layer.provideMerge(
 *     Layer.succeed(ContentLimits.Current, { ...ContentLimits.defaults, turnBytes: 8 * 1024 * 1024 })
 *   )
 * )
 * ```
 */
export const Current = Context.Reference<MemoryLimits>("effect-codex/domain/ContentLimits", {
  defaultValue: () => defaults
})
