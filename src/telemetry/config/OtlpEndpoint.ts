/**
 * The URLs of OTLP over HTTP, and which headers Node can send.
 * @since 0.1.0
 * @category models
 */
export type SignalKind = "traces" | "metrics" | "logs"

export const signals: ReadonlyArray<SignalKind> = ["traces", "metrics", "logs"]

/**
 * The URL of one signal, if an endpoint is configured.
 * @since 0.1.0
 * @category models
 */
export type Destination = "unset" | "invalid" | { readonly url: string }

/** Returns the URL of a signal from a base URL or from the URL of another signal; `invalid` if it is not http(s). */
export const toSignal = (endpoint: string, signal: SignalKind): Destination => {
  const url = parse(endpoint)
  if (url === undefined) return "invalid"
  const base = url.pathname.replace(/\/+$/, "").replace(/\/v1\/(?:traces|metrics|logs)$/, "")
  url.pathname = `${base}/v1/${signal}`
  return { url: url.href }
}

/** Returns a URL that is complete: no path of a signal is added. */
export const toExact = (endpoint: string): Destination => {
  const url = parse(endpoint)
  return url === undefined ? "invalid" : { url: url.href }
}

const parse = (text: string): URL | undefined => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url?.protocol === "http:" || url?.protocol === "https:" ? url : undefined
}

/** Whether Node can send this header. Node throws for every other header. */
export const isHeader = (name: string, value: string): boolean =>
  /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
