/** Installs the package beside a version of `@opentelemetry/sdk-node`, and reads the trace of a program that has both. */
import { Effect } from "effect"
import * as Collector from "../../test/support/collector.ts"
import * as HostProject from "./HostProject.ts"

/** The oldest version that the package supports, and the newest one when it was last checked. */
export const versions = ["0.223.0", "0.301.0"] as const

/** Fails unless npm resolves everything, there is one `@opentelemetry/api`, and one redacted trace arrives. */
export const check = Effect.fnUntraced(function* <E, R>(
  tarball: string,
  version: string,
  run: HostProject.Run<E, R>
) {
  const directory = yield* HostProject.make(
    tarball,
    [`@opentelemetry/sdk-node@${version}`],
    "nodeSdk.mjs",
    run
  )
  const collector = yield* Collector.make
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_TRACES_EXPORTER: "otlp",
    OTEL_METRICS_EXPORTER: "none",
    OTEL_LOGS_EXPORTER: "none",
    OTEL_NODE_RESOURCE_DETECTORS: "none",
    SHOP_API_KEY: HostProject.secret
  }
  yield* run(directory, env, "node", "nodeSdk.mjs")
  yield* HostProject.checkTrace(yield* collector.spans, yield* collector.bytes)
}, Effect.scoped)
