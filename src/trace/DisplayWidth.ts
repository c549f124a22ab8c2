/** The number of terminal columns that printable text takes. */
import { displayWidth } from "effect/cli/CliOutput"

const segments = new Intl.Segmenter("en", { granularity: "grapheme" })

const narrow = /^[\u0020-\u007e\u00a0-\u00ac\u00ae-\u02ff\u2010-\u2027\u2190-\u21ff\u2500-\u25ff]*$/

/** Returns the columns that the text takes. Almost all text is narrow; measuring each grapheme takes a hundred times as long. */
export const of = (text: string): number => (narrow.test(text) ? text.length : displayWidth(text))

/** Cuts text to `columns`. An ellipsis marks the cut. */
export const fit = (text: string, columns: number): string => {
  if (of(text) <= columns) return text
  if (columns < 1) return ""
  let fitted = ""
  let left = columns - 1
  for (const { segment } of segments.segment(text)) {
    left -= of(segment)
    if (left < 0) break
    fitted += segment
  }
  return `${fitted}…`
}

/** Cuts or fills text to exactly `columns`. */
export const fill = (text: string, columns: number): string => {
  const fitted = fit(text, columns)
  return fitted + " ".repeat(Math.max(0, columns - of(fitted)))
}
