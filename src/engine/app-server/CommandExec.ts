/** Runs the caller's commands in Codex's sandbox: `command/exec`, its output, its input and its end. */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as CodexError from "../../domain/CodexError.ts"
import type * as Exec from "../../domain/Exec.ts"
import type { Sandbox } from "../../domain/TurnOptions.ts"
import type * as AppServerProcess from "./AppServerProcess.ts"
import * as ErrorMapping from "./ErrorMapping.ts"
import * as Protocol from "./Protocol.ts"

type OnOutput = (stream: Exec.OutputStream, chunk: Uint8Array) => void

/** The commands of one process that still run, by the id that their messages have. */
export interface RunningCommands {
  readonly add: (onOutput: OnOutput) => string
  readonly remove: (processId: string) => void
  /** Passes the output of a notification to its command. Returns whether it is one of these commands. */
  readonly receive: (params: unknown) => boolean
}

/** The notification with the output of a command. */
export const outputMethod = "command/exec/outputDelta"

const decodeOutput = Schema.decodeUnknownOption(Protocol.commandNotifications[outputMethod])

export const makeRunning = (): RunningCommands => {
  const commands = new Map<string, OnOutput>()
  let count = 0
  return {
    add: (onOutput) => {
      const processId = `effect-codex-exec-${++count}`
      commands.set(processId, onOutput)
      return processId
    },
    remove: (processId) => void commands.delete(processId),
    receive: (params) => {
      const output = Option.getOrUndefined(decodeOutput(params))
      const onOutput = output === undefined ? undefined : commands.get(output.processId)
      if (output === undefined || onOutput === undefined) return false
      onOutput(output.stream, Buffer.from(output.deltaBase64, "base64"))
      return true
    }
  }
}

/**
 * How Codex is asked for each sandbox. A profile and not the policy `workspaceWrite`: that one also opens the directory in
 * which Codex itself runs, and not the directory of the command.
 */
const sandboxes: { readonly [S in Sandbox]: object } = {
  "read-only": { permissionProfile: ":read-only" },
  "workspace-write": { permissionProfile: ":workspace" },
  "danger-full-access": { sandboxPolicy: { type: "dangerFullAccess" } }
}

/** The parameters of `command/exec`. The library bounds the output itself, and has a timeout of its own. */
export const params = (
  { command, env, sandbox, stdin, tty }: Exec.EngineCommand,
  cwd: string,
  processId: string
): Readonly<Record<string, unknown>> => ({
  command,
  cwd,
  processId,
  ...sandboxes[sandbox],
  // A name with the value null is removed.
  env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value ?? null])),
  streamStdoutStderr: true,
  disableOutputCap: true,
  disableTimeout: true,
  ...(stdin || tty !== undefined ? { streamStdin: true } : {}),
  ...(tty === undefined ? {} : { tty: true, size: { rows: tty.rows, cols: tty.columns } })
})

/** How long a command that is terminated may take to end before the engine kills the process. */
const terminateGrace = Duration.seconds(5)

// Codex refuses to end what it has not started yet.
const terminateSchedule = Schedule.exponential("50 millis").pipe(Schedule.upTo({ times: 5 }))

const decodeResult = Schema.decodeUnknownOption(Protocol.CommandResult)

/** Starts a command on a process. It ends with the scope. */
export const start = Effect.fnUntraced(function* (
  process: AppServerProcess.Process,
  running: RunningCommands,
  command: Exec.EngineCommand,
  cwd: string,
  onOutput: OnOutput
) {
  const { connection } = process
  const ended = Deferred.makeUnsafe<number, CodexError.StartError>()
  const isOver = () => Deferred.isDoneUnsafe(ended)
  const failed = (method: string) => (error: Parameters<typeof ErrorMapping.fromRpcError>[1]) =>
    ErrorMapping.fromRpcError(method, error, process.end)

  const processId = running.add(onOutput)
  let isSent = false
  const terminate = Effect.suspend(() => {
    if (isOver()) return Effect.void
    const request = connection.request("command/exec/terminate", { processId }).pipe(
      Effect.retry({
        schedule: terminateSchedule,
        while: (error) => error._tag === "RpcError" && !isOver()
      })
    )
    return Effect.all([Effect.ignore(request), Effect.exit(Deferred.await(ended))], {
      concurrency: "unbounded",
      discard: true
    }).pipe(Effect.timeoutOrElse({ duration: terminateGrace, orElse: () => process.kill }))
  })

  // Detached, because the reply says that the command has ended: its scope waits for it.
  const request = connection
    .request("command/exec", params(command, cwd, processId), {
      timeout: Infinity,
      isLong: true,
      onSend: () => void (isSent = true)
    })
    .pipe(
      Effect.mapError(failed("command/exec")),
      Effect.flatMap((reply) =>
        Option.match(decodeResult(reply), {
          onNone: () =>
            Effect.fail(
              new CodexError.ProtocolError({
                detail: "the reply of codex app-server to command/exec has no exit code"
              })
            ),
          onSome: ({ exitCode }) => Effect.succeed(exitCode)
        })
      ),
      Effect.onExit((exit) =>
        Effect.sync(() => {
          running.remove(processId)
          Deferred.doneUnsafe(ended, exit)
        })
      )
    )
  const fiber = yield* Effect.acquireRelease(
    Effect.forkDetach(request, { startImmediately: true }),
    (fiber) => (isSent ? terminate : Fiber.interrupt(fiber))
  )

  /** Sends a message about the command. A command that has ended needs none. */
  const send = (method: string, params: object): Effect.Effect<void, CodexError.RequestError> =>
    Effect.suspend(() =>
      isOver() ? Effect.void : Effect.asVoid(connection.request(method, { processId, ...params }))
    ).pipe(
      Effect.mapError(failed(method)),
      Effect.catchTag("InvalidRequest", (error) =>
        // Codex sends the reply of a command that has ended just after it refuses its input.
        Deferred.await(ended).pipe(
          Effect.ignore,
          Effect.timeoutOrElse({ duration: "1 second", orElse: () => Effect.fail(error) })
        )
      )
    )

  return {
    exitCode: Deferred.await(ended),
    write: (chunk, isLast) =>
      send("command/exec/write", {
        ...(chunk.length === 0 ? {} : { deltaBase64: Buffer.from(chunk).toString("base64") }),
        ...(isLast ? { closeStdin: true } : {})
      }),
    resize: ({ columns, rows }) => send("command/exec/resize", { size: { rows, cols: columns } }),
    // A command that waits for others to end has not started.
    terminate: Effect.suspend(() => (isSent ? terminate : Fiber.interrupt(fiber)))
  } satisfies Exec.EngineProcess
})
