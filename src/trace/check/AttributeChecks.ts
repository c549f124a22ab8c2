/** Checks attributes against the catalogue. */
import * as Convention from "../../semconv/Convention.ts"
import { type Attribute, attributes, type ValueType } from "../catalogue/AttributeCatalogue.ts"
import { type AttributePresence, isRecommended, isRequired } from "../catalogue/SpanCatalogue.ts"
import * as ErrorTypeChecks from "./ErrorTypeChecks.ts"
import { improvement, type Remark, violation } from "./Finding.ts"

export interface AttributeCheckOptions {
  /** The revision whose names are allowed; both if omitted. */
  readonly revision?: Convention.Revision | undefined
  /** Whether content capture was on; off if omitted. */
  readonly content?: boolean | undefined
}

export type AttributeValues = Readonly<Record<string, unknown>>

const keys = (names: Readonly<Record<string, string>>) =>
  new Map(Object.entries(names).map(([k, v]) => [v, k]))
const isAttribute = (key: string): key is Attribute => Object.hasOwn(attributes, key)

const latest = keys(Convention.attribute)
const old = keys(Convention.v1_41.attribute)
const renamed: ReadonlySet<string> = new Set(
  Object.keys(Convention.v1_41.attribute).map((key) => (isAttribute(key) ? Convention.attribute[key] : key))
)

/** Returns the catalogue key of a name in either revision. */
export const keyOf = (name: string): Attribute | undefined => {
  const key = latest.get(name) ?? old.get(name)
  return key !== undefined && isAttribute(key) ? key : undefined
}

/** Whether a name is reserved for the conventions. */
export const isReserved = (name: string): boolean => name.startsWith("gen_ai.") || name.startsWith("codex.")

const hasType: { readonly [Type in ValueType]: (value: unknown) => boolean } = {
  string: (value) => typeof value === "string",
  "string[]": (value) => Array.isArray(value) && value.every((item) => typeof item === "string"),
  int: (value) => Number.isSafeInteger(value),
  double: (value) => typeof value === "number",
  boolean: (value) => typeof value === "boolean"
}

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

const checkRevision = (name: string, { revision }: AttributeCheckOptions): ReadonlyArray<Remark> =>
  (revision === "latest" && old.has(name)) || (revision === "1.41" && renamed.has(name))
    ? [violation("revision", `${name} is not a name of the revision ${revision}`)]
    : []

/** Checks one attribute, on any signal. */
export const checkAttribute = (
  name: string,
  value: unknown,
  options: AttributeCheckOptions,
  asText = false
): ReadonlyArray<Remark> => {
  const key = keyOf(name)
  if (key === undefined)
    return isReserved(name) ? [violation("unknownAttribute", `${name} is not in the convention`)] : []
  const { content, type, values } = attributes[key]
  const remarks = [...checkRevision(name, options)]
  // The message must not quote content.
  if (content === true && options.content !== true)
    return [...remarks, violation("content", `${name} is content, and capture of content is off`)]
  const fits = hasType[type](value) || (asText && typeof value === "string")
  if (!fits)
    return [...remarks, violation("type", `${name} is ${shown(value)}, which is not of type ${type}`)]
  const found = Array.isArray(value) ? value : [value]
  const wrong = values === undefined ? undefined : found.find((item) => !values.includes(item))
  if (wrong !== undefined && values !== undefined)
    remarks.push(violation("value", `${name} is ${shown(wrong)}, which is not one of ${values.join(", ")}`))
  return remarks
}

/** Checks all attributes of a catalogued span, metric or record: each value, and which are not allowed or missing. */
export const checkAttributes = (
  has: AttributeValues,
  allowed: AttributePresence,
  options: AttributeCheckOptions & {
    readonly asText?: boolean
    readonly complete?: boolean
    readonly succeeded?: boolean
  }
): ReadonlyArray<Remark> => {
  const found = new Set<Attribute>()
  const remarks: Array<Remark> = []
  for (const [name, value] of Object.entries(has)) {
    remarks.push(...checkAttribute(name, value, options, options.asText))
    const key = keyOf(name)
    if (key === undefined) continue
    found.add(key)
    if (allowed[key] === undefined)
      remarks.push(violation("unexpectedAttribute", `${name} is not allowed here`))
    if (key === "errorType" && typeof value === "string" && !ErrorTypeChecks.has(value))
      remarks.push(violation("errorType", `${name} is ${shown(value)}, which is not a known error type`))
  }
  if (options.complete === false) return remarks
  for (const [key, condition] of Object.entries(allowed)) {
    if (!isAttribute(key) || found.has(key)) continue
    const name = Convention.attribute[key]
    if (isRequired(condition)) remarks.push(violation("missingAttribute", `${name} is missing`))
    else if (options.succeeded === true && isRecommended(condition))
      remarks.push(improvement("missingAttribute", `${name} is missing; it is expected ${condition}`))
  }
  return remarks
}
