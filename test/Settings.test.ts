import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Settings from "../src/telemetry/Settings.ts"

const settingsOf = (environment: Settings.Environment) => Settings.fromEnvironment(environment).settings
const otlpOf = (environment: Settings.Environment) => settingsOf(environment).otlp
const warningsOf = (environment: Settings.Environment) => Settings.fromEnvironment(environment).warnings
const headersOf = (environment: Settings.Environment) =>
  Object.fromEntries(
    Object.entries(otlpOf(environment).headers).map(([name, value]) => [name, Redacted.value(value)])
  )
const urlOf = (environment: Settings.Environment) => {
  const { traces } = otlpOf(environment)
  return typeof traces === "string" ? traces : traces.url
}

describe("an empty environment", () => {
  it("asks for nothing and complains about nothing", () => {
    assert.deepStrictEqual(Settings.fromEnvironment({}), {
      settings: {
        disabled: false,
        otlp: { enabled: false, refused: false, traces: "unset", headers: {}, timeout: undefined },
        resource: {},
        spanLimits: {
          attributeCountLimit: 128,
          attributeValueLengthLimit: Infinity,
          eventCountLimit: 128,
          linkCountLimit: 128,
          attributePerEventCountLimit: 128,
          attributePerLinkCountLimit: 128
        }
      },
      warnings: []
    })
  })

  it("is also one of blanks", () => {
    const blank = Object.fromEntries(variables.map((name) => [name, "  "]))
    assert.deepStrictEqual(Settings.fromEnvironment(blank), Settings.fromEnvironment({}))
  })
})

const variables = [
  "CODEX_OTLP_ENABLE",
  "CODEX_OTEL_ENABLED",
  "CODEX_OTLP_ENDPOINT",
  "CODEX_OTEL_ENDPOINT",
  "CODEX_OTLP_HEADERS",
  "CODEX_OTEL_HEADERS",
  "CODEX_OTEL_SERVICE_NAME",
  "OTEL_SDK_DISABLED",
  "OTEL_TRACES_EXPORTER",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  "OTEL_EXPORTER_OTLP_HEADERS",
  "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
  "OTEL_EXPORTER_OTLP_TIMEOUT",
  "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
  "OTEL_SERVICE_NAME",
  "OTEL_RESOURCE_ATTRIBUTES",
  "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
  "OTEL_ATTRIBUTE_COUNT_LIMIT",
  "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
  "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
  "OTEL_SPAN_EVENT_COUNT_LIMIT",
  "OTEL_SPAN_LINK_COUNT_LIMIT",
  "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
  "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"
]

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
      assert.strictEqual(otlpOf(environment).enabled, enabled)
    })
  }

  it("is refused, whatever the code says, by an explicit no and by what may have been meant as one", () => {
    const refused = (environment: Settings.Environment) => otlpOf(environment).refused
    assert.isTrue(refused({ CODEX_OTLP_ENABLE: "0" }))
    assert.isTrue(refused({ CODEX_OTEL_ENABLED: "off" }))
    assert.isTrue(refused({ CODEX_OTLP_ENABLE: "flase" }))
    assert.isFalse(refused({ CODEX_OTLP_ENABLE: "1" }))
    assert.isFalse(refused({ OTEL_TRACES_EXPORTER: "none" }))
    assert.isTrue(settingsOf({ OTEL_SDK_DISABLED: "true" }).disabled)
  })
})

