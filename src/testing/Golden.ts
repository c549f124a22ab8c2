/** A whole trace against what it was before. */
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
 */
export const diff = (expected: string, actual: string): string =>
  TextDiff.unified(TextDiff.lines(`${expected}\n`, `${actual}\n`, { maxEdits })).replace(/\n$/, "")

/** The trace is another one; lines marked `-` were expected, those marked `+` came. */
export class TraceDiffers extends Data.TaggedError("TraceDiffers")<{
  readonly expected: string
  readonly actual: string
}> {
  override get message() {
    return `the trace is not the one that is expected:\n${diff(this.expected, this.actual)}`
  }
}

/**
 * Everything that was captured, in the form that is the same in every run: for an inline snapshot.
 *
 * ```ts
 * expect(yield* Golden.trace({ attributes: ["codex.turn.status"] })).toMatchInlineSnapshot()
 * ```
 */
export const trace = (
  options?: NormalizedTrace.NormalizeOptions
): Effect.Effect<string, never, Captured.Captured> =>
  Effect.map(Captured.spans, (spans) => NormalizedTrace.normalize(spans, options))

/** Text without the indentation that all of its lines have, and without blank lines around it. */
const dedented = (text: string): string => {
  const lines = text.replace(/^(?:[ \t]*\n)+|\s+$/g, "").split("\n")
  const indents = lines
    .filter((line) => line.trim() !== "")
    .map((line) => /^[ \t]*/.exec(line)?.[0].length ?? 0)
  const common = Math.min(...indents)
  return lines.map((line) => line.slice(Number.isFinite(common) ? common : 0).trimEnd()).join("\n")
}

/**
 * Dies with `TraceDiffers` where the captured trace is another one. The indentation of the text as a whole does not
 * count.
 *
 * ```ts
 * yield* Golden.expectTrace(`
 *   invoke_agent codex
 *     chat gpt-5.5 [client]
 * `)
 * ```
 */
export const expectTrace = Effect.fnUntraced(function* (
  expected: string,
  options?: NormalizedTrace.NormalizeOptions
) {
  const actual = yield* trace(options)
  const wanted = dedented(expected)
  if (wanted !== actual) return yield* Effect.die(new TraceDiffers({ expected: wanted, actual }))
})
