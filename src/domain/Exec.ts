/** Commands that Codex runs in its sandbox for the program, without a model. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { CommandTimedOut, RequestError, StartError } from "./CodexError.ts"
import type { Sandbox } from "./TurnOptions.ts"

/**
 * Why a command could not run to its end. An exit code other than 0 is a result and not an error.
 * @since 0.1.0
 * @category models
 */
export type ExecError = StartError | CommandTimedOut

/**
 * The size of a terminal in characters.
 * @since 0.1.0
 * @category models
 */
export interface TerminalSize {
  readonly rows: number
  readonly columns: number
}

/**
 * Options for a command.
 * @since 0.1.0
 * @category models
 */
export interface ExecOptions {
  /** The working directory, which must exist. Default: the working directory of this process. */
  readonly cwd?: string | undefined
  /**
   * What the command may access. `read-only` reads all files, writes none and has no network. `workspace-write` also writes
   * below `cwd`, in `/tmp` and in `TMPDIR`, but neither in `.git` nor in `.codex`. Default: `read-only`, whatever Codex's
   * configuration says.
   */
  readonly sandbox?: Sandbox | undefined
  /**
   * Variables in addition to the environment of the agent's commands, which has no credentials. `undefined` removes a variable.
   * Telemetry masks the secrets in them.
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** The input: a stream, `pipe` to write to the handle's `stdin`, or nothing. Default: nothing; with `tty`, `pipe`. */
  readonly stdin?: "pipe" | Stream.Stream<Uint8Array> | undefined
  /** Runs the command in a terminal, of 80 by 24 characters if no size is given. All output then comes from `stdout`. */
  readonly tty?: boolean | TerminalSize | undefined
  /** The maximum duration. A command that takes longer is ended and fails with `CommandTimedOut`. Default: none. */
  readonly timeout?: Duration.Input | undefined
  /**
   * How many bytes of each output wait for a reader. When more arrive, the middle of what waits is dropped, and a line in its
   * place counts the dropped bytes. Default: 1 MiB.
   */
  readonly maxOutputBytes?: number | undefined
}

/**
 * The result of a command. A signal ends a command with the exit code 128 plus its number, as in a shell.
 * @since 0.1.0
 * @category models
 */
export interface ExecResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  /** How many bytes of the outputs were dropped. */
  readonly omittedBytes: number
}

/**
 * A running command, in the terms of Effect's `ChildProcessHandle`. It ends with the scope that started it.
 * @since 0.1.0
 * @category models
 */
export interface ExecHandle {
  /** Waits for the end of the command. */
  readonly exitCode: Effect.Effect<number, ExecError>
  readonly isRunning: Effect.Effect<boolean>
  /** Ends the command and waits for its end. Does nothing if it has ended. */
  readonly kill: Effect.Effect<void>
  /** The input of a command with the option `pipe`. It closes with the sink; that of a terminal stays open. */
  readonly stdin: Sink.Sink<void, Uint8Array, never, RequestError>
  /** What the command writes from the last chunk that was read. Two readers share the output. */
  readonly stdout: Stream.Stream<Uint8Array, ExecError>
  readonly stderr: Stream.Stream<Uint8Array, ExecError>
  /** Both outputs together, in order of arrival for a reader that is fast enough. */
  readonly all: Stream.Stream<Uint8Array, ExecError>
  /** Waits for the end, and returns the kept parts of both outputs as text. */
  readonly result: Effect.Effect<ExecResult, ExecError>
  /** Changes the size of the terminal. */
  readonly resize: (size: TerminalSize) => Effect.Effect<void, RequestError>
}

/**
 * A command for an engine.
 * @since 0.1.0
 * @category models
 */
export interface EngineCommand {
  readonly command: ReadonlyArray<string>
  readonly cwd: string | undefined
  readonly sandbox: Sandbox
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether the command has an input. */
  readonly stdin: boolean
  readonly tty: TerminalSize | undefined
}

/**
 * One of the two outputs of a command.
 * @since 0.1.0
 * @category models
 */
export type OutputStream = "stdout" | "stderr"

/**
 * A command that an engine runs.
 * @since 0.1.0
 * @category models
 */
export interface EngineProcess {
  readonly exitCode: Effect.Effect<number, StartError>
  /** Writes input; `isLast` closes it. Does nothing once the command has ended. */
  readonly write: (chunk: Uint8Array, isLast: boolean) => Effect.Effect<void, RequestError>
  readonly resize: (size: TerminalSize) => Effect.Effect<void, RequestError>
  /** Ends the command and waits for its end. */
  readonly terminate: Effect.Effect<void>
}

/**
 * Starts a command and passes its output to `onOutput`, which is synchronous and never waits. The command ends with the
 * scope.
 * @since 0.1.0
 * @category models
 */
export type EngineExec = (
  command: EngineCommand,
  onOutput: (stream: OutputStream, chunk: Uint8Array) => void
) => Effect.Effect<EngineProcess, StartError, Scope.Scope>
