import * as Context from "effect/Context"
import { writeSync } from "node:fs"

/**
 * Writes a line to stderr. It does not use `console.error`, which ends the process with an unhandled EPIPE when the
 * reader of stderr is gone; this function throws instead, and its callers catch the error.
 */
export const Stderr = Context.Reference<(text: string) => void>("effect-codex/telemetry/internal/Stderr", {
  defaultValue: () => (text) => void writeSync(2, text)
})
