/** Reads test files as text: the titles of the tests that run, and whether each test asserts something. */
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"

/** A test as its file writes it. */
export interface TestSource {
  /** The title; a template keeps its `${…}`. */
  readonly title: string
  readonly asserts: boolean
}

// `it("…")`, `it.effect("…")`, `it.live.skipIf(x)(\`…\`)`, and the names that files give to these.
const testCall = /\b(?:it|test|live)((?:\.\w+)*)(?:\([^()]*\))?\(\s*(["'`])((?:\\.|(?!\2).)*)\2/gs
const declaration = /^(?:export )?(?:const|function) (\w+)/gm
const assertion = /\b(?:assert|expect)\b\s*[.(]|\bassert[A-Z]\w*\(|\.expectTrace\(/
// At the start of a line only: a glob in a string, like `docs/**`, opens no comment.
const comments = /^\s*\/\/.*$|^\s*\/\*[\s\S]*?\*\//gm
// A template that begins with a line break: the source of a program, in tests that start one.
const programs = /(?<=[(=,:]\s*)`\n(?:[^`\\]|\\.)*`/gs
const relativeImport = /from "(\.[^"]+\.ts)"/g

/** Removes comments, and sources of programs, whose indentation says nothing about the code around them. */
const codeOf = (source: string): string => source.replaceAll(comments, "").replaceAll(programs, '""')

/**
 * Returns the source of the statement that starts at the line of `at`. Sources are formatted, so a statement ends before
 * the next line with the same indentation, or with it if that line only closes brackets.
 */
const statementAt = (source: string, at: number): string => {
  const lines = source.slice(source.lastIndexOf("\n", at - 1) + 1).split("\n")
  const [indent = ""] = /^ */.exec(lines[0] ?? "") ?? []
  const isAtSameLevel = (line: string) => line.startsWith(indent) && /^\S/.test(line.slice(indent.length))
  // `) => {` closes the parameters and opens the body.
  const continues = (line: string) => /^\s*[)\]}].*[({[>]$/.test(line)
  const end = lines.findIndex((line, index) => index > 0 && isAtSameLevel(line) && !continues(line))
  if (end < 0) return lines.join("\n")
  return lines.slice(0, /^\s*[)\]}]/.test(lines[end] ?? "") ? end + 1 : end).join("\n")
}

/** Returns the names of the declarations at the top level that assert, themselves or through one another. */
const assertingHelpers = (source: string, imported: ReadonlySet<string>): ReadonlySet<string> => {
  const helpers = [...source.matchAll(declaration)].map(
    ({ 1: name = "", index }) => [name, statementAt(source, index)] as const
  )
  const asserting = new Set(imported)
  for (let before = -1; before !== asserting.size;) {
    before = asserting.size
    for (const [name, text] of helpers) if (assertsIn(text, asserting)) asserting.add(name)
  }
  return asserting
}

const assertsIn = (text: string, helpers: ReadonlySet<string>): boolean =>
  assertion.test(text) || [...helpers].some((name) => new RegExp(`\\b${name}\\(`).test(text))

/**
 * Returns the tests of a file that run, skipped ones left out. `imported` are helpers from other files that assert.
 */
export const testsIn = (
  source: string,
  imported: ReadonlySet<string> = new Set()
): ReadonlyArray<TestSource> => {
  const code = codeOf(source)
  const helpers = assertingHelpers(code, imported)
  return [...code.matchAll(testCall)]
    .filter(([, modifiers = ""]) => !/\.(?:skip|todo|fails)\b/.test(modifiers))
    .map(({ 0: call, 3: title = "", index }) => {
      const statement = statementAt(code, index)
      return {
        title: title.replaceAll(/\\(["'`])/g, "$1"),
        // The title must not count as an assertion.
        asserts: assertsIn(statement.replace(call, ""), helpers)
      }
    })
}

/** Returns the tests of a file; a helper that the file imports from its own directory tree counts if it asserts. */
export const testsInFile = (file: string): ReadonlyArray<TestSource> => {
  if (!existsSync(file)) return []
  const source = readFileSync(file, "utf8")
  const imported = [...source.matchAll(relativeImport)]
    .map(([, path = ""]) => join(dirname(file), path))
    .filter((path) => existsSync(path) && !path.includes("/src/") && !path.startsWith("src/"))
    .flatMap((path) => [...assertingHelpers(codeOf(readFileSync(path, "utf8")), new Set())])
  return testsIn(source, new Set(imported))
}
