const segments = new Intl.Segmenter("en", { granularity: "grapheme" })

const narrow = /^[\u0020-\u007e\u00a0-\u02ff\u2010-\u2027\u2190-\u21ff\u2500-\u25ff]*$/
const zero = /^[\p{Mn}\p{Me}\p{Cf}]$/u
const wide =
  /^(?:\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1b000}-\u{1b2ff}\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}])$/u

/** How many columns of a terminal printable text takes. */
export const of = (text: string): number => {
  if (narrow.test(text)) return text.length
  let columns = 0
  for (const character of text) columns += zero.test(character) ? 0 : wide.test(character) ? 2 : 1
  return columns
}

/** The text cut to at most `columns`, with a sign that it was. */
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

/** The text cut or filled up to exactly `columns`. */
export const fill = (text: string, columns: number): string => {
  const fitted = fit(text, columns)
  return fitted + " ".repeat(Math.max(0, columns - of(fitted)))
}

const unit = /\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\u\{[0-9a-f]+\}|\P{M}\p{M}*|\p{M}+/gu

/** Returns the maximum number of columns that any terminal takes: terminals differ about every character but ASCII. */
export const maximum = (text: string): number => {
  let columns = 0
  for (const character of text) columns += character < "\u0080" ? 1 : 2
  return columns
}

/** Splits a line into pieces of at most `columns`, so that no terminal wraps it. Does not split an escape. */
export const wrap = (line: string, columns: number): ReadonlyArray<string> => {
  if (maximum(line) <= columns) return [line]
  const out: Array<string> = []
  let piece = ""
  let width = 0
  for (const [part] of line.matchAll(unit)) {
    const size = maximum(part)
    if (width + size > columns && piece !== "") {
      out.push(piece)
      piece = ""
      width = 0
    }
    piece += part
    width += size
  }
  return piece === "" ? out : [...out, piece]
}
