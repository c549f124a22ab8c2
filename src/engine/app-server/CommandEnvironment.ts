/**
 * Hides credentials of Codex from the commands that the agent runs. Codex itself needs them, so they are in its
 * environment, and by default its commands inherit that environment.
 */
import { parseConfiguration, variablesNamedBy } from "./ChildEnvironment.ts"

type Environment = Readonly<Record<string, string | undefined>>

/** Words in the names of variables that hold a secret: `OPENAI_ADMIN_KEY`, `OPENAI_WEBHOOK_SECRET`. */
const secretWords = ["KEY", "SECRET", "TOKEN", "PASS", "CREDENTIAL", "AUTH", "COOKIE"]
/** Patterns of names, as Codex's `shell_environment_policy.exclude` takes them. Their case does not matter. */
const credentials = [
  ...["OPENAI", "CODEX"].flatMap((prefix) => secretWords.map((word) => `${prefix}_*${word}*`)),
  "AZURE_*"
]
const proxy = /^(?:https?|all)_proxy$/i
const ofCodex = /^(?:openai|codex)_/i

/** Whether a variable that Codex inherits has a password in its address. The address of a proxy needs no scheme. */
const hasPassword = (name: string, value: string): boolean =>
  proxy.test(name) ? value.includes("@") : ofCodex.test(name) && /:\/\/[^\s?#]*@/.test(value)

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
  const addresses = Object.entries(environment).flatMap(([name, value = ""]) =>
    hasPassword(name, value) ? [name] : []
  )
  const names = new Set([...credentials, ...configurations.flatMap(variablesNamedBy), ...addresses])
  return [`shell_environment_policy.exclude=${JSON.stringify([...names])}`]
}

/** Returns the names that a configuration excludes; `undefined` if it does not set them. */
const excludedBy = (toml: string): ReadonlyArray<string> | undefined => {
  const policy = parseConfiguration(toml)?.["shell_environment_policy"]
  if (typeof policy !== "object" || policy === null || !("exclude" in policy)) return undefined
  const { exclude } = policy
  return Array.isArray(exclude) ? exclude.filter((name) => typeof name === "string") : []
}

/**
 * Returns the override that hides more variables from the commands than the configurations do, the last of which counts.
 * These variables are this library's own: no setting of the user names them.
 */
export const hiding = (
  names: ReadonlyArray<string>,
  configurations: ReadonlyArray<string>
): ReadonlyArray<string> => {
  if (names.length === 0) return []
  const excluded = configurations.map(excludedBy).findLast((list) => list !== undefined) ?? []
  return [`shell_environment_policy.exclude=${JSON.stringify([...new Set([...excluded, ...names])])}`]
}
