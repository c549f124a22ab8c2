/** The proxy for requests to a collector, from the usual environment variables. */
import * as Redacted from "effect/Redacted"
import type { Variables } from "../../internal/EnvironmentVariables.ts"

/** Proxy variables by the names that Node uses. Redacted because a URL can contain a password. */
export type Proxy = Redacted.Redacted<Readonly<Record<string, string>>>

const names = ["HTTP_PROXY", "HTTPS_PROXY"] as const

/** Reads the proxy variables; `undefined` if no usable proxy is set. */
export const fromVariables = (variables: Variables): Proxy | undefined => {
  const proxies: Record<string, string> = {}
  const noProxy = variables.first("no_proxy", "NO_PROXY")
  for (const name of names) {
    // Lower-case names are the older convention and win in every tool.
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

/** Returns the proxy variables for a URL; `undefined` for a URL on this machine, which a remote proxy cannot reach. */
export const variablesFor = (
  proxy: Proxy | undefined,
  url: string
): Readonly<Record<string, string>> | undefined =>
  proxy === undefined || loopback.test(new URL(url).hostname) ? undefined : Redacted.value(proxy)
