/**
 * Writes `src/engine/app-server/generated`: the types of Codex's protocol, from `codex app-server generate-ts` of the
 * installed version. `--check` fails if the files differ from its output.
 *
 * Codex's comments are left out: they would be a third of the text, and belong to the documentation of Codex.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import manifest from "@openai/codex/package.json" with { type: "json" }
import * as CodexFiles from "./protocol/CodexFiles.ts"
import * as Messages from "./protocol/Messages.ts"
import * as TypeText from "./protocol/TypeText.ts"

const target = new URL("../src/engine/app-server/generated/", import.meta.url)

const header = `// Types of the protocol of Codex ${manifest.version}, written by \`npm run protocol\`. Do not edit.\n`

type Declarations = ReadonlyMap<string, CodexFiles.Declaration>

const baseName = (path: string): string => path.split("/").at(-1) ?? path

/** Returns the name of each type. Of two types with one name, the type of version 2 of the protocol keeps it. */
const nameAll = (declarations: Declarations): ReadonlyMap<string, string> =>
  new Map(
    [...declarations.keys()].map((path) => {
      const name = baseName(path)
      return [path, !path.startsWith("v2/") && declarations.has(`v2/${name}`) ? `Core${name}` : name]
    })
  )

/** Returns the paths of the types that the messages need. */
const reachable = (declarations: Declarations, messages: Messages.Messages): ReadonlySet<string> => {
  const found = new Set<string>()
  const visit = (path: string) => {
    if (found.has(path)) return
    found.add(path)
    for (const next of declarations.get(path)?.imports.values() ?? []) visit(next)
  }
  for (const { result } of [...messages.clientRequests, ...messages.serverRequests]) visit(result)
  for (const list of ["ClientRequest", "ServerRequest", "ServerNotification"])
    for (const next of declarations.get(list)?.imports.values() ?? []) visit(next)
  return found
}

/** Writes the members of a union of objects on lines of their own. */
const declare = (name: string, type: TypeText.TypeNode, rename: (name: string) => string): string => {
  const members = TypeText.unionMembers(type)
  const text = TypeText.write(type, rename)
  if (members.length < 2 || text.length <= 100) return `export type ${name} = ${text}`
  return [`export type ${name} =`, ...members.map((member) => `  | ${TypeText.write(member, rename)}`)].join(
    "\n"
  )
}

const writeTypes = (declarations: Declarations, messages: Messages.Messages): string => {
  const names = nameAll(declarations)
  const nameOf = (path: string) => names.get(path) ?? baseName(path)
  const texts = [...reachable(declarations, messages)]
    .toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
    .flatMap((path) => {
      const declaration = declarations.get(path)
      if (declaration === undefined) throw new Error(`Codex has no ${path}`)
      const rename = (name: string) => {
        const imported = name === baseName(path) ? path : declaration.imports.get(name)
        if (imported === undefined) throw new Error(`${path} does not import ${name}`)
        return nameOf(imported)
      }
      return [declare(nameOf(path), declaration.type, rename)]
    })
  return `${header}${texts.join("\n")}\n`
}

const writeMethods = (declarations: Declarations, messages: Messages.Messages): string => {
  const names = nameAll(declarations)
  const typeName = (list: string) => {
    const imports = declarations.get(list)?.imports
    return (name: string) => {
      const type = names.get(imports?.get(name) ?? "")
      if (type === undefined) throw new Error(`${list} does not import ${name}`)
      return `Types.${type}`
    }
  }
  const params = (list: string, { params }: Messages.Message) =>
    params === undefined ? "undefined" : TypeText.write(params, typeName(list))
  const requests = (list: string, all: ReadonlyArray<Messages.RequestMessage>) =>
    all.map(
      (message) =>
        `  readonly ${JSON.stringify(message.method)}: { readonly params: ${params(list, message)}; readonly result: Types.${names.get(message.result)} }`
    )
  const { clientRequests, notifications, serverRequests } = messages
  return [
    `${header}import type * as Types from "./Types.ts"`,
    "export interface ClientRequests {",
    ...requests("ClientRequest", clientRequests),
    "}",
    "export interface ServerRequests {",
    ...requests("ServerRequest", serverRequests),
    "}",
    "export interface ServerNotifications {",
    ...notifications.map(
      (message) => `  readonly ${JSON.stringify(message.method)}: ${params("ServerNotification", message)}`
    ),
    "}",
    "export const notificationMethods: ReadonlyArray<keyof ServerNotifications> = [",
    notifications.map(({ method }) => `  ${JSON.stringify(method)}`).join(",\n"),
    "]",
    ""
  ].join("\n")
}

/** Returns the text of each generated file by its name. */
export const generate = (
  declarations: Declarations = CodexFiles.generate({ experimental: true })
): Readonly<Record<"Methods.ts" | "Types.ts", string>> => {
  const messages = Messages.find(declarations)
  return {
    "Methods.ts": writeMethods(declarations, messages),
    "Types.ts": writeTypes(declarations, messages)
  }
}

/** Returns the names of the committed files that differ from the output of the installed Codex. */
export const stale = (files: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  Object.entries(files).flatMap(([name, text]) =>
    readFileSync(new URL(name, target), "utf8") === text ? [] : [name]
  )

if (import.meta.main) {
  const files = generate()
  if (process.argv.includes("--check")) {
    const names = stale(files)
    if (names.length > 0) {
      console.error(`${names.join(", ")} in src/engine/app-server/generated: stale, run npm run protocol`)
      process.exitCode = 1
    }
  } else {
    mkdirSync(target, { recursive: true })
    for (const [name, text] of Object.entries(files)) writeFileSync(new URL(name, target), text)
  }
}
