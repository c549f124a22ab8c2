/** Errors of Codex's process and of requests to it. */
import * as Schema from "effect/Schema"
import * as ReasonText from "../internal/ReasonText.ts"
import { make } from "./ErrorClass.ts"

/**
 * No codex binary was found.
 * @since 0.1.0
 * @category errors
 */
export class CodexNotFound extends make<CodexNotFound>()(
  "CodexNotFound",
  { tried: Schema.Array(Schema.String) },
  ({ tried }) => ({
    class: "config",
    retryable: false,
    happened: `no codex binary (tried ${tried.join(", ")})`,
    nextStep: "install @openai/codex, or set CODEX_PATH to its binary"
  })
) {}

/**
 * The codex binary is older than the oldest version tested.
 * @since 0.1.0
 * @category errors
 */
export class CodexVersionUnsupported extends make<CodexVersionUnsupported>()(
  "CodexVersionUnsupported",
  { version: Schema.String, minimum: Schema.String, path: Schema.String },
  ({ minimum, path, version }) => ({
    class: "config",
    retryable: false,
    happened: `codex ${version} at "${path}" is older than ${minimum}`,
    nextStep: `install @openai/codex ${minimum} or newer`
  })
) {}

/**
 * Why Codex did not start.
 * @since 0.1.0
 * @category schemas
 */
export const StartFailedReason = Schema.Literals([
  "Timeout",
  "Exited",
  "Rejected",
  "NotExecutable",
  "BadHome",
  "BadConfig",
  "BadHost",
  "HostConflict"
])
export type StartFailedReason = typeof StartFailedReason.Type

const byHand = "run `codex app-server` by hand to see why"

const startFailures: {
  readonly [Reason in StartFailedReason]: {
    readonly class: "engine" | "config"
    readonly happened: string
    readonly nextStep: string
  }
} = {
  Timeout: {
    class: "engine",
    happened: "codex app-server did not answer in time",
    nextStep: `${byHand}, or raise startTimeout`
  },
  Exited: { class: "engine", happened: "codex app-server ended while starting", nextStep: byHand },
  Rejected: {
    class: "engine",
    happened: "codex app-server refused to start a session",
    nextStep: "check that this library supports the version of Codex"
  },
  NotExecutable: {
    class: "config",
    happened: "codex cannot run",
    nextStep: "allow this user to execute it, or install @openai/codex again on this machine"
  },
  BadHome: {
    class: "config",
    happened: "codex cannot use its home",
    nextStep:
      "set CODEX_HOME to a directory that exists, that this user can read and write, and that has free space"
  },
  BadConfig: {
    class: "config",
    happened: "codex cannot use its configuration",
    nextStep: "correct the setting in config.toml, or the override of it"
  },
  BadHost: {
    class: "config",
    happened: "the engine host cannot use its directory",
    nextStep: "correct the directory as the reason says, or choose another one"
  },
  HostConflict: {
    class: "config",
    happened: "the engine host runs with other settings",
    nextStep: "use its settings, choose another directory, or stop the host first"
  }
}

/**
 * The engine did not start. `detail` is the end of its stderr, or the error of the system. `path` is the file or directory
 * that Codex cannot use: its binary for `NotExecutable`, its home for `BadHome`, and the directory of an engine host for
 * `BadHost` and `HostConflict`.
 * @since 0.1.0
 * @category errors
 */
export class EngineStartFailed extends make<EngineStartFailed>()(
  "EngineStartFailed",
  { reason: StartFailedReason, detail: Schema.String, path: Schema.optionalKey(Schema.String) },
  ({ detail, path, reason }) => {
    const { class: kind, happened, nextStep } = startFailures[reason]
    return {
      class: kind,
      retryable: kind === "engine",
      happened,
      reason: [...(path === undefined ? [] : [ReasonText.quoted(path)]), ReasonText.ofStderr(detail)]
        .filter((text) => text !== "")
        .join(": "),
      nextStep
    }
  }
) {}

/**
 * The engine's process ended while a thread needed it. `stderr` is the end of its stderr.
 * @since 0.1.0
 * @category errors
 */
export class EngineExited extends make<EngineExited>()(
  "EngineExited",
  { code: Schema.optionalKey(Schema.Int), signal: Schema.optionalKey(Schema.String), stderr: Schema.String },
  ({ code, signal, stderr }) => {
    const how = signal !== undefined ? ` by ${signal}` : code !== undefined ? ` with code ${code}` : ""
    return {
      class: "engine",
      retryable: true,
      happened: `codex app-server ended${how}`,
      reason: ReasonText.ofStderr(stderr),
      nextStep: "the thread can be resumed by its id"
    }
  }
) {}

