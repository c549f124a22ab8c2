/** What of our environment Codex gets to see: an allow-list, and what its own configuration names. */
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

// What a process on Windows cannot start without.
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

/** Ours: where spans go and with which credentials is no business of a command that an agent runs. */
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

const parseToml = (toml: string) => {
  try {
    return parse(toml)
  } catch {
    return undefined
  }
}

/** What `-c key=value` says whose value is no TOML: Codex takes it for a string as it stands. */
const parseAsString = (override: string) => {
  const [key = "", ...value] = override.split("=")
  return parseToml(`${key} = ${JSON.stringify(value.join("=").trim())}`)
}

/** The variables that a configuration in TOML names; one that does not parse names none, as Codex will say itself. */
export const variablesNamedBy = (toml: string): ReadonlyArray<string> => {
  const settings = parseToml(toml) ?? (toml.includes("\n") ? undefined : parseAsString(toml))
  return settings === undefined ? [] : variablesIn(settings)
}

/** The environment of the child: what is allowed of ours, what the configurations name, and what `extra` adds. */
export const select = (
  environment: Environment,
  configurations: ReadonlyArray<string>,
  extra: Environment
): Record<string, string> => {
  const wanted = new Set(configurations.flatMap(variablesNamedBy))
  const out: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && (allowed(name) || wanted.has(name))) out[name] = value
  }
  for (const [name, value] of Object.entries(extra)) {
    if (value === undefined) delete out[name]
    else out[name] = value
  }
  return out
}
