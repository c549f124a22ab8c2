/** What the environment says about telemetry, as one value. */
import type { SpanLimits } from "@opentelemetry/sdk-trace-base"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { toBoolean, toDecoded, toPairs, type Variable, Variables } from "./internal/Variables.ts"

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The environment that `layer` reads: that of the process. */
export const Environment = Context.Reference<Environment>("effect-codex/telemetry/Settings/Environment", {
  defaultValue: () => process.env
})

/** Where OTLP goes and whether it goes at all. */
export interface Otlp {
  /** Somebody asked for it: `OtlpLayer` exports. */
  readonly enabled: boolean
  /** Somebody said no: nothing exports by OTLP, whatever the code says. */
  readonly refused: boolean
  readonly traces: Destination
  readonly headers: Headers
  /** How long one export may take, in milliseconds. */
  readonly timeout: number | undefined
}

/** The URL that takes one signal, if one was named. */
export type Destination = "unset" | "invalid" | { readonly url: string }

/** Header values by lower-case name; they are credentials more often than not. */
export type Headers = Readonly<Record<string, Redacted.Redacted>>

/** Everything the environment may say, by concern. */
export interface Settings {
  /** `OTEL_SDK_DISABLED`: no exporter of any kind. */
  readonly disabled: boolean
  readonly otlp: Otlp
  /** Attributes of the resource, the service's name among them if it was given. */
  readonly resource: Readonly<Record<string, string>>
  readonly spanLimits: Required<SpanLimits>
}

/** The settings of the process; see `layer`. */
export class CurrentSettings extends Context.Service<CurrentSettings, Settings>()(
  "effect-codex/telemetry/Settings"
) {}

/** The settings that an environment asks for, and what of it cannot be used. No warning shows a value. */
export const fromEnvironment = (
  environment: Environment
): { readonly settings: Settings; readonly warnings: ReadonlyArray<string> } => {
  const variables = new Variables(environment)
  const disabled = isDisabled(variables)
  const settings: Settings = {
    disabled,
    otlp: toOtlp(variables, disabled),
    resource: toResource(variables),
    spanLimits: toSpanLimits(variables)
  }
  return { settings, warnings: variables.warnings }
}

/** Reads `Environment` once, however many layers ask, and logs what of it cannot be used. */
export const layer: Layer.Layer<CurrentSettings> = Layer.effect(
  CurrentSettings,
  Effect.gen(function* () {
    const { settings, warnings } = fromEnvironment(yield* Environment)
    yield* Effect.forEach(warnings, (warning) => Effect.logWarning(warning), { discard: true })
    return settings
  })
)

/**
 * Where `endpoint` takes traces: a base URL has `/v1/traces` appended, the URL of a signal leads to its sibling;
 * `invalid` for anything but http and https.
 */
export const toTraces = (endpoint: string): Destination => {
  const url = toUrl(endpoint)
  if (url === undefined) return "invalid"
  const base = url.pathname.replace(/\/+$/, "").replace(/\/v1\/(?:traces|metrics|logs)$/, "")
  url.pathname = `${base}/v1/traces`
  return { url: url.href }
}

const toUrl = (text: string): URL | undefined => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url?.protocol === "http:" || url?.protocol === "https:" ? url : undefined
}

const isDisabled = (variables: Variables): boolean => {
  const variable = variables.first("OTEL_SDK_DISABLED")
  if (variable === undefined) return false
  const value = variable.value.toLowerCase()
  if (value !== "true" && value !== "false")
    variables.warn(variable, "is neither true nor false and is ignored")
  return value === "true"
}

