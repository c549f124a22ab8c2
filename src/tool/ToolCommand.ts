/** Commands for tool handlers. When the handler ends, so do all processes that its commands started. */
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

/**
 * Options for running a command inside a tool.
 * @since 0.1.0
 * @category models
 */
export interface ToolCommandOptions {
  /** The time between SIGTERM and SIGKILL. Default: 500 ms. */
  readonly killAfter?: Duration.Input | undefined
  /** The maximum number of characters to keep of each output. The end is kept. Default: 64 Ki. */
  readonly maxOutput?: number | undefined
}

/**
 * The result of a command. `exitCode` is `undefined` if a signal ended it.
 * @since 0.1.0
 * @category models
 */
export interface CommandOutput {
  readonly exitCode: number | undefined
  readonly stdout: string
  readonly stderr: string
  /** Whether the beginning of an output was dropped. */
  readonly truncated: boolean
}

/** How long to read output after the command exits. Processes that it left running can keep the pipe open forever. */
const drainGrace = Duration.millis(200)

/**
 * Starts a command in its own process group. When the scope closes, the whole group gets SIGTERM and, after `killAfter`,
 * SIGKILL. On Linux this includes processes that left the group. stdin is empty unless the command sets it.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { ToolCommand } from "effect-codex"
 * import { ChildProcess } from "effect/process"
 *
 * const lines = Effect.gen(function* () {
 *   const build = yield* ToolCommand.spawn(ChildProcess.make("npm", ["run", "build"]))
 *   return yield* build.stdout.pipe(Stream.decodeText(), Stream.splitLines, Stream.runCollect)
 * }).pipe(Effect.scoped)
 * ```
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
        // Closing the scope also waits for zombies of the group, which may never be reaped. Do not wait for it.
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
 * Runs a command to its end, without a shell unless the command is one. A non-zero exit code is a result, not a failure.
 * @since 0.1.0
 * @category combinators
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { ToolCommand } from "effect-codex"
 * import { ChildProcess } from "effect/process"
 *
 * // The handler of a tool `run_tests`.
 * const runTests = ({ cwd }: { readonly cwd: string }) =>
 *   ToolCommand.run(ChildProcess.make("npm", ["test"], { cwd }), { killAfter: "5 seconds" }).pipe(
 *     Effect.map(({ exitCode, stdout }) => (exitCode === 0 ? "passed" : stdout))
 *   )
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
      // `exitCode` fails if a signal ended the process.
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
