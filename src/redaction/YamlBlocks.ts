/** Finds the lines below a YAML key: a block of text, a list, or nested keys. */
import { mask } from "./mask.ts"

export interface YamlBlock {
  readonly end: number
  /** Returns the rest of the key's line and the lines below it, with every value masked. */
  readonly masked: (name: string) => string
}

const harmless = /^(?:true|false|null|~|none|yes|no|\{\}|\[\])$/i
const entry = /^([ \t]*(?:- )?(?:["']?[\w.-]{1,256}["']?:(?:[ \t]+|$))?)(["']?)(.*?)(\2)(\r?)$/

const maskedLine = (line: string, scalar: boolean): string => {
  if (scalar) return line.replace(/\S.*$/, mask)
  const found = entry.exec(line)
  if (found === null) return line
  const [, start = "", quote = "", value = "", close = "", end = ""] = found
  return value.trim() === "" || harmless.test(value) ? line : `${start}${quote}${mask}${close}${end}`
}

const indentationOf = (line: string): number => /^[ \t]*/.exec(line)?.[0].length ?? 0

/** Returns the block below the key at `key`, whose value would start at `from`; `undefined` if there is none. */
export const after = (text: string, key: number, from: number): YamlBlock | undefined => {
  const indicator = /^([|>][+-]?\d?)?[ \t]*\r?\n/.exec(text.slice(from, from + 16))
  if (indicator === null) return undefined
  const lineStart = text.lastIndexOf("\n", key - 1) + 1
  if (key - lineStart > 256) return undefined
  const before = text.slice(lineStart, key)
  if (!/^[ \t]*(?:- )?["']?$/.test(before)) return undefined
  const indentation = indentationOf(before)
  const first = from + indicator[0].length
  let end = first
  const lines: Array<string> = []
  while (end < text.length) {
    const next = text.indexOf("\n", end)
    const stop = next < 0 ? text.length : next
    const line = text.slice(end, stop)
    const own = indentationOf(line)
    const below = own > indentation || (own === indentation && /^[ \t]*- /.test(line))
    if (!below && line.trim() !== "") break
    lines.push(line)
    end = Math.min(text.length, stop + 1)
    if (next < 0) break
  }
  if (!lines.some((line) => line.trim() !== "")) return undefined
  const scalar = indicator[1] !== undefined
  const closed = text[end - 1] === "\n"
  return {
    end,
    masked: () =>
      text.slice(from, first) +
      lines.map((line) => maskedLine(line, scalar)).join("\n") +
      (closed ? "\n" : "")
  }
}
