/** Commands that a handler of a tool runs: when the handler is over, nothing of what they started is alive. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as PlatformError from "effect/PlatformError"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import { randomUUID } from "node:crypto"
import * as ProcessTree from "../internal/ProcessTree.ts"

export interface ToolCommandOptions {
  /** How long the processes may take to end after SIGTERM; then it is SIGKILL. Default: 500 ms. */
  readonly killAfter?: Duration.Input | undefined
  /** How much of each output is kept, in characters, the end of it. Default: 64 Ki. */
  readonly maxOutput?: number | undefined
}

/** What a command came to. A command that was ended by a signal has no exit code. */
export interface CommandOutput {
  readonly exitCode: number | undefined
  readonly stdout: string
  readonly stderr: string
  /** Whether the beginning of an output was left out. */
  readonly truncated: boolean
}

/** How long an output is read on when the command itself has ended; what it left running may hold it open for ever. */
const drainGrace = Duration.millis(200)

/**
 * Starts a command in a process group of its own. With the scope the whole group gets SIGTERM, and `killAfter` later
 * SIGKILL; on Linux also what has left the group. Its input is empty unless the command says otherwise.
 */
export const spawn = Effect.fnUntraced(function* (
  command: ChildProcess.StandardCommand,
  options: Pick<ToolCommandOptions, "killAfter"> = {}
): Effect.fn.Return<
  ChildProcessSpawner.ChildProcessHandle,
  PlatformError.PlatformError,
  ChildProcessSpawner.ChildProcessSpawner | Scope.Scope
> {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const mark = randomUUID()
  const { env } = command.options
  const killAfter = Duration.fromInputUnsafe(options.killAfter ?? Duration.millis(500))
  const start = spawner.spawn(
    ChildProcess.make(command.command, command.args, {
      stdin: "ignore",
      ...command.options,
      detached: process.platform !== "win32",
      killSignal: "SIGTERM",
      forceKillAfter: killAfter,
      env: { ...env, [ProcessTree.variable]: mark },
      extendEnv: env === undefined || command.options.extendEnv === true
    })
  )
  if (!ProcessTree.isSupported) return yield* start
  const [handle] = yield* Effect.acquireRelease(
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const handle = yield* start.pipe(
        Scope.provide(scope),
        Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void))
      )
      return [handle, scope] as const
    }),
    ([handle, scope]) =>
      Effect.gen(function* () {
        const exited = !(yield* Effect.orElseSucceed(handle.isRunning, () => false))
        const { pid } = handle
        yield* ProcessTree.end({ pid, mark, hasExited: () => exited }, Duration.toMillis(killAfter))
        // It waits for the zombies of the group too, which nobody may ever ask after: no reason to wait for it.
        yield* Effect.forkDetach(Scope.close(scope, Exit.void))
      })
  )
  return handle
})

const collectTail = (stream: Stream.Stream<Uint8Array, PlatformError.PlatformError>, limit: number) => {
  let text = ""
  let truncated = false
  return {
    read: stream.pipe(
      Stream.decodeText(),
      Stream.runForEach((more) =>
        Effect.sync(() => {
          text += more
          if (text.length > limit) {
            truncated = true
            text = text.slice(-limit)
          }
        })
      ),
      Effect.ignore
    ),
    text: () => text,
    truncated: () => truncated
  }
}

/**
 * Runs a command to its end. It is never run by a shell unless it names one; an exit code other than 0 is a result, not
 * a failure.
 *
 * ```ts
 * const output = yield* ToolCommand.run(ChildProcess.make("npm", ["test"], { cwd }))
 * ```
 */
export const run = Effect.fnUntraced(function* (
  command: ChildProcess.StandardCommand,
  options: ToolCommandOptions = {}
): Effect.fn.Return<CommandOutput, PlatformError.PlatformError, ChildProcessSpawner.ChildProcessSpawner> {
  const limit = options.maxOutput ?? 65_536
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const handle = yield* spawn(command, options)
      const stdout = collectTail(handle.stdout, limit)
      const stderr = collectTail(handle.stderr, limit)
      const reading = yield* Effect.forEach([stdout, stderr], ({ read }) => Effect.forkScoped(read))
      // It fails where a signal ended the process.
      const exit = yield* Effect.exit(handle.exitCode)
      yield* Effect.timeoutOption(Fiber.awaitAll(reading), drainGrace)
      return {
        exitCode: Exit.isSuccess(exit) ? exit.value : undefined,
        stdout: stdout.text(),
        stderr: stderr.text(),
        truncated: stdout.truncated() || stderr.truncated()
      }
    })
  )
})
