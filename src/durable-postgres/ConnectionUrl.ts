/** Reads a PostgreSQL URL. Its text holds a password, so no result of this file repeats it. */
import * as Redacted from "effect/Redacted"
import { isLoopback } from "../internal/HostHeader.ts"

/** The parts of a PostgreSQL URL that spans, errors and the choice of TLS need. None of them is secret. */
export interface ConnectionTarget {
  readonly host: string
  readonly port: number
  readonly database: string | undefined
  /** Whether the connection must use TLS: the host is another machine, and the URL has no `sslmode`. */
  readonly requiresTls: boolean
}

/** Returns the parts of a URL, or `undefined` if it is not a PostgreSQL URL. The parser's own error repeats the password. */
export const parse = (url: Redacted.Redacted): ConnectionTarget | undefined => {
  const parsed = URL.parse(Redacted.value(url))
  if (parsed === null || !["postgres:", "postgresql:"].includes(parsed.protocol)) return undefined
  const parameters = parsed.searchParams
  const host = parameters.get("host") ?? (decoded(parsed.hostname.replace(/^\[|\]$/g, "")) || "localhost")
  const port = Number(parameters.get("port") ?? (parsed.port || 5432))
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return undefined
  const database = parameters.get("dbname") ?? decoded(parsed.pathname.slice(1))
  return {
    host,
    port,
    database: database === "" ? undefined : database,
    // A host that starts with a slash is the directory of a Unix socket.
    requiresTls: !parameters.has("sslmode") && !isLoopback(host) && !host.startsWith("/")
  }
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
