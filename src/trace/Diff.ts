/** Two texts line by line: what is gone, what is new, and what is around it. */

const around = 3
// Beyond so many pairs of lines it is only told where they part.
const maxCells = 4_000_000

type Edit = readonly [mark: " " | "-" | "+", line: string]

/** The shortest way from one list of lines to the other. */
const edits = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): ReadonlyArray<Edit> => {
  const width = b.length + 1
  const longest = new Uint32Array((a.length + 1) * width)
  const at = (i: number, j: number): number => longest[i * width + j] ?? 0
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  const out: Array<Edit> = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      out.push([" ", a[i] ?? ""])
      i++
      j++
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) {
      out.push(["-", a[i] ?? ""])
      i++
    } else {
      out.push(["+", b[j] ?? ""])
      j++
    }
  }
  return out
}

/**
 * What is another in `actual` than in `expected`, as lines marked `-` (expected, not there) and `+` (there, not
 * expected) with three lines around them and `…` for more; empty where they are the same.
 */
export const diff = (expected: string, actual: string): string => {
  if (expected === actual) return ""
  const a = expected.split("\n")
  const b = actual.split("\n")
  if (a.length * b.length > maxCells) {
    const parting = a.findIndex((line, at) => line !== b[at])
    return `line ${parting + 1}\n- ${a[parting] ?? ""}\n+ ${b[parting] ?? ""}`
  }
  const all = edits(a, b)
  const shown = new Set<number>()
  for (const [at, [mark]] of all.entries()) {
    if (mark === " ") continue
    for (let near = at - around; near <= at + around; near++) shown.add(near)
  }
  const lines: Array<string> = []
  for (const [at, [mark, line]] of all.entries()) {
    if (shown.has(at)) lines.push(`${mark} ${line}`.trimEnd())
    else if (lines.at(-1) !== "…") lines.push("…")
  }
  return lines.join("\n")
}
