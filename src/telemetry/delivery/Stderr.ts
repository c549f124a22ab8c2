import * as Context from "effect/Context"
import { writeSync } from "node:fs"

/**
 * Where lines for people go. Not `console.error`: when the reader of stderr is gone that ends the process with an
 * unhandled EPIPE, while here the error is thrown, and whoever writes catches it.
 */
export const Stderr = Context.Reference<(text: string) => void>("effect-codex/telemetry/internal/Stderr", {
  defaultValue: () => (text) => void writeSync(2, text)
})
