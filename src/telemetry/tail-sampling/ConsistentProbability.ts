/**
 * Implements OpenTelemetry's consistent probability sampling. It keeps a trace if its randomness (`rv` in the tracestate,
 * else the last 56 bits of the trace id) is not below a threshold (`th`).
 */
import type { SpanContext } from "@opentelemetry/api"

const digits = 14
const zeroThreshold = "0".repeat(digits)

export interface ProbabilitySampler {
  readonly keeps: (context: SpanContext) => boolean
  /** Fourteen hexadecimal digits. */
  readonly threshold: string
}

/** Returns the threshold of a probability above 0, with 52 bits of precision, the precision of a number. */
const thresholdOf = (probability: number): string =>
  (BigInt(Math.round((1 - probability) * 2 ** 52)) << 4n).toString(16).padStart(digits, "0")

export const make = (probability: number): ProbabilitySampler => {
  if (probability <= 0) return { keeps: () => false, threshold: zeroThreshold }
  const threshold = thresholdOf(probability)
  // Hexadecimal strings of equal length in lower case compare like numbers.
  return { keeps: (context) => randomnessOf(context) >= threshold, threshold }
}

/** Keeps every trace. */
export const keepAll: ProbabilitySampler = { keeps: () => true, threshold: zeroThreshold }

const randomnessOf = (context: SpanContext): string => {
  const given = fieldsOf(context).get("rv") ?? ""
  return /^[0-9a-f]{14}$/.test(given) ? given : context.traceId.slice(-digits)
}

const fieldsOf = ({ traceState }: SpanContext): Map<string, string> => {
  const fields = new Map<string, string>()
  for (const field of traceState?.get("ot")?.split(";") ?? []) {
    const at = field.indexOf(":")
    if (at > 0) fields.set(field.slice(0, at), field.slice(at + 1))
  }
  return fields
}

/**
 * Returns the tracestate of a span that is kept at a threshold. Returns `undefined` if the probability of an earlier
 * sampler is unknown: a wrong weight is worse than no weight.
 */
export const traceStateOf = (
  context: SpanContext,
  threshold: string,
  sampledBefore: boolean
): string | undefined => {
  const fields = fieldsOf(context)
  const given = fields.get("th")
  const before = given !== undefined && /^[0-9a-f]{1,14}$/.test(given) ? given.padEnd(digits, "0") : undefined
  if (before === undefined && sampledBefore) return undefined
  const highest = before !== undefined && before > threshold ? before : threshold
  fields.delete("th")
  const rest = [...fields].map(([key, value]) => `;${key}:${value}`).join("")
  const others = (context.traceState?.serialize() ?? "")
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "" && !entry.startsWith("ot="))
  // W3C Trace Context: the changed entry comes first, and a tracestate has at most 32 entries.
  return [`ot=th:${highest.replace(/0+$/, "") || "0"}${rest}`, ...others].slice(0, 32).join(",")
}
