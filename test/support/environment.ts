/** Replaces the environment that telemetry reads. */
import * as Layer from "effect/Layer"
import * as Settings from "../../src/telemetry/config/Settings.ts"

/** Provides these variables instead of those of the process. */
export const environment = (variables: Settings.Environment = {}) =>
  Layer.succeed(Settings.Environment, variables)
