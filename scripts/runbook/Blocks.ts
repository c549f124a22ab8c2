/** The fenced blocks of a document, and which of them are run. Pure. */
import * as RegExp from "effect/RegExp"
import * as Result from "effect/Result"

export interface Block {
  /** `docs/runbook.md:12`, the line of its fence. */
  readonly at: string
  /** The heading that it stands under. */
  readonly heading: string
  readonly language: string
  /** What follows the language: `name="value"`, or a name alone. */
  readonly marks: ReadonlyMap<string, string>
  readonly code: string
  /** The `text output` block after it: lines that its output must have, in this order; `…` stands for anything. */
  readonly output: ReadonlyArray<string>
}

/** What listens where a block says `localhost:4318`. */
export type Receiver =
  /** Answers, and must then have got these requests: paths. */
  | { readonly _tag: "Answers"; readonly paths: ReadonlyArray<string>; readonly tls: boolean }
  /** Answers, and must have got nothing. */
  | { readonly _tag: "Unused" }
  /** Takes everything and never answers. */
  | { readonly _tag: "Silent" }
  /** Nothing listens. */
  | { readonly _tag: "Refused" }

export interface Run {
  readonly _tag: "Run"
  readonly block: Block
  readonly receiver: Receiver
  /** A header that every request must have had, `name: value`. */
  readonly header: readonly [name: string, value: string] | undefined
  /** What its reader has in the environment, `NAME=value`. */
  readonly env: ReadonlyArray<readonly [name: string, value: string]>
  /** Commands without which it is skipped. */
  readonly needs: ReadonlyArray<string>
}

export interface Skip {
  readonly _tag: "Skip"
  readonly block: Block
  readonly reason: string
}

const fence = /^```(.*)$/
const known = new Set(["skip", "receiver", "tls", "header", "env", "needs", "backend"])

/** Every fenced block in the order of the document, those that show output with the block that makes it. */
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

/** What is to be done with a block; nothing for one that is no command. Fails with what is wrong with it. */
export const classify = (block: Block): Result.Result<Run | Skip | undefined, string> => {
  const { at, code, language, marks } = block
  const wrong = (problem: string) => Result.fail(`${at}: ${problem}`)
  if (["bash", "shell", "console", "zsh"].includes(language)) return wrong(`write sh, not ${language}`)
  if (language !== "sh") {
    return block.output.length > 0 ? wrong("shows output of what is not run") : Result.succeed(undefined)
  }
  const unknown = [...marks.keys()].find((name) => !known.has(name))
  if (unknown !== undefined) return wrong(`what is ${unknown}?`)
  const reason = marks.get("skip")
  if (reason !== undefined) {
    return reason.length < 10 ? wrong("skip has no reason") : Result.succeed({ _tag: "Skip", block, reason })
  }
  const receiver = toReceiver(marks)
  if (receiver === undefined && code.includes(":4318")) return wrong("what listens on port 4318 there?")
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

/** The first line that should be there and is not, after those before it. */
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
