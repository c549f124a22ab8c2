/** Runs a command that needs Codex and no turn. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Codex } from "../Codex.ts"
import * as CodexError from "../domain/CodexError.ts"
import * as AppServer from "../engine/AppServer.ts"
import * as TurnTelemetry from "../instrumentation/TurnTelemetry.ts"
import { OtlpLayer } from "../telemetry/Otlp.ts"
import { ExitWith, type UsageError } from "./CommandEnd.ts"
import * as Inputs from "./Inputs.ts"
import * as Output from "./Output.ts"

/** Runs `use` with the real Codex. Prints the message of an error and maps the error to its exit code. */
export const withCodex = <A, R>(
  overrides: ReadonlyArray<string>,
  use: (codex: Codex["Service"]) => Effect.Effect<A, CodexError.CodexError | UsageError | ExitWith, R>
) =>
  Effect.andThen(
    Inputs.validateOverrides(overrides),
    Effect.flatMap(Codex, use).pipe(
      Effect.catch((error) =>
        error._tag === "UsageError" || error._tag === "ExitWith"
          ? Effect.fail(error)
          : Effect.andThen(
              Output.printError(`${error._tag}: ${error.message}`),
              Effect.fail(new ExitWith({ code: CodexError.exitCode(error) }))
            )
      ),
      Effect.provide(
        Codex.layer.pipe(
          Layer.provide(AppServer.layerOptions({ config: overrides })),
          Layer.provideMerge(OtlpLayer)
        )
      ),
      Effect.provideService(TurnTelemetry.Originator, "cli")
    )
  )
