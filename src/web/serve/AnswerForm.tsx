/** The fields of a request that asks for answers: questions of the agent, or the form of an MCP server. */
import type { FieldMessage, RequestMessage } from "./Messages.ts"

type Value = string | ReadonlyArray<string>

/**
 * What a person entered, by the id of the field. A choice that is text of its own is in the same place. The agent or an MCP server
 * chooses the ids: in an object, a field "constructor" would have a value before a person enters one.
 */
export type Values = ReadonlyMap<string, Value>

const textIn = (values: Values, id: string): string => {
  const value = values.get(id)
  return typeof value === "string" ? value : ""
}

const isEmpty = (value: Value | undefined): boolean => value === undefined || value.length === 0

export const isComplete = (fields: ReadonlyArray<FieldMessage>, values: Values): boolean =>
  fields.every((field) => !field.required || !isEmpty(values.get(field.id)))

const contentOf = (field: FieldMessage, value: Value): unknown => {
  if (field.kind === "number") return Number(value)
  if (field.kind === "boolean") return value === "yes"
  if (field.kind === "choices" && typeof value === "string")
    return value.split(",").map((part) => part.trim())
  return value
}

/** Returns what an accepting answer carries. */
export const givenOf = (
  answer: RequestMessage["answer"],
  fields: ReadonlyArray<FieldMessage>,
  values: Values
): unknown => {
  const filled = fields.flatMap((field) => {
    const value = values.get(field.id)
    return value === undefined || value.length === 0 ? [] : [[field, value] as const]
  })
  if (answer === "answers")
    return {
      answers: Object.fromEntries(
        filled.map(([{ id }, value]) => [id, typeof value === "string" ? [value] : value])
      )
    }
  if (answer === "content")
    return {
      content: Object.fromEntries(filled.map(([field, value]) => [field.id, contentOf(field, value)]))
    }
  return undefined
}

interface FieldProps {
  readonly name: string
  readonly field: FieldMessage
  readonly values: Values
  readonly onValue: (value: Value) => void
}

const Choice = ({ field, name, onValue, values }: FieldProps) => {
  const several = field.kind === "choices"
  const value = values.get(field.id) ?? (several ? [] : "")
  const isChosen = (option: string) => (typeof value === "string" ? value === option : value.includes(option))
  const toggle = (option: string) => {
    if (!several) return onValue(option)
    const list = typeof value === "string" ? [] : value
    onValue(list.includes(option) ? list.filter((each) => each !== option) : [...list, option])
  }
  return (
    <fieldset>
      <legend>{field.label}</legend>
      {field.options.map((option) => (
        <label key={option.value} class="option">
          <input
            type={several ? "checkbox" : "radio"}
            name={name}
            checked={isChosen(option.value)}
            onChange={() => toggle(option.value)}
          />
          <bdi>{option.label}</bdi>
        </label>
      ))}
      {field.other && (
        <label>
          Another answer
          <input
            type="text"
            value={field.options.some((option) => option.value === value) ? "" : textIn(values, field.id)}
            onInput={(event) => onValue(event.currentTarget.value)}
          />
        </label>
      )}
    </fieldset>
  )
}

const Field = (props: FieldProps) => {
  const { field, name, onValue, values } = props
  if (field.options.length > 0) return <Choice {...props} />
  if (field.kind === "boolean") {
    const options = ["yes", "no"].map((value) => ({ label: value, value }))
    return <Choice {...props} field={{ ...field, options, other: false }} />
  }
  const hint = field.kind === "choices" ? " (separated by commas)" : ""
  const attributes = {
    name,
    required: field.required,
    autocomplete: "off" as const,
    value: textIn(values, field.id),
    onInput: (event: { readonly currentTarget: HTMLInputElement }) => onValue(event.currentTarget.value)
  }
  return (
    <label>
      {field.label}
      {hint}
      {field.kind === "secret" ? (
        <input type="password" {...attributes} />
      ) : field.kind === "number" ? (
        <input type="number" step="any" {...attributes} />
      ) : (
        <input type="text" {...attributes} />
      )}
    </label>
  )
}

export const AnswerForm = (props: {
  readonly id: string
  readonly fields: ReadonlyArray<FieldMessage>
  readonly values: Values
  readonly onChange: (values: Values) => void
}) => (
  <div class="form">
    {props.fields.map((field, index) => (
      <Field
        key={field.id}
        name={`${props.id}-${index}`}
        field={field}
        values={props.values}
        onValue={(value) => props.onChange(new Map(props.values).set(field.id, value))}
      />
    ))}
  </div>
)
