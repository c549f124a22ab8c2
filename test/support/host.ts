/** A program with a turn in it, to be ended from outside. Its argument says where, as JSON. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Codex } from "../../src/Codex.ts"
import * as AppServer from "../../src/engine/AppServer.ts"

export const Place = Schema.fromJsonString(
  Schema.Struct({
    cwd: Schema.String,
    sandbox: Schema.Literals(["workspace-write", "danger-full-access"]),
    env: Schema.Record(Schema.String, Schema.String)
  })
)

if (process.argv[1] === import.meta.filename) {
  const { cwd, env, sandbox } = Schema.decodeUnknownSync(Place)(process.argv[2])
  Effect.gen(function* () {
    const codex = yield* Codex
    const thread = yield* codex.startThread({ cwd, sandbox, approvalMode: "on-request" })
    yield* thread.run("go")
  }).pipe(
    Effect.scoped,
    Effect.provide(Codex.layer.pipe(Layer.provide(AppServer.layerOptions({ env })))),
    NodeRuntime.runMain({ disableErrorReporting: true })
  )
}
