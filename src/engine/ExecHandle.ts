/** Makes the handle to a command from what an engine offers: buffers of output, input, and a timeout. */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as CodexError from "../domain/CodexError.ts"
import type * as Exec from "../domain/Exec.ts"
import * as OutputBuffer from "../internal/OutputBuffer.ts"

const defaultMaxOutputBytes = 1024 * 1024
/** How many bytes of input one message carries. */
const maxInputBytes = 64 * 1024
const noBytes = new Uint8Array()

const invalid = (detail: string) =>
  new CodexError.InvalidRequest({ reason: "BadParams", method: "command/exec", detail })

const noInput = Effect.fail(
  new CodexError.InvalidRequest({
    reason: "BadParams",
    method: "command/exec/write",
    detail: 'the command has no input; start it with `stdin: "pipe"`'
  })
)

/** Returns what is wrong with a command, if anything is. Codex would fail to decode some of it without saying why. */
const problemOf = (command: ReadonlyArray<string>, { maxOutputBytes, tty }: Exec.ExecOptions) => {
  if (command.length === 0 || command[0] === "") return "the command is empty"
  if (command.some((word) => word.includes("\0"))) return "a word of the command has a null character"
  if (maxOutputBytes !== undefined && !(maxOutputBytes >= 0)) return "maxOutputBytes is not a number of bytes"
  return typeof tty === "object" ? sizeProblem(tty) : undefined
}

const isCount = (value: number) => Number.isInteger(value) && value > 0 && value <= 65_535

const sizeProblem = ({ columns, rows }: Exec.TerminalSize) =>
  isCount(rows) && isCount(columns) ? undefined : "a terminal has from 1 to 65535 rows and columns"

const terminalSize = (tty: Exec.ExecOptions["tty"]): Exec.TerminalSize | undefined =>
  tty === true ? { rows: 24, columns: 80 } : tty === false ? undefined : tty

/** Cuts input into chunks that fit a message. */
const cut = (chunk: Uint8Array): ReadonlyArray<Uint8Array> =>
  Array.from({ length: Math.ceil(chunk.length / maxInputBytes) }, (_, index) =>
    chunk.subarray(index * maxInputBytes, (index + 1) * maxInputBytes)
  )

/**
 * Starts a command. It ends with the scope. `onEnd` runs when it has ended, with the reason; a command whose scope closes
 * first ends as interrupted.
 */
export const make = Effect.fnUntraced(function* (
  exec: Exec.EngineExec,
  command: ReadonlyArray<string>,
  options: Exec.ExecOptions,
  onEnd: (exit: Exit.Exit<number, Exec.ExecError>) => Effect.Effect<void>
): Effect.fn.Return<Exec.ExecHandle, Exec.ExecError, Scope.Scope> {
  const problem = problemOf(command, options)
  if (problem !== undefined) return yield* invalid(problem)
  const limit = options.maxOutputBytes ?? defaultMaxOutputBytes
  const outputs = {
    stdout: OutputBuffer.make<Exec.ExecError>(limit),
    stderr: OutputBuffer.make<Exec.ExecError>(limit)
  }
  const { stdin } = options
  const tty = terminalSize(options.tty)
  const process = yield* exec(
    {
      command,
      cwd: options.cwd,
      sandbox: options.sandbox ?? "read-only",
      env: options.env ?? {},
      stdin: stdin !== undefined,
      tty
    },
    (stream, chunk) => outputs[stream].offer(chunk)
  )
  const ended = Deferred.makeUnsafe<number, Exec.ExecError>()
  const limited =
    options.timeout === undefined
      ? process.exitCode
      : Effect.timeoutOrElse(process.exitCode, {
          duration: options.timeout,
          orElse: () =>
            Effect.flatMap(process.terminate, () => {
              const timeoutMillis = Duration.toMillis(Duration.fromInputUnsafe(options.timeout ?? 0))
              return Effect.fail(new CodexError.CommandTimedOut({ timeoutMillis }))
            })
        })
  yield* limited.pipe(
    Effect.onExit((exit) => {
      outputs.stdout.end(exit)
      outputs.stderr.end(exit)
      return Effect.andThen(onEnd(exit), Deferred.done(ended, exit))
    }),
    Effect.forkScoped({ startImmediately: true })
  )

  const hasInput = stdin !== undefined || tty !== undefined
  const write = (chunk: Uint8Array) =>
    hasInput ? Effect.forEach(cut(chunk), (part) => process.write(part, false), { discard: true }) : noInput
  const close = Effect.suspend(() =>
    hasInput && tty === undefined ? process.write(noBytes, true) : Effect.void
  )
  const input: Exec.ExecHandle["stdin"] = Sink.mapEffect(Sink.forEach(write), () => close)
  if (stdin !== undefined && stdin !== "pipe")
    yield* Effect.forkScoped(Effect.ignore(Stream.run(stdin, input)), { startImmediately: true })

  const text = (output: Stream.Stream<Uint8Array, Exec.ExecError>) =>
    Stream.mkString(Stream.decodeText(output))
  const { stderr, stdout } = { stdout: outputs.stdout.stream, stderr: outputs.stderr.stream }
  return {
    exitCode: Deferred.await(ended),
    isRunning: Effect.sync(() => !Deferred.isDoneUnsafe(ended)),
    kill: Effect.andThen(process.terminate, Effect.ignore(Deferred.await(ended))),
    stdin: input,
    stdout,
    stderr,
    all: Stream.merge(stdout, stderr),
    result: Effect.gen(function* () {
      // Only after the end: what a reader takes while the command runs makes room for more.
      const exitCode = yield* Deferred.await(ended)
      const [out, err] = yield* Effect.all([text(stdout), text(stderr)])
      const omittedBytes = outputs.stdout.omittedBytes() + outputs.stderr.omittedBytes()
      return { exitCode, stdout: out, stderr: err, omittedBytes }
    }),
    resize: (size) => {
      const problem = tty === undefined ? "the command has no terminal" : sizeProblem(size)
      return problem === undefined ? process.resize(size) : Effect.fail(invalid(problem))
    }
  }
})
