/** How a command ends: its exit code and the errors that carry one. */
import * as Data from "effect/Data"

/** Ends the process with this code. The command has already printed its output and errors. */
export class ExitWith extends Data.TaggedError("ExitWith")<{ readonly code: number }> {}

/** The arguments are invalid. The command line prints `text` on stderr and exits with code 2. */
export class UsageError extends Data.TaggedError("UsageError")<{ readonly text: string }> {}

export const code = { completed: 0, failed: 1, usage: 2, interrupted: 130 } as const