/**
 * Why there is no connection: none could be made, the server refused it, or it broke.
 * @since 0.1.0
 * @category schemas
 */
export const EngineUnreachableReason = Schema.Literals(["NotConnected", "Refused", "Lost"])
/**
 * Why there is no connection.
 * @since 0.1.0
 * @category models
 */
export type EngineUnreachableReason = typeof EngineUnreachableReason.Type

const unreachable: {
  readonly [Reason in EngineUnreachableReason]: { readonly happened: string; readonly nextStep: string }
} = {
  NotConnected: {
    happened: "cannot connect to codex app-server",
    nextStep: "check that it runs and listens there, as this user"
  },
  Refused: {
    happened: "codex app-server refused the connection",
    nextStep: "check the token, and that the address is that of codex app-server"
  },
  Lost: {
    happened: "the connection to codex app-server is lost",
    nextStep: "its turns may still run; resume the thread by its id to see them"
  }
}

/**
 * No connection to an engine that runs in a process of its own. `endpoint` is its socket or URL, without a token. `Lost`: the
 * connection broke and could not be made again in time, or what a request did before it broke is not known.
 * @since 0.1.0
 * @category errors
 */
export class EngineUnreachable extends make<EngineUnreachable>()(
  "EngineUnreachable",
  { reason: EngineUnreachableReason, endpoint: Schema.String, detail: Schema.String },
  ({ detail, endpoint, reason }) => ({
    class: "engine",
    retryable: reason !== "Refused",
    happened: `${unreachable[reason].happened} at ${ReasonText.quoted(endpoint)}`,
    reason: ReasonText.reason(detail),
    nextStep: unreachable[reason].nextStep
  })
) {}

/**
 * The engine sent something that this library does not understand, or the reverse.
 * @since 0.1.0
 * @category errors
 */
export class ProtocolError extends make<ProtocolError>()(
  "ProtocolError",
  { detail: Schema.String },
  ({ detail }) => ({
    class: "protocol",
    retryable: false,
    happened: detail,
    nextStep: "check that this library supports the version of Codex"
  })
) {}

/**
 * Why a request is invalid.
 * @since 0.1.0
 * @category schemas
 */
export const InvalidRequestReason = Schema.Literals([
  "InputTooLarge",
  "BadParams",
  "ThreadNotFound",
  "TurnNotFound",
  "NoTurnRunning",
  "Rejected",
  "AgentWritable",
  "BadConfig",
  "McpServerFailed"
])
export type InvalidRequestReason = typeof InvalidRequestReason.Type

const requestSteps: { readonly [Reason in InvalidRequestReason]: string } = {
  InputTooLarge: "send less in one input",
  BadParams: "correct the parameter",
  ThreadNotFound: "check the id and CODEX_HOME, or start a new thread",
  TurnNotFound: "check the key and the database; a turn that ended long ago may have been pruned",
  NoTurnRunning: "start a turn, or read the thread's history",
  Rejected: "change the request, or what it needs, as the reason says",
  AgentWritable: "move the file to a directory that the sandbox cannot write",
  BadConfig: startFailures.BadConfig.nextStep,
  McpServerFailed: "run the command of the MCP server by hand to see why, or set its `required` to false"
}

/**
 * The request is invalid, or the engine refused it. `AgentWritable`: the sandbox of a turn would let the agent write a
 * directory in which this process keeps files. `NoTurnRunning`: there is no turn to attach to. `BadConfig`: Codex cannot load its configuration for the thread.
 * `McpServerFailed`: a required MCP server did not start.
 * @since 0.1.0
 * @category errors
 */
export class InvalidRequest extends make<InvalidRequest>()(
  "InvalidRequest",
  { reason: InvalidRequestReason, method: Schema.String, detail: Schema.String },
  ({ detail, method, reason }) => ({
    class: reason === "BadConfig" || reason === "McpServerFailed" ? "config" : "request",
    retryable: false,
    happened: `${method}: ${ReasonText.reason(detail)}`,
    nextStep: requestSteps[reason]
  })
) {}

/**
 * Another process has the thread open for writing: Codex allows one writer for each stored thread.
 * @since 0.1.0
 * @category errors
 */
export class ThreadBusy extends make<ThreadBusy>()(
  "ThreadBusy",
  { method: Schema.String, detail: Schema.String },
  ({ detail, method }) => ({
    class: "engine",
    retryable: true,
    happened: `${method}: another process has the thread open (${ReasonText.reason(detail)})`,
    nextStep: "close it there, or try again later"
  })
) {}
