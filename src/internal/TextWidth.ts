/** The number of terminal columns that text takes at most. */
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
