/** Runs the command line as the main program of the process. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { exitCode, program } from "./program.ts"

/** Runs the command that the arguments name, and ends the process with its exit code. */
export const start = (args: ReadonlyArray<string>): void =>
  NodeRuntime.runMain(program(args), {
    disableErrorReporting: true,
    // Telemetry is flushed at this point. An export that is still running must not delay the exit.
    teardown: (exit) => process.exit(exitCode(exit))
  })
