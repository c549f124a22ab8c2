/** The URLs that OTLP over HTTP goes to, and what may be sent to them. */

export type SignalKind = "traces" | "metrics" | "logs"

export const signals: ReadonlyArray<SignalKind> = ["traces", "metrics", "logs"]

/** The URL that takes one signal, if one was named. */
export type Destination = "unset" | "invalid" | { readonly url: string }

/** A base URL has `/v1/<signal>` appended, the URL of a signal leads to its sibling; `invalid` for no http(s) URL. */
export const toSignal = (endpoint: string, signal: SignalKind): Destination => {
  const url = parse(endpoint)
  if (url === undefined) return "invalid"
  const base = url.pathname.replace(/\/+$/, "").replace(/\/v1\/(?:traces|metrics|logs)$/, "")
  url.pathname = `${base}/v1/${signal}`
  return { url: url.href }
}

/** The URL as it stands. */
export const toExact = (endpoint: string): Destination => {
  const url = parse(endpoint)
  return url === undefined ? "invalid" : { url: url.href }
}

const parse = (text: string): URL | undefined => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url?.protocol === "http:" || url?.protocol === "https:" ? url : undefined
}

/** Whether Node sends such a header instead of throwing. */
export const isHeader = (name: string, value: string): boolean =>
  /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
