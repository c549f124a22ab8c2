/** Checks of telemetry: its settings, and whether its collectors answer. */
import * as Effect from "effect/Effect"
import * as OtlpEndpoint from "../../telemetry/config/OtlpEndpoint.ts"
import type * as Settings from "../../telemetry/config/Settings.ts"
import * as HttpPost from "../../telemetry/delivery/HttpPost.ts"
import * as OtlpTarget from "../../telemetry/delivery/OtlpTarget.ts"
import { type CheckResult, ok, problem, warning } from "./DoctorReport.ts"

/** One result for each unusable setting. A configuration file that is ignored as a whole is a problem. */
export const settings = (warnings: ReadonlyArray<string>): ReadonlyArray<CheckResult> =>
  warnings.length === 0
    ? [ok("telemetry", "the settings of telemetry are usable")]
    : warnings.map((text) =>
        /otel-config\.yaml:\d+:\d+: .*: the file is ignored$/.test(text)
          ? problem("telemetry", text, "correct the file at this line, or remove it")
          : warning("telemetry", text, "correct the setting, or remove it")
      )

const describe = (result: HttpPost.SendResult): string | undefined => {
  switch (result._tag) {
    case "Accepted":
      return undefined
    case "Status":
      return `answers with HTTP ${result.status}`
    case "NoResponse":
      return result.timedOut
        ? "does not answer in time"
        : `cannot be reached (${result.code ?? "no connection"})`
  }
}

const nextStepOf = (result: HttpPost.SendResult): string =>
  result._tag === "Status"
    ? result.status === 401 || result.status === 403
      ? "check the headers of OTEL_EXPORTER_OTLP_HEADERS"
      : "check the path of OTEL_EXPORTER_OTLP_ENDPOINT"
    : "start the collector, or correct OTEL_EXPORTER_OTLP_ENDPOINT, the proxy or the certificates"

interface Probe {
  readonly signal: Settings.SignalKind
  readonly origin: string
  readonly result: HttpPost.SendResult
}

const probe = Effect.fnUntraced(function* (signal: Settings.SignalKind, settings: Settings.Settings) {
  const { target, warnings } = yield* OtlpTarget.make(settings, {}, signal)
  if (target === undefined)
    return warnings.map((text) =>
      problem("collector", `${signal}: ${text}`, "correct the settings of the exporter")
    )
  const post = yield* HttpPost.make(target, () => 0)
  const encoding = target.protocol === "http/protobuf" ? "protobuf" : "json"
  // An export without a record: the way is the real one, and nothing is sent.
  const empty = new TextEncoder().encode(encoding === "json" ? "{}" : "")
  const result = yield* Effect.promise((abort) =>
    post(encoding, empty, { timeoutMillis: 5000, keepsProcessAlive: true, signal: abort })
  )
  const probed: Probe = { signal, origin: new URL(target.url).origin, result }
  return probed
}, Effect.scoped)

/** One result for all signals that the same collector answers in the same way. */
const toResult = (probes: ReadonlyArray<Probe>, hasSpool: boolean): ReadonlyArray<CheckResult> => {
  const [first] = probes
  if (first === undefined) return []
  const signals = probes.map(({ signal }) => signal).join(", ")
  const found = describe(first.result)
  if (found === undefined) return [ok("collector", `${first.origin} accepts ${signals}`)]
  const message = `the collector at ${first.origin} ${found}`
  return hasSpool
    ? [
        warning(
          "collector",
          `${message}; the spool keeps what it should get: ${signals}`,
          nextStepOf(first.result)
        )
      ]
    : [problem("collector", `${message}, so telemetry is lost: ${signals}`, nextStepOf(first.result))]
}

/** Sends an export without records to the collector of each signal that is exported by OTLP. */
export const collectors = Effect.fnUntraced(function* (settings: Settings.Settings) {
  const signals = OtlpEndpoint.signals.filter((signal) => settings.exporters[signal].includes("otlp"))
  if (settings.disabled || signals.length === 0)
    return [ok("collector", "no telemetry is sent to a collector")]
  const probed = yield* Effect.forEach(signals, (signal) => probe(signal, settings), { concurrency: 3 })
  const invalid = probed.flatMap((each) => ("signal" in each ? [] : each))
  const answers = Map.groupBy(
    probed.flatMap((each) => ("signal" in each ? [each] : [])),
    ({ origin, result }) => `${origin} ${describe(result)}`
  )
  const hasSpool = settings.spool !== undefined
  return [...invalid, ...[...answers.values()].flatMap((probes) => toResult(probes, hasSpool))]
})
