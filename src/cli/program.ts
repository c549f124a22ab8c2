/** The command line as an effect: the commands, the report of errors and the exit code. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import { version } from "../internal/version.ts"
import { ExitWith, UsageError } from "./CommandEnd.ts"
import { attach } from "./commands/attachCommand.ts"
import * as Attachments from "./commands/attachmentsCommand.ts"
import * as DurableCommands from "./commands/durableCommands.ts"
import { demo } from "./commands/demoCommand.ts"
import { doctor } from "./commands/doctorCommand.ts"
import { exec } from "./commands/execCommand.ts"
import { goal } from "./commands/goalCommand.ts"
import * as Host from "./commands/hostCommand.ts"
import { limits } from "./commands/limitsCommand.ts"
import { review } from "./commands/reviewCommand.ts"
import { run } from "./commands/runCommand.ts"
import * as Serve from "./commands/serveCommand.ts"
import * as Threads from "./commands/threadsCommand.ts"
import * as Trace from "./commands/traceCommand.ts"
import { worker } from "./commands/workerCommand.ts"
import * as TraceHtml from "./commands/traceHtmlCommand.ts"
import { code } from "./ExitCode.ts"
import { pages } from "./generated/helpPages.ts"
import * as HelpPage from "./HelpPage.ts"
import { presenter } from "./HelpPresenter.ts"
import * as HelpText from "./HelpText.ts"
import * as Output from "./Output.ts"
import * as TerminalStyle from "./TerminalStyle.ts"

/** A handler that loads its module when the command runs, so that no command loads what only others need. */
const lazy =
  <M, I, A, E, R>(load: () => Promise<M>, select: (module: M) => (input: I) => Effect.Effect<A, E, R>) =>
  (input: I): Effect.Effect<A, E, R> =>
    Effect.flatMap(Effect.promise(load), (module) => select(module)(input))

/** The same for a module with one handler. */
const whole = <I, A, E, R>(load: () => Promise<{ readonly handle: (input: I) => Effect.Effect<A, E, R> }>) =>
  lazy(load, ({ handle }) => handle)

const loadThreads = () => import("./handlers/manageThreads.ts")
const loadTokens = () => import("./handlers/serveTokens.ts")
const loadHost = () => import("./handlers/manageHost.ts")
const loadTurns = () => import("./handlers/observeTurns.ts")
const loadApprovals = () => import("./handlers/answerApprovals.ts")
const loadAttachments = () => import("./handlers/cleanAttachments.ts")

