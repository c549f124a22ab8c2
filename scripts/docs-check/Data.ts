/** Checks the data in the pages: JSON and YAML parse, and what has a format decodes with the schema of the library. Pure. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Approval, EventJson } from "effect-codex"
import * as Yaml from "yaml"
import type { Block } from "../runbook/Blocks.ts"

/** What a block may be, by its mark `as`. */
const formats: Readonly<
  Record<string, (value: unknown) => Result.Result<unknown, { readonly message: string }>>
> = {
  rules: Schema.decodeUnknownResult(Schema.Array(Approval.ApprovalRule)),
  events: Schema.decodeUnknownResult(EventJson.EventLine)
}

const languages: Readonly<Record<string, (code: string) => ReadonlyArray<unknown>>> = {
  json: (code) => [JSON.parse(code)],
  jsonl: (code) => code.split("\n").map((line): unknown => JSON.parse(line)),
  yaml: (code) => [Yaml.parse(code, { strict: true })],
  // Pictures, messages and usage lines; the runbook compares the output of commands.
  text: () => []
}

/** Languages that another step checks. */
const elsewhere = new Set(["ts", "sh"])

/** Whether a block is data, so that `check` is all that checks it. */
export const isData = ({ language }: Block): boolean => !elsewhere.has(language)

/** Returns the lines with fences that the checks, or some renderers of Markdown, do not see as blocks. */
export const hidden = (file: string, text: string): ReadonlyArray<string> => {
  const lines = text.split("\n")
  const problems = lines.flatMap((line, index) => {
    const problem = /^\s+(?:```|~~~)|^~~~|^\S+\s+```/.test(line)
      ? "a block must start at the start of a line, with ```"
      : /^````|^```.*`/.test(line)
        ? "a fence has three backticks, and no other in its line"
        : undefined
    return problem === undefined ? [] : [`${file}:${index + 1}: ${problem}`]
  })
  return lines.filter((line) => line.startsWith("```")).length % 2 === 0
    ? problems
    : [...problems, `${file}: a block has no end`]
}

/** Returns the problem of a block, if it has one. */
export const check = (block: Block): string | undefined => {
  const { at, code, language, marks } = block
  if (elsewhere.has(language)) return undefined
  const parse = languages[language]
  if (parse === undefined)
    return language === ""
      ? `${at}: has no language; a picture is \`text\``
      : `${at}: unknown language "${language}": it is one of ${[...elsewhere, ...Object.keys(languages)].join(", ")}`
  const name = marks.get("as")
  const decode = name === undefined ? undefined : formats[name]
  if (name !== undefined && decode === undefined) return `${at}: unknown format "${name}"`
  const values = Result.try({
    try: () => parse(code),
    catch: (error) => (error instanceof Error ? error.message : String(error))
  })
  if (Result.isFailure(values)) return `${at}: ${values.failure}`
  for (const value of values.success) {
    const decoded = decode?.(value)
    if (decoded !== undefined && Result.isFailure(decoded)) return `${at}: ${decoded.failure.message}`
  }
  return undefined
}
