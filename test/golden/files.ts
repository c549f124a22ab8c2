/** Finds and parses the transcripts, which are stored by Codex version. */
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { canonical, type Line } from "./wire.ts"

const manifest: { readonly version: string } = createRequire(import.meta.url)("@openai/codex/package.json")

/** The installed Codex version. */
export const version = manifest.version
export const root = fileURLToPath(new URL("./", import.meta.url))
export const folder = `${root}${version}`
export const fileOf = (name: string, of = version) => `${root}${of}/${name}.jsonl`

export interface Golden {
  readonly name: string
  readonly lines: ReadonlyArray<Line>
  /** The events, the results and the spans of the run. */
  readonly result: unknown
}

/** Parses a transcript: a header line, the lines of the wire, and the result as the last line. */
export const print = ({ lines, name, result }: Golden): string =>
  [{ scenario: name, codex: version }, ...lines, { result }]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join("")

export const resultOf = (text: string): unknown => {
  const last: unknown = JSON.parse(text.trimEnd().split("\n").at(-1) ?? "null")
  return typeof last === "object" && last !== null && "result" in last ? last.result : undefined
}

/** Returns the lines that only one transcript has: `-` for the first, `+` for the second. Ignores the order, which varies. */
export const difference = (before: string, after: string): ReadonlyArray<string> => {
  const rows = (text: string) =>
    text
      .split("\n")
      .filter((row) => row !== "")
      .map((row) => canonical(JSON.parse(row)))
  const left = rows(before)
  const added: Array<string> = []
  for (const row of rows(after)) {
    const found = left.indexOf(row)
    if (found < 0) added.push(`+ ${row.slice(0, 400)}`)
    else left.splice(found, 1)
  }
  return [...left.map((row) => `- ${row.slice(0, 400)}`), ...added]
}
