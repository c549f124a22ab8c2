/** How a command ends early: with an exit code, or because its arguments are invalid. */
import * as Data from "effect/Data"

/** Ends the process with this code. The command has already printed its output and errors. */
export class ExitWith extends Data.TaggedError("ExitWith")<{ readonly code: number }> {}

/** The arguments are invalid. The command line prints `text` on stderr and exits with code 2. */
export class UsageError extends Data.TaggedError("UsageError")<{ readonly text: string }> {}
