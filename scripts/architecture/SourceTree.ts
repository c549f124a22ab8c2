/** Reads the source tree: files, imports, exports. Works on text, so that it needs no compiler API. */
import { readdirSync, readFileSync } from "node:fs"
import { basename, dirname, join, normalize } from "node:path"
import { facades, layers, telemetryLayers } from "./layers.ts"

export interface SourceFile {
  /** Relative to `src`. */
  readonly path: string
  readonly text: string
  readonly lines: number
  /** Imports of this package's own files, types included, relative to `src`. */
  readonly imports: ReadonlyArray<string>
}

const importPattern = /(?:from|import\(|import)\s*"(\.[^"]+)"/g

export const isGenerated = (path: string): boolean => path.includes("/generated/")

const withoutComments = (text: string): string => text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "")

/** All TypeScript files below a folder. */
export const read = (root: string): ReadonlyArray<SourceFile> =>
  readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((path) => /\.tsx?$/.test(path))
    .toSorted()
    .map((path) => {
      const text = readFileSync(join(root, path), "utf8")
      const imports = [...withoutComments(text).matchAll(importPattern)].map(([, specifier = ""]) =>
        normalize(join(dirname(path), specifier))
      )
      return { path, text, lines: text.split("\n").length - 1, imports: [...new Set(imports)] }
    })

/** Strongly connected components with more than one file, by Tarjan's algorithm. */
export const cycles = (files: ReadonlyArray<SourceFile>): ReadonlyArray<ReadonlyArray<string>> => {
  const imports = new Map(files.map((file) => [file.path, file.imports]))
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: Array<string> = []
  const found: Array<ReadonlyArray<string>> = []
  const visit = (path: string): void => {
    const at = index.size
    index.set(path, at)
    low.set(path, at)
    stack.push(path)
    for (const next of imports.get(path) ?? []) {
      if (!imports.has(next)) continue
      if (!index.has(next)) {
        visit(next)
        low.set(path, Math.min(low.get(path) ?? at, low.get(next) ?? at))
      } else if (stack.includes(next)) {
        low.set(path, Math.min(low.get(path) ?? at, index.get(next) ?? at))
      }
    }
    if (low.get(path) !== at) return
    const component = stack.splice(stack.indexOf(path))
    if (component.length > 1) found.push(component.toSorted())
  }
  for (const { path } of files) if (!index.has(path)) visit(path)
  return found
}

/** The row of the table that a file belongs to. */
export const layerOf = (path: string): string => {
  const top = path.split("/")[0] ?? path
  return facades.has(top) ? "facades" : top
}

const refused = (table: Readonly<Record<string, ReadonlyArray<string>>>, from: string, to: string): boolean =>
  from !== to && !(table[from]?.includes(to) ?? false)

/** Imports that the tables do not allow, as `from -> to`. A folder without a row may import nothing. */
export const layerViolations = (files: ReadonlyArray<SourceFile>): ReadonlyArray<string> =>
  files.flatMap(({ imports, path }) =>
    imports
      .filter((target) => {
        if (refused(layers, layerOf(path), layerOf(target))) return true
        const [top, from = "", ...rest] = path.split("/")
        const [, to = "", ...deeper] = target.split("/")
        if (top !== "telemetry" || layerOf(target) !== "telemetry" || rest.length === 0) return false
        return deeper.length === 0 || refused(telemetryLayers, from, to)
      })
      .map((target) => `${path} -> ${target}`)
  )

/** The share of all lines in each top-level folder, largest first. Generated files do not count. */
export const folderShares = (
  files: ReadonlyArray<SourceFile>
): ReadonlyArray<{ readonly folder: string; readonly lines: number; readonly share: number }> => {
  const counted = files.filter(({ path }) => !isGenerated(path))
  const total = counted.reduce((sum, { lines }) => sum + lines, 0)
  const folders = new Map<string, number>()
  for (const { lines, path } of counted) {
    if (!path.includes("/")) continue
    const folder = path.split("/")[0] ?? path
    folders.set(folder, (folders.get(folder) ?? 0) + lines)
  }
  return [...folders]
    .map(([folder, lines]) => ({ folder, lines, share: lines / total }))
    .toSorted((a, b) => b.lines - a.lines)
}

const declaredType = /^export (?:declare )?(?:abstract )?(?:interface|type|class) (\w+)/gm

/** File names and exported types that name two different things. Facades and entry points repeat names on purpose. */
export const namesUsedTwice = (files: ReadonlyArray<SourceFile>): ReadonlyArray<string> => {
  const places = new Map<string, Array<string>>()
  const add = (name: string, path: string) => {
    const known = places.get(name) ?? []
    if (!known.includes(path)) places.set(name, [...known, path])
  }
  for (const { path, text } of files) {
    if (isGenerated(path)) continue
    const name = basename(path)
    if (name !== "index.ts" && !facades.has(path)) add(`file ${name.toLowerCase()}`, path)
    for (const [, type = ""] of text.matchAll(declaredType)) add(`type ${type}`, path)
  }
  return [...places].flatMap(([name, paths]) => (paths.length > 1 ? [`${name}: ${paths.join(", ")}`] : []))
}

const declared =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:const|let|function\*?|class|interface|type|namespace) (\w+)/gm
const reexported = /^export (?:type )?\{([^}]*)\}(?: from "([^"]+)")?/gm
const starred = /^export (?:type )?\* (?:as (\w+) )?from "([^"]+)"/gm

/**
 * What an entry point offers, as dotted names in order. Declarations marked `@internal` are not offered, and the names of
 * a generated file are one `*`.
 */
export const publicNames = (files: ReadonlyArray<SourceFile>, entry: string): ReadonlyArray<string> => {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const visit = (path: string): ReadonlyArray<string> => {
    if (isGenerated(path)) return ["*"]
    const text = byPath.get(path)?.text ?? ""
    const target = (specifier: string) => normalize(join(dirname(path), specifier))
    const own = [...text.matchAll(declared)].flatMap(({ 1: name = "", index }) => {
      const comment = /\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*$/.exec(text.slice(0, index))?.[0] ?? ""
      return comment.includes("@internal") ? [] : [name]
    })
    const named = [...text.matchAll(reexported)].flatMap(([, list = ""]) =>
      list
        .split(",")
        .map(
          (part) =>
            part
              .trim()
              .replace(/^type /, "")
              .split(" as ")
              .at(-1) ?? ""
        )
        .filter((name) => name !== "")
    )
    const all = [...text.matchAll(starred)].flatMap(([, name, specifier = ""]) => {
      const inner = visit(target(specifier))
      return name === undefined ? inner : inner.map((member) => `${name}.${member}`)
    })
    return [...own, ...named, ...all]
  }
  return [...new Set(visit(entry))].toSorted()
}
