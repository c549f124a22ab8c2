/** The exit codes of commands that do not run a turn. */
export const code = { completed: 0, failed: 1, usage: 2, interrupted: 130 } as const
