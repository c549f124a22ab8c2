/** Checks metrics against their instruments and the catalogue of their labels. */
import * as Struct from "effect/Struct"
import * as Convention from "../../semconv/Convention.ts"
import * as Instruments from "../../semconv/Instruments.ts"
import { attributes } from "../catalogue/AttributeCatalogue.ts"
import { type Metric, metrics, nameOf } from "../catalogue/MetricCatalogue.ts"
import * as AttributeChecks from "./AttributeChecks.ts"
import { type Remark, violation } from "./Finding.ts"

/** One series of a metric. Omitted fields are not checked. */
export interface CheckedMetric {
  readonly name: string
  readonly kind: string
  readonly unit?: string | undefined
  readonly boundaries?: ReadonlyArray<number> | undefined
  readonly attributes: AttributeChecks.AttributeValues
}

const instruments = new Map(Instruments.all.map((instrument) => [instrument.name, instrument]))
const oldNames: Readonly<Partial<Record<Metric, string>>> = Convention.v1_41.metric
const keys = new Map<string, Metric>(
  Struct.keys(metrics).flatMap((key) =>
    [nameOf(key), oldNames[key]].flatMap((name) => (name === undefined ? [] : [[name, key] as const]))
  )
)
const onlyOld: ReadonlySet<string> = new Set(Object.values(Convention.v1_41.metric))
const onlyLatest: ReadonlySet<string> = new Set(
  Struct.keys(metrics).flatMap((key) => (oldNames[key] === undefined ? [] : [nameOf(key)]))
)

const same = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): boolean =>
  a.length === b.length && a.every((value, at) => value === b[at])

export const check = (
  metric: CheckedMetric,
  options: AttributeChecks.AttributeCheckOptions
): ReadonlyArray<Remark> => {
  const { boundaries, kind, name, unit } = metric
  const key = keys.get(name)
  const instrument = instruments.get(name)
  if (key === undefined || instrument === undefined)
    return AttributeChecks.isReserved(name)
      ? [violation("unknownMetric", `${name} is not in the convention`)]
      : []
  const remarks: Array<Remark> = []
  if (
    (options.revision === "latest" && onlyOld.has(name)) ||
    (options.revision === "1.41" && onlyLatest.has(name) && !onlyOld.has(name))
  )
    remarks.push(violation("revision", `${name} is not a name of the revision ${options.revision}`))
  if (kind !== instrument.kind)
    remarks.push(violation("kind", `the kind is ${kind}; expected ${instrument.kind}`))
  if (unit !== undefined && unit !== instrument.unit)
    remarks.push(violation("unit", `the unit is "${unit}"; expected "${instrument.unit}"`))
  if (boundaries !== undefined && !same(boundaries, instrument.boundaries))
    remarks.push(violation("buckets", `the buckets are ${boundaries.join(" ")}`))
  for (const label of Object.keys(metric.attributes)) {
    const attribute = AttributeChecks.keyOf(label)
    if (attribute !== undefined && attributes[attribute].unique === true)
      remarks.push(
        violation(
          "unique",
          `${label} is a unique id and makes a series for each value; use it on spans and records only`
        )
      )
  }
  // Labels are text, although some exporters turn them back into numbers.
  remarks.push(
    ...AttributeChecks.checkAttributes(metric.attributes, metrics[key].attributes, {
      ...options,
      asText: true
    })
  )
  return remarks
}
