/** Markdown as oxfmt leaves it: tables whose columns are aligned. */

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

// One cell that is longer moves all columns of its table.
const unaligned = (line: string): string => line.replaceAll(/ +/g, " ").replaceAll(/-{3,}/g, "---").trimEnd()

/** Where two texts differ first, as lines to read; columns that only moved are passed over. */
export const difference = (is: string, should: string): string => {
  const before = is.split("\n").map(unaligned)
  const after = should.split("\n").map(unaligned)
  const length = Math.max(before.length, after.length)
  const first = Array.from({ length }).findIndex((_, at) => before[at] !== after[at])
  if (first < 0) return "columns are not aligned"
  const shown = (lines: ReadonlyArray<string>, mark: string) =>
    lines.slice(first, first + 3).map((line) => `${mark} ${line}`)
  return [`line ${first + 1}`, ...shown(before, "-"), ...shown(after, "+")].join("\n")
}
