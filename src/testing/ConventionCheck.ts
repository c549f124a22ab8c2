/** Fails tests whose telemetry violates the conventions. */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Check from "../trace/Check.ts"
import * as Captured from "./Captured.ts"

/**
 * Whether `TestLayer` checks the telemetry of a test when it closes. Provide `false` to skip the check.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { ConventionCheck, TestLayer } from "effect-codex/testing"
 *
 * const Unchecked = TestLayer.pipe(Layer.provide(Layer.succeed(ConventionCheck.Enabled, false)))
 * ```
 */
export const Enabled = Context.Reference<boolean>("effect-codex/testing/Checked", {
  defaultValue: () => true
})

/**
 * The telemetry of a test violates the conventions. The message has one line for each violation.
 * @since 0.1.0
 * @category errors
 */
export class TelemetryViolated extends Data.TaggedError("TelemetryViolated")<{
  readonly findings: ReadonlyArray<Check.Finding>
}> {
  override get message() {
    return `the telemetry violates the conventions:\n${Check.lines(this.findings).join("\n")}`
  }
}

/**
 * Dies with `TelemetryViolated` on close if the captured telemetry has a violation.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { AppServer, Codex } from "effect-codex"
 * import { Captured, ConventionCheck } from "effect-codex/testing"
 *
 * const Checked = Codex.layer.pipe(
 *   Layer.provide(AppServer.layer),
 *   Layer.merge(ConventionCheck.layer),
 *   Layer.provideMerge(Captured.layer)
 * )
 * ```
 */
export const layer: Layer.Layer<never, never, Captured.Captured> = Layer.effectDiscard(
  Effect.gen(function* () {
    const enabled = yield* Enabled
    const captured = yield* Captured.Captured
    if (!enabled) return
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        const emitted = yield* Effect.provideService(Captured.all, Captured.Captured, captured)
        // The program may enable content capture, so content is not a violation.
        const findings = Check.filterByLevel(Check.checkTelemetry(emitted, { content: true }), "violation")
        if (findings.length > 0) return yield* Effect.die(new TelemetryViolated({ findings }))
      })
    )
  })
)
