/**
 * A share of the traces by their ids, as OpenTelemetry's consistent probability sampling has it: a trace is kept whose
 * randomness (`rv` of the tracestate, else the last 56 bits of its id) is not below a threshold (`th`).
 */
import type { SpanContext } from "@opentelemetry/api"

const digits = 14
const zeroThreshold = "0".repeat(digits)

export interface ProbabilitySampler {
  readonly keeps: (context: SpanContext) => boolean
  /** Fourteen hexadecimal digits. */
  readonly threshold: string
}

/** The threshold of a probability above 0, to 52 bits, which is what a number holds. */
const thresholdOf = (probability: number): string =>
  (BigInt(Math.round((1 - probability) * 2 ** 52)) << 4n).toString(16).padStart(digits, "0")

export const make = (probability: number): ProbabilitySampler => {
  if (probability <= 0) return { keeps: () => false, threshold: zeroThreshold }
  const threshold = thresholdOf(probability)
  // Of the same length and in lower case, texts compare as numbers do.
  return { keeps: (context) => randomnessOf(context) >= threshold, threshold }
}

/** Everything. */
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
 * The tracestate of a span that was kept at a threshold; nothing where the chance that it had before is not known, for
 * a wrong weight is worse than none.
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
  // What was changed last stands first, and there are 32 at most.
  return [`ot=th:${highest.replace(/0+$/, "") || "0"}${rest}`, ...others].slice(0, 32).join(",")
}
