/** MCP servers that Codex uses for one thread, in addition to those of its configuration. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as CodexError from "../domain/CodexError.ts"

/**
 * A value that can be a secret. A redacted value appears in no log and no message of the library.
 * @since 0.1.0
 * @category models
 */
export type Value = string | Redacted.Redacted<string>

interface Common {
  /** The time limit for starting the server. Codex's default: 10 seconds. */
  readonly startTimeout?: Duration.Input | undefined
  /** The time limit for one tool call. Codex's default: 60 seconds. */
  readonly toolTimeout?: Duration.Input | undefined
  /** Offers only these tools to the agent. */
  readonly tools?: ReadonlyArray<string> | undefined
  /** Hides these tools from the agent. */
  readonly withoutTools?: ReadonlyArray<string> | undefined
  /** Whether the thread fails to start when the server fails to start. By default the thread starts without the tools of the server. */
  readonly required?: boolean | undefined
}

/**
 * A program that Codex starts without a shell and talks to over stdio. Its environment is `env` and a few basics.
 * @since 0.1.0
 * @category models
 */
export interface Stdio extends Common {
  readonly command: string
  readonly args?: ReadonlyArray<string> | undefined
  readonly cwd?: string | undefined
  readonly env?: Readonly<Record<string, Value>> | undefined
}

/**
 * A server that Codex calls over HTTP.
 * @since 0.1.0
 * @category models
 */
export interface Http extends Common {
  readonly url: string | URL
  readonly headers?: Readonly<Record<string, Value>> | undefined
  /** Sent as `Authorization: Bearer`. */
  readonly bearerToken?: Value | undefined
}

/**
 * How to reach an MCP server: as a child process of Codex, or by HTTP.
 * @since 0.1.0
 * @category models
 */
export type Server = Stdio | Http

/**
 * Servers by name. The name is the namespace of their tools.
 * @since 0.1.0
 * @category models
 */
export type McpServers = Readonly<Record<string, Server>>

const reveal = (value: Value): string => (Redacted.isRedacted(value) ? Redacted.value(value) : value)
const revealed = (values: Readonly<Record<string, Value>>) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, reveal(value)]))

const namePattern = /^[a-zA-Z0-9_-]{1,64}$/
const variablePattern = /^[A-Za-z_][A-Za-z0-9_]*$/
const headerPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

const seconds = (input: Duration.Input): number | undefined =>
  Option.getOrUndefined(Duration.fromInput(input).pipe(Option.map(Duration.toSeconds)))
const isPositiveDuration = (input: Duration.Input | undefined) => {
  const value = input === undefined ? 1 : seconds(input)
  return value !== undefined && value > 0 && Number.isFinite(value)
}

const commonProblem = (server: Server): string | undefined =>
  !isPositiveDuration(server.startTimeout)
    ? "its startTimeout must be a positive duration"
    : !isPositiveDuration(server.toolTimeout)
      ? "its toolTimeout must be a positive duration"
      : undefined

const isUrl = (text: string): boolean => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url?.protocol === "http:" || url?.protocol === "https:"
}

const httpProblem = ({ bearerToken, headers = {}, url }: Http): string | undefined => {
  // The URL can contain a secret, so the message does not quote it.
  if (!isUrl(String(url))) return "its url must be an http or https URL"
  for (const [name, value] of Object.entries(headers)) {
    if (!headerPattern.test(name)) return `"${name}" is not a valid header name`
    if (/[\r\n\0]/.test(reveal(value))) return `its header "${name}" contains a line break or a NUL character`
    if (bearerToken !== undefined && name.toLowerCase() === "authorization") {
      return "it has both a bearerToken and an Authorization header; remove one"
    }
  }
  return bearerToken !== undefined && !/^[\x21-\x7e]+$/.test(reveal(bearerToken))
    ? "its bearerToken contains characters that are not allowed in a header"
    : undefined
}

const stdioProblem = ({ args = [], command, cwd, env = {} }: Stdio): string | undefined => {
  if (command.trim() === "") return "its command is empty"
  if ([command, cwd ?? "", ...args].some((text) => text.includes("\0"))) {
    return "its command contains a NUL character"
  }
  for (const [name, value] of Object.entries(env)) {
    if (!variablePattern.test(name)) return `"${name}" is not a valid name of an environment variable`
    if (reveal(value).includes("\0")) return `its variable "${name}" contains a NUL character`
  }
  return undefined
}

const problem = (name: string, server: Server): string | undefined => {
  if (!namePattern.test(name)) {
    return `the name ${JSON.stringify(name)} may contain only letters, digits, "_" and "-", at most 64; rename the server`
  }
  const found = commonProblem(server) ?? ("command" in server ? stdioProblem(server) : httpProblem(server))
  return found === undefined ? undefined : `the server "${name}": ${found}`
}

const config = (server: Server): Readonly<Record<string, unknown>> => ({
  ...("command" in server
    ? {
        command: server.command,
        args: server.args ?? [],
        ...(server.cwd === undefined ? {} : { cwd: server.cwd }),
        env: revealed(server.env ?? {})
      }
    : {
        url: String(server.url),
        // Codex reads a bearer token only from its own environment, which all threads share. Send the header instead.
        http_headers: {
          ...revealed(server.headers ?? {}),
          ...(server.bearerToken === undefined
            ? {}
            : { Authorization: `Bearer ${reveal(server.bearerToken)}` })
        }
      }),
  ...(server.startTimeout === undefined ? {} : { startup_timeout_sec: seconds(server.startTimeout) }),
  ...(server.toolTimeout === undefined ? {} : { tool_timeout_sec: seconds(server.toolTimeout) }),
  ...(server.tools === undefined ? {} : { enabled_tools: server.tools }),
  ...(server.withoutTools === undefined ? {} : { disabled_tools: server.withoutTools }),
  ...(server.required === undefined ? {} : { required: server.required })
})

/**
 * Returns the `config` that opens a thread with these servers: `{ "mcp_servers.NAME": { … } }`, with secrets in clear
 * text. Fails with `InvalidRequest`, which quotes no values, if a server is invalid.
 *
 * @internal
 */
export const toConfig = (
  servers: McpServers,
  method = "startThread"
): Result.Result<Readonly<Record<string, unknown>>, CodexError.InvalidRequest> => {
  for (const [name, server] of Object.entries(servers)) {
    const detail = problem(name, server)
    if (detail !== undefined) {
      return Result.fail(
        new CodexError.InvalidRequest({ reason: "BadParams", method, detail: `MCP: ${detail}` })
      )
    }
  }
  return Result.succeed(
    Object.fromEntries(
      Object.entries(servers).map(([name, server]) => [`mcp_servers.${name}`, config(server)])
    )
  )
}
