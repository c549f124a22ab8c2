/** Which revision of the GenAI convention is in force: `CODEX_OTEL_SEMCONV=latest|1.41`. */
import * as Context from "effect/Context"
import type * as Convention from "./Convention.ts"
import { Environment, Variables } from "../internal/EnvironmentVariables.ts"

/** The revision that code asks for; it wins over the environment. */
export const Revision = Context.Reference<Convention.Revision | undefined>("effect-codex/telemetry/Semconv", {
  defaultValue: () => undefined
})

/**
 * The revision that an environment asks for, and what of it cannot be used. Without a word it is the latest;
 * `OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental` asks for just that.
 */
export const fromEnvironment = (
  environment: Environment
): { readonly revision: Convention.Revision; readonly warnings: ReadonlyArray<string> } => {
  const variables = new Variables(environment)
  const asked = variables.first("CODEX_OTEL_SEMCONV")
  const revision = /^v?1\.41(?:\.0)?$/i.test(asked?.value ?? "") ? "1.41" : "latest"
  if (asked !== undefined && revision === "latest" && asked.value.toLowerCase() !== "latest") {
    variables.warn(asked, "is neither latest nor 1.41: names are those of the latest")
  }
  return { revision, warnings: variables.warnings }
}

/** The revision in force where a turn runs. */
export const revisionOf = (context: Context.Context<never>): Convention.Revision =>
  Context.get(context, Revision) ?? fromEnvironment(Context.get(context, Environment)).revision
