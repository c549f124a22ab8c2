/** Masks the cells below the name of a secret in tables, and the cell after such a name in a table of settings. */
import * as ChosenPassword from "./ChosenPassword.ts"
import * as SecretNames from "./SecretNames.ts"
import { mask } from "./mask.ts"

const hint = /pass|pwd|secret|token|key|cred|auth/i
const delimiters = ["|", "│", "\t", ",", ";"]
const headerCell = /^[\w .()#-]{0,64}$/
const ruler = /^[\s|│+:=─┼-]{2,}$/
const maxWidth = 4096

/** Returns the range of each cell, without blanks and quotes around it. */
const cells = (line: string, delimiter: string): ReadonlyArray<readonly [from: number, to: number]> => {
  const found: Array<readonly [number, number]> = []
  let from = 0
  for (let at = 0; at <= line.length; at++) {
    if (line[at] === '"' && /^\s*$/.test(line.slice(from, at)) && at - from < 64) {
      const close = line.indexOf('"', at + 1)
      if (close > 0) at = close
      continue
    }
    if (at < line.length && line[at] !== delimiter) continue
    let [start, end] = [from, at]
    while (start < end && /\s/.test(line.charAt(start))) start++
    while (end > start && /\s/.test(line.charAt(end - 1))) end--
    if (end - start >= 2 && /["'`]/.test(line.charAt(start)) && line[start] === line[end - 1]) {
      start++
      end--
    }
    found.push([start, end])
    from = at + 1
  }
  return found
}

interface Header {
  readonly delimiter: string
  readonly count: number
  readonly columns: ReadonlyArray<number>
}

const headerOf = (line: string): Header | undefined => {
  if (line.length > maxWidth || !hint.test(line)) return undefined
  for (const delimiter of delimiters) {
    if (!line.includes(delimiter)) continue
    const found = cells(line, delimiter)
    const texts = found.map(([from, to]) => line.slice(from, to))
    if (texts.length < 2 || !texts.every((text) => headerCell.test(text))) return undefined
    const columns = texts.flatMap((text, at) =>
      text.split(" ").length <= 3 && SecretNames.isSecret(text) ? [at] : []
    )
    return columns.length === 0 ? undefined : { delimiter, count: found.length, columns }
  }
  return undefined
}

const replaceCells = (
  line: string,
  found: ReadonlyArray<readonly [from: number, to: number]>,
  columns: ReadonlyArray<number>,
  isSecret: (value: string, quoted: boolean) => boolean
): string => {
  let out = line
  for (const column of columns.toReversed()) {
    const [from, to] = found[column] ?? [0, 0]
    const value = line.slice(from, to)
    const quoted = /["'`]/.test(line[from - 1] ?? "")
    if (value !== "" && value !== mask && isSecret(value, quoted)) {
      out = out.slice(0, from) + mask + out.slice(to)
    }
  }
  return out
}

/** Masks `| DB_PASSWORD | … |`: a setting and its value in one row. */
const setting = (line: string, delimiter: string): string => {
  if (!line.includes(delimiter) || !hint.test(line)) return line
  const found = cells(line, delimiter)
  const columns = found.flatMap(([from, to], at) => {
    const name = line.slice(from, to)
    return /^[A-Za-z_][\w.-]{2,127}$/.test(name) && SecretNames.isSecret(name) ? [at + 1] : []
  })
  return columns.length === 0 ? line : replaceCells(line, found, columns, ChosenPassword.isLikely)
}

/** Masks secrets in tables. */
export const scrub = (text: string): string => {
  // Separators are rarer than these words, so this tests them first.
  if (!/[|│\t]/.test(text) && !(text.includes("\n") && /[,;]/.test(text))) return text
  if (!hint.test(text)) return text
  let header: Header | undefined
  let changed = false
  const lines = text.split("\n").map((line) => {
    if (line.length > maxWidth || ruler.test(line)) return line
    if (header !== undefined) {
      const { columns, count, delimiter } = header
      const found = cells(line, delimiter)
      if (found.length === count) {
        const chosen = delimiter === "," || delimiter === ";"
        const result = replaceCells(line, found, columns, (value, quoted) =>
          chosen && !quoted ? ChosenPassword.isLikely(value) : !/^(?:null|\d{1,3}|-)$/i.test(value)
        )
        changed ||= result !== line
        return result
      }
    }
    const delimiter = ["|", "│", "\t"].find((each) => line.includes(each))
    const result = delimiter === undefined ? line : setting(line, delimiter)
    if (result === line) header = headerOf(line)
    else changed = true
    return result
  })
  return changed ? lines.join("\n") : text
}
