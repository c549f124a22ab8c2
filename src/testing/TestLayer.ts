/** What a test provides instead of Codex and of telemetry. */
import * as Layer from "effect/Layer"
import { Codex } from "../Codex.ts"
import * as Scripted from "./Scripted.ts"
import * as Captured from "./Captured.ts"
import * as ConventionCheck from "./ConventionCheck.ts"

/**
 * `Codex` on a scripted engine, with everything emitted captured in memory. The test says what the agent does with
 * `Scripted.play([...])` and reads what came of it from `Captured`; it runs under the TestClock. A test whose
 * telemetry violates the conventions dies with what is wrong (`ConventionCheck.Enabled` turns that off).
 *
 * ```ts
 * it.effect("fixes the ticket", () =>
 *   Effect.gen(function*() {
 *     yield* Scripted.play([Scripted.command("npm test"), Scripted.message("Fixed.")])
 *     assert.strictEqual(yield* fixTicket("T-42"), "Fixed.")
 *   }).pipe(Effect.provide(TestLayer)))
 * ```
 */
export const TestLayer: Layer.Layer<Codex | Scripted.Scripted | Captured.Captured> = Codex.layer.pipe(
  Layer.provideMerge(Scripted.layer),
  Layer.merge(ConventionCheck.layer),
  Layer.provideMerge(Captured.layer)
)
