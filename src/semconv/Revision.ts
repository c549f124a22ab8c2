/** Selects the revision of the GenAI conventions: `CODEX_OTEL_SEMCONV=latest|1.41`. */
import * as Context from "effect/Context"
import type * as Convention from "./Convention.ts"
import { Environment, Variables } from "../internal/EnvironmentVariables.ts"

/** The revision that code selects; it overrides the environment. */
export const Revision = Context.Reference<Convention.Revision | undefined>("effect-codex/telemetry/Semconv", {
  defaultValue: () => undefined
})

/**
 * Reads the revision from an environment, with warnings about invalid values. The default is the latest, which
 * `OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental` selects too.
 */
export const fromEnvironment = (
  environment: Environment
): { readonly revision: Convention.Revision; readonly warnings: ReadonlyArray<string> } => {
  const variables = new Variables(environment)
  const requested = variables.first("CODEX_OTEL_SEMCONV")
  const revision = /^v?1\.41(?:\.0)?$/i.test(requested?.value ?? "") ? "1.41" : "latest"
  if (requested !== undefined && revision === "latest" && requested.value.toLowerCase() !== "latest") {
    variables.warn(requested, "is neither latest nor 1.41; the latest names are used")
  }
  return { revision, warnings: variables.warnings }
}

/** Returns the revision for turns in this context. */
export const revisionOf = (context: Context.Context<never>): Convention.Revision =>
  Context.get(context, Revision) ?? fromEnvironment(Context.get(context, Environment)).revision
