/** How wide a stream is, and whether text on it may have colours. stdout and stderr are judged separately. */

export interface TerminalStyle {
  /** The number of columns. */
  readonly width: number
  /** Whether to use ANSI colours. */
  readonly color: boolean
}

/** What matters of `process.stdout` and `process.stderr`. */
export interface StyledStream {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

/** The width of a file or a pipe. */
const defaultWidth = 100
const minWidth = 20
const maxWidth = 400

const isSet = (value: string | undefined): value is string => value !== undefined && value !== ""

const isOff = (value: string): boolean => value === "0" || value.toLowerCase() === "false"

/**
 * Whether to use colours. A choice of the user decides: `FORCE_COLOR=0` and `NO_COLOR` turn them off, another `FORCE_COLOR`
 * turns them on. Otherwise a terminal has colours unless `TERM` is `dumb`.
 */
export const hasColor = ({ isTTY }: StyledStream, env: Environment): boolean => {
  const { FORCE_COLOR: force, NO_COLOR: none, TERM: term } = env
  if ((isSet(force) && isOff(force)) || isSet(none)) return false
  return isSet(force) || (isTTY === true && term !== "dumb")
}

/** The width of a stream: `COLUMNS`, otherwise that of the terminal, otherwise 100. */
export const widthOf = ({ columns, isTTY }: StyledStream, env: Environment): number => {
  const { COLUMNS: chosen = "" } = env
  const width = /^[1-9]\d{0,5}$/.test(chosen) ? Number(chosen) : isTTY === true ? columns : undefined
  // A terminal without a size says 0.
  return Math.max(minWidth, Math.min(width === undefined || width === 0 ? defaultWidth : width, maxWidth))
}

/** The width and the colours of a stream of this process. */
export const of = (stream: StyledStream, env: Environment = process.env): TerminalStyle => ({
  width: widthOf(stream, env),
  color: hasColor(stream, env)
})
