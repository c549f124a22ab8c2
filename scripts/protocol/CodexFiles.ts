/** Runs the generators of the installed Codex and reads the types that they print. */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { basename, dirname, join, normalize } from "node:path"
import { parse, type TypeNode } from "./TypeText.ts"

/** A type of the protocol. Its name alone does not identify it: two directories declare some names. */
export interface Declaration {
  /** The path of its file without the extension, for example `v2/ThreadStartParams`. */
  readonly path: string
  readonly type: TypeNode
  /** The paths of the types that it refers to, by the name that it uses. */
  readonly imports: ReadonlyMap<string, string>
}

const importPattern = /^import type \{ (\w+) \} from "([^"]+)";$/gm

/** Parses one file of the generator. Returns `undefined` for an index, which only exports other files. */
export const readDeclaration = (path: string, text: string): Declaration | undefined => {
  const [, , body] = /^export type (\w+) ?= ?([\s\S]*);\s*$/m.exec(text) ?? []
  if (body === undefined) return undefined
  const imports = new Map<string, string>()
  for (const [, name = "", from = ""] of text.matchAll(importPattern))
    imports.set(name, normalize(join(dirname(path), from)))
  return { path, type: parse(body), imports }
}

/** Runs `codex app-server generate-ts` and returns every type by its path. */
export const generate = (options: { readonly experimental: boolean }): ReadonlyMap<string, Declaration> => {
  const launcher = join(
    dirname(createRequire(import.meta.url).resolve("@openai/codex/package.json")),
    "bin/codex.js"
  )
  const out = mkdtempSync(join(tmpdir(), "effect-codex-protocol-"))
  try {
    const flags = options.experimental ? ["--experimental"] : []
    execFileSync(process.execPath, [launcher, "app-server", "generate-ts", ...flags, "--out", out], {
      env: { PATH: process.env["PATH"], HOME: out, CODEX_HOME: out },
      stdio: ["ignore", "ignore", "pipe"]
    })
    const declarations = new Map<string, Declaration>()
    for (const file of readdirSync(out, { recursive: true, encoding: "utf8" }).toSorted()) {
      if (!file.endsWith(".ts") || basename(file) === "index.ts") continue
      const path = file.slice(0, -".ts".length)
      const declaration = readDeclaration(path, readFileSync(join(out, file), "utf8"))
      if (declaration === undefined) throw new Error(`${file} declares no type`)
      declarations.set(path, declaration)
    }
    return declarations
  } finally {
    rmSync(out, { recursive: true })
  }
}
