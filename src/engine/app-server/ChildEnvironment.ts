/** The environment of the Codex process: variables on an allow-list, and variables that Codex's configuration names. */
import { parse } from "smol-toml"

type Environment = Readonly<Record<string, string | undefined>>

const basics = new Set([
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "LANG",
  "TERM",
  "TMPDIR",
  "TZ",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "ALL_PROXY",
  "NO_PROXY",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "NODE_EXTRA_CA_CERTS",
  "CURL_CA_BUNDLE",
  "REQUESTS_CA_BUNDLE"
])

// Variables that a process on Windows needs to start.
const windows = new Set([
  "APPDATA",
  "COMSPEC",
  "HOMEDRIVE",
  "HOMEPATH",
  "LOCALAPPDATA",
  "PATHEXT",
  "PROGRAMDATA",
  "PROGRAMFILES",
  "SYSTEMDRIVE",
  "SYSTEMROOT",
  "TEMP",
  "TMP",
  "USERNAME",
  "USERPROFILE",
  "WINDIR"
])

/** This library's telemetry variables. They hold endpoints and credentials that the agent's commands must not see. */
const telemetryVariables = /^CODEX_(?:OTLP|OTEL)_/
const allowedPrefixes = /^(?:LC_|CODEX_|OPENAI_|AZURE_)/

const allowed = (name: string): boolean => {
  const upper = name.toUpperCase()
  return (
    !telemetryVariables.test(upper) &&
    (basics.has(upper) || allowedPrefixes.test(upper) || (process.platform === "win32" && windows.has(upper)))
  )
}

const stringsIn = (value: unknown): ReadonlyArray<string> => {
  if (typeof value === "string") return [value]
  if (Array.isArray(value)) return value.flatMap(stringsIn)
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(stringsIn) : []
}

const variableKeys = new Set(["env_key", "env_http_headers", "env_vars", "bearer_token_env_var"])

const variablesIn = (value: unknown): ReadonlyArray<string> => {
  if (Array.isArray(value)) return value.flatMap(variablesIn)
  if (typeof value !== "object" || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    variableKeys.has(key) ? stringsIn(inner) : variablesIn(inner)
  )
}

// Codex accepts TOML 1.1. `effect/encoding/Toml` rejects it: line breaks and a final comma in inline tables, the escapes
// `\e` and `\x41`, times without seconds. The missing variables would be the only sign.
const parseToml = (toml: string) => {
  try {
    return parse(toml)
  } catch {
    return undefined
  }
}

/** Parses an override `key=value` whose value is not TOML. Codex treats such a value as a plain string. */
const parseAsString = (override: string) => {
  const [key = "", ...value] = override.split("=")
  return parseToml(`${key} = ${JSON.stringify(value.join("=").trim())}`)
}

/** Parses a configuration file or an override; returns `undefined` for invalid TOML. Codex reports that error itself. */
export const parseConfiguration = (toml: string) =>
  parseToml(toml) ?? (toml.includes("\n") ? undefined : parseAsString(toml))

/** Returns the variables that a TOML configuration names. */
export const variablesNamedBy = (toml: string): ReadonlyArray<string> => {
  const settings = parseConfiguration(toml)
  return settings === undefined ? [] : variablesIn(settings)
}

/** Returns the environment of the child: the allowed variables, the variables that the configurations name, and `extra`. */
export const select = (
  environment: Environment,
  configurations: ReadonlyArray<string>,
  extra: Environment
): Record<string, string> => {
  const named = new Set(configurations.flatMap(variablesNamedBy))
  const out: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && (allowed(name) || named.has(name))) out[name] = value
  }
  for (const [name, value] of Object.entries(extra)) {
    if (value === undefined) delete out[name]
    else out[name] = value
  }
  return out
}
