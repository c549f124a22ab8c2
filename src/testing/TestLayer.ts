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
 *
 * ```ts
 * it.effect("fixes the ticket", () =>
 *   Effect.gen(function*() {
 *     yield* Scripted.play([Scripted.command("npm test"), Scripted.message("Fixed.")])
 *     assert.strictEqual(yield* fixTicket("T-42"), "Fixed.")
 *   }).pipe(Effect.provide(TestLayer)))
 * ```
 * @since 0.1.0
 * @category layers
 */
export const TestLayer: Layer.Layer<Codex | Scripted.Scripted | Captured.Captured> = Codex.layer.pipe(
  Layer.provideMerge(Scripted.layer),
  Layer.merge(ConventionCheck.layer),
  Layer.provideMerge(Captured.layer)
)
