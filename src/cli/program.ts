/** The command line as an effect: the commands, the report of errors and the exit code. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import { version } from "../internal/version.ts"
import { attachments } from "./commands/cleanAttachments.ts"
import { demo } from "./commands/demo.ts"
import { code, ExitWith, UsageError } from "./ExitCode.ts"
import * as Output from "./Output.ts"
import { review } from "./commands/reviewCode.ts"
import { exec } from "./commands/execCommand.ts"
import { goal } from "./commands/pursueGoal.ts"
import { limits } from "./commands/showLimits.ts"
import { run } from "./commands/run.ts"
import { threads } from "./commands/threads.ts"
import { trace } from "./commands/trace.ts"

const cli = Command.make("effect-codex").pipe(
  Command.withDescription("Run Codex agents with typed errors, approvals and one trace"),
  Command.withSubcommands([run, review, goal, exec, limits, threads, attachments, trace, demo])
)

/** Returns the exit code for the end of a command. */
export const exitCode = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return code.completed
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  if (error instanceof ExitWith) return error.code
  if (error instanceof UsageError) return code.usage
  if (CliError.isCliError(error))
    return error._tag === "ShowHelp" && error.errors.length === 0 ? code.completed : code.usage
  return Cause.hasInterruptsOnly(exit.cause) ? code.interrupted : code.failed
}

/** Runs the command with these arguments, and prints its error. */
export const program = (args: ReadonlyArray<string>) =>
  Command.runWith(cli, { version })(args).pipe(
    Effect.tapCause((cause) => {
      const error = Option.getOrUndefined(Cause.findErrorOption(cause))
      if (error instanceof UsageError) return Output.printError(`${error.text}\nSee: effect-codex --help`)
      const isReported =
        error instanceof ExitWith || CliError.isCliError(error) || Cause.hasInterruptsOnly(cause)
      return isReported ? Effect.void : Output.printError(Cause.pretty(cause))
    }),
    Effect.provide(Layer.merge(NodeServices.layer, Output.layer)),
    // stdout carries only the result of the command.
    Effect.provideService(Logger.LogToStderr, true)
  )
