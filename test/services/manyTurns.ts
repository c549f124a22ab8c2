/** A program with many turns that a test ends by a signal. It writes the outcome of each turn to a file. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { appendFileSync } from "node:fs"
import { Codex } from "../../src/Codex.ts"
import * as AppServer from "../../src/engine/AppServer.ts"

export const Place = Schema.fromJsonString(
  Schema.Struct({
    cwd: Schema.String,
    env: Schema.Record(Schema.String, Schema.String),
    turns: Schema.Natural,
    /** Where a line is written for whatever happens to a turn. */
    record: Schema.String
  })
)

export const Line = Schema.fromJsonString(
  Schema.Struct({ threadId: Schema.String, what: Schema.Literals(["started", "ended"]), how: Schema.String })
)

const howOf = (exit: Exit.Exit<unknown, { readonly errorType: string }>): string => {
  if (Exit.isSuccess(exit)) return "completed"
  const [reason] = exit.cause.reasons
  return reason === undefined ? "" : Cause.isFailReason(reason) ? reason.error.errorType : reason._tag
}

if (process.argv[1] === import.meta.filename) {
  const { cwd, env, record, turns } = Schema.decodeUnknownSync(Place)(process.argv[2])
  const note = (line: typeof Line.Type) => appendFileSync(record, `${Schema.encodeSync(Line)(line)}\n`)
  const conversation = Effect.fnUntraced(function* (index: number) {
    const codex = yield* Codex
    const thread = yield* codex.startThread({
      cwd,
      sandbox: index % 2 === 0 ? "workspace-write" : "read-only",
      approvalMode: "never"
    })
    const threadId = thread.id
    yield* thread.run(`first ${index}`)
    note({ threadId, what: "started", how: "" })
    yield* thread
      .run(`work ${index}`)
      .pipe(Effect.onExit((exit) => Effect.sync(() => note({ threadId, what: "ended", how: howOf(exit) }))))
  }, Effect.scoped)
  Effect.forEach(
    Array.from({ length: turns }, (_, index) => index),
    conversation,
    {
      concurrency: "unbounded"
    }
  ).pipe(
    Effect.provide(Codex.layer.pipe(Layer.provide(AppServer.layerOptions({ env })))),
    NodeRuntime.runMain({ disableErrorReporting: true })
  )
}
