/** How the library reaches a `codex app-server`: over the pipes of a process that it starts, or over a socket. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as CodexError from "../../domain/CodexError.ts"
import type * as AppServerProcess from "./AppServerProcess.ts"

/** Why a process cannot be reached. */
export type ConnectError =
  | CodexError.CodexNotFound
  | CodexError.CodexVersionUnsupported
  | CodexError.EngineStartFailed
  | CodexError.EngineUnreachable

export interface Transport {
  /** Reaches a process and performs the handshake. The connection ends with the scope. */
  readonly connect: (
    listener: AppServerProcess.ProcessListener
  ) => Effect.Effect<AppServerProcess.Process, ConnectError, Scope.Scope>
  /** The home directory of Codex on this machine, if it is known before Codex starts. */
  readonly home: string | undefined
  /** Variables that Codex receives in addition to the environment of this process. Empty for a process that another program started. */
  readonly env: Readonly<Record<string, string | undefined>> | undefined
  /** The temporary directory of the agent's commands. */
  readonly temporaryDirectory: string | undefined
  /** Whether turns go on when the connection ends. Default: false. */
  readonly turnsOutlive?: boolean | undefined
  /** How long a request may take. */
  readonly requestTimeout: Duration.Duration
}
