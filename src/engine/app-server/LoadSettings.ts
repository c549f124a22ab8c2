/** Settings that Codex reads only when it loads a thread. Pure. */
import { canonicalJson } from "../../internal/CanonicalJson.ts"
import type * as Engine from "../Engine.ts"
import { optionalField } from "./Translate.ts"

export interface LoadSettings {
  readonly baseInstructions?: string
  readonly provider?: string
  readonly config: Readonly<Record<string, unknown>>
}

export const make = (options: Engine.EngineThreadOptions): LoadSettings => ({
  ...optionalField("baseInstructions", options.baseInstructions),
  ...optionalField("provider", options.provider),
  config: { ...options.config, ...optionalField("web_search", options.webSearch) }
})

/** Returns the name of a setting that a handle requests and that differs from how the thread was loaded, if there is one. */
export const conflict = (requested: LoadSettings, loaded: LoadSettings): string | undefined => {
  if (requested.baseInstructions !== undefined && requested.baseInstructions !== loaded.baseInstructions)
    return "baseInstructions"
  if (requested.provider !== undefined && requested.provider !== loaded.provider) return "provider"
  const key = Object.entries(requested.config).find(
    ([key, value]) => canonicalJson(value) !== canonicalJson(loaded.config[key])
  )?.[0]
  return key === "web_search" ? "webSearch" : key === undefined ? undefined : `config ${key}`
}
