/** The commands of `codex.exec` on the scripted engine: a function answers each command. */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as CodexError from "../../domain/CodexError.ts"
import type * as Exec from "../../domain/Exec.ts"

/**
 * What a command does. `takes` passes before its output; without it the command ends at once.
 * @since 0.1.0
 * @category models
 */
export interface ScriptedResult {
  readonly exitCode?: number | undefined
  readonly stdout?: string | undefined
  readonly stderr?: string | undefined
  readonly takes?: Duration.Input | undefined
}

/**
 * Answers a command. `input` is the whole input of a command without a terminal, which starts when its input is closed; that
 * of a terminal is empty.
 * @since 0.1.0
 * @category models
 */
export type RespondToCommand = (command: Exec.EngineCommand, input: string) => ScriptedResult

export interface ScriptedExec {
  readonly exec: Exec.EngineExec
  readonly respond: (respond: RespondToCommand) => void
  /** The commands that were started, in order. */
  readonly commands: () => ReadonlyArray<Exec.EngineCommand>
}

const noAnswer = new CodexError.InvalidRequest({
  reason: "Rejected",
  method: "command/exec",
  detail: "the script has no answer to commands; add one with Scripted.exec"
})

/** A command that is terminated ends as one that a signal has killed. */
const killed = 137

const encoder = new TextEncoder()

export const make = (): ScriptedExec => {
  let answer: RespondToCommand | undefined
  const commands: Array<Exec.EngineCommand> = []

  const exec: Exec.EngineExec = Effect.fnUntraced(function* (command, onOutput) {
    const respond = answer
    if (respond === undefined) return yield* noAnswer
    commands.push(command)
    const ended = Deferred.makeUnsafe<number>()
    const inputEnded = Deferred.makeUnsafe<void>()
    const decoder = new TextDecoder()
    let input = ""
    const play = Effect.gen(function* () {
      if (command.stdin && command.tty === undefined) yield* Deferred.await(inputEnded)
      const { exitCode = 0, stderr = "", stdout = "", takes } = respond(command, input)
      if (takes !== undefined) yield* Effect.sleep(takes)
      onOutput("stdout", encoder.encode(stdout))
      onOutput(command.tty === undefined ? "stderr" : "stdout", encoder.encode(stderr))
      yield* Deferred.succeed(ended, exitCode)
    })
    yield* Effect.forkScoped(
      Effect.catchCause(play, (cause) => Deferred.failCause(ended, cause)),
      { startImmediately: true }
    )
    const terminate = Effect.asVoid(Deferred.succeed(ended, killed))
    yield* Effect.addFinalizer(() => terminate)
    return {
      exitCode: Deferred.await(ended),
      write: (chunk, isLast) =>
        Effect.sync(() => {
          input += decoder.decode(chunk, { stream: !isLast })
          if (isLast) Deferred.doneUnsafe(inputEnded, Exit.void)
        }),
      resize: () => Effect.void,
      terminate
    }
  })

  return { exec, respond: (respond) => void (answer = respond), commands: () => [...commands] }
}
