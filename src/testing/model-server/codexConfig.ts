/** Codex settings that use one model server and no other network service. */
import * as Predicate from "effect/Predicate"
import * as Toml from "smol-toml"

/** Returns a config.toml. `extra` is TOML too and overrides the same keys. */
export const file = (url: string, extra: string) => Toml.stringify(merge(settings(url), Toml.parse(extra)))

/** Returns the settings as command line arguments, for a Codex without that file. */
export const args = (url: string): ReadonlyArray<string> =>
  assignments(settings(url)).flatMap((assignment) => ["-c", assignment])

const settings = (url: string): Toml.TomlTable => ({
  // The newest model that calls tools directly. Later models write JavaScript that calls them.
  model: "gpt-5.5",
  model_provider: "mock",
  check_for_update_on_startup: false,
  web_search: "disabled",
  allow_login_shell: false,
  analytics: { enabled: false },
  feedback: { enabled: false },
  model_providers: {
    mock: {
      name: "mock",
      base_url: `${url}/v1`,
      wire_api: "responses",
      env_key: "MOCK_API_KEY",
      requires_openai_auth: false,
      supports_websockets: false
    }
  },
  features: {
    plugins: false,
    remote_plugin: false,
    apps: false,
    shell_snapshot: false,
    daemon_auto_start: false
  },
  otel: { exporter: "none", trace_exporter: "none", metrics_exporter: "none" },
  skills: { bundled: { enabled: false } }
})

const isTable = (value: Toml.TomlValue | undefined): value is Toml.TomlTable =>
  Predicate.isObject(value) && !(value instanceof Toml.TomlDate)

const merge = (base: Toml.TomlTable, extra: Toml.TomlTable): Toml.TomlTable => {
  const merged = { ...base }
  for (const [key, value] of Object.entries(extra)) {
    const before = merged[key]
    merged[key] = isTable(before) && isTable(value) ? merge(before, value) : value
  }
  return merged
}

const assignments = (table: Toml.TomlTable, prefix = ""): ReadonlyArray<string> =>
  Object.entries(table).flatMap(([key, value]) =>
    isTable(value) ? assignments(value, `${prefix}${key}.`) : [`${prefix}${key}=${JSON.stringify(value)}`]
  )
