/** Finds the declarations behind the public names, and what their docstrings lack. Works on text, like `SourceTree`. */
import { dirname, join, normalize } from "node:path"
import { isGenerated, type SourceFile } from "./SourceTree.ts"

/** The files that users import: the entries of `exports` in package.json. */
export const entryPoints = [
  "index.ts",
  "ai/index.ts",
  "durable/index.ts",
  "durable-postgres/index.ts",
  "http/index.ts",
  "promise/index.ts",
  "testing/index.ts"
]

export interface PublicDeclaration {
  /** Relative to `src`. */
  readonly path: string
  /** The declared name; `Class.member` for a static member of a public class. */
  readonly name: string
  readonly kind: string
  /** The docstring, with its delimiters. Empty if there is none. */
  readonly comment: string
  /** The position of the declaration in its file. */
  readonly index: number
  /** A function, a value, a layer, or a class that is a service. Types, schemas of data and errors are not. */
  readonly needsExample: boolean
}

const declaration =
  /^export (?:declare )?(?:abstract )?(?:async )?(const|let|function\*?|class|interface|type|namespace) (\w+)/gm
const named = /^export (?:type )?\{([^}]*)\}(?: from "([^"]+)")?/gm
const starred = /^export (?:type )?\* (?:as \w+ )?from "([^"]+)"/gm
const staticMember = /^ {2}static (?:override )?(?:readonly )?(?:async )?(\w+)/gm
const serviceClass =
  /^export (?:abstract )?class \w+(?:<[^>]*>)? extends (?:Context\.(?:Service|Reference)|HttpApiMiddleware\.Service)/

const schemaConstant = /^export const \w+(?:: \w+Schema = |(?:: [^=]+)? = Schema\.)/

const commentBefore = (text: string, index: number): string =>
  /\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*$/.exec(text.slice(0, index))?.[0].trimEnd() ?? ""

/** The public declarations of a file: with `names` only those, otherwise all. */
const declarationsOf = (
  { path, text }: SourceFile,
  names?: ReadonlySet<string>
): ReadonlyArray<PublicDeclaration> =>
  [...text.matchAll(declaration)].flatMap(({ 1: kind = "", 2: name = "", index }) => {
    const comment = commentBefore(text, index)
    if ((names !== undefined && !names.has(name)) || comment.includes("@internal")) return []
    const isClass = kind === "class"
    const own: PublicDeclaration = {
      path,
      name,
      kind,
      comment,
      index,
      needsExample: isClass
        ? serviceClass.test(text.slice(index, index + 200))
        : (kind === "const" && !schemaConstant.test(text.slice(index, index + 300))) ||
          kind.startsWith("function")
    }
    if (!isClass) return [own]
    const end = /^\}|^\S.*\{\}$/m.exec(text.slice(index))?.index ?? 0
    const members = [...text.slice(index, index + end).matchAll(staticMember)].flatMap((member) => {
      const at = index + member.index
      const comment = commentBefore(text, at)
      return comment.includes("@internal")
        ? []
        : [{ path, name: `${name}.${member[1]}`, kind: "static", comment, index: at, needsExample: true }]
    })
    return [own, ...members]
  })

/** Every declaration that an entry point offers, once. Generated files do not count. */
export const declarations = (
  files: ReadonlyArray<SourceFile>,
  entries: ReadonlyArray<string> = entryPoints
): ReadonlyArray<PublicDeclaration> => {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const found = new Map<string, PublicDeclaration>()
  const visit = (path: string, names?: ReadonlySet<string>): void => {
    const file = byPath.get(path)
    if (file === undefined || isGenerated(path)) return
    for (const one of declarationsOf(file, names)) {
      // A schema and the type of its values share a name, and one docstring.
      const twin = found.get(`${path}#${one.name}`)
      if (twin === undefined || twin.index === one.index) found.set(`${path}#${one.name}`, one)
    }
    for (const [, list = "", specifier] of file.text.matchAll(named)) {
      const originals = list.split(",").flatMap((part) => {
        const [original = "", alias = original] = part
          .trim()
          .replace(/^type /, "")
          .split(" as ")
        return original !== "" && (names === undefined || names.has(alias)) ? [original] : []
      })
      if (originals.length === 0) continue
      visit(specifier === undefined ? path : normalize(join(dirname(path), specifier)), new Set(originals))
    }
    for (const [, specifier = ""] of file.text.matchAll(starred)) {
      const target = normalize(join(dirname(path), specifier))
      visit(target, names)
    }
  }
  for (const entry of entries) visit(entry)
  return [...found.values()]
}

const prose = (comment: string): string =>
  comment
    .replaceAll(/^\s*\/?\*+\/?|\*\/$/gm, "")
    .split(/^\s*@/m)[0]
    ?.trim() ?? ""

/** What a docstring lacks: prose, `@since`, `@category`, `@example`. */
const lacks = ({ comment, needsExample }: PublicDeclaration): ReadonlyArray<string> => [
  ...(prose(comment) === "" ? ["prose"] : []),
  ...(/@since \d+\.\d+\.\d+$/m.test(comment) ? [] : ["@since"]),
  ...(/@category [a-z][a-z ]*$/m.test(comment) ? [] : ["@category"]),
  ...(!needsExample || /@example\n[\s\S]*```ts\n/.test(comment) ? [] : ["@example"])
]

/** The public names whose docstring lacks something, as `path#name: what`. */
export const undocumented = (
  files: ReadonlyArray<SourceFile>,
  entries?: ReadonlyArray<string>
): ReadonlyArray<string> =>
  declarations(files, entries)
    .flatMap((one) => {
      const missing = lacks(one)
      return missing.length === 0 ? [] : [`${one.path}#${one.name}: ${missing.join(", ")}`]
    })
    .toSorted()
