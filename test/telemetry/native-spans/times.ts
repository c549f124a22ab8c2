/** The split of a turn's time, ours and Codex's own, for turns of every kind. */
import * as Effect from "effect/Effect"
import { attribute } from "../../../src/semconv/Convention.ts"
import * as M from "../../../src/testing/ModelServer.ts"
import { run, type Options } from "./run.ts"

const pause = M.delay("150 millis")
const done = M.reply(pause, M.text("done"), M.usage({ input: 30, output: 3 }))
const long = "one two three four five six seven eight nine ten"

/**
 * Turns by what happens in them. Not among them: one that is tried again, for Codex counts the wait before that as overhead
 * and nothing on the wire says when it is over; and a script of the model, of which Codex has no reckoning.
 */
export const kinds: Readonly<Record<string, Options>> = {
  plain: { script: [done] },
  streaming: { script: [M.reply(pause, M.text(long, { deltas: true, every: "20 millis" }))] },
  command: { script: [M.reply(pause, M.shell("sleep 0.4")), done] },
  approval: { script: [M.reply(pause, M.shell("sleep 0.4", { escalate: "I need it" })), done] },
  tool: { script: [M.reply(pause, M.call("lookup", { id: "1" })), done] },
  parallel: {
    script: [
      M.reply(pause, M.call("lookup", { id: "1" }), M.call("lookup", { id: "2" }), M.shell("sleep 0.4")),
      done
    ]
  },
  several: {
    script: [
      M.reply(pause, M.shell("sleep 0.3")),
      M.reply(pause, M.call("lookup", { id: "1" })),
      M.reply(pause, M.shell("sleep 0.2", { escalate: "I need it" })),
      M.reply(pause, M.call("lookup", { id: "2" })),
      done
    ]
  }
}

export type Part = "thinking" | "tools" | "approval" | "overhead"

const theirs: Readonly<Record<Part, string>> = {
  thinking: attribute.nativeTimeInference,
  tools: attribute.nativeTimeTools,
  approval: attribute.nativeTimeWaiting,
  overhead: attribute.nativeTimeOverhead
}

/** Both splits of a turn of that kind, in milliseconds. */
export const measure = Effect.fnUntraced(function* (kind: Options) {
  const { spans, turn } = yield* run({ ...kind, engine: { config: ["features.critical_path_timing=true"] } })
  const root = spans.find(({ name }) => name === "session_task.turn")
  const parts = (["thinking", "tools", "approval", "overhead"] as const).map((part) => ({
    part,
    ours: turn.time[`${part}Millis`],
    theirs: Number(root?.attributes[theirs[part]] ?? NaN)
  }))
  return { parts, turn, spans }
})
