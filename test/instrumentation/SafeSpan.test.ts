/** Spans of the library hold no secret in a tracer that is not the library's. */
import * as OtelTracer from "@effect/opentelemetry/OtelTracer"
import { assert, describe, it } from "@effect/vitest"
import { TracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import * as OtlpTracer from "effect/observability/OtlpTracer"
import * as Tracer from "effect/Tracer"
import { createServer } from "node:http"
import { CodexError, Redaction } from "effect-codex"
import { Canary, Captured } from "effect-codex/testing"
import * as ContentCapture from "../../src/instrumentation/ContentCapture.ts"
import * as SafeSpan from "../../src/instrumentation/SafeSpan.ts"
import { Environment } from "../../src/internal/EnvironmentVariables.ts"
import * as Leaky from "../support/leaky.ts"

interface Seen {
  readonly name: string
  readonly text: string
}

// The spans of the program itself, which the library does not touch.
const ofProgram = new Set(["inside", "failing", "dying", "around"])

/** The leaks of each span of the library, and the names of all spans. */
const search = (planted: Canary.PlantedSecrets, seen: ReadonlyArray<Seen>) => ({
  names: new Set(seen.map(({ name }) => name)),
  leaks: seen
    .filter(({ name }) => !ofProgram.has(name))
    .flatMap(({ name, text }) => Canary.find(planted, name, text))
})

/** Plays the turns that hold secrets, and reads the spans when their layer has closed. */
const play = <E>(
  tracing: Layer.Layer<never, E>,
  read: () => ReadonlyArray<Seen>,
  more: (planted: Canary.PlantedSecrets) => Layer.Layer<never> = () => Layer.empty
) =>
  Effect.gen(function* () {
    const planted = yield* Canary.plant
    yield* Effect.exit(Leaky.program(planted)).pipe(
      Effect.provide(Layer.mergeAll(tracing, Logger.layer([]), more(planted)))
    )
    return { planted, ...search(planted, read()) }
  })

const inMemory = () => {
  const exporter = new InMemorySpanExporter()
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
  const layer = OtelTracer.layerWithoutOtelTracer.pipe(
    Layer.provide(Layer.succeed(OtelTracer.OtelTracer, provider.getTracer("test")))
  )
  const read = (): ReadonlyArray<Seen> =>
    exporter.getFinishedSpans().map(({ attributes, events, links, name, status }) => ({
      name,
      text: JSON.stringify({ name, attributes, events, links, status })
    }))
  return { layer, read, spans: () => exporter.getFinishedSpans() }
}

const captureAll = Layer.succeed(Environment, {
  OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "span_only"
})

const Body = Schema.fromJsonString(
  Schema.Struct({
    resourceSpans: Schema.Array(
      Schema.Struct({
        scopeSpans: Schema.Array(
          Schema.Struct({ spans: Schema.Array(Schema.Record(Schema.String, Schema.Unknown)) })
        )
      })
    )
  })
)
const decodeBody = Schema.decodeUnknownSync(Body)

/** A tracer that keeps the spans that it made. */
const keeping = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  return { tracer, spans }
}

const spanOptions = {
  name: "call",
  parent: Option.none(),
  annotations: Context.empty(),
  startTime: 0n,
  kind: "internal",
  root: false,
  sampled: true
} as const

const token = `sk-${"a1B2c3D4e5F6g7H8i9J0k1L2"}`

