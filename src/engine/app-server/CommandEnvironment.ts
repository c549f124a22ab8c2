/**
 * Hides credentials of Codex from the commands that the agent runs. Codex itself needs them, so they are in its
 * environment, and by default its commands inherit that environment.
 */
import { parseConfiguration, variablesNamedBy } from "./ChildEnvironment.ts"

type Environment = Readonly<Record<string, string | undefined>>

/** Patterns of names, as Codex's `shell_environment_policy.exclude` takes them. Their case does not matter. */
const credentials = ["OPENAI_API_KEY", "CODEX_API_KEY", "OPENAI_*TOKEN*", "CODEX_*TOKEN*", "AZURE_*"]
const proxy = /^(?:https?|all)_proxy$/i
const password = /:\/\/[^/\s]*@/

const decides = (toml: string): boolean => {
  const policy = parseConfiguration(toml)?.["shell_environment_policy"]
  return typeof policy === "object" && policy !== null && ("exclude" in policy || "include_only" in policy)
}

/**
 * Returns the override of Codex's configuration that hides the credentials; none if the user's own configuration has
 * `exclude` or `include_only` in `shell_environment_policy`.
 */
export const overrides = (
  environment: Environment,
  configurations: ReadonlyArray<string>
): ReadonlyArray<string> => {
  if (configurations.some(decides)) return []
  const proxies = Object.entries(environment).flatMap(([name, value = ""]) =>
    proxy.test(name) && password.test(value) ? [name] : []
  )
  const names = new Set([...credentials, ...configurations.flatMap(variablesNamedBy), ...proxies])
  return [`shell_environment_policy.exclude=${JSON.stringify([...names])}`]
}
