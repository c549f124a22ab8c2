const units = [
  { nanos: 1e3, name: "µs" },
  { nanos: 1e6, name: "ms" },
  { nanos: 1e9, name: "s" }
]

const two = (value: number) => String(value).padStart(2, "0")

/** A duration as people read it, to three digits: `0 µs`, `640 µs`, `1.24 ms`, `12.4 s`, `2m 05s`, `1h 02m`. */
export const format = (nanos: bigint): string => {
  const value = Number(nanos)
  if (value <= 0) return "0 µs"
  const unit =
    value < 60e9 ? units.find((unit) => value / unit.nanos < (unit.name === "s" ? 60 : 999.5)) : undefined
  if (unit !== undefined) return `${(value / unit.nanos).toPrecision(3)} ${unit.name}`
  const seconds = Math.round(value / 1e9)
  const minutes = Math.floor(seconds / 60)
  return minutes < 60
    ? `${minutes}m ${two(seconds % 60)}s`
    : `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`
}
