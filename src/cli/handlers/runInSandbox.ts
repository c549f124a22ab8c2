/** `effect-codex exec`: runs a command in Codex's sandbox, without a model. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as EventJson from "../../domain/EventJson.ts"
import type * as Exec from "../../domain/Exec.ts"
import { jsonLine } from "../../internal/VisibleText.ts"
import type { ExecInput } from "../commands/execCommand.ts"
import { ExitWith, UsageError } from "../CommandEnd.ts"
import * as RawTerminal from "../RawTerminal.ts"
import * as TerminalOutput from "../TerminalOutput.ts"
import { withCodex } from "../WithCodex.ts"

const variable = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s

/** Prints the outputs as they arrive, and returns the exit code. */
const report = Effect.fnUntraced(function* (handle: Exec.ExecHandle, json: boolean) {
  const stdio = yield* Stdio.Stdio
  const lines = (stream: "stdout" | "stderr") =>
    handle[stream].pipe(
      Stream.decodeText(),
      Stream.runForEach((delta) =>
        Effect.flatMap(Clock.currentTimeMillis, (at) =>
          Console.log(jsonLine({ type: "exec.output", stream, delta, at }))
        )
      )
    )
  // The reader of our output can close the pipe at any time. The command ends by itself then.
  const bytes = (stream: "stdout" | "stderr") =>
    Effect.flatMap(stream === "stdout" ? stdio.stdoutIsTerminal : stdio.stderrIsTerminal, (isTerminal) =>
      Stream.run(
        isTerminal ? TerminalOutput.harmless(handle[stream]) : handle[stream],
        stdio[stream]({ endOnDone: false })
      )
    ).pipe(Effect.catchTag("PlatformError", () => Effect.void))
  const print = json ? lines : bytes
  yield* Effect.all([print("stdout"), print("stderr")], { concurrency: 2, discard: true })
  return yield* handle.exitCode
})

/** Prints the last line: how the command ended. */
const lastLine = (exit: Exit.Exit<number, Exec.ExecError>): Effect.Effect<void> => {
  if (Exit.isSuccess(exit))
    return Console.log(jsonLine({ type: "exec.completed", exitCode: exit.value, error: null }))
  const failure = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return Console.log(
    jsonLine({
      type: failure === undefined ? "exec.interrupted" : "exec.failed",
      exitCode: null,
      error: EventJson.error(failure ?? "interrupted")
    })
  )
}

/** Says why a command cannot have a terminal, if it cannot. */
const terminalProblem = Effect.fnUntraced(function* (json: boolean) {
  if (json) return "--tty shows the terminal of the command, so it cannot print --json"
  const stdio = yield* Stdio.Stdio
  return (yield* stdio.stdinIsTerminal) && (yield* stdio.stdoutIsTerminal)
    ? undefined
    : "--tty needs a terminal on stdin and stdout"
})

export const handle = Effect.fnUntraced(function* (input: ExecInput) {
  const { cd, command, config, env, json, sandbox, timeout, tty } = input
  const invalid = env.find((text) => !variable.test(text))
  if (invalid !== undefined)
    return yield* new UsageError({ text: `--env takes NAME=VALUE, not "${invalid}"` })
  const problem = tty ? yield* terminalProblem(json) : undefined
  if (problem !== undefined) return yield* new UsageError({ text: problem })
  const stdio = yield* Stdio.Stdio
  const exitCode = yield* withCodex(config, (codex) =>
    codex
      .exec(command, {
        cwd: Option.getOrUndefined(cd),
        sandbox: Option.getOrUndefined(sandbox),
        env: {
          ...(tty ? { TERM: process.env["TERM"] } : {}),
          ...Object.fromEntries(
            env.map((text) => [text.replace(variable, "$1"), text.replace(variable, "$2")])
          )
        },
        tty: tty ? RawTerminal.size() : undefined,
        timeout: Option.getOrUndefined(timeout),
        stdin: Stream.catchCause(stdio.stdin, () => Stream.empty)
      })
      .pipe(
        Effect.flatMap((handle) => (tty ? RawTerminal.attach(handle) : report(handle, json))),
        Effect.scoped,
        (running) => (json ? Effect.onExit(running, lastLine) : running)
      )
  )
  if (exitCode !== 0) return yield* new ExitWith({ code: exitCode })
})
