/** Splits a byte stream into lines of limited length. Chunk boundaries may fall anywhere. */

const newline = 0x0a
const carriageReturn = 0x0d

export interface LineSplitter {
  /** Returns the lines that this chunk completes, without their line ends and without empty lines. */
  readonly push: (chunk: Uint8Array) => ReadonlyArray<string>
  /** Returns how many lines exceeded the limit and were skipped. */
  readonly skipped: () => number
}

/** Makes a splitter for lines of at most `limit` bytes. It skips and counts longer lines and never buffers one in full. */
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
