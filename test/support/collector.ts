import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { createServer, type Server } from "node:http"

/** A span as OTLP/HTTP JSON has it. */
const Span = Schema.Struct({
  name: Schema.String,
  traceId: Schema.String,
  spanId: Schema.String,
  parentSpanId: Schema.optionalKey(Schema.String),
  startTimeUnixNano: Schema.String,
  endTimeUnixNano: Schema.String,
  links: Schema.optionalKey(Schema.Array(Schema.Struct({ traceId: Schema.String, spanId: Schema.String }))),
  status: Schema.Struct({ code: Schema.optionalKey(Schema.Finite) }),
  attributes: Schema.Array(
    Schema.Struct({
      key: Schema.String,
      value: Schema.Struct({
        stringValue: Schema.optionalKey(Schema.String),
        intValue: Schema.optionalKey(Schema.Union([Schema.Finite, Schema.String])),
        doubleValue: Schema.optionalKey(Schema.Finite),
        boolValue: Schema.optionalKey(Schema.Boolean)
      })
    })
  )
})

const Body = Schema.fromJsonString(
  Schema.Struct({
    resourceSpans: Schema.Array(
      Schema.Struct({
        scopeSpans: Schema.Array(
          Schema.Struct({
            scope: Schema.optionalKey(Schema.Struct({ name: Schema.String })),
            spans: Schema.Array(Span)
          })
        )
      })
    )
  })
)

const decode = Schema.decodeUnknownSync(Body)

/** A span that arrived, its attributes by name, its times in milliseconds. */
export interface Arrived {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  /** The name of its instrumentation scope. */
  readonly scope: string | undefined
  readonly links: ReadonlyArray<{ readonly traceId: string; readonly spanId: string }>
  readonly start: number
  readonly end: number
  readonly error: boolean
  readonly attributes: Readonly<Record<string, string | number | boolean | undefined>>
}

const arrived = (span: typeof Span.Type, scope: string | undefined): Arrived => ({
  scope,
  name: span.name,
  traceId: span.traceId,
  spanId: span.spanId,
  parentSpanId: span.parentSpanId,
  links: span.links ?? [],
  start: Number(span.startTimeUnixNano) / 1e6,
  end: Number(span.endTimeUnixNano) / 1e6,
  error: span.status.code === 2,
  attributes: Object.fromEntries(
    span.attributes.map(({ key, value }) => [
      key,
      value.stringValue ??
        value.doubleValue ??
        value.boolValue ??
        (value.intValue === undefined ? undefined : Number(value.intValue))
    ])
  )
})

export interface Collector {
  readonly url: string
  readonly spans: Effect.Effect<ReadonlyArray<Arrived>>
  /** Everything that came, as it came. */
  readonly bytes: Effect.Effect<string>
}

/** An OTLP collector on loopback that keeps what it gets. */
export const make = Effect.acquireRelease(
  Effect.callback<Collector & { readonly server: Server }>((resume) => {
    const bodies: Array<string> = []
    const traces: Array<string> = []
    const server = createServer((request, response) => {
      let body = ""
      request.setEncoding("utf8")
      request.on("data", (chunk: string) => (body += chunk))
      request.on("end", () => {
        bodies.push(body)
        if (request.url?.endsWith("/v1/traces")) traces.push(body)
        response.writeHead(200, { "content-type": "application/json" }).end("{}")
      })
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const spans = Effect.sync(() =>
        traces.flatMap((body) =>
          decode(body).resourceSpans.flatMap(({ scopeSpans }) =>
            scopeSpans.flatMap(({ scope, spans }) => spans.map((span) => arrived(span, scope?.name)))
          )
        )
      )
      resume(
        Effect.succeed({
          server,
          spans,
          url: `http://127.0.0.1:${port}`,
          bytes: Effect.sync(() => bodies.join("\n"))
        })
      )
    })
  }),
  ({ server }) => Effect.sync(() => server.close())
)
