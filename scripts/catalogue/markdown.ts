/** Writes Markdown in oxfmt's format: tables with aligned columns. */

const cell = (text: string): string => text.replaceAll("|", "\\|")

export const table = (header: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const all = [header, ...rows].map((row) => row.map(cell))
  const widths = header.map((_, column) => Math.max(3, ...all.map((row) => row[column]?.length ?? 0)))
  const line = (row: ReadonlyArray<string>) =>
    `| ${widths.map((width, column) => (row[column] ?? "").padEnd(width)).join(" | ")} |`
  const [head = [], ...body] = all
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n")
}

export const code = (text: string): string => `\`${text}\``

// One longer cell moves all columns of its table.
const unaligned = (line: string): string => line.replaceAll(/ +/g, " ").replaceAll(/-{3,}/g, "---").trimEnd()

/** Returns the first difference of two texts as lines; it ignores moved columns. */
export const difference = (is: string, should: string): string => {
  const before = is.split("\n").map(unaligned)
  const after = should.split("\n").map(unaligned)
  const length = Math.max(before.length, after.length)
  const first = Array.from({ length }).findIndex((_, at) => before[at] !== after[at])
  if (first < 0) return "only the alignment of columns differs"
  const shown = (lines: ReadonlyArray<string>, mark: string) =>
    lines.slice(first, first + 3).map((line) => `${mark} ${line}`)
  return [`line ${first + 1}`, ...shown(before, "-"), ...shown(after, "+")].join("\n")
}
