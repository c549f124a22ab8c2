/** Makes a module of each TypeScript block of the pages, so that the compiler and the runner see what the reader sees. Pure. */
import * as EffectAi from "effect/ai"
import * as EffectProcess from "effect/process"
import * as Effects from "effect"
import * as Library from "effect-codex"
import * as Ai from "effect-codex/ai"
import * as Testing from "effect-codex/testing"
import type { Block } from "../runbook/Blocks.ts"
import { contexts } from "./Contexts.ts"

export interface Module {
  readonly block: Block
  /** The path of the file below the directory of all modules. */
  readonly file: string
  readonly lines: ReadonlyArray<Line>
  /** How it runs; `undefined` if it is only compiled. */
  readonly run: Run | undefined
}

export type Run =
  /** Its export `main` is an effect. `script` names the replies of the model. */
  | {
      readonly _tag: "Effect"
      readonly script: string
      /** An environment variable, as `NAME=value`, with which it runs once before. */
      readonly first: readonly [name: string, value: string] | undefined
    }
  /** The file is a program. */
  | { readonly _tag: "Program"; readonly script: string }
  | { readonly _tag: "Test" }

interface Line {
  readonly text: string
  /** The line of the page, counted from 1. */
  readonly from: number | undefined
}

const known = new Set(["in", "file", "run", "first", "continues", "skip"])

/** Where names come from that a fragment uses without an import. The first module wins. */
const modules: ReadonlyArray<readonly [module: string, names: ReadonlyArray<string>]> = [
  ["effect", ["Console"]],
  ["effect-codex", Object.keys(Library)],
  ["effect-codex/ai", Object.keys(Ai)],
  ["effect-codex/ai", ["CodexLanguageModel"]],
  ["effect-codex/testing", Object.keys(Testing)],
  ["effect", Object.keys(Effects).filter((name) => /^[A-Z]/.test(name))],
  ["effect/ai", Object.keys(EffectAi)],
  ["effect/process", Object.keys(EffectProcess)],
  ["@effect/vitest", ["assert", "it"]],
  ["vitest", ["expect"]]
]

const bound = (code: string, name: string) =>
  new RegExp(
    String.raw`\b(?:const|let|class|function|type|interface) ${name}\b|^import\b[^"]*?\b${name}\b`,
    "m"
  ).test(code)

const importsOf = (code: string): ReadonlyArray<string> => {
  const used = new Set(
    [...code.matchAll(/(?<![\w.$])[A-Za-z]\w*/g)].map(([name]) => name).filter((name) => !bound(code, name))
  )
  return modules.flatMap(([module, names]) => {
    const wanted = names.filter((name) => used.delete(name))
    return wanted.length === 0 ? [] : [`import { ${wanted.join(", ")} } from "${module}"`]
  })
}

/** Imports may only be at the top of a module, so they leave the fragment. */
const splitImports = (lines: ReadonlyArray<Line>): readonly [imports: Array<Line>, rest: Array<Line>] => {
  const imports: Array<Line> = []
  const rest: Array<Line> = []
  let inImport = false
  for (const line of lines) {
    inImport ||= /^import\b/.test(line.text)
    ;(inImport ? imports : rest).push(line)
    if (/from "[^"]+"$|^import "[^"]+"$/.test(line.text)) inImport = false
  }
  return [imports, rest]
}

const ours = (code: string): ReadonlyArray<Line> =>
  code === "" ? [] : code.split("\n").map((text) => ({ text, from: undefined }))

const inContext = (name: string, block: ReadonlyArray<Line>): ReadonlyArray<Line> | string => {
  const context = contexts[name]
  if (context === undefined) return `no context "${name}": it is one of ${Object.keys(contexts).join(", ")}`
  const [imports, rest] = splitImports(block)
  const code = [context.setup, ...block.map(({ text }) => text), context.after ?? ""].join("\n")
  const header = [...ours(importsOf(`${code}\nEffect`).join("\n")), ...imports]
  if (context.place === "module") {
    // The expression that provides the program is what the reader would run.
    const last = rest.findLastIndex(({ text }) => text.startsWith("program.pipe("))
    const lines = rest.map((line, at) =>
      at === last ? { ...line, text: `export const main = ${line.text}` } : line
    )
    return [...header, ...ours(context.setup), ...lines, ...ours(context.after ?? "")]
  }
  return [
    ...header,
    ...ours("export const main = Effect.gen(function* () {"),
    ...ours(context.setup),
    ...rest,
    ...ours(context.after ?? ""),
    ...ours("}).pipe(Effect.scoped)")
  ]
}

const runOf = (block: Block, file: string): Run | undefined => {
  if (file.endsWith(".test.ts")) return { _tag: "Test" }
  const script = block.marks.get("run")
  if (script === undefined) return undefined
  if (!block.marks.has("in") && !block.marks.has("continues")) return { _tag: "Program", script }
  const [, name, value = ""] = /^(\w+)=(.*)$/.exec(block.marks.get("first") ?? "") ?? []
  return { _tag: "Effect", script, first: name === undefined ? undefined : [name, value] }
}

/** Returns a module for each block, in the order of the blocks of one page, or the problem of its marks. */
export const assemble = (blocks: ReadonlyArray<Block>): ReadonlyArray<Module | string> => {
  let last: { readonly lines: ReadonlyArray<Line>; readonly context: string } | undefined
  return blocks.map((block) => {
    const { at, code, marks } = block
    const [page = "", line = ""] = at.split(":")
    const unknown = [...marks.keys()].find((name) => !known.has(name))
    if (unknown !== undefined) return `${at}: unknown mark "${unknown}"`
    const own = code.split("\n").map((text, index) => ({ text, from: Number(line) + 1 + index }))
    const continues = marks.has("continues")
    if (continues && last === undefined) return `${at}: continues no block`
    const lines = continues && last !== undefined ? [...last.lines, ...own] : own
    const context = continues ? last?.context : marks.get("in")
    last = context === undefined ? undefined : { lines, context }
    const body = context === undefined ? lines : inContext(context, lines)
    if (typeof body === "string") return `${at}: ${body}`
    const directory = page.replace(/\.md$/, "").replaceAll("/", "-")
    const file = `${directory}/${marks.get("file") ?? (/^it\.\w+\(/m.test(code) ? `line${line}.test.ts` : `line${line}.ts`)}`
    return { block, file, lines: body, run: runOf(block, file) }
  })
}
