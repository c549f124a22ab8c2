/** A test layer that replaces Codex and the telemetry exporters. */
import * as Layer from "effect/Layer"
import { Codex } from "../Codex.ts"
import * as Scripted from "./Scripted.ts"
import * as Captured from "./Captured.ts"
import * as ConventionCheck from "./ConventionCheck.ts"

/**
 * Provides `Codex` on a scripted engine and captures all telemetry in memory. The test scripts the agent with
 * `Scripted.play([...])`, reads the telemetry from `Captured`, and runs under the TestClock. A test whose telemetry
 * violates the conventions dies with the violations; `ConventionCheck.Enabled` turns the check off.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { assert, it } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { Codex } from "effect-codex"
 * import { Captured, Scripted, TestLayer } from "effect-codex/testing"
 *
 * it.effect("runs the tests once", () =>
 *   Effect.gen(function* () {
 *     yield* Scripted.play([Scripted.command("npm test"), Scripted.message("They pass.")])
 *     const thread = yield* Codex.use(({ startThread }) => startThread())
 *     yield* thread.run("Run the tests")
 *     assert.strictEqual(yield* Captured.metric("codex.command.count"), 1)
 *   }).pipe(Effect.scoped, Effect.provide(TestLayer))
 * )
 * ```
 */
export const TestLayer: Layer.Layer<Codex | Scripted.Scripted | Captured.Captured> = Codex.layer.pipe(
  Layer.provideMerge(Scripted.layer),
  Layer.merge(ConventionCheck.layer),
  Layer.provideMerge(Captured.layer)
)