/** All commands. Their declarations are in `commands`, what they do is in `handlers`. */
export const cli = Command.make("effect-codex").pipe(
  Command.withDescription("Run Codex agents with typed errors, approvals and one trace"),
  Command.withExamples([
    {
      command: 'effect-codex run "Fix the failing test"',
      description: "Let Codex work in the current directory"
    },
    { command: "effect-codex doctor", description: "Check what turns need" },
    { command: "effect-codex demo", description: "Watch a turn offline, without a login" }
  ]),
  Command.withSubcommands([
    run.pipe(Command.withHandler(whole(() => import("./handlers/runTurn.ts")))),
    review.pipe(Command.withHandler(whole(() => import("./handlers/reviewCode.ts")))),
    goal.pipe(Command.withHandler(whole(() => import("./handlers/pursueGoal.ts")))),
    attach.pipe(Command.withHandler(whole(() => import("./handlers/attachTurn.ts")))),
    exec.pipe(Command.withHandler(whole(() => import("./handlers/runInSandbox.ts")))),
    limits.pipe(Command.withHandler(whole(() => import("./handlers/showLimits.ts")))),
    Serve.serve.pipe(
      Command.withHandler(whole(() => import("./handlers/startServer.ts"))),
      Command.withSubcommands([
        Serve.token.pipe(
          Command.withSubcommands([
            Serve.tokenAdd.pipe(Command.withHandler(lazy(loadTokens, ({ add }) => add))),
            Serve.tokenList.pipe(Command.withHandler(lazy(loadTokens, ({ list }) => list))),
            Serve.tokenRevoke.pipe(Command.withHandler(lazy(loadTokens, ({ revoke }) => revoke)))
          ])
        )
      ])
    ),
    worker.pipe(Command.withHandler(whole(() => import("./handlers/runWorker.ts")))),
    Threads.threads.pipe(
      Command.withSubcommands([
        Threads.list.pipe(Command.withHandler(lazy(loadThreads, ({ list }) => list))),
        Threads.show.pipe(Command.withHandler(lazy(loadThreads, ({ show }) => show))),
        Threads.fork.pipe(Command.withHandler(lazy(loadThreads, ({ fork }) => fork))),
        Threads.archive.pipe(Command.withHandler(lazy(loadThreads, ({ archive }) => archive))),
        Threads.remove.pipe(Command.withHandler(lazy(loadThreads, ({ remove }) => remove)))
      ])
    ),
    Host.host.pipe(
      Command.withSubcommands([
        Host.start.pipe(Command.withHandler(lazy(loadHost, ({ start }) => start))),
        Host.serve.pipe(Command.withHandler(lazy(loadHost, ({ serve }) => serve))),
        Host.status.pipe(Command.withHandler(lazy(loadHost, ({ status }) => status))),
        Host.drain.pipe(Command.withHandler(lazy(loadHost, ({ drain }) => drain))),
        Host.stop.pipe(Command.withHandler(lazy(loadHost, ({ stop }) => stop)))
      ])
    ),
    DurableCommands.submit.pipe(Command.withHandler(whole(() => import("./handlers/submitTurn.ts")))),
    DurableCommands.turns.pipe(
      Command.withSubcommands([
        DurableCommands.turnsList.pipe(Command.withHandler(lazy(loadTurns, ({ list }) => list))),
        DurableCommands.turnsWatch.pipe(Command.withHandler(lazy(loadTurns, ({ watch }) => watch))),
        DurableCommands.turnsInterrupt.pipe(
          Command.withHandler(lazy(loadTurns, ({ interrupt }) => interrupt))
        )
      ])
    ),
    DurableCommands.approvals.pipe(
      Command.withSubcommands([
        DurableCommands.approvalsList.pipe(Command.withHandler(lazy(loadApprovals, ({ list }) => list))),
        DurableCommands.approvalsShow.pipe(Command.withHandler(lazy(loadApprovals, ({ show }) => show))),
        DurableCommands.approvalsAnswer.pipe(Command.withHandler(lazy(loadApprovals, ({ answer }) => answer)))
      ])
    ),
    DurableCommands.database.pipe(
      Command.withSubcommands([
        DurableCommands.prune.pipe(Command.withHandler(whole(() => import("./handlers/pruneDatabase.ts"))))
      ])
    ),
    Attachments.attachments.pipe(
      Command.withSubcommands([
        Attachments.list.pipe(Command.withHandler(lazy(loadAttachments, ({ list }) => list))),
        Attachments.clean.pipe(Command.withHandler(lazy(loadAttachments, ({ clean }) => clean)))
      ])
    ),
    Trace.trace.pipe(
      Command.withSubcommands([
        Trace.list.pipe(Command.withHandler(whole(() => import("./handlers/listTurns.ts")))),
        Trace.show.pipe(Command.withHandler(whole(() => import("./handlers/showTurn.ts")))),
        Trace.stats.pipe(Command.withHandler(whole(() => import("./handlers/countTraces.ts")))),
        Trace.diff.pipe(Command.withHandler(whole(() => import("./handlers/compareTraces.ts")))),
        TraceHtml.html.pipe(Command.withHandler(whole(() => import("./handlers/writeTracePage.ts")))),
        Trace.flush.pipe(Command.withHandler(whole(() => import("./handlers/flushTrace.ts")))),
        Trace.check.pipe(Command.withHandler(whole(() => import("./handlers/checkTrace.ts"))))
      ])
    ),
    doctor.pipe(Command.withHandler(whole(() => import("./handlers/runDoctor.ts")))),
    demo.pipe(Command.withHandler(whole(() => import("./handlers/playDemo.ts"))))
  ])
)

/** Returns the exit code for the end of a command. */
export const exitCode = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return code.completed
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  if (error instanceof ExitWith) return error.code
  // A call that names no command gets help too, and has done nothing.
  if (error instanceof UsageError || CliError.isCliError(error)) return code.usage
  return Cause.hasInterruptsOnly(exit.cause) ? code.interrupted : code.failed
}

const capabilities: TerminalCapabilities.TerminalCapabilities = {
  get canColor() {
    return TerminalStyle.of(process.stdout).color
  },
  get canAnimate() {
    return process.stdout.isTTY && process.env["TERM"] !== "dumb"
  },
  get canPrompt() {
    return process.stdin.isTTY && process.stdout.isTTY && process.env["TERM"] !== "dumb"
  }
}

/** Runs the command with these arguments, and prints its error. */
export const program = (args: ReadonlyArray<string>) =>
  Command.runWith(cli, { version })(args).pipe(
    Effect.tapCause((cause) => {
      const error = Option.getOrUndefined(Cause.findErrorOption(cause))
      if (error instanceof UsageError)
        return Output.printError(
          HelpText.renderMistake(HelpPage.find(pages, args), [error.text], TerminalStyle.of(process.stderr))
        )
      const isReported =
        error instanceof ExitWith || CliError.isCliError(error) || Cause.hasInterruptsOnly(cause)
      return isReported ? Effect.void : Output.printError(Cause.pretty(cause))
    }),
    Effect.provideService(CliOutput.Presenter, presenter),
    Effect.provideService(TerminalCapabilities.TerminalCapabilities, capabilities),
    Effect.provide(Layer.merge(NodeServices.layer, Output.layer)),
    // stdout carries only the result of the command.
    Effect.provideService(Logger.LogToStderr, true)
  )
