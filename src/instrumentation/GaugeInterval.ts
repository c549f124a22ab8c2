/** How often gauges that have to be read from elsewhere are read: a database, an engine host. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as EnvironmentVariables from "../internal/EnvironmentVariables.ts"

/** How often Prometheus usually reads, which sets no variable. */
const usual = Duration.seconds(15)

/** The interval at which metrics are exported (`OTEL_METRIC_EXPORT_INTERVAL`); 15 seconds if it is not set. */
export const current: Effect.Effect<Duration.Duration> = Effect.map(
  EnvironmentVariables.Environment,
  (environment) => {
    const variables = new EnvironmentVariables.Variables(environment)
    const millis = variables.milliseconds("OTEL_METRIC_EXPORT_INTERVAL")
    return millis === undefined ? usual : Duration.millis(millis)
  }
)
