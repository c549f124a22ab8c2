/** Reads the form of an MCP elicitation and validates its content. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const choice = Schema.Struct({ const: Schema.String })
const count = Schema.optionalKey(Schema.Finite)

/** The flat fields that the MCP specification allows. A form with any other field cannot be checked and is declined. */
const FormField = Schema.Union([
  Schema.Struct({
    type: Schema.Literal("string"),
    minLength: count,
    maxLength: count,
    format: Schema.optionalKey(Schema.String),
    enum: Schema.optionalKey(Schema.Array(Schema.String)),
    oneOf: Schema.optionalKey(Schema.Array(choice))
  }),
  Schema.Struct({ type: Schema.Literals(["number", "integer"]), minimum: count, maximum: count }),
  Schema.Struct({ type: Schema.Literal("boolean") }),
  Schema.Struct({
    type: Schema.Literal("array"),
    minItems: count,
    maxItems: count,
    items: Schema.Struct({
      enum: Schema.optionalKey(Schema.Array(Schema.String)),
      anyOf: Schema.optionalKey(Schema.Array(choice))
    })
  })
])
export type FormField = typeof FormField.Type

const Form = Schema.Struct({
  type: Schema.Literal("object"),
  properties: Schema.Record(Schema.String, Schema.Unknown),
  required: Schema.optionalKey(Schema.Array(Schema.String))
})

const decodeForm = Schema.decodeUnknownOption(Form)
const decodeField = Schema.decodeUnknownOption(FormField)

/** Returns the values to choose from, or `undefined` if the field accepts any value of its type. */
export const choices = (field: FormField): ReadonlyArray<string> | undefined => {
  switch (field.type) {
    case "string":
      return field.enum ?? field.oneOf?.map((option) => option.const)
    case "array":
      return field.items.enum ?? field.items.anyOf?.map((option) => option.const)
    default:
      return undefined
  }
}

const formats = new Map<string, (text: string) => boolean>([
  ["email", (text) => /^[^\s@]+@[^\s@]+$/.test(text)],
  ["uri", (text) => URL.canParse(text)],
  ["date", (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))],
  ["date-time", (text) => /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}/.test(text) && !Number.isNaN(Date.parse(text))]
])

const inRange = (value: number, low: number | undefined, high: number | undefined): boolean =>
  value >= (low ?? -Infinity) && value <= (high ?? Infinity)

const isValid = (field: FormField, value: unknown): boolean => {
  const options = choices(field)
  switch (field.type) {
    case "string":
      return (
        typeof value === "string" &&
        // JSON Schema counts characters, not UTF-16 units.
        inRange([...value].length, field.minLength, field.maxLength) &&
        (options === undefined || options.includes(value)) &&
        (field.format === undefined || (formats.get(field.format)?.(value) ?? false))
      )
    case "number":
    case "integer":
      return (
        typeof value === "number" &&
        Number.isFinite(value) &&
        (field.type === "number" || Number.isInteger(value)) &&
        inRange(value, field.minimum, field.maximum)
      )
    case "boolean":
      return typeof value === "boolean"
    case "array":
      return (
        Array.isArray(value) &&
        inRange(value.length, field.minItems, field.maxItems) &&
        value.every(
          (element) => typeof element === "string" && (options === undefined || options.includes(element))
        )
      )
  }
}

/** Returns the fields of a form in order, or `undefined` if the form is not valid. */
export const fieldsOf = (
  schema: unknown
):
  | ReadonlyArray<{ readonly name: string; readonly required: boolean; readonly field: FormField }>
  | undefined => {
  const form = Option.getOrUndefined(decodeForm(schema))
  if (form === undefined) return undefined
  const fields: Array<{ readonly name: string; readonly required: boolean; readonly field: FormField }> = []
  for (const [name, wire] of Object.entries(form.properties)) {
    const field = Option.getOrUndefined(decodeField(wire))
    if (field === undefined) return undefined
    fields.push({ name, required: form.required?.includes(name) ?? false, field })
  }
  return form.required?.every((name) => Object.hasOwn(form.properties, name)) === false ? undefined : fields
}

/** Returns what is wrong with the content, without its values, or `undefined` if it is valid. */
export const problem = (schema: unknown, content: Readonly<Record<string, unknown>>): string | undefined => {
  const fields = fieldsOf(schema)
  if (fields === undefined) return "the form cannot be read"
  for (const { field, name, required } of fields) {
    if (!Object.hasOwn(content, name)) {
      if (required) return `the field "${name}" is missing`
    } else if (!isValid(field, content[name])) return `the value of the field "${name}" is invalid`
  }
  const extra = Object.keys(content).find((name) => !fields.some((field) => field.name === name))
  return extra === undefined ? undefined : `there is no field "${extra}"`
}
