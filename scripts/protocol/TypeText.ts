/**
 * Reads and writes the TypeScript types that `codex app-server generate-ts` prints. It knows only the syntax that Codex
 * uses and fails on anything else, so that a new kind of type is noticed.
 */

export interface Field {
  readonly name: string
  readonly optional: boolean
  readonly type: TypeNode
}

export type TypeNode =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "name"; readonly name: string; readonly args: ReadonlyArray<TypeNode> }
  | { readonly kind: "union"; readonly members: ReadonlyArray<TypeNode> }
  | { readonly kind: "intersection"; readonly members: ReadonlyArray<TypeNode> }
  | { readonly kind: "object"; readonly fields: ReadonlyArray<Field> }
  | { readonly kind: "map"; readonly value: TypeNode }
  | { readonly kind: "tuple"; readonly members: ReadonlyArray<TypeNode> }

const tokenPattern =
  /\s*(?:\/\*[\s\S]*?\*\/|\/\/[^\n]*|("(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|[A-Za-z_$][\w$]*|[^\s]))/gy

/** Returns the tokens, without comments and without `readonly`, which is not part of a type. */
const tokenize = (text: string): ReadonlyArray<string> =>
  [...text.trimEnd().matchAll(tokenPattern)].flatMap(([, token]) =>
    token === undefined || token === "readonly" ? [] : [token]
  )

const isName = (token: string) => /^[A-Za-z_$]/.test(token)
const isLiteral = (token: string) => /^["\d-]/.test(token) || ["true", "false", "null"].includes(token)

/** Parses one type. Throws on unknown syntax and on text after the type. */
export const parse = (text: string): TypeNode => {
  const tokens = tokenize(text)
  let at = 0
  const fail = (): never => {
    throw new Error(`cannot read "${tokens.slice(at, at + 8).join(" ")}" in ${text.slice(0, 200)}`)
  }
  const skip = (token: string): boolean => {
    if (tokens[at] !== token) return false
    at++
    return true
  }
  const expect = (token: string) => {
    if (!skip(token)) fail()
  }
  const next = (): string => tokens[at++] ?? fail()

  const separated = (separator: string, end: string): ReadonlyArray<TypeNode> => {
    const members: Array<TypeNode> = []
    while (!skip(end)) {
      members.push(union())
      if (!skip(separator) && tokens[at] !== end) fail()
    }
    return members
  }

  const object = (): TypeNode => {
    if (tokens[at] === "[") {
      for (const token of ["[", "key"]) expect(token)
      if (!skip("in")) expect(":")
      // Keys of other types are strings too.
      if (!isName(next())) fail()
      expect("]")
      skip("?")
      expect(":")
      const value = union()
      skip(",")
      expect("}")
      return { kind: "map", value }
    }
    const fields: Array<Field> = []
    while (!skip("}")) {
      const token = next()
      if (!isName(token) && !token.startsWith('"')) fail()
      const name = token.startsWith('"') ? String(JSON.parse(token)) : token
      const optional = skip("?")
      expect(":")
      fields.push({ name, optional, type: union() })
      if (!skip(",") && !skip(";") && tokens[at] !== "}") fail()
    }
    return { kind: "object", fields }
  }

  const primary = (): TypeNode => {
    const token = next()
    if (token === "{") return object()
    if (token === "[") return { kind: "tuple", members: separated(",", "]") }
    if (token === "(") {
      const inner = union()
      expect(")")
      return inner
    }
    if (isLiteral(token)) return { kind: "literal", text: token }
    if (!isName(token)) return fail()
    return { kind: "name", name: token, args: skip("<") ? separated(",", ">") : [] }
  }

  const array = (): TypeNode => {
    let node = primary()
    while (tokens[at] === "[" && tokens[at + 1] === "]") {
      at += 2
      node = { kind: "name", name: "Array", args: [node] }
    }
    return node
  }

  const intersection = (): TypeNode => {
    const members = [array()]
    while (skip("&")) members.push(array())
    return members.length === 1 && members[0] !== undefined ? members[0] : { kind: "intersection", members }
  }

  const union = (): TypeNode => {
    skip("|")
    const members = [intersection()]
    while (skip("|")) members.push(intersection())
    return members.length === 1 && members[0] !== undefined ? members[0] : { kind: "union", members }
  }

  const type = union()
  if (at < tokens.length) fail()
  return type
}

/** Returns the names that a type refers to, without those of the language. */
export const references = (node: TypeNode): ReadonlyArray<string> => {
  switch (node.kind) {
    case "literal":
      return []
    case "name":
      return [...(builtin.has(node.name) ? [] : [node.name]), ...node.args.flatMap(references)]
    case "object":
      return node.fields.flatMap(({ type }) => references(type))
    case "map":
      return references(node.value)
    default:
      return node.members.flatMap(references)
  }
}

const builtin = new Set([
  "string",
  "number",
  "boolean",
  "bigint",
  "unknown",
  "undefined",
  "never",
  "Array",
  "Record"
])

/** A 64-bit integer of Codex arrives as a JSON number. A received value is read, so its arrays are read-only. */
const plainNames: Readonly<Record<string, string>> = { bigint: "number", Array: "ReadonlyArray" }

const writeField = ({ name, optional, type }: Field, rename: (name: string) => string): string => {
  const key = /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name)
  // With `exactOptionalPropertyTypes`, a caller could otherwise not pass an option on as it is.
  const written = write(
    optional && !(type.kind === "name" && type.name === "unknown")
      ? { kind: "union", members: [type, { kind: "name", name: "undefined", args: [] }] }
      : type,
    rename
  )
  return `readonly ${key}${optional ? "?" : ""}: ${written}`
}

/** Writes a type, with read-only fields and each member of a union once. `rename` gives the names of other types. */
export const write = (node: TypeNode, rename: (name: string) => string = (name) => name): string => {
  const inner = (member: TypeNode) =>
    member.kind === "union" || member.kind === "intersection"
      ? `(${write(member, rename)})`
      : write(member, rename)
  switch (node.kind) {
    case "literal":
      return node.text
    case "name": {
      const name = plainNames[node.name] ?? (builtin.has(node.name) ? node.name : rename(node.name))
      return node.args.length === 0
        ? name
        : `${name}<${node.args.map((arg) => write(arg, rename)).join(", ")}>`
    }
    case "union":
      return [
        ...new Set(
          unionMembers(node).map((member) =>
            member.kind === "intersection" ? inner(member) : write(member, rename)
          )
        )
      ].join(" | ")
    case "intersection":
      return node.members.map(inner).join(" & ")
    case "object":
      return node.fields.length === 0
        ? "{}"
        : `{ ${node.fields.map((field) => writeField(field, rename)).join("; ")} }`
    case "map":
      return `{ readonly [key in string]?: ${write(node.value, rename)} }`
    case "tuple":
      return `readonly [${node.members.map((member) => write(member, rename)).join(", ")}]`
  }
}

/** Returns the members of a union, nested unions included; another type is its only member. */
export const unionMembers = (node: TypeNode): ReadonlyArray<TypeNode> =>
  node.kind === "union" ? node.members.flatMap(unionMembers) : [node]
