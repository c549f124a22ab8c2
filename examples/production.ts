/**
 * Telemetry in production: one layer, configured by environment variables.
 *
 * CODEX_OTLP_ENABLE=1 CODEX_OTLP_ENDPOINT=http://localhost:4318 CODEX_OTLP_HEADERS=x-team=agents node examples/production.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer } from "effect"
import { AppServer, Approval, Codex, OtlpLayer } from "effect-codex"

const program = Effect.gen(function* () {
  const codex = yield* Codex
  const thread = yield* codex.startThread({
    cwd: ".",
    sandbox: "read-only",
    source: "nightly",
    workflow: "triage"
  })
  const turn = yield* thread.run("Which tests are slow?")
  yield* Console.log(turn.message)
}).pipe(
  Effect.scoped,
  // Your own spans are the parents of the turn's spans.
  Effect.withSpan("nightly triage")
)

program.pipe(
  Effect.provide(
    Codex.layer.pipe(
      Layer.provide(AppServer.layer),
      Layer.provideMerge(Approval.layer(Approval.deny)),
      Layer.provideMerge(OtlpLayer)
    )
  ),
  NodeRuntime.runMain
)
