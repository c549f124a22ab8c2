/** Compares JSON Schemas with each other and with values, as far as two descriptions of a wire protocol need it. */
import * as Predicate from "effect/Predicate"

type Name = "null" | "boolean" | "string" | "integer" | "number" | "array" | "object" | "any"

/** One alternative for a value. */
export interface Alternative {
  readonly name: Name
  readonly schema: Fields
}

/** A schema, or a part of one, that is not parsed yet. */
type Fields = Readonly<Record<string, unknown>>

/** A schema and the document that resolves its references. */
export interface Shape {
  readonly schema: unknown
  readonly document: unknown
}

const names = new Set<string>(["null", "boolean", "string", "integer", "number", "array", "object"])
const isName = (name: unknown): name is Name => typeof name === "string" && names.has(name)
const fields = (value: unknown): Fields => (Predicate.isObject(value) ? value : {})
const list = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

const nameOf = (value: unknown): Name => {
  if (value === null) return "null"
  if (Array.isArray(value)) return "array"
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number"
  const name = typeof value
  return isName(name) ? name : "any"
}

/** Resolves a reference such as `#/definitions/v2/Thread`. */
const resolve = (document: unknown, reference: string): unknown => {
  let at = document
  for (const step of reference.split("/").slice(1)) at = fields(at)[step]
  return at
}

/** Whether a reference can be resolved. */
export const exists = (document: unknown, reference: string): boolean =>
  resolve(document, reference) !== undefined

/** Returns all alternatives for a value, with references resolved. */
export const alternatives = ({ document, schema }: Shape): ReadonlyArray<Alternative> => {
  const own = fields(schema)
  const of = (schema: unknown) => alternatives({ schema, document })
  if (typeof own["$ref"] === "string") return of(resolve(document, own["$ref"]))
  const choices = own["anyOf"] ?? own["oneOf"]
  if (Array.isArray(choices)) {
    const { properties: base } = own
    return choices.flatMap(of).map((choice) =>
      base === undefined || choice.name !== "object"
        ? choice
        : {
            name: choice.name,
            schema: {
              ...choice.schema,
              properties: { ...fields(base), ...fields(choice.schema["properties"]) },
              required: [...list(own["required"]), ...list(choice.schema["required"])]
            }
          }
    )
  }
  const types = Array.isArray(own["type"]) ? own["type"] : own["type"] === undefined ? [] : [own["type"]]
  if (types.length > 0) return types.filter(isName).map((name) => ({ name, schema: own }))
  const parts = list(own["allOf"])
  if (parts.length > 0) return parts.flatMap(of)
  const values = "const" in own ? [own["const"]] : list(own["enum"])
  if (values.length > 0) return [...new Set(values.map(nameOf))].map((name) => ({ name, schema: own }))
  return [{ name: "any", schema: own }]
}

/** Returns the values that a schema enumerates, if it does. */
export const literals = (schema: Fields): ReadonlyArray<unknown> | undefined =>
  "const" in schema ? [schema["const"]] : Array.isArray(schema["enum"]) ? schema["enum"] : undefined

/** Returns the schema of a field of an object, or `undefined` if the object has no such field. */
const field = (object: Fields, name: string): { readonly schema: unknown } | undefined => {
  const properties = fields(object["properties"])
  if (Object.hasOwn(properties, name)) return { schema: properties[name] }
  const others = object["additionalProperties"]
  // A map accepts any name. An object schema with fields and without `additionalProperties` has no other fields.
  return Predicate.isObject(others) || (others === true && Object.keys(properties).length === 0)
    ? { schema: others === true ? {} : others }
    : undefined
}

/** Returns the fields that a writer always writes. Only readers may omit an optional field with a default. */
export const always = (object: Fields): ReadonlyArray<string> => {
  const required = list(object["required"])
  return Object.entries(fields(object["properties"])).flatMap(([name, schema]) =>
    required.includes(name) || "default" in fields(schema) ? [name] : []
  )
}

const below = (path: string, name: string) => (path === "" ? name : `${path}.${name}`)

const spell = (all: ReadonlyArray<Alternative>) => [...new Set(all.map(({ name }) => name))].join(" or ")

/**
 * Returns what `reader` cannot read of the values that `writer` may write, as one text each: removed fields, fields that
 * became optional, and changed types. A field that only the writer has is compatible.
 */
