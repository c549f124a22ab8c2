/** Draws a table that fits a terminal: on a narrow one the least important columns are left out. */
import { printableLine } from "../internal/VisibleText.ts"
import * as DisplayWidth from "../trace/DisplayWidth.ts"
import type { TerminalStyle } from "./TerminalStyle.ts"

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => string
  /** Columns with the highest number are left out first. Those with 0 always stay. */
  readonly priority: number
  readonly align?: "left" | "right" | undefined
  /** The column may be cut down to this width before others are left out. Without it the column stays whole. */
  readonly minWidth?: number | undefined
  /** Whether the text of a row is shown in red. */
  readonly isBad?: ((row: Row) => boolean) | undefined
}

interface Measured<Row> {
  readonly column: Column<Row>
  readonly cells: ReadonlyArray<string>
  readonly width: number
}

const gap = "  "
/** The maximum length of a cell. What a file contains may be any text. */
const maxCell = 200

/** Returns the lines of a table: the titles, then the rows. No line is wider than the terminal. Text is made harmless. */
export const render = <Row>(
  columns: ReadonlyArray<Column<Row>>,
  rows: ReadonlyArray<Row>,
  { color, width }: TerminalStyle
): ReadonlyArray<string> => {
  const measured = columns
    .map((column) => measure(column, rows))
    .filter(({ cells }) => cells.some((cell) => cell !== ""))
  const shown = fitted(measured, width)
  const paint = (code: string, text: string) =>
    color && text !== "" ? `\u001b[${code}m${text}\u001b[0m` : text
  const lineOf = (
    textOf: (each: Measured<Row>) => string,
    paintOf: (each: Measured<Row>, text: string) => string
  ) =>
    shown
      .map((each, at) => paintOf(each, pad(textOf(each), each, at === shown.length - 1)))
      .join(gap)
      .trimEnd()
  return [
    lineOf(
      ({ column }) => column.title,
      (_, text) => paint("2", text)
    ),
    ...rows.map((row, at) =>
      lineOf(
        ({ cells }) => cells[at] ?? "",
        ({ column }, text) => (column.isBad?.(row) === true ? paint("31", text) : text)
      )
    )
  ]
}

const measure = <Row>(column: Column<Row>, rows: ReadonlyArray<Row>): Measured<Row> => {
  const cells = rows.map((row) => printableLine(column.cell(row), maxCell))
  const width = cells.reduce((widest, cell) => Math.max(widest, DisplayWidth.of(cell)), column.title.length)
  return { column, cells, width }
}

/** Leaves out columns until the others fit, and gives what is missing then to the columns that may be cut. */
const fitted = <Row>(all: ReadonlyArray<Measured<Row>>, width: number): ReadonlyArray<Measured<Row>> => {
  const least = ({ column, width }: Measured<Row>) => Math.min(width, column.minWidth ?? width)
  let shown = all
  const total = (widthOf: (each: Measured<Row>) => number) =>
    shown.reduce((sum, each) => sum + widthOf(each), gap.length * Math.max(0, shown.length - 1))
  while (total(least) > width) {
    const lowest = Math.max(...shown.map(({ column }) => column.priority))
    const victim = lowest === 0 ? undefined : shown.findLast(({ column }) => column.priority === lowest)
    if (victim === undefined) break
    shown = shown.filter((each) => each !== victim)
  }
  let missing = total(({ width }) => width) - width
  const widths = shown.map((each) => each.width)
  const shrink = (to: (each: Measured<Row>) => number) => {
    for (const [at, each] of [...shown.entries()].toReversed()) {
      const cut = Math.max(0, Math.min(missing, (widths[at] ?? 0) - to(each)))
      widths[at] = (widths[at] ?? 0) - cut
      missing -= cut
    }
  }
  shrink(least)
  // Where even the columns that always stay do not fit, first the ones are cut that may be, then all of them.
  shrink(({ column, width }) => (column.minWidth === undefined ? width : 8))
  shrink(() => 1)
  return shown.map((each, at) => ({ ...each, width: widths[at] ?? each.width }))
}

const pad = <Row>(text: string, { column, width }: Measured<Row>, isLast: boolean): string => {
  const cut = DisplayWidth.fit(text, width)
  const blanks = " ".repeat(Math.max(0, width - DisplayWidth.of(cut)))
  return column.align === "right" ? blanks + cut : isLast ? cut : cut + blanks
}