const toOtlp = (variables: Variables, disabled: boolean): Otlp => {
  const switches = toSwitches(variables)
  const refused = switches.includes(false)
  const listed = isListed(variables)
  const own = variables.first("CODEX_OTLP_ENDPOINT", "CODEX_OTEL_ENDPOINT")
  const standard = variables.first("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
  const endpoint = own ?? standard
  const traces = endpoint === undefined ? "unset" : toDestination(endpoint)
  if (endpoint !== undefined && traces === "invalid") {
    variables.warn(endpoint, "is not an http or https URL: no traces are exported by OTLP")
  }
  const asked = switches.includes(true) || standard !== undefined || listed === true
  if (own !== undefined && !asked && !refused && !disabled) {
    variables.warn(own, "alone does not turn the export on: set CODEX_OTLP_ENABLE=1 as well")
  }
  return {
    enabled: asked && !refused && !disabled && listed !== false && traces !== "invalid",
    refused,
    traces,
    headers: toHeaders(variables),
    timeout: variables.wholeNumber(1, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
  }
}

const toSwitches = (variables: Variables): ReadonlyArray<boolean> =>
  variables.all("CODEX_OTLP_ENABLE", "CODEX_OTEL_ENABLED").map((variable) => {
    const on = toBoolean(variable.value)
    if (on === undefined) {
      variables.warn(variable, "is none of 1, true, yes, on, 0, false, no, off: nothing is exported by OTLP")
    }
    return on ?? false
  })

// Whether the standard list of exporters has this one, if there is a list.
const isListed = (variables: Variables): boolean | undefined => {
  const variable = variables.first("OTEL_TRACES_EXPORTER")
  if (variable === undefined) return undefined
  const names = variable.value.toLowerCase().split(/\s*,\s*/)
  if (names.some((name) => name !== "otlp" && name !== "none")) {
    variables.warn(variable, "names another exporter than otlp, which is ignored")
  }
  return names.includes("otlp")
}

// The standard has the URL of one signal used as it stands, path or no path.
const toDestination = ({ name, value }: Variable): Destination => {
  if (name !== "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") return toTraces(value)
  const url = toUrl(value)
  return url === undefined ? "invalid" : { url: url.href }
}

const toHeaders = (variables: Variables): Headers => {
  const variable = variables.first(
    "CODEX_OTLP_HEADERS",
    "CODEX_OTEL_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_HEADERS"
  )
  if (variable === undefined) return {}
  const headers = toPairs(variable.value, /[,;]/).map((pair) => {
    const name = pair && (toDecoded(pair[0]) ?? pair[0]).toLowerCase()
    const value = pair && (toDecoded(pair[1]) ?? pair[1])
    return name !== undefined && value !== undefined && isHeader(name, value)
      ? ([name, Redacted.make(value)] as const)
      : undefined
  })
  if (headers.includes(undefined))
    variables.warn(variable, "holds something other than name=value, which is left out")
  return Object.fromEntries(headers.filter((header) => header !== undefined))
}

/** Whether Node sends such a header instead of throwing. */
export const isHeader = (name: string, value: string): boolean =>
  /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)

const toResource = (variables: Variables): Readonly<Record<string, string>> => {
  const variable = variables.first("OTEL_RESOURCE_ATTRIBUTES")
  const attributes = toPairs(variable?.value ?? "", /,/).map((pair) => {
    const name = pair && toDecoded(pair[0])
    const value = pair && toDecoded(pair[1])
    return name !== undefined && name !== "" && value !== undefined ? ([name, value] as const) : undefined
  })
  // The standard wants all of it dropped for one bad part.
  const broken = attributes.includes(undefined)
  if (variable !== undefined && broken) variables.warn(variable, "is not a list of name=value and is ignored")
  const service = variables.first("CODEX_OTEL_SERVICE_NAME", "OTEL_SERVICE_NAME")
  return {
    ...(broken ? {} : Object.fromEntries(attributes.filter((attribute) => attribute !== undefined))),
    ...(service === undefined ? {} : { "service.name": service.value })
  }
}

const toSpanLimits = (variables: Variables): Required<SpanLimits> => ({
  attributeCountLimit:
    variables.wholeNumber(0, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT") ?? 128,
  attributeValueLengthLimit:
    variables.wholeNumber(0, "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT") ??
    Infinity,
  eventCountLimit: variables.wholeNumber(0, "OTEL_SPAN_EVENT_COUNT_LIMIT") ?? 128,
  linkCountLimit: variables.wholeNumber(0, "OTEL_SPAN_LINK_COUNT_LIMIT") ?? 128,
  attributePerEventCountLimit: variables.wholeNumber(0, "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT") ?? 128,
  attributePerLinkCountLimit: variables.wholeNumber(0, "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT") ?? 128
})
