/** Server-Sent Events of a turn: one event for each line, and a comment as a heartbeat. */
import * as Stream from "effect/Stream"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { jsonLine } from "../internal/VisibleText.ts"
import type * as TurnLog from "./TurnLog.ts"
import type { TurnRun } from "./TurnRuns.ts"

/** Lines are JSON without line breaks, and ids are made here: no text of a turn can end a field or an event. */
const frame = (runId: string, entry: TurnLog.LogEntry): string => {
  if (entry === "Idle") return ": keep-alive\n\n"
  const line =
    "line" in entry
      ? entry.line
      : jsonLine({ type: "events.omitted", deltas: 0, events: entry.missing, at: Date.now() })
  return `id: ${runId}.${entry.number}\ndata: ${line}\n\n`
}

/** The server sends the headers of a response with its first bytes, so a client would not know until then that it is connected. */
const connected = ": connected\n\n"

/** Returns the response that streams the lines of a turn after line `after`. */
export const response = (run: TurnRun, after: number): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.stream(
    run.log.read(after).pipe(
      Stream.map((entry) => frame(run.id, entry)),
      Stream.prepend([connected]),
      Stream.encodeText
    ),
    {
      contentType: "text/event-stream",
      headers: {
        "cache-control": "no-store",
        // nginx would otherwise collect events before it passes them on.
        "x-accel-buffering": "no"
      }
    }
  )

/** Returns the turn and the line that an event id names, or `undefined` if it is not one of these ids. */
export const parseId = (id: string): { readonly runId: string; readonly number: number } | undefined => {
  const [, runId, number] = /^([\da-f-]{36})\.(\d{1,15})$/.exec(id) ?? []
  return runId === undefined ? undefined : { runId, number: Number(number) }
}