describe("an endpoint", () => {
  it("is a base URL, or the URL of any signal", () => {
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

  it("of traces alone is taken as it stands", () => {
    assert.strictEqual(urlOf({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://host/in" }), "http://host/in")
  })

  it("is the first of CODEX_OTLP, CODEX_OTEL, OTEL for traces, OTEL for all", () => {
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

  it("that cannot be used is not replaced by another", () => {
    for (const value of ["collector", "ftp://collector", "localhost:4318", "//x"]) {
      const environment = { CODEX_OTLP_ENDPOINT: value, OTEL_EXPORTER_OTLP_ENDPOINT: "http://elsewhere" }
      assert.strictEqual(urlOf(environment), "invalid")
      assert.isFalse(otlpOf(environment).enabled)
      assert.deepStrictEqual(warningsOf(environment), [
        "CODEX_OTLP_ENDPOINT is not an http or https URL: no traces are exported by OTLP"
      ])
    }
  })
})

describe("headers", () => {
  it("are pairs between commas or semicolons, percent-decoded, with names in lower case", () => {
    assert.deepStrictEqual(
      headersOf({ CODEX_OTLP_HEADERS: "Authorization=Basic%20dTpw, x-key = a=b== ;empty=,tenant=100%" }),
      { authorization: "Basic dTpw", "x-key": "a=b==", empty: "", tenant: "100%" }
    )
  })

  it("are all of the first variable that is set", () => {
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

  it("that Node would refuse to send are left out, without a word of their values", () => {
    const environment = {
      CODEX_OTLP_HEADERS: "sk-secret,b d=sk-secret,x=sk-secret%0d%0ay:z,=sk-secret,ok=1,€=sk-secret"
    }
    assert.deepStrictEqual(headersOf(environment), { ok: "1" })
    assert.deepStrictEqual(warningsOf(environment), [
      "CODEX_OTLP_HEADERS holds something other than name=value, which is left out"
    ])
  })

  it("show their values to nobody who prints the settings", () => {
    const { settings } = Settings.fromEnvironment({ CODEX_OTLP_HEADERS: "authorization=sk-secret" })
    assert.notInclude(JSON.stringify(settings), "sk-secret")
    assert.notInclude(String(settings.otlp.headers["authorization"]), "sk-secret")
  })

  const name = Schema.String.check(Schema.isPattern(/^[a-z][a-z0-9-]{0,12}$/))
  const value = Schema.String.check(Schema.isPattern(/^[\x20-\x7e]{0,20}$/))
  it.prop("come back as they were encoded", [Schema.Record(name, value)], ([headers]) => {
    const list = Object.entries(headers).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    for (const separator of [",", ";", " , "]) {
      const environment = { CODEX_OTLP_HEADERS: list.join(separator) }
      assert.deepStrictEqual(headersOf(environment), { ...headers })
      assert.deepStrictEqual(warningsOf(environment), [])
    }
  })
})

describe("the resource", () => {
  it("is a list of percent-decoded pairs, with the service's name on top", () => {
    const environment = { OTEL_RESOURCE_ATTRIBUTES: "service.name=a,team=x%20y,k=v=w" }
    assert.deepStrictEqual(settingsOf(environment).resource, { "service.name": "a", team: "x y", k: "v=w" })
    assert.strictEqual(settingsOf({ ...environment, OTEL_SERVICE_NAME: "b" }).resource["service.name"], "b")
    assert.strictEqual(
      settingsOf({ OTEL_SERVICE_NAME: "b", CODEX_OTEL_SERVICE_NAME: "c" }).resource["service.name"],
      "c"
    )
  })

  it("with one bad part is none", () => {
    for (const value of ["team", "a=1,team", "a=%zz", "=x"]) {
      assert.deepStrictEqual(settingsOf({ OTEL_RESOURCE_ATTRIBUTES: value }).resource, {})
      assert.deepStrictEqual(warningsOf({ OTEL_RESOURCE_ATTRIBUTES: value }), [
        "OTEL_RESOURCE_ATTRIBUTES is not a list of name=value and is ignored"
      ])
    }
  })
})

describe("numbers", () => {
  it("are whole, and what is none is passed over with a warning", () => {
    assert.strictEqual(otlpOf({ OTEL_EXPORTER_OTLP_TIMEOUT: "900" }).timeout, 900)
    for (const value of ["0", "-1", "1.5", "1e3", "ten", "99999999999999999999"]) {
      const environment = { OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: value, OTEL_EXPORTER_OTLP_TIMEOUT: "900" }
      assert.strictEqual(otlpOf(environment).timeout, 900)
      assert.deepStrictEqual(warningsOf(environment), [
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT is not a whole number from 1 up and is ignored"
      ])
    }
  })

  it("set the limits of a span, the specific before the general", () => {
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

  const environment = Schema.Struct(
    Object.fromEntries(variables.map((name) => [name, Schema.optionalKey(Schema.String)]))
  )
  it.prop("are all that can come of any environment", [environment], ([environment]) => {
    const { settings, warnings } = Settings.fromEnvironment(environment)
    for (const warning of warnings) assert.isTrue(variables.some((name) => warning.startsWith(`${name} `)))
    if (settings.disabled || settings.otlp.refused) assert.isFalse(settings.otlp.enabled)
    for (const [name, value] of Object.entries(settings.otlp.headers)) {
      assert.doesNotThrow(() => new Headers([[name, Redacted.value(value)]]))
    }
  })

  it.effect("are logged once, however many layers ask", () =>
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
      assert.deepStrictEqual(lines, [
        ["Warn", ["OTEL_SPAN_LINK_COUNT_LIMIT is not a whole number from 0 up and is ignored"]],
        ["Info", ["a"]],
        ["Info", ["b"]]
      ])
    })
  )
})
