import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as ConfigFile from "../../../src/telemetry/config/ConfigFile.ts"
import * as Settings from "../../../src/telemetry/config/Settings.ts"

const settingsOf = (environment: Settings.Environment) => Settings.fromEnvironment(environment).settings
const otlpOf = (environment: Settings.Environment) => settingsOf(environment).otlp.traces
const exportersOf = (environment: Settings.Environment) => settingsOf(environment).exporters
const isEnabled = (environment: Settings.Environment) => exportersOf(environment).traces.includes("otlp")
const warningsOf = (environment: Settings.Environment) => Settings.fromEnvironment(environment).warnings
const headersOf = (environment: Settings.Environment) =>
  Object.fromEntries(
    Object.entries(otlpOf(environment).headers).map(([name, value]) => [name, Redacted.value(value)])
  )
const toText = (destination: Settings.Destination) =>
  typeof destination === "string" ? destination : destination.url
const urlOf = (environment: Settings.Environment, signal: Settings.SignalKind = "traces") =>
  toText(settingsOf(environment).otlp[signal].destination)

describe("an empty environment", () => {
  it("exports nothing and causes no warning", () => {
    const otlp = {
      destination: "unset",
      headers: {},
      fromFile: false,
      protocol: "http/json",
      compression: "none",
      timeoutMillis: undefined,
      certificates: {}
    }
    assert.deepStrictEqual<unknown>(Settings.fromEnvironment({}), {
      settings: {
        disabled: false,
        exporters: { traces: [], metrics: [], logs: [] },
        otlp: { traces: otlp, metrics: otlp, logs: otlp },
        file: undefined,
        spool: undefined,
        spoolLimits: { maxBytes: undefined, maxAgeMillis: undefined },
        prometheus: { host: "localhost", port: 9464, allowedHosts: [] },
        resource: {},
        sampling: undefined,
        tail: undefined,
        nativeSpans: false,
        spanLimits: {
          attributeCountLimit: 128,
          attributeValueLengthLimit: Infinity,
          eventCountLimit: 128,
          linkCountLimit: 128,
          attributePerEventCountLimit: 128,
          attributePerLinkCountLimit: 128
        },
        spans: { queue: 2048, size: 256, delayMillis: 1000, timeoutMillis: 30_000 },
        logs: { queue: 2048, size: 256, delayMillis: 1000, timeoutMillis: 30_000 },
        logLimits: { attributeCountLimit: 128, attributeValueLengthLimit: Infinity },
        metrics: { intervalMillis: 60_000, timeoutMillis: 30_000, temporality: "cumulative" },
        proxy: undefined,
        updatesPerSecond: 10,
        logLevel: "Info"
      },
      warnings: []
    })
  })

  it("includes variables that are blank", () => {
    const blank = Object.fromEntries(variables.map((name) => [name, "  "]))
    assert.deepStrictEqual(Settings.fromEnvironment(blank), Settings.fromEnvironment({}))
  })
})

/** Records every variable that is read. */
const variables: ReadonlyArray<string> = (() => {
  const asked = new Set<string>()
  const watched = new Proxy<Record<string, string | undefined>>(
    {},
    {
      get: (_, name) => {
        asked.add(String(name))
        // Read only where a sampler that takes it is named.
        return name === "OTEL_TRACES_SAMPLER" ? "traceidratio" : undefined
      }
    }
  )
  Settings.fromEnvironment(watched)
  return [...asked]
})()

