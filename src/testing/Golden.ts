/** Compares a whole trace with an expected one. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as TextDiff from "effect/TextDiff"
import * as NormalizedTrace from "../trace/NormalizedTrace.ts"
import * as Captured from "./Captured.ts"

export { normalize, type NormalSpan, type NormalizeOptions } from "../trace/NormalizedTrace.ts"

// Limits the search for the shortest edit script, which is quadratic for long texts that share little.
const maxEdits = 2_000

/**
 * Returns the lines that differ, as the hunks of a unified diff: `-` for a line that only `expected` has, `+` for a line
 * that only `actual` has, with three lines of context. Returns an empty string for equal texts.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Golden } from "effect-codex/testing"
 *
 * Golden.diff("invoke_agent codex", "invoke_agent codex\n  execute_tool exec_command")
 * ```
 */
export const diff = (expected: string, actual: string): string =>
  TextDiff.unified(TextDiff.lines(`${expected}\n`, `${actual}\n`, { maxEdits })).replace(/\n$/, "")

/**
 * The trace differs: `-` marks expected lines, `+` marks actual lines.
 * @since 0.1.0
 * @category errors
 */
export class TraceDiffers extends Data.TaggedError("TraceDiffers")<{
  readonly expected: string
  readonly actual: string
}> {
  override get message() {
    return `the trace differs from the expected one:\n${diff(this.expected, this.actual)}`
  }
}

/**
 * Formats all captured spans without ids and times, so that an inline snapshot is stable.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { expect } from "vitest"
 * import { Effect } from "effect"
 * import { Golden } from "effect-codex/testing"
 *
 * const matches = Effect.gen(function* () {
 *   expect(yield* Golden.trace({ attributes: ["codex.turn.status"] })).toMatchSnapshot()
 * })
 * ```
 */
export const trace = (
  options?: NormalizedTrace.NormalizeOptions
): Effect.Effect<string, never, Captured.Captured> =>
  Effect.map(Captured.spans, (spans) => NormalizedTrace.normalize(spans, options))

/** Removes the common indentation and the surrounding blank lines of a text. */
const dedent = (text: string): string => {
  const lines = text.replace(/^(?:[ \t]*\n)+|\s+$/g, "").split("\n")
  const indents = lines
    .filter((line) => line.trim() !== "")
    .map((line) => /^[ \t]*/.exec(line)?.[0].length ?? 0)
  const common = Math.min(...indents)
  return lines.map((line) => line.slice(Number.isFinite(common) ? common : 0).trimEnd()).join("\n")
}

/**
 * Dies with `TraceDiffers` if the captured trace differs from the expected one. The common indentation of the text is
 * ignored.
 * @since 0.1.0
 * @category assertions
 * @example
 * ```ts
 * import { Golden } from "effect-codex/testing"
 *
 * const oneCommand = Golden.expectTrace(`
 *   invoke_agent codex
 *     chat
 *     execute_tool exec_command
 * `)
 * ```
 */
export const expectTrace = Effect.fnUntraced(function* (
  expected: string,
  options?: NormalizedTrace.NormalizeOptions
) {
  const actual = yield* trace(options)
  const dedented = dedent(expected)
  if (dedented !== actual) return yield* Effect.die(new TraceDiffers({ expected: dedented, actual }))
})
