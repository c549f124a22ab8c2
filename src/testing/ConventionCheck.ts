/** Tests whose telemetry is not as the conventions have it fail. */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Check from "../trace/Check.ts"
import * as Captured from "./Captured.ts"

/** Whether `TestLayer` looks at the telemetry of a test when it closes; provide `false` to it to leave that out. */
export const Enabled = Context.Reference<boolean>("effect-codex/testing/Checked", {
  defaultValue: () => true
})

/** The violations, a line each. */
export class TelemetryViolated extends Data.TaggedError("TelemetryViolated")<{
  readonly findings: ReadonlyArray<Check.Finding>
}> {
  override get message() {
    return `what was emitted violates the conventions:\n${Check.lines(this.findings).join("\n")}`
  }
}

/** Dies with `TelemetryViolated` when it closes and there is a violation in what `Captured` has. */
export const layer: Layer.Layer<never, never, Captured.Captured> = Layer.effectDiscard(
  Effect.gen(function* () {
    const enabled = yield* Enabled
    const captured = yield* Captured.Captured
    if (!enabled) return
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        const emitted = yield* Effect.provideService(Captured.all, Captured.Captured, captured)
        // Content is the program's to ask for.
        const findings = Check.filterByLevel(Check.checkTelemetry(emitted, { content: true }), "violation")
        if (findings.length > 0) return yield* Effect.die(new TelemetryViolated({ findings }))
      })
    )
  })
)
