/** How a command of the command line ends. */
import * as Data from "effect/Data"

/** Ends with this code; whatever there was to say has been said. */
export class ExitWith extends Data.TaggedError("ExitWith")<{ readonly code: number }> {}

/** Somebody used the command in a way that it cannot be used. Said on stderr; exit code 2. */
export class UsageError extends Data.TaggedError("UsageError")<{ readonly text: string }> {}

export const code = { completed: 0, failed: 1, usage: 2, interrupted: 130 } as const
