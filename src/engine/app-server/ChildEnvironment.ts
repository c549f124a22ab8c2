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
const ours = /^CODEX_(?:OTLP|OTEL)_/
const families = /^(?:LC_|CODEX_|OPENAI_|AZURE_)/

const allowed = (name: string): boolean => {
  const upper = name.toUpperCase()
  return (
    !ours.test(upper) &&
    (basics.has(upper) || families.test(upper) || (process.platform === "win32" && windows.has(upper)))
  )
}

const strings = (value: unknown): ReadonlyArray<string> => {
  if (typeof value === "string") return [value]
  if (Array.isArray(value)) return value.flatMap(strings)
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(strings) : []
}

const naming = new Set(["env_key", "env_http_headers", "env_vars", "bearer_token_env_var"])

const named = (value: unknown): ReadonlyArray<string> => {
  if (Array.isArray(value)) return value.flatMap(named)
  if (typeof value !== "object" || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => (naming.has(key) ? strings(inner) : named(inner)))
}

const parsed = (toml: string) => {
  try {
    return parse(toml)
  } catch {
    return undefined
  }
}

/** What `-c key=value` says whose value is no TOML: Codex takes it for a string as it stands. */
const literal = (override: string) => {
  const [key = "", ...value] = override.split("=")
  return parsed(`${key} = ${JSON.stringify(value.join("=").trim())}`)
}

/** The variables that a configuration in TOML names; one that does not parse names none, as Codex will say itself. */
export const namedBy = (toml: string): ReadonlyArray<string> => {
  const settings = parsed(toml) ?? (toml.includes("\n") ? undefined : literal(toml))
  return settings === undefined ? [] : named(settings)
}

/** The environment of the child: what is allowed of ours, what the configurations name, and what `extra` adds. */
export const select = (
  environment: Environment,
  configurations: ReadonlyArray<string>,
  extra: Environment
): Record<string, string> => {
  const wanted = new Set(configurations.flatMap(namedBy))
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
