import { assert, describe, it } from "@effect/vitest"
import * as ConfigFile from "../../../src/telemetry/config/ConfigFile.ts"
import * as Settings from "../../../src/telemetry/config/Settings.ts"

const read = (environment: Settings.Environment, file?: string) => {
  const config =
    file === undefined ? undefined : ConfigFile.parse("otel-config.yaml", file, environment).config
  return Settings.fromEnvironment(environment, config)
}
const settingsOf = (environment: Settings.Environment, file?: string) => read(environment, file).settings

describe("bounds of settings", () => {
  it("logs messages at the configured level itself and above, not below", () => {
    const settings = settingsOf({ OTEL_LOG_LEVEL: "warn" })
    assert.isTrue(Settings.isLogged(settings, "Error"))
    assert.isTrue(Settings.isLogged(settings, "Warn"))
    assert.isFalse(Settings.isLogged(settings, "Info"))
  })

  it("accepts 65535 as the Prometheus port and refuses 65536 with a warning", () => {
    const portOf = (port: string) => read({ OTEL_EXPORTER_PROMETHEUS_PORT: port })
    assert.strictEqual(portOf("65535").settings.prometheus.port, 65_535)
    assert.strictEqual(portOf("65536").settings.prometheus.port, 9464)
    assert.deepStrictEqual(portOf("65536").warnings, [
      "OTEL_EXPORTER_PROMETHEUS_PORT is not a port and is ignored"
    ])
  })

  it("makes batches large enough to send a full queue in 28 requests", () => {
    const { size } = settingsOf({
      OTEL_BSP_MAX_QUEUE_SIZE: "1000",
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "1"
    }).spans
    assert.strictEqual(size, 36)
    assert.isAtMost(Math.ceil(1000 / size), 28)
  })

  it("never gives the metric reader a timeout above its interval", () => {
    const metrics = settingsOf({
      OTEL_METRIC_EXPORT_INTERVAL: "500",
      OTEL_METRIC_EXPORT_TIMEOUT: "900"
    }).metrics
    assert.deepInclude(metrics, { intervalMillis: 500, timeoutMillis: 500 })
  })

  it("reads the percentile of slow turns as a share", () => {
    const tail = settingsOf({ CODEX_OTEL_TAIL_SAMPLE_RATE: "0.1", CODEX_OTEL_TAIL_SLOWER_THAN: "p95" }).tail
    assert.deepInclude(tail, { keep: 0.1, slowerThan: { percentile: 0.95 } })
  })

  it("reads the maximum age of the spool with and without a unit", () => {
    const ageOf = (age: string) => read({ CODEX_OTLP_SPOOL_MAX_AGE: age })
    assert.strictEqual(ageOf("3600000").settings.spoolLimits.maxAgeMillis, 3_600_000)
    assert.strictEqual(ageOf("90m").settings.spoolLimits.maxAgeMillis, 5_400_000)
    assert.strictEqual(ageOf("7 D").settings.spoolLimits.maxAgeMillis, 604_800_000)
    for (const age of ["0", "0s", "soon", "1w", "5us", "-1h"]) {
      assert.isUndefined(ageOf(age).settings.spoolLimits.maxAgeMillis, age)
      assert.strictEqual(ageOf(age).warnings.length, 1, age)
    }
  })

  it("exports nothing when `none` is among the exporters", () => {
    assert.deepStrictEqual(settingsOf({ OTEL_TRACES_EXPORTER: "otlp,none" }).exporters.traces, [])
  })
})

describe("head sampling", () => {
  it("follows a sampled parent only with a `parentbased` sampler", () => {
    const sampling = (OTEL_TRACES_SAMPLER: string) => settingsOf({ OTEL_TRACES_SAMPLER }).sampling
    assert.deepStrictEqual(sampling("always_off"), { ratio: 0, parentBased: false })
    assert.deepStrictEqual(sampling("parentbased_always_off"), { ratio: 0, parentBased: true })
  })

  it("follows a sampled parent when CODEX_OTEL_SAMPLE_RATE sets the ratio", () => {
    assert.deepStrictEqual(settingsOf({ CODEX_OTEL_SAMPLE_RATE: "0.5" }).sampling, {
      ratio: 0.5,
      parentBased: true
    })
  })

  it("keeps every trace when a ratio sampler has no argument", () => {
    assert.deepStrictEqual(settingsOf({ OTEL_TRACES_SAMPLER: "traceidratio" }).sampling, {
      ratio: 1,
      parentBased: false
    })
  })
})

describe("the collector of otel-config.yaml", () => {
  const file = `
exporters:
  otlphttp:
    endpoint: https://up.example:4318
    headers: { authorization: secret }
    tls: { ca_file: /file.pem, key_file: /key.pem }
`

  it("has its certificates replaced by those of the environment, one by one", () => {
    const { certificates } = settingsOf({ OTEL_EXPORTER_OTLP_CERTIFICATE: "/own.pem" }, file).otlp.traces
    assert.deepStrictEqual(certificates, { ca: "/own.pem", key: "/key.pem" })
  })

  it("does not count headers of the environment as its own credentials", () => {
    assert.isTrue(settingsOf({}, file).otlp.traces.fromFile)
    assert.isFalse(settingsOf({ OTEL_EXPORTER_OTLP_HEADERS: "a=b" }, file).otlp.traces.fromFile)
  })

  it("is reached by https unless it is on this machine or `insecure`", () => {
    const destination = (text: string) => settingsOf({}, text).otlp.traces.destination
    assert.deepStrictEqual(destination("exporters: { otlp: { endpoint: up.example:4317 } }"), {
      url: "https://up.example:4318/v1/traces"
    })
    assert.deepStrictEqual(
      destination("exporters: { otlp: { endpoint: up.example:4317, tls: { insecure: true } } }"),
      { url: "http://up.example:4318/v1/traces" }
    )
  })
})
