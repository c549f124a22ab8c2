/** Checks log records against the catalogue of records. */
import * as Struct from "effect/Struct"
import * as Convention from "../../semconv/Convention.ts"
import { annotatedAttributes, levels, records, idFields } from "../catalogue/RecordCatalogue.ts"
import { events } from "../catalogue/SpanCatalogue.ts"
import type { Attribute } from "../catalogue/AttributeCatalogue.ts"
import * as AttributeChecks from "./AttributeChecks.ts"
import { type Remark, violation } from "./Finding.ts"

/** A log record. `event` is its event name, if it has one. */
export interface CheckedLog {
  readonly event?: string | undefined
  /** `Debug`, `Info`, ... in any case. */
  readonly severity?: string | undefined
  readonly attributes: AttributeChecks.AttributeValues
}

type Stage = keyof typeof levels

/** The stage and the allowed fields of each event name. */
const known = new Map<string, { readonly stage: Stage; readonly fields: Set<Attribute> }>()
for (const tag of Struct.keys(records)) {
  const { fields, stages, subjects } = records[tag]
  for (const subject of subjects) {
    for (const stage of stages) {
      const name = `codex.${subject}.${stage}`
      const entry = known.get(name) ?? {
        stage,
        fields: new Set<Attribute>([...Object.values(idFields), ...annotatedAttributes])
      }
      for (const field of Object.values(fields)) entry.fields.add(field)
      known.set(name, entry)
    }
  }
}

export const check = (
  log: CheckedLog,
  options: AttributeChecks.AttributeCheckOptions
): ReadonlyArray<Remark> => {
  const { attributes: has, event, severity } = log
  if (event === undefined) {
    return Object.entries(has).flatMap(([name, value]) =>
      AttributeChecks.checkAttribute(name, value, options)
    )
  }
  if (event === Convention.event.inferenceDetails)
    return AttributeChecks.checkAttributes(has, events.inferenceDetails.attributes, {
      ...options,
      complete: false
    })
  const entry = known.get(event)
  if (entry === undefined)
    return AttributeChecks.isReserved(event)
      ? [violation("unknownRecord", `${event} is not in the convention`)]
      : []
  const allowed = Object.fromEntries(
    [...entry.fields].map((key) => [key, key === "originator" ? "always" : "sometimes"])
  )
  const remarks = [...AttributeChecks.checkAttributes(has, allowed, options)]
  const level = levels[entry.stage]
  if (severity !== undefined && severity.toLowerCase() !== level.toLowerCase())
    remarks.push(violation("severity", `the severity is ${severity}; expected ${level}`))
  const failed = has[Convention.attribute.errorType] !== undefined
  // A retry update has the error type of the previous attempt.
  if (entry.stage !== "update" && failed !== (entry.stage === "exception"))
    remarks.push(
      violation(
        "status",
        failed
          ? `there is an ${Convention.attribute.errorType} on a record that is not an exception`
          : `the exception has no ${Convention.attribute.errorType}`
      )
    )
  return remarks
}
