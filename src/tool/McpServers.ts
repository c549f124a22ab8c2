/** MCP servers that Codex runs or calls for one thread, beside those of its own configuration. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as CodexError from "../domain/CodexError.ts"

/** A value that may be a secret; a redacted one is in no log and no message of ours. */
export type Value = string | Redacted.Redacted<string>

interface Common {
  /** How long the server may take to come up. Codex's default: 10 seconds. */
  readonly startTimeout?: Duration.Input | undefined
  /** How long a call of one of its tools may take. Codex's default: 60 seconds. */
  readonly toolTimeout?: Duration.Input | undefined
  /** The only tools the agent is told of. */
  readonly tools?: ReadonlyArray<string> | undefined
  /** Tools the agent is not told of. */
  readonly withoutTools?: ReadonlyArray<string> | undefined
  /** The thread does not start without the server. Without it the thread does, and lacks its tools. */
  readonly required?: boolean | undefined
}

/** A program that Codex starts, without a shell, and speaks to over stdio. Of the environment it sees little but `env`. */
export interface Stdio extends Common {
  readonly command: string
  readonly args?: ReadonlyArray<string> | undefined
  readonly cwd?: string | undefined
  readonly env?: Readonly<Record<string, Value>> | undefined
}

/** A server that Codex calls over HTTP. */
export interface Http extends Common {
  readonly url: string | URL
  readonly headers?: Readonly<Record<string, Value>> | undefined
  /** Sent as `Authorization: Bearer`. */
  readonly bearerToken?: Value | undefined
}

export type Server = Stdio | Http

/** Servers by the names that their tools are known under. */
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
    ? "its startTimeout is no time"
    : !isPositiveDuration(server.toolTimeout)
      ? "its toolTimeout is no time"
      : undefined

const isUrl = (text: string): boolean => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url?.protocol === "http:" || url?.protocol === "https:"
}

const httpProblem = ({ bearerToken, headers = {}, url }: Http): string | undefined => {
  // The URL itself may hold a secret: it is not shown.
  if (!isUrl(String(url))) return "its url is none of http or https"
  for (const [name, value] of Object.entries(headers)) {
    if (!headerPattern.test(name)) return `"${name}" is no name of a header`
    if (/[\r\n\0]/.test(reveal(value))) return `its header "${name}" has a line break in it`
    if (bearerToken !== undefined && name.toLowerCase() === "authorization") {
      return "it has both a bearerToken and an Authorization header"
    }
  }
  return bearerToken !== undefined && !/^[\x21-\x7e]+$/.test(reveal(bearerToken))
    ? "its bearerToken has characters that no header may have"
    : undefined
}

const stdioProblem = ({ args = [], command, cwd, env = {} }: Stdio): string | undefined => {
  if (command.trim() === "") return "its command is empty"
  if ([command, cwd ?? "", ...args].some((text) => text.includes("\0"))) {
    return "its command has a NUL character in it"
  }
  for (const [name, value] of Object.entries(env)) {
    if (!variablePattern.test(name)) return `"${name}" is no name of a variable`
    if (reveal(value).includes("\0")) return `its variable "${name}" has a NUL character in it`
  }
  return undefined
}

const problem = (name: string, server: Server): string | undefined => {
  if (!namePattern.test(name)) {
    return `the name ${JSON.stringify(name)} is not one of letters, digits, "_" and "-"; rename the server`
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
        // Codex takes a bearer token only from its own environment, which all threads share.
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
 * What Codex is given as `config` when a thread is opened: `{ "mcp_servers.NAME": { … } }`, secrets in clear. Fails with
 * `InvalidRequest`, which quotes no value, where a server cannot be.
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
