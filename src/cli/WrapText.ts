/** Breaks text into lines that fit a terminal. Pure, and loads nothing, because help uses it. */

/** Puts words into lines of at most `width` columns. A longer word is cut, if possible between choices: `a|b`. */
export const fill = (words: ReadonlyArray<string>, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of words) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line)
      line = ""
    }
    line = line === "" ? word : `${line} ${word}`
    while (line.length > width) {
      const at = line.lastIndexOf("|", width - 1) + 1
      lines.push(line.slice(0, at > 0 ? at : width))
      line = line.slice(at > 0 ? at : width)
    }
  }
  return line === "" ? lines : [...lines, line]
}

/** Breaks a text at its spaces, with the same indentation of each line. */
export const wrap = (text: string, width: number, indent: string): ReadonlyArray<string> =>
  fill(
    text.split(" ").filter((word) => word !== ""),
    Math.max(10, width - indent.length)
  ).map((line) => indent + line)

/** Breaks a line at its spaces if it is too long. It keeps its indentation, and the further lines have two columns more. */
export const hang = (line: string, width: number): ReadonlyArray<string> => {
  if (line.length <= width) return [line]
  const [indent = ""] = /^ */.exec(line) ?? []
  return wrap(line, width - 2, indent).map((part, at) => (at === 0 ? part : `  ${part}`))
}