describe("D04 the spans of the library hold no secret", () => {
  it.live("through the bridge of @effect/opentelemetry", () =>
    Effect.gen(function* () {
      const { layer, read, spans } = inMemory()
      const { leaks, names } = yield* play(layer, read)
      assert.deepStrictEqual(leaks, [])
      // The spans of the program are still below those of the library.
      const parent = spans().find(({ name }) => name === "inside")?.parentSpanContext?.spanId
      assert.strictEqual(
        spans().find((span) => span.spanContext().spanId === parent)?.name,
        "execute_tool works"
      )
      for (const name of ["invoke_agent codex", "execute_tool works", "codex.approval", "inside"])
        assert.isTrue(names.has(name), name)
    })
  )

  it.live("through that bridge with all content captured, which holds content but no token", () =>
    Effect.gen(function* () {
      const { layer, read } = inMemory()
      const { leaks } = yield* play(layer, read, (planted) =>
        Layer.mergeAll(captureAll, Redaction.layer({ rules: [planted.environment] }))
      )
      assert.deepStrictEqual(
        leaks.filter(({ location }) => location === "token" || location === "environment"),
        []
      )
      assert.isTrue(leaks.some(({ location }) => location === "prompt"))
    })
  )

  it.live("through Effect's OtlpTracer, as a receiver gets them over HTTP", () =>
    Effect.gen(function* () {
      const bodies: Array<string> = []
      const url = yield* Effect.acquireRelease(
        Effect.callback<readonly [string, () => void]>((resume) => {
          const server = createServer((request, response) => {
            const chunks: Array<Buffer> = []
            request.on("data", (chunk: Buffer) => chunks.push(chunk))
            request.on("end", () => {
              bodies.push(Buffer.concat(chunks).toString())
              response.writeHead(200).end()
            })
          })
          server.listen(0, "127.0.0.1", () => {
            const address = server.address()
            const port = typeof address === "object" && address !== null ? address.port : 0
            resume(Effect.succeed([`http://127.0.0.1:${port}/v1/traces`, () => server.close()]))
          })
        }),
        ([, close]) => Effect.sync(close)
      )
      const layer = Layer.effectDiscard(Effect.void).pipe(
        Layer.provideMerge(OtlpTracer.layer({ url: url[0], resource: { serviceName: "test" } })),
        Layer.provide([OtlpSerialization.layerJson, FetchHttpClient.layer])
      )
      const { leaks, names } = yield* play(layer, () =>
        bodies
          .flatMap((body) => decodeBody(body).resourceSpans)
          .flatMap(({ scopeSpans }) => scopeSpans)
          .flatMap(({ spans }) => spans)
          .map((span) => ({ name: String(span["name"]), text: JSON.stringify(span) }))
      )
      assert.deepStrictEqual(leaks, [])
      assert.isTrue(names.has("invoke_agent codex"))
      assert.isTrue(names.has("execute_tool works"))
    }).pipe(Effect.scoped)
  )

  it.live(
    "through a tracer of the program's own, in names, attributes, lists, links, events and errors",
    () =>
      Effect.gen(function* () {
        const { spans, tracer } = keeping()
        const safe = SafeSpan.guard(tracer, Context.make(ContentCapture.Current, { errors: true }))
        const link = { span: Tracer.externalSpan({ spanId: "a", traceId: "b" }), attributes: { note: token } }
        const span = safe.span({
          name: `call ${token}`,
          parent: Option.none(),
          annotations: Context.empty(),
          links: [link],
          startTime: 0n,
          kind: "internal",
          root: false,
          sampled: true
        })
        span.attribute("note", `a ${token}`)
        span.attribute("password", "hunter2")
        span.attribute("list", ["plain", token])
        span.attribute("object", { note: token })
        span.attribute("count", 2)
        span.event(`used ${token}`, 0n, { note: token })
        span.addLinks([link])
        span.end(
          1n,
          Exit.fail(new CodexError.TurnFailed({ reason: "ServerError", detail: token, status: 500 }))
        )
        assert.strictEqual(spans[0], span)
        const { attributes, events, links, name, status } =
          span instanceof Tracer.NativeSpan ? span : yield* Effect.die("no")
        assert.strictEqual(name, "call [redacted]")
        assert.deepStrictEqual(Object.fromEntries(attributes), {
          note: "a [redacted]",
          password: "[redacted]",
          list: ["plain", "[redacted]"],
          object: { note: "[redacted]" },
          count: 2
        })
        assert.deepStrictEqual(events, [["used [redacted]", 0n, { note: "[redacted]" }]])
        assert.deepStrictEqual(
          links.map(({ attributes }) => attributes),
          [{ note: "[redacted]" }, { note: "[redacted]" }]
        )
        const [error] =
          status._tag === "Ended" && Exit.isFailure(status.exit) ? Cause.prettyErrors(status.exit.cause) : []
        assert.strictEqual(error?.name, "TurnFailed.ServerError")
        assert.include(error?.message, "[redacted]")
        assert.notInclude(`${error?.message} ${error?.stack}`, token)
      })
  )

  it("and the message of an error is left out unless its capture is on", () => {
    const { spans, tracer } = keeping()
    const span = SafeSpan.guard(tracer, Context.empty()).span({ ...spanOptions, links: [] })
    span.end(1n, Exit.die(new TypeError("the customer's text")))
    const status = spans[0]?.status
    const [error] =
      status?._tag === "Ended" && Exit.isFailure(status.exit) ? Cause.prettyErrors(status.exit.cause) : []
    assert.strictEqual(`${error?.name}: ${error?.message}`, "TypeError: TypeError")
  })

  it.effect("and a span of the library's own tracer is scrubbed once, when it ends", () =>
    Effect.gen(function* () {
      const tracer = yield* Tracer.Tracer
      const context = yield* Effect.context<never>()
      const ofLibrary = SafeSpan.guard(tracer, context)
      assert.strictEqual(SafeSpan.guard(ofLibrary, context), ofLibrary)
      const span = ofLibrary.span({ ...spanOptions, links: [] })
      span.attribute("note", token)
      assert.strictEqual(span.attributes.get("note"), token)
      const guarded = SafeSpan.guard(keeping().tracer, context)
      assert.strictEqual(SafeSpan.guard(guarded, context), guarded)
    }).pipe(Effect.provide(Captured.layer))
  )
})
