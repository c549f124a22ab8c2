/** Parses the fenced blocks of a document and decides how to run them. Pure. */
import * as RegExp from "effect/RegExp"
import * as Result from "effect/Result"

export interface Block {
  /** The place of its fence, such as `docs/runbook.md:12`. */
  readonly at: string
  /** The heading above it. */
  readonly heading: string
  readonly language: string
  /** The words after the language: `name="value"`, or a name alone. */
  readonly marks: ReadonlyMap<string, string>
  readonly code: string
  /** The lines of the `text output` block after it. The output must contain them in this order; `…` matches any text. */
  readonly output: ReadonlyArray<string>
}

/** The receiver at `localhost:4318` while a block runs. */
export type Receiver =
  /** Answers, and must receive requests with these paths. */
  | { readonly _tag: "Answers"; readonly paths: ReadonlyArray<string>; readonly tls: boolean }
  /** Answers, and must receive nothing. */
  | { readonly _tag: "Unused" }
  /** Accepts requests and never answers. */
  | { readonly _tag: "Silent" }
  /** Nothing listens. */
  | { readonly _tag: "Refused" }

export interface Run {
  readonly _tag: "Run"
  readonly block: Block
  readonly receiver: Receiver
  /** A header that every request must have, as `name: value`. */
  readonly header: readonly [name: string, value: string] | undefined
  /** Environment variables that the reader has set, as `NAME=value`. */
  readonly env: ReadonlyArray<readonly [name: string, value: string]>
  /** The commands that it needs. If one is not installed, the block is skipped. */
  readonly needs: ReadonlyArray<string>
}

export interface Skip {
  readonly _tag: "Skip"
  readonly block: Block
  readonly reason: string
}

const fence = /^```(.*)$/
const known = new Set(["skip", "receiver", "tls", "header", "env", "needs", "backend"])

/** Returns every fenced block in order. A block that shows output is part of the block that prints it. */
export const parse = (file: string, text: string): ReadonlyArray<Block> => {
  const blocks: Array<Block> = []
  let heading = ""
  let open: { readonly line: number; readonly info: string; readonly code: Array<string> } | undefined
  for (const [index, line] of text.split("\n").entries()) {
    const [, info] = fence.exec(line) ?? []
    if (open === undefined) {
      if (info !== undefined) open = { line: index + 1, info, code: [] }
      else heading = /^#+ (.*)/.exec(line)?.[1] ?? heading
    } else if (info === "") {
      const [language = "", ...marks] = words(open.info)
      const last = blocks.at(-1)
      if (language === "text" && marks.includes("output") && last !== undefined) {
        blocks[blocks.length - 1] = { ...last, output: open.code.filter((line) => line.trim() !== "") }
      } else {
        const at = `${file}:${open.line}`
        blocks.push({ at, heading, language, marks: toMarks(marks), code: open.code.join("\n"), output: [] })
      }
      open = undefined
    } else open.code.push(line)
  }
  return blocks
}

const words = (info: string): ReadonlyArray<string> => info.match(/[^\s"]+(?:"[^"]*")?/g) ?? []

const toMarks = (marks: ReadonlyArray<string>) =>
  new Map(
    marks.map((mark) => {
      const [, name = mark, value = ""] = /^([^=]+)="(.*)"$/.exec(mark) ?? []
      return [name, value] as const
    })
  )

/** Decides what to do with a block. Returns `undefined` for a block that is not a command, and fails for an invalid one. */
export const classify = (block: Block): Result.Result<Run | Skip | undefined, string> => {
  const { at, code, language, marks } = block
  const invalid = (problem: string) => Result.fail(`${at}: ${problem}`)
  if (["bash", "shell", "console", "zsh"].includes(language)) return invalid(`write sh, not ${language}`)
  if (language !== "sh") {
    return block.output.length > 0
      ? invalid("shows the output of a block that does not run")
      : Result.succeed(undefined)
  }
  const unknown = [...marks.keys()].find((name) => !known.has(name))
  if (unknown !== undefined) return invalid(`unknown mark "${unknown}"`)
  const reason = marks.get("skip")
  if (reason !== undefined) {
    return reason.length < 10
      ? invalid("skip has no reason")
      : Result.succeed({ _tag: "Skip", block, reason })
  }
  const receiver = toReceiver(marks)
  if (receiver === undefined && code.includes(":4318"))
    return invalid("sends to port 4318, but has no `receiver` mark")
  const [, name, value] = /^([\w-]+): (.+)$/.exec(marks.get("header") ?? "") ?? []
  return Result.succeed({
    _tag: "Run",
    block,
    receiver: receiver ?? { _tag: "Refused" },
    header: name === undefined || value === undefined ? undefined : [name, value],
    env: toEnvironment(marks.get("env") ?? ""),
    needs: marks.get("needs")?.split(" ") ?? []
  })
}

const toEnvironment = (variables: string): Run["env"] =>
  [...variables.matchAll(/(\w+)=(\S*)/g)].map(([, name = "", value = ""]) => [name, value])

const toReceiver = (marks: Block["marks"]): Receiver | undefined => {
  const mark = marks.get("receiver")
  switch (mark) {
    case undefined:
      return undefined
    case "nothing":
      return { _tag: "Unused" }
    case "silent":
      return { _tag: "Silent" }
    case "refused":
      return { _tag: "Refused" }
    default:
      return { _tag: "Answers", paths: mark.split(" "), tls: marks.has("tls") }
  }
}

/** Returns the first expected line that the output does not contain after the lines before it. */
export const missing = (expected: ReadonlyArray<string>, output: string): string | undefined => {
  const lines = output.split("\n").map((line) => line.trimEnd())
  let from = 0
  for (const line of expected) {
    const parts = line.trimEnd().split("…")
    const pattern = new globalThis.RegExp(`^${parts.map((part) => RegExp.escape(part)).join(".*")}$`)
    const found = lines.findIndex((line, index) => index >= from && pattern.test(line))
    if (found === -1) return line
    from = found + 1
  }
  return undefined
}