describe("the export", () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" }
  const cases: ReadonlyArray<readonly [environment: Settings.Environment, enabled: boolean]> = [
    ...["1", "true", "yes", "on", "TRUE", " On "].map(
      (value) => [{ CODEX_OTLP_ENABLE: value }, true] as const
    ),
    ...["0", "false", "no", "off", "NO"].map(
      (value) => [{ ...endpoint, CODEX_OTLP_ENABLE: value }, false] as const
    ),
    [{ CODEX_OTEL_ENABLED: "true" }, true],
    [{ ...endpoint, CODEX_OTEL_ENABLED: "false" }, false],
    [{ ...endpoint, CODEX_OTLP_ENABLE: "maybe" }, false],
    [{ CODEX_OTLP_ENABLE: "1", CODEX_OTEL_ENABLED: "0" }, false],
    [{ CODEX_OTLP_ENABLE: "0", CODEX_OTEL_ENABLED: "1" }, false],
    [{ CODEX_OTLP_ENABLE: "1", OTEL_SDK_DISABLED: "true" }, false],
    [{ ...endpoint, OTEL_SDK_DISABLED: "TRUE" }, false],
    [{ ...endpoint, OTEL_SDK_DISABLED: "false" }, true],
    [{ ...endpoint, OTEL_SDK_DISABLED: "1" }, true],
    [endpoint, true],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://collector:4318/x" }, true],
    [{ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "http://collector:4318/x" }, false],
    [{ CODEX_OTLP_ENDPOINT: "http://collector:4318" }, false],
    [{ CODEX_OTEL_ENDPOINT: "http://collector:4318" }, false],
    [{ OTEL_TRACES_EXPORTER: "otlp" }, true],
    [{ ...endpoint, OTEL_TRACES_EXPORTER: "none" }, false],
    [{ CODEX_OTLP_ENABLE: "1", OTEL_TRACES_EXPORTER: "none" }, false],
    [{ ...endpoint, OTEL_TRACES_EXPORTER: "console, otlp" }, true],
    [{ ...endpoint, OTEL_TRACES_EXPORTER: "zipkin" }, false],
    [{ CODEX_OTLP_ENABLE: "1", CODEX_OTLP_ENDPOINT: "collector" }, false]
  ]
  for (const [environment, enabled] of cases) {
    it(`is ${enabled ? "on" : "off"} with ${JSON.stringify(environment)}`, () => {
      assert.strictEqual(isEnabled(environment), enabled)
    })
  }

  it("is disabled, whatever the code says, by an explicit no and by an unreadable value", () => {
    const refused = (environment: Settings.Environment) => settingsOf(environment).disabled
    assert.isTrue(refused({ CODEX_OTLP_ENABLE: "0" }))
    assert.isTrue(refused({ CODEX_OTEL_ENABLED: "off" }))
    assert.isTrue(refused({ CODEX_OTLP_ENABLE: "flase" }))
    assert.isFalse(refused({ CODEX_OTLP_ENABLE: "1" }))
    assert.isFalse(refused({ OTEL_TRACES_EXPORTER: "none" }))
    assert.isTrue(settingsOf({ OTEL_SDK_DISABLED: "true" }).disabled)
  })
})

