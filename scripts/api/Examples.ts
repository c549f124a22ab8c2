/** The examples in docstrings, and the compiler's opinion of them. */
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"

export interface Example {
  /** The file that contains it, relative to the package. */
  readonly file: string
  /** The line of its first line of code, counted from 1. */
  readonly line: number
  readonly code: string
}

/** Every `ts` block behind an `@example` of a file. Its lines keep their number, so that an error of the compiler has its place. */
export const extract = (file: string, text: string): ReadonlyArray<Example> => {
  const found: Array<Example> = []
  let inExample = false
  let open: { readonly line: number; readonly code: Array<string> } | undefined
  for (const [index, line] of text.split("\n").entries()) {
    const [, content] = /^\s*\* ?(.*)$/.exec(line) ?? []
    if (content === undefined || content === "/") {
      open = undefined
      inExample = false
    } else if (open === undefined && content.startsWith("@")) inExample = content === "@example"
    else if (open === undefined) {
      if (inExample && content === "```ts") open = { line: index + 2, code: [] }
    } else if (content === "```") {
      found.push({ file, line: open.line, code: open.code.join("\n") })
      open = undefined
    } else open.code.push(content)
  }
  return found
}

/** Compiles all examples in one program, as modules of a user of the package. Returns the errors, at the lines of `file`. */
export const check = (root: string, examples: ReadonlyArray<Example>): ReadonlyArray<string> => {
  const directory = mkdtempSync(join(root, ".examples-"))
  try {
    for (const { code, file, line } of examples) {
      const path = join(directory, file, `${line}.ts`)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, "\n".repeat(line - 1) + code)
    }
    const compilerOptions = { noUnusedLocals: false, noUnusedParameters: false }
    writeFileSync(
      join(directory, "tsconfig.json"),
      JSON.stringify({ extends: "../tsconfig.json", compilerOptions, include: ["**/*.ts"] })
    )
    const { error, status, stdout } = spawnSync(
      join(root, "node_modules/.bin/tsc"),
      ["--project", directory, "--pretty", "false"],
      { cwd: root, encoding: "utf8" }
    )
    if (error !== undefined) throw error
    const problems = stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.replace(`${basename(directory)}/`, "").replace(/\/\d+\.ts\((\d+),\d+\)/, ":$1"))
    return status !== 0 && problems.length === 0 ? ["the compiler failed without a message"] : problems
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
