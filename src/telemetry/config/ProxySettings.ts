/** What requests to a collector go through, as the usual variables say. */
import * as Redacted from "effect/Redacted"
import type { Variables } from "../../internal/EnvironmentVariables.ts"

/** By the names that Node knows them by; a URL may hold a password. */
export type Proxy = Redacted.Redacted<Readonly<Record<string, string>>>

const names = ["HTTP_PROXY", "HTTPS_PROXY"] as const

/** Nothing where no proxy is named that can be used. */
export const fromVariables = (variables: Variables): Proxy | undefined => {
  const proxies: Record<string, string> = {}
  const noProxy = variables.first("no_proxy", "NO_PROXY")
  for (const name of names) {
    // The small ones are the older ones, and win everywhere.
    const variable = variables.first(name.toLowerCase(), name)
    if (variable === undefined) continue
    if (isProxy(variable.value)) proxies[name] = variable.value
    else variables.warn(variable, "is not an http or https URL: exports do not go through it")
  }
  if (Object.keys(proxies).length === 0) return undefined
  return Redacted.make(noProxy === undefined ? proxies : { ...proxies, NO_PROXY: noProxy.value })
}

const isProxy = (value: string): boolean =>
  URL.canParse(value) && /^https?:$/.test(new URL(value).protocol) && new URL(value).hostname !== ""

const loopback = /^(?:localhost|.*\.localhost|127(?:\.\d+){3}|\[::1\])$/

/** What an agent of Node is told for a URL; nothing for one on this machine, which a proxy elsewhere cannot reach. */
export const variablesFor = (
  proxy: Proxy | undefined,
  url: string
): Readonly<Record<string, string>> | undefined =>
  proxy === undefined || loopback.test(new URL(url).hostname) ? undefined : Redacted.value(proxy)
