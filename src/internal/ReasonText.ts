/** Finds the reason in the texts of Codex, a provider or the system, and shows it on one line of an error's message. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { printableLine } from "./VisibleText.ts"

/** The maximum length of a reason, in characters. */
const maxLength = 500

const decodeBody = Schema.decodeUnknownOption(
  Schema.fromJsonString(
    Schema.Union([
      Schema.Struct({ error: Schema.Struct({ message: Schema.String }) }),
      Schema.Struct({ error: Schema.String }),
      Schema.Struct({ message: Schema.String }),
      Schema.Struct({ detail: Schema.String })
    ])
  )
)

/** Returns the message in an error body of a provider, or `undefined` for any other text. */
export const bodyMessage = (text: string): string | undefined =>
  Option.getOrUndefined(
    Option.map(decodeBody(text), (body) => {
      if ("message" in body) return body.message
      if ("detail" in body) return body.detail
      return typeof body.error === "string" ? body.error : body.error.message
    })
  )

/** Returns a text as a reason: the message of an error body, on one line, without the full stop at its end. */
export const reason = (text: string): string =>
  printableLine(bodyMessage(text) ?? text, maxLength).replace(/\.+$/, "")

/** Returns a path in quotes, on one line. */
export const quoted = (path: string): string => `"${printableLine(path, maxLength)}"`

// A line of Codex's own log: it describes a state, not the end of the process.
const logLine = /^\S*\d{4}-\d\d-\d\dT\S+\s+\S*(?:TRACE|DEBUG|INFO|WARN|ERROR)\b/
const failure = /^(?:error|fatal|panic|thread '.*' panicked)\b/i
const colours = /\u001b\[[\d;]*m/g

/** Returns the reason why a process ended: the last line of its stderr that reports an error, or the last line. */
export const ofStderr = (stderr: string): string => {
  const lines = stderr
    .replace(colours, "")
    .split("\n")
    .filter((line) => line.trim() !== "" && !logLine.test(line) && !/^warning\b/i.test(line))
  return reason(
    (lines.findLast((line) => failure.test(line)) ?? lines.at(-1) ?? "").replace(/^error:\s*/i, "")
  )
}