export const incompatibilities = (reader: Shape, writer: Shape, path = ""): ReadonlyArray<string> => {
  const ours = alternatives(reader)
  const theirs = alternatives(writer)
  if (ours.some(({ name }) => name === "any")) return []
  const at = (problem: string) => [`${path}: ${problem}`]
  const accepts = ({ name }: Alternative) =>
    ours.some((our) => our.name === name || (our.name === "number" && name === "integer"))
  const strange = theirs.filter((their) => !accepts(their))
  if (strange.length > 0) return at(`is ${spell(theirs)}, where ${spell(ours)} is read`)
  const problems: Array<string> = []
  const pick = (all: ReadonlyArray<Alternative>, name: Name) =>
    all.filter((one) => one.name === name).map(({ schema }) => schema)

  const [elements] = pick(ours, "array")
  for (const array of elements === undefined ? [] : pick(theirs, "array")) {
    const items = { schema: array["items"] ?? {}, document: writer.document }
    problems.push(
      ...incompatibilities(
        { schema: elements?.["items"] ?? {}, document: reader.document },
        items,
        `${path}[]`
      )
    )
  }

  const variants = pick(theirs, "object")
  const [object] = variants.length === 0 ? [] : pick(ours, "object")
  for (const [name, schema] of Object.entries(fields(object?.["properties"]))) {
    const having = variants.flatMap((variant) => field(variant, name) ?? [])
    if (having.length === 0) {
      problems.push(`${below(path, name)}: gone`)
      continue
    }
    const needed = list(object?.["required"]).includes(name)
    if (needed && variants.some((variant) => !always(variant).includes(name))) {
      problems.push(`${below(path, name)}: may be left out, and is read as always there`)
    }
    for (const { schema: written } of having) {
      problems.push(
        ...incompatibilities(
          { schema, document: reader.document },
          { schema: written, document: writer.document },
          below(path, name)
        )
      )
    }
  }
  return [...new Set(problems)]
}

const checkAlternative = (value: unknown, { name, schema }: Alternative, document: unknown, path: string) => {
  const problems: Array<string> = []
  if (name === "array") {
    for (const item of list(value))
      problems.push(...validate(item, { schema: schema["items"] ?? {}, document }, `${path}[]`))
  }
  if (name !== "object") return problems
  for (const [key, inner] of Object.entries(fields(value))) {
    if (inner === undefined) continue
    const found = field(schema, key)
    if (found === undefined) problems.push(`${below(path, key)}: unknown`)
    else problems.push(...validate(inner, { schema: found.schema, document }, below(path, key)))
  }
  for (const needed of list(schema["required"])) {
    if (typeof needed === "string" && fields(value)[needed] === undefined)
      problems.push(`${below(path, needed)}: missing`)
  }
  return problems
}

/** Returns what does not match `reader` in a value, including fields that `reader` does not know. */
export const validate = (value: unknown, reader: Shape, path = ""): ReadonlyArray<string> => {
  const all = alternatives(reader)
  if (all.some(({ name }) => name === "any")) return []
  const name = nameOf(value)
  const fitting = all.filter((one) => one.name === name || (one.name === "number" && name === "integer"))
  if (fitting.length === 0) return [`${path}: is ${name}, where ${spell(all)} is read`]
  const known = fitting.map(({ schema }) => literals(schema))
  if (known.every((values) => values !== undefined)) {
    const values = known.flat()
    return values.includes(value)
      ? []
      : [`${path}: ${JSON.stringify(value)} is none of ${values.map((one) => String(one)).join(", ")}`]
  }
  const tried = fitting.map((one) => checkAlternative(value, one, reader.document, path))
  // Report the problems of the alternative that matches best.
  return tried.reduce((best, next) => (next.length < best.length ? next : best))
}

/** Returns the variants of an object by the values of their field `tag`. Variants with the same value become one with alternatives. */
export const variants = (shape: Shape, tag: string): ReadonlyMap<string, Shape> => {
  const found = Map.groupBy(
    alternatives(shape).flatMap(({ schema }) =>
      (literals(fields(field(schema, tag)?.schema)) ?? []).map((value) => ({ value: String(value), schema }))
    ),
    ({ value }) => value
  )
  return new Map(
    [...found].map(([value, [first, ...others]]) => [
      value,
      {
        schema:
          others.length === 0
            ? first?.schema
            : { anyOf: [first, ...others].map((variant) => variant?.schema) },
        document: shape.document
      }
    ])
  )
}

/** Returns the schema of a field if all alternatives are objects that have it. */
export const at = (shape: Shape, name: string): Shape | undefined => {
  const [found] = alternatives(shape).flatMap(({ schema }) => field(schema, name) ?? [])
  return found === undefined ? undefined : { schema: found.schema, document: shape.document }
}

/** Returns the name of the definition that a schema refers to. */
export const referred = (shape: Shape): string | undefined => {
  const reference = fields(shape.schema)["$ref"]
  return typeof reference === "string" ? reference.slice(reference.lastIndexOf("/") + 1) : undefined
}
