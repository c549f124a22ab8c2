/** The size of a JSON text by its values and its depth, found before the text is parsed and decoded. */

export interface JsonLimits {
  /** Maximum number of values: elements, properties, objects and arrays. */
  readonly values: number
  readonly depth: number
}

const [quote, comma, colon, openArray, closeArray, openObject, closeObject] = Array.from(
  '",:[]{}',
  (character) => character.charCodeAt(0)
)

/** Returns the position after the string that begins at `from`. */
const afterString = (text: string, from: number): number => {
  for (let end = text.indexOf('"', from + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0
    while (text[end - 1 - backslashes] === "\\") backslashes++
    if (backslashes % 2 === 0) return end + 1
  }
  return text.length
}

/**
 * Whether a JSON text has more values, or is nested deeper, than the limits. A text of one megabyte can have 500,000 values or be
 * nested as deep: parsing and decoding it would occupy the process for seconds. This looks at each character at most once, jumps
 * over strings, and stops at the first value beyond the limits. A text that is no JSON is left to the parser.
 */
export const exceeds = (text: string, limits: JsonLimits): boolean => {
  let depth = 0
  let values = 1
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === quote) at = afterString(text, at) - 1
    else if (code === openArray || code === openObject) {
      values++
      if (++depth > limits.depth) return true
    } else if (code === closeArray || code === closeObject) depth--
    else if (code === comma || code === colon) values++
    if (values > limits.values) return true
  }
  return false
}
