/** Bytes into lines: chunks may break anywhere, a line may be longer than anybody wants. */

const newline = 0x0a
const carriageReturn = 0x0d

export interface LineSplitter {
  /** The lines that this chunk completes, without their ends; empty ones are left out. */
  readonly push: (chunk: Uint8Array) => ReadonlyArray<string>
  /** How many lines were longer than the limit and were skipped. */
  readonly skipped: () => number
}

/** Splits into lines of at most `limit` bytes. A longer one is skipped and counted, and never held in memory whole. */
export const make = (limit: number): LineSplitter => {
  let parts: Array<Uint8Array> = []
  let length = 0
  let tooLong = false
  let skipped = 0

  const append = (part: Uint8Array) => {
    if (tooLong || part.length === 0) return
    if (length + part.length > limit) {
      tooLong = true
      parts = []
      length = 0
      return
    }
    parts.push(part)
    length += part.length
  }

  const finishLine = (): string => {
    if (tooLong) {
      tooLong = false
      skipped++
      return ""
    }
    const [first] = parts
    const whole =
      parts.length === 1 && first !== undefined
        ? Buffer.from(first.buffer, first.byteOffset, first.length)
        : Buffer.concat(parts, length)
    parts = []
    length = 0
    return whole.toString("utf8", 0, whole.at(-1) === carriageReturn ? whole.length - 1 : whole.length)
  }

  return {
    push: (chunk) => {
      const lines: Array<string> = []
      let from = 0
      for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
        append(chunk.subarray(from, end))
        from = end + 1
        const line = finishLine()
        if (line !== "") lines.push(line)
      }
      append(chunk.subarray(from))
      return lines
    },
    skipped: () => skipped
  }
}
