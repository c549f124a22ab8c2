const units = [
  { nanos: 1e3, name: "µs" },
  { nanos: 1e6, name: "ms" },
  { nanos: 1e9, name: "s" }
]

const twoDigits = (value: number) => String(value).padStart(2, "0")

/** Formats a duration with three digits: `0 µs`, `640 µs`, `1.24 ms`, `12.4 s`, `2m 05s`, `1h 02m`. */
export const format = (nanos: bigint): string => {
  const value = Number(nanos)
  if (value <= 0) return "0 µs"
  const unit =
    value < 60e9 ? units.find((unit) => value / unit.nanos < (unit.name === "s" ? 60 : 999.5)) : undefined
  if (unit !== undefined) return `${(value / unit.nanos).toPrecision(3)} ${unit.name}`
  const seconds = Math.round(value / 1e9)
  const minutes = Math.floor(seconds / 60)
  return minutes < 60
    ? `${minutes}m ${twoDigits(seconds % 60)}s`
    : `${Math.floor(minutes / 60)}h ${twoDigits(minutes % 60)}m`
}

const millisPerUnit = {
  ns: 1e-6,
  us: 0.001,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000
}

export type DurationUnit = keyof typeof millisPerUnit

/** Parses `200ms`, `1.5s` or `1m30s` to milliseconds. Returns `undefined` for other text and for units not in `units`. */
export const parseMillis = (text: string, units: ReadonlyArray<DurationUnit>): number | undefined => {
  const pattern = new RegExp(
    `(\\d+(?:\\.\\d+)?)(${units.toSorted((a, b) => b.length - a.length).join("|")})`,
    "g"
  )
  const parts = [...text.matchAll(pattern)]
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) return undefined
  const isUnit = (unit: string | undefined): unit is DurationUnit => units.some((known) => known === unit)
  return parts.reduce(
    (sum, [, number, unit]) => sum + (isUnit(unit) ? Number(number) * millisPerUnit[unit] : 0),
    0
  )
}