describe("the endpoint of another signal", () => {
  it("is derived from the general endpoint or set separately", () => {
    const general = { CODEX_OTLP_ENABLE: "1", CODEX_OTLP_ENDPOINT: "http://collector:4318/x/v1/traces" }
    assert.strictEqual(urlOf(general, "metrics"), "http://collector:4318/x/v1/metrics")
    assert.strictEqual(urlOf(general, "logs"), "http://collector:4318/x/v1/logs")
    const own = { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://logs/in" }
    assert.strictEqual(urlOf(own, "logs"), "http://logs/in")
    assert.deepStrictEqual(exportersOf(own), { traces: [], metrics: [], logs: ["otlp"] })
  })

  it("has its own headers, protocol, compression, timeout and certificates", () => {
    const { logs, traces } = settingsOf({
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
      OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_LOGS_COMPRESSION: "gzip",
      OTEL_EXPORTER_OTLP_TIMEOUT: "700",
      OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: "800",
      OTEL_EXPORTER_OTLP_CERTIFICATE: "/ca.pem",
      OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY: "/key.pem",
      OTEL_EXPORTER_OTLP_LOGS_CLIENT_CERTIFICATE: "/cert.pem"
    }).otlp
    assert.deepStrictEqual(
      [traces.protocol, traces.compression, traces.timeoutMillis, traces.certificates],
      ["http/protobuf", "none", 700, { ca: "/ca.pem" }]
    )
    assert.deepStrictEqual(
      [logs.protocol, logs.compression, logs.timeoutMillis, logs.certificates],
      ["http/json", "gzip", 800, { ca: "/ca.pem", certificate: "/cert.pem", key: "/key.pem" }]
    )
  })

  it("prefers CODEX variables to OTEL ones, and accepts an alias for the CA", () => {
    const standard = {
      OTEL_EXPORTER_OTLP_CERTIFICATE: "/a",
      OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: "/b",
      OTEL_EXPORTER_OTLP_CLIENT_KEY: "/c"
    }
    const own = { CODEX_OTLP_CERTFILE: "/B", CODEX_OTLP_KEYFILE: "/C" }
    for (const name of ["CODEX_OTLP_CACERTFILE", "CODEX_OTLP_CA_CERTFILE"]) {
      assert.deepStrictEqual(otlpOf({ ...standard, ...own, [name]: "/A" }).certificates, {
        ca: "/A",
        certificate: "/B",
        key: "/C"
      })
    }
  })
})

describe("exporters", () => {
  const cases: ReadonlyArray<readonly [Settings.Environment, string, string, string]> = [
    [{ CODEX_OTEL_EXPORTER: "otlp" }, "otlp", "otlp", "otlp"],
    [{ CODEX_OTEL_EXPORTER: "jaeger" }, "otlp", "otlp", "otlp"],
    [{ CODEX_OTEL_EXPORTER: "console, otlp" }, "console,otlp", "console,otlp", "console,otlp"],
    [{ CODEX_OTEL_EXPORTER: "file" }, "file", "file", "file"],
    [{ CODEX_OTEL_EXPORTER: "prometheus" }, "", "prometheus", ""],
    [{ CODEX_OTEL_EXPORTER: "none", OTEL_TRACES_EXPORTER: "otlp", CODEX_OTLP_ENABLE: "1" }, "", "", ""],
    [{ CODEX_OTEL_EXPORTER: "console", CODEX_OTLP_ENABLE: "0" }, "", "", ""],
    [{ CODEX_OTEL_EXPORTER: "console", OTEL_TRACES_EXPORTER: "otlp" }, "console", "console", "console"],
    [{ CODEX_OTEL_EXPORTER: "file, prometheus" }, "file", "file,prometheus", "file"],
    [{ CODEX_OTEL_EXPORTER: "otlp,console,file", CODEX_OTLP_ENABLE: "no" }, "", "", ""],
    [{ CODEX_OTEL_EXPORTER: "otlp,console,file", OTEL_SDK_DISABLED: "true" }, "", "", ""],
    [{ OTEL_METRICS_EXPORTER: "prometheus" }, "", "prometheus", ""],
    [{ CODEX_OTLP_ENABLE: "1", OTEL_METRICS_EXPORTER: "none" }, "otlp", "", "otlp"],
    [{ OTEL_LOGS_EXPORTER: "otlp" }, "", "", "otlp"],
    [{ OTEL_LOGS_EXPORTER: "console" }, "", "", "console"],
    [{ OTEL_LOGS_EXPORTER: "file,console" }, "", "", "file,console"],
    [{ OTEL_LOGS_EXPORTER: "prometheus" }, "", "", ""],
    [{ OTEL_METRICS_EXPORTER: "console,file" }, "", "console,file", ""],
    [{ OTEL_TRACES_EXPORTER: "file", CODEX_OTEL_ENABLED: "off" }, "", "", ""],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://h" }, "otlp", "otlp", "otlp"]
  ]
  for (const [environment, traces, metrics, logs] of cases) {
    it(`are ${traces || "none"}; ${metrics || "none"}; ${logs || "none"} with ${JSON.stringify(environment)}`, () => {
      const exporters = exportersOf(environment)
      assert.deepStrictEqual(
        [exporters.traces.join(), exporters.metrics.join(), exporters.logs.join()],
        [traces, metrics, logs]
      )
    })
  }
})

describe("otel-config.yaml", () => {
  const parse = (text: string, environment: Settings.Environment = {}) =>
    ConfigFile.parse("otel-config.yaml", text, environment)
  const withFile = (text: string, environment: Settings.Environment = {}) => {
    const { config, warnings } = parse(text, environment)
    const read = Settings.fromEnvironment(environment, config)
    return { ...read.settings, warnings: [...warnings, ...read.warnings] }
  }
  const collector = `
receivers: { otlp: { protocols: { http: } } }
processors:
  batch: { timeout: 200ms }
exporters:
  file: { path: ~/traces.json }
  debug: {}
  otlphttp/up:
    endpoint: https://up.example:4318
    headers: { authorization: "Bearer \${env:TOKEN}" }
    compression: gzip
    encoding: proto
    tls: { ca_file: /ca.pem }
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [file, debug, otlphttp/up] }
    metrics: { exporters: [otlphttp/up] }
`

  it("turns the export on by its presence", () => {
    for (const text of ["", "{}", "# nothing", "receivers: {}", "exporters:"]) {
      assert.deepStrictEqual(withFile(text).exporters, {
        traces: ["file"],
        metrics: ["file"],
        logs: ["file"]
      })
      assert.deepStrictEqual(withFile(text).warnings, [])
    }
    assert.deepStrictEqual(withFile("", { CODEX_OTEL_ENABLED: "0" }).exporters.traces, [])
  })

  it("configures exporters, endpoints, headers and batching", () => {
    const settings = withFile(collector, { TOKEN: "sk-secret" })
    assert.deepStrictEqual(settings.warnings, [])
    assert.deepStrictEqual(settings.exporters, {
      traces: ["otlp", "console", "file"],
      metrics: ["otlp"],
      logs: []
    })
    const { certificates, compression, destination, headers, protocol } = settings.otlp.traces
    assert.strictEqual(toText(destination), "https://up.example:4318/v1/traces")
    assert.deepStrictEqual(
      [compression, protocol, certificates],
      ["gzip", "http/protobuf", { ca: "/ca.pem" }]
    )
    assert.strictEqual(
      headers["authorization"] && Redacted.value(headers["authorization"]),
      "Bearer sk-secret"
    )
    assert.strictEqual(settings.file, "~/traces.json")
    assert.strictEqual(settings.spans.delayMillis, 200)
    assert.strictEqual(withFile(collector, { OTEL_BSP_SCHEDULE_DELAY: "70" }).spans.delayMillis, 70)
  })

  it("applies to all signals when it has no pipelines", () => {
    assert.deepStrictEqual(
      withFile("exporters: { otlp: { endpoint: localhost:4317 }, prometheus: {} }").exporters,
      {
        traces: ["otlp"],
        metrics: ["otlp", "prometheus"],
        logs: ["otlp"]
      }
    )
    const { otlp } = withFile("exporters: { otlp: { endpoint: localhost:4317 } }")
    assert.strictEqual(toText(otlp.logs.destination), "http://localhost:4318/v1/logs")
  })

  it("is overridden completely by an endpoint that is set elsewhere", () => {
    for (const name of ["CODEX_OTLP_ENDPOINT", "CODEX_OTEL_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]) {
      const settings = withFile(collector, { [name]: "http://collector:4318", TOKEN: "sk-secret" })
      assert.deepStrictEqual(settings.exporters, { traces: ["otlp"], metrics: ["otlp"], logs: ["otlp"] })
      assert.strictEqual(toText(settings.otlp.traces.destination), "http://collector:4318/v1/traces")
      assert.deepStrictEqual(settings.otlp.traces.headers, {})
      assert.deepStrictEqual(settings.otlp.traces.certificates, {})
    }
  })

  it("is overridden by an exporter that is set elsewhere", () => {
    assert.deepStrictEqual(withFile(collector, { CODEX_OTEL_EXPORTER: "console" }).exporters.traces, [
      "console"
    ])
    const own = withFile(collector, { OTEL_TRACES_EXPORTER: "none" }).exporters
    assert.deepStrictEqual([own.traces, own.metrics], [[], ["otlp"]])
  })

  it("causes a warning with line and column, and no export, when it is invalid", () => {
    const cases: ReadonlyArray<readonly [text: string, warning: RegExp]> = [
      [
        "exporters:\n  file: {path: sk-secret\n",
        /^otel-config\.yaml:3:1: not YAML \(\w+\): the file is ignored$/
      ],
      ["a: 1\na: sk-secret\n", /^otel-config\.yaml:2:1: not YAML \(DUPLICATE_KEY\): the file is ignored$/],
      ["- sk-secret", /^otel-config\.yaml:1:1: not a map: the file is ignored$/],
      ["sk-secret", /^otel-config\.yaml:1:1: not a map: the file is ignored$/]
    ]
    for (const [text, warning] of cases) {
      const settings = withFile(text)
      assert.strictEqual(settings.warnings.length, 1)
      assert.match(settings.warnings[0] ?? "", warning)
      assert.deepStrictEqual(settings.exporters, { traces: [], metrics: [], logs: [] })
    }
  })

  it("causes a warning only for the entries that cannot be used", () => {
    const cases: ReadonlyArray<readonly [text: string, warning: string]> = [
      [
        "exporters:\n  datadog: { key: sk-secret }\n",
        "2:12: an exporter that is not supported and is ignored"
      ],
      ["exporters: [sk-secret]", "1:12: exporters is not a map and is ignored"],
      [
        "exporters:\n  otlp:\n    endpoint: ftp://sk-secret\n",
        "3:5: an OTLP endpoint that is not an http or https URL: nothing goes there"
      ],
      [
        "processors:\n  batch:\n    timeout: sk-secret\nexporters: { debug: }",
        "3:5: a batch timeout that is not a duration such as 200ms and is ignored"
      ],
      ["exporters: { file: { path: [sk-secret] } }", "1:28: path is not text and is ignored"]
    ]
    for (const [text, warning] of cases) {
      assert.deepStrictEqual(parse(text).warnings, [`otel-config.yaml:${warning}`])
    }
  })

  it("has durations in Go's format", () => {
    const cases: ReadonlyArray<readonly [string, number | undefined]> = [
      ["200ms", 200],
      ["1.5s", 1_500],
      ["1m30s", 90_000],
      ["10us", 1],
      ["0s", 1],
      ["9999h", 2 ** 31 - 1],
      ["5", undefined],
      ["5s ", undefined],
      ["", undefined]
    ]
    for (const [text, millis] of cases) assert.strictEqual(ConfigFile.toMillis(text), millis)
  })

  it.prop(
    "never throws and never leaks its content, whatever it holds",
    [Schema.String, Schema.String],
    ([a, b]) => {
      for (const text of [
        a,
        `exporters:\n  otlp: {endpoint: ${a}, headers: {x: ${b}}}`,
        `exporters: {file: {path: *${a}}}`
      ]) {
        const { warnings } = parse(text)
        for (const warning of warnings) assert.match(warning, /^otel-config\.yaml:\d+:\d+: [\w ()/,:.]+$/)
      }
    }
  )

  const inDirectory = Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const home = yield* files.makeTempDirectoryScoped()
    yield* files.makeDirectory(`${home}/.codex`)
    yield* files.makeDirectory(`${home}/codex`)
    return { files, home }
  })
  const read = (environment: Settings.Environment) =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => void lines.push([message].flat().join(" ")))
      const settings = yield* Effect.provide(
        Settings.CurrentSettings,
        Layer.fresh(Settings.layer).pipe(
          Layer.provide(Layer.merge(Layer.succeed(Settings.Environment, environment), Logger.layer([logger])))
        )
      )
      return { ...settings, lines }
    })

  it.live("is read from CODEX_HOME, then from ~/.codex", () =>
    Effect.gen(function* () {
      const { files, home } = yield* inDirectory
      const both = { HOME: home, CODEX_HOME: "~/codex" }
      assert.deepStrictEqual((yield* read(both)).exporters.traces, [])
      yield* files.writeFileString(`${home}/.codex/otel-config.yaml`, "exporters: { debug: }")
      assert.deepStrictEqual((yield* read(both)).exporters.traces, ["console"])
      yield* files.writeFileString(`${home}/codex/otel-config.yaml`, "exporters: { file: { path: ~/t } }")
      assert.deepStrictEqual((yield* read(both)).exporters.traces, ["file"])
      assert.deepStrictEqual((yield* read({ HOME: home })).exporters.traces, ["console"])
      assert.deepStrictEqual((yield* read({})).exporters.traces, [])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("is read from ~/.codex when CODEX_HOME is a file", () =>
    Effect.gen(function* () {
      const { files, home } = yield* inDirectory
      yield* files.writeFileString(`${home}/.codex/otel-config.yaml`, "exporters: { debug: }")
      yield* files.writeFileString(`${home}/file`, "")
      const { exporters, lines } = yield* read({ HOME: home, CODEX_HOME: "~/file" })
      assert.deepStrictEqual([exporters.traces, lines], [["console"], []])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("causes a warning with its path when it cannot be read", () =>
    Effect.gen(function* () {
      const { files, home } = yield* inDirectory
      yield* files.makeDirectory(`${home}/.codex/otel-config.yaml`)
      const { exporters, lines } = yield* read({ HOME: home })
      assert.deepStrictEqual(lines, [
        `${home}/.codex/otel-config.yaml:1:1: cannot be read: the file is ignored`
      ])
      assert.deepStrictEqual(exporters.traces, [])
      assert.deepStrictEqual((yield* read({ HOME: home, OTEL_LOG_LEVEL: "error" })).lines, [])
    }).pipe(Effect.provide(NodeServices.layer))
  )
})

describe("an endpoint", () => {
  it("is a base URL or the URL of any signal", () => {
    const traces = "http://collector:4318/v1/traces"
    for (const name of ["CODEX_OTLP_ENDPOINT", "CODEX_OTEL_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]) {
      for (const path of ["", "/", "/v1/traces", "/v1/traces/", "/v1/metrics", "/v1/logs"]) {
        assert.strictEqual(urlOf({ [name]: `http://collector:4318${path}` }), traces)
      }
    }
    assert.strictEqual(
      urlOf({ CODEX_OTLP_ENDPOINT: "https://host/otlp/?tenant=a" }),
      "https://host/otlp/v1/traces?tenant=a"
    )
  })

  it("for traces only is used unchanged", () => {
    assert.strictEqual(urlOf({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://host/in" }), "http://host/in")
  })

  it("is the first of CODEX_OTLP, CODEX_OTEL, OTEL for traces, OTEL for all signals", () => {
    const names = [
      "CODEX_OTLP_ENDPOINT",
      "CODEX_OTEL_ENDPOINT",
      "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
      "OTEL_EXPORTER_OTLP_ENDPOINT"
    ]
    for (let from = 0; from < names.length; from++) {
      const environment = Object.fromEntries(
        names.slice(from).map((name) => [name, `http://${name}/v1/traces`])
      )
      assert.strictEqual(urlOf(environment), `http://${names[from]?.toLowerCase()}/v1/traces`)
    }
  })

  it("is not replaced by another one when it is invalid", () => {
    for (const value of ["collector", "ftp://collector", "localhost:4318", "//x"]) {
      const environment = { CODEX_OTLP_ENDPOINT: value, OTEL_EXPORTER_OTLP_ENDPOINT: "http://elsewhere" }
      assert.strictEqual(urlOf(environment), "invalid")
      assert.isFalse(isEnabled(environment))
      assert.deepStrictEqual(warningsOf(environment), [
        "CODEX_OTLP_ENDPOINT is not an http or https URL: nothing is exported there"
      ])
    }
  })
})

describe("headers", () => {
  it("are name=value pairs separated by commas or semicolons, percent-decoded, with lower-case names", () => {
    assert.deepStrictEqual(
      headersOf({ CODEX_OTLP_HEADERS: "Authorization=Basic%20dTpw, x-key = a=b== ;empty=,tenant=100%" }),
      { authorization: "Basic dTpw", "x-key": "a=b==", empty: "", tenant: "100%" }
    )
  })

  it("come only from the first variable that is set", () => {
    const environment = {
      CODEX_OTLP_HEADERS: "a=1",
      CODEX_OTEL_HEADERS: "a=2,b=2",
      OTEL_EXPORTER_OTLP_HEADERS: "a=3,c=3"
    }
    assert.deepStrictEqual(headersOf(environment), { a: "1" })
    assert.deepStrictEqual(headersOf({ ...environment, CODEX_OTLP_HEADERS: "" }), { a: "2", b: "2" })
    assert.deepStrictEqual(
      headersOf({ OTEL_EXPORTER_OTLP_HEADERS: "a=3", OTEL_EXPORTER_OTLP_TRACES_HEADERS: "a=4" }),
      {
        a: "4"
      }
    )
  })

  it("are left out when Node would refuse them, and no warning shows their values", () => {
    const environment = {
      CODEX_OTLP_HEADERS: "sk-secret,b d=sk-secret,x=sk-secret%0d%0ay:z,=sk-secret,ok=1,€=sk-secret"
    }
    assert.deepStrictEqual(headersOf(environment), { ok: "1" })
    assert.deepStrictEqual(warningsOf(environment), [
      "CODEX_OTLP_HEADERS has an entry that is not name=value, which is ignored"
    ])
  })

  it("do not show their values when the settings are printed", () => {
    const { settings } = Settings.fromEnvironment({ CODEX_OTLP_HEADERS: "authorization=sk-secret" })
    assert.notInclude(JSON.stringify(settings), "sk-secret")
    assert.notInclude(String(settings.otlp.traces.headers["authorization"]), "sk-secret")
  })

  const name = Schema.String.check(Schema.isPattern(/^[a-z][a-z0-9-]{0,12}$/))
  const value = Schema.String.check(Schema.isPattern(/^[\x20-\x7e]{0,20}$/))
  it.prop("decode to the values that were encoded", [Schema.Record(name, value)], ([headers]) => {
    const list = Object.entries(headers).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    for (const separator of [",", ";", " , "]) {
      const environment = { CODEX_OTLP_HEADERS: list.join(separator) }
      assert.deepStrictEqual(headersOf(environment), { ...headers })
      assert.deepStrictEqual(warningsOf(environment), [])
    }
  })
})

describe("the resource", () => {
  it("is a list of percent-decoded pairs plus the service name", () => {
    const environment = { OTEL_RESOURCE_ATTRIBUTES: "service.name=a,team=x%20y,k=v=w" }
    assert.deepStrictEqual(settingsOf(environment).resource, { "service.name": "a", team: "x y", k: "v=w" })
    assert.strictEqual(settingsOf({ ...environment, OTEL_SERVICE_NAME: "b" }).resource["service.name"], "b")
    assert.strictEqual(
      settingsOf({ OTEL_SERVICE_NAME: "b", CODEX_OTEL_SERVICE_NAME: "c" }).resource["service.name"],
      "c"
    )
  })

  it("is empty when one pair is invalid", () => {
    for (const value of ["team", "a=1,team", "a=%zz", "=x"]) {
      assert.deepStrictEqual(settingsOf({ OTEL_RESOURCE_ATTRIBUTES: value }).resource, {})
      assert.deepStrictEqual(warningsOf({ OTEL_RESOURCE_ATTRIBUTES: value }), [
        "OTEL_RESOURCE_ATTRIBUTES is not a list of name=value and is ignored"
      ])
    }
  })
})

describe("numbers", () => {
  it("are whole, and other values cause a warning and are skipped", () => {
    assert.strictEqual(otlpOf({ OTEL_EXPORTER_OTLP_TIMEOUT: "900" }).timeoutMillis, 900)
    for (const value of ["0", "-1", "1.5", "1e3", "ten", "99999999999999999999"]) {
      const environment = { OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: value, OTEL_EXPORTER_OTLP_TIMEOUT: "900" }
      assert.strictEqual(otlpOf(environment).timeoutMillis, 900)
      assert.deepStrictEqual(warningsOf(environment), [
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT is not a whole number from 1 up and is ignored"
      ])
    }
  })

  it("set the limits of a span, specific variables before general ones", () => {
    const { spanLimits } = settingsOf({
      OTEL_ATTRIBUTE_COUNT_LIMIT: "1",
      OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: "2",
      OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "3",
      OTEL_SPAN_EVENT_COUNT_LIMIT: "0",
      OTEL_SPAN_LINK_COUNT_LIMIT: "5",
      OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: "6",
      OTEL_LINK_ATTRIBUTE_COUNT_LIMIT: "7"
    })
    assert.deepStrictEqual(spanLimits, {
      attributeCountLimit: 2,
      attributeValueLengthLimit: 3,
      eventCountLimit: 0,
      linkCountLimit: 5,
      attributePerEventCountLimit: 6,
      attributePerLinkCountLimit: 7
    })
  })
})

describe("log records", () => {
  it("use their own limits, then the general ones", () => {
    const limits = (environment: Settings.Environment) => settingsOf(environment).logLimits
    assert.deepStrictEqual(limits({}), { attributeCountLimit: 128, attributeValueLengthLimit: Infinity })
    const all = { OTEL_ATTRIBUTE_COUNT_LIMIT: "5", OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "6" }
    assert.deepStrictEqual(limits(all), { attributeCountLimit: 5, attributeValueLengthLimit: 6 })
    const own = {
      OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT: "0",
      OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT: "4"
    }
    assert.deepStrictEqual(limits({ ...all, ...own }), {
      attributeCountLimit: 0,
      attributeValueLengthLimit: 4
    })
    const { spanLimits } = settingsOf({ ...all, ...own })
    assert.deepInclude(spanLimits, { attributeCountLimit: 5, attributeValueLengthLimit: 6 })
  })
})

describe("metrics", () => {
  it("are cumulative unless delta temporality is requested", () => {
    const name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
    const of = (value: string) => settingsOf({ [name]: value }).metrics.temporality
    assert.deepStrictEqual(["cumulative", "delta", "lowmemory", "DELTA", ""].map(of), [
      "cumulative",
      "delta",
      "delta",
      "delta",
      "cumulative"
    ])
    assert.strictEqual(of("sometimes"), "cumulative")
    assert.match(String(warningsOf({ [name]: "sometimes" })), new RegExp(`^${name} is not one of`))
  })
})

describe("a proxy", () => {
  const proxyOf = (environment: Settings.Environment) => {
    const { proxy } = settingsOf(environment)
    return proxy === undefined ? undefined : Redacted.value(proxy)
  }
  it("comes from the usual variables in lower or upper case", () => {
    assert.isUndefined(proxyOf({}))
    assert.isUndefined(proxyOf({ NO_PROXY: "*" }))
    assert.deepStrictEqual(proxyOf({ HTTP_PROXY: "http://p:3128", NO_PROXY: "intern" }), {
      HTTP_PROXY: "http://p:3128",
      NO_PROXY: "intern"
    })
    assert.deepStrictEqual(
      proxyOf({ HTTPS_PROXY: "http://p:1", https_proxy: "http://q:2", no_proxy: "a", NO_PROXY: "b" }),
      { HTTPS_PROXY: "http://q:2", NO_PROXY: "a" }
    )
  })
  it("causes a warning without its value when it is invalid", () => {
    for (const value of ["p:3128", "socks5://p:1", "http://", "://secret"]) {
      assert.isUndefined(proxyOf({ HTTP_PROXY: value }), value)
      const warnings = warningsOf({ HTTP_PROXY: value })
      assert.strictEqual(warnings.length, 1)
      assert.match(String(warnings), /^HTTP_PROXY is not an http or https URL/)
      assert.notInclude(String(warnings), value)
    }
  })
  it("does not show its password when the settings are printed", () => {
    const settings = settingsOf({ HTTP_PROXY: "http://ada:hunter2@p:3128" })
    assert.notInclude(JSON.stringify(settings), "hunter2")
  })
})

describe("warnings", () => {
  it("name the variable", () => {
    const bad: ReadonlyArray<readonly [name: string, value: string]> = [
      ["CODEX_OTLP_ENABLE", "maybe"],
      ["CODEX_OTEL_ENABLED", "maybe"],
      ["OTEL_SDK_DISABLED", "yes"],
      ["OTEL_TRACES_EXPORTER", "zipkin"],
      ["CODEX_OTLP_ENDPOINT", "http://collector:4318"],
      ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector"],
      ["OTEL_SPAN_EVENT_COUNT_LIMIT", "many"]
    ]
    for (const [name, value] of bad) {
      const warnings = warningsOf({ [name]: value })
      assert.strictEqual(warnings.length, 1)
      assert.isTrue(warnings[0]?.startsWith(`${name} `))
      assert.notInclude(warnings[0], value)
    }
  })

  // Half of the generated values are nearly valid, because noise never passes the first check.
  const secret = "s3cr3t-value"
  const Value = Schema.Union([
    Schema.String,
    Schema.Literals(["1", "0", "true", "off", "0.5", "2", "-1", "99999999999", "http://collector:4318"]),
    Schema.Literals([
      "otlp,console",
      "none",
      "jaeger, file",
      "gzip",
      "http/protobuf",
      "grpc",
      "tracecontext,baggage"
    ]),
    Schema.Literals([
      secret,
      `a=${secret},b`,
      `http://u:${secret}@h/%zz`,
      `:${secret}`,
      "parentbased_traceidratio"
    ])
  ])
  const environment = Schema.Struct(
    Object.fromEntries(variables.map((name) => [name, Schema.optionalKey(Value)]))
  )
  it.prop("and valid settings result from any environment", [environment], ([environment]) => {
    const { settings, warnings } = Settings.fromEnvironment(environment)
    for (const warning of warnings) {
      assert.isTrue(variables.some((name) => warning.startsWith(`${name} `)))
      assert.notInclude(warning, secret)
    }
    assert.strictEqual(new Set(warnings).size, warnings.length)
    const { exporters, logs, metrics, otlp, prometheus, sampling, spans } = settings
    if (settings.disabled) assert.deepStrictEqual(exporters, { traces: [], metrics: [], logs: [] })
    for (const { destination, headers, timeoutMillis } of Object.values(otlp)) {
      if (typeof destination !== "string") assert.match(new URL(destination.url).protocol, /^https?:$/)
      for (const [name, value] of Object.entries(headers)) {
        assert.doesNotThrow(() => new Headers([[name, Redacted.value(value)]]))
      }
      assert.isTrue(timeoutMillis === undefined || (timeoutMillis >= 1 && timeoutMillis < 2 ** 31))
    }
    for (const signal of ["traces", "metrics", "logs"] as const) {
      if (otlp[signal].destination === "invalid") assert.notInclude(exporters[signal], "otlp")
    }
    for (const { delayMillis, queue, size } of [spans, logs]) {
      assert.isTrue(
        size >= 1 && size <= queue && queue / size <= 30 && delayMillis >= 1 && delayMillis < 2 ** 31
      )
    }
    assert.isTrue(metrics.timeoutMillis >= 1 && metrics.timeoutMillis <= metrics.intervalMillis)
    assert.isTrue(prometheus.port >= 0 && prometheus.port <= 65_535)
    assert.isTrue(sampling === undefined || (sampling.ratio >= 0 && sampling.ratio <= 1))
    assert.notInclude(JSON.stringify(otlp.traces.headers), secret)
  })

  it.effect("are logged once when several layers read the settings", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const logger = Logger.make<unknown, void>(
        ({ logLevel, message }) => void lines.push([logLevel, message])
      )
      const reader = (name: string) =>
        Layer.effectDiscard(Effect.flatMap(Settings.CurrentSettings, () => Effect.logInfo(name))).pipe(
          Layer.provide(Settings.layer)
        )
      yield* Effect.void.pipe(
        Effect.provide(
          Layer.mergeAll(reader("a"), reader("b")).pipe(
            Layer.provide(Layer.succeed(Settings.Environment, { OTEL_SPAN_LINK_COUNT_LIMIT: "many" })),
            Layer.provide(Logger.layer([logger]))
          )
        )
      )
      const [warning, ...others] = lines
      assert.deepStrictEqual(warning, [
        "Warn",
        ["OTEL_SPAN_LINK_COUNT_LIMIT is not a whole number from 0 up and is ignored"]
      ])
      assert.sameDeepMembers(others, [
        ["Info", ["a"]],
        ["Info", ["b"]]
      ])
    })
  )
})

describe("docs/settings.md", () => {
  /** Read elsewhere: where turns are recorded, and on the command line. */
  const elsewhere = [
    "CODEX_OTEL_SEMCONV",
    "CODEX_OTEL_USER_HASH_KEY",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
    "TRACEPARENT",
    "TRACESTATE"
  ]

  it.effect("lists every variable that the library reads exactly once, and no other", () =>
    Effect.gen(function* () {
      const text = yield* FileSystem.FileSystem.use((files) => files.readFileString("docs/settings.md"))
      const documented = [...text.matchAll(/^\| `([A-Z_]+)`/gm)].map(([, name]) => name)
      const read = variables.filter((name) => name === name.toUpperCase())
      assert.deepStrictEqual(documented.toSorted(), [...read, ...elsewhere].toSorted())
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("states the defaults that apply", () =>
    Effect.gen(function* () {
      const text = yield* FileSystem.FileSystem.use((files) => files.readFileString("docs/settings.md"))
      const rows = [...text.matchAll(/^\| `([A-Z_]+)` *\|.*\| `?([^|`]*?)`? *\|$/gm)]
      const values = Object.fromEntries(rows.map(([, name, value]) => [name, value]))
      const { logLimits, logs, metrics, prometheus, spanLimits, spans, updatesPerSecond } = settingsOf({})
      const numbers = {
        CODEX_OTEL_UPDATES_PER_SECOND: updatesPerSecond,
        OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT: logLimits.attributeCountLimit,
        OTEL_BSP_SCHEDULE_DELAY: spans.delayMillis,
        OTEL_BSP_MAX_QUEUE_SIZE: spans.queue,
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE: spans.size,
        OTEL_BLRP_SCHEDULE_DELAY: logs.delayMillis,
        OTEL_BLRP_MAX_QUEUE_SIZE: logs.queue,
        OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: logs.size,
        OTEL_METRIC_EXPORT_INTERVAL: metrics.intervalMillis,
        OTEL_EXPORTER_PROMETHEUS_PORT: prometheus.port,
        OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: spanLimits.attributeCountLimit,
        OTEL_SPAN_EVENT_COUNT_LIMIT: spanLimits.eventCountLimit,
        OTEL_SPAN_LINK_COUNT_LIMIT: spanLimits.linkCountLimit,
        OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: spanLimits.attributePerEventCountLimit,
        OTEL_LINK_ATTRIBUTE_COUNT_LIMIT: spanLimits.attributePerLinkCountLimit
      }
      for (const [name, number] of Object.entries(numbers))
        assert.strictEqual(values[name], String(number), name)
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
