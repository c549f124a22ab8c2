/** The entry point of the command line. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { exitCode, program } from "./program.ts"

// The reader of our output can close the pipe at any time (`| head`). That must not stop the turn with a stack trace.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})

NodeRuntime.runMain(program(process.argv.slice(2)), {
  disableErrorReporting: true,
  // Telemetry is flushed at this point. An export that is still running must not delay the exit.
  teardown: (exit) => process.exit(exitCode(exit))
})
