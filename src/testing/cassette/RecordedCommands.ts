/**
 * Records and replays the commands of `codex.exec` and the requests about background terminals. Input that a program writes
 * is not recorded, nor are the values of a command's variables, which may be secrets. A replayed command has all its output
 * when it starts.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as CodexError from "../../domain/CodexError.ts"
import type * as Exec from "../../domain/Exec.ts"
import * as Terminal from "../../domain/Terminal.ts"
import type * as Engine from "../../engine/Engine.ts"
import * as OutputBuffer from "../../internal/OutputBuffer.ts"

/** Records a request when it has ended. */
export type RecordRequest = <A, E extends CodexError.CodexError>(
  method: string,
  args: ReadonlyArray<unknown>,
  request: Effect.Effect<A, E>
) => Effect.Effect<A, E>

/** Replays a recorded request. */
export type ReplayRequest<E> = <A>(
  method: string,
  args: ReadonlyArray<unknown>,
  value: (value: unknown) => Effect.Effect<A>
) => Effect.Effect<A, E>

/** How much of each output a cassette keeps. */
const maxOutputBytes = 1024 * 1024
/** The exit code of a replayed command that is terminated. */
const killed = 137

const Ran = Schema.Struct({ exitCode: Schema.Int, stdout: Schema.String, stderr: Schema.String })
const decodeRan = Schema.decodeUnknownEffect(Ran)
const decodeTerminals = Schema.decodeUnknownEffect(Schema.Array(Terminal.Terminal))
const decodeTerminated = Schema.decodeUnknownEffect(Schema.Boolean)

const argsOf = ({ command, cwd, env, sandbox, stdin, tty }: Exec.EngineCommand): ReadonlyArray<unknown> => [
  {
    command,
    ...(cwd === undefined ? {} : { cwd }),
    sandbox,
    env: Object.keys(env).toSorted(),
    stdin,
    ...(tty === undefined ? {} : { tty })
  }
]

const textOf = (output: OutputBuffer.OutputBuffer<never>) =>
  Effect.suspend(() => {
    output.end(Exit.void)
    return Stream.mkString(Stream.decodeText(output.stream))
  })

export const recordExec =
  (
    exec: Exec.EngineExec,
    record: RecordRequest,
    addSecretsFrom: (environment: Exec.EngineCommand["env"]) => void
  ): Exec.EngineExec =>
  (command, onOutput) =>
    Effect.gen(function* () {
      addSecretsFrom(command.env)
      const outputs = {
        stdout: OutputBuffer.make<never>(maxOutputBytes),
        stderr: OutputBuffer.make<never>(maxOutputBytes)
      }
      const process = yield* exec(command, (stream, chunk) => {
        outputs[stream].offer(chunk)
        onOutput(stream, chunk)
      }).pipe(Effect.catch((error) => record("exec", argsOf(command), Effect.fail(error))))
      const ended = Effect.flatMap(process.exitCode, (exitCode) =>
        Effect.all([textOf(outputs.stdout), textOf(outputs.stderr)]).pipe(
          Effect.map(([stdout, stderr]) => ({ exitCode, stdout, stderr }))
        )
      )
      yield* record("exec", argsOf(command), ended).pipe(
        Effect.exit,
        Effect.forkScoped({ startImmediately: true })
      )
      return process
    })

export const replayExec =
  (replay: ReplayRequest<CodexError.StartError>): Exec.EngineExec =>
  (command, onOutput) =>
    Effect.gen(function* () {
      const ended = Deferred.makeUnsafe<number, CodexError.StartError>()
      yield* replay("exec", argsOf(command), (value) => Effect.orDie(decodeRan(value))).pipe(
        Effect.map(({ exitCode, stderr, stdout }) => {
          onOutput("stdout", new TextEncoder().encode(stdout))
          onOutput("stderr", new TextEncoder().encode(stderr))
          return exitCode
        }),
        Effect.onExit((exit) => (Exit.hasInterrupts(exit) ? Effect.void : Deferred.done(ended, exit))),
        Effect.forkScoped({ startImmediately: true })
      )
      return {
        exitCode: Deferred.await(ended),
        write: () => Effect.void,
        resize: () => Effect.void,
        // In the recording, the command ran until it was terminated.
        terminate: Effect.asVoid(Deferred.succeed(ended, killed))
      }
    })

export const recordTerminals = (
  thread: number,
  terminals: Engine.EngineTerminals,
  record: RecordRequest
): Engine.EngineTerminals => ({
  list: record("terminals.list", [thread], terminals.list),
  watch: terminals.watch,
  terminate: (processId) =>
    record("terminals.terminate", [thread, processId], terminals.terminate(processId)),
  clean: record("terminals.clean", [thread], terminals.clean)
})

export const replayTerminals = (
  thread: number,
  replay: ReplayRequest<CodexError.RequestError>
): Engine.EngineTerminals => ({
  list: replay("terminals.list", [thread], (value) => Effect.orDie(decodeTerminals(value))),
  watch: Stream.empty,
  terminate: (processId) =>
    replay("terminals.terminate", [thread, processId], (value) => Effect.orDie(decodeTerminated(value))),
  clean: replay("terminals.clean", [thread], () => Effect.void)
})
