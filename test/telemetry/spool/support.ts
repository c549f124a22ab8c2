/** Shared by the spool's tests: a collector with scripted answers and outages, and an environment with a spool. */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs"
import * as Http from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Settings from "../../../src/telemetry/config/Settings.ts"
import { environment } from "../../support/environment.ts"

const Item = Schema.Struct({
  spanId: Schema.optionalKey(Schema.String),
  name: Schema.optionalKey(Schema.String),
  body: Schema.optionalKey(Schema.Struct({ stringValue: Schema.String })),
  endTimeUnixNano: Schema.optionalKey(Schema.String),
  startTimeUnixNano: Schema.optionalKey(Schema.String),
  status: Schema.optionalKey(Schema.Struct({ code: Schema.optionalKey(Schema.Finite) })),
  attributes: Schema.Array(Schema.Struct({ key: Schema.String, value: Schema.Json }))
})
const Request = Schema.fromJsonString(
  Schema.Struct({
    resourceSpans: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({ scopeSpans: Schema.Array(Schema.Struct({ spans: Schema.Array(Schema.Json) })) })
      )
    ),
    resourceLogs: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({ scopeLogs: Schema.Array(Schema.Struct({ logRecords: Schema.Array(Schema.Json) })) })
      )
    )
  })
)
const decode = Schema.decodeSync(Request)
const decodeItem = Schema.decodeUnknownSync(Item)

/** Every item of a request, each as its own text of JSON. */
export const itemsIn = (body: string): ReadonlyArray<string> => {
  const { resourceLogs = [], resourceSpans = [] } = decode(body)
  return [
    ...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
    ...resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords))
  ].map((item) => JSON.stringify(item))
}

export interface Parsed extends Schema.Schema.Type<typeof Item> {}
export const parsed = (item: string): Parsed => decodeItem(JSON.parse(item))

export interface Got {
  readonly path: string | undefined
  readonly type: string | undefined
  readonly bytes: Buffer
  readonly at: number
}

export type Answer = (request: Got, response: Http.ServerResponse) => void
export const ok: Answer = (_, response) =>
  void response.writeHead(200, { "content-type": "application/json" }).end("{}")
export const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): Answer =>
  (_, response) =>
    void response.writeHead(code, headers).end()

/** A collector on loopback with scripted answers. `got` has the accepted items, `asked` all requests. */
export const collector = (answer: Answer = ok, port = 0) =>
  Effect.acquireRelease(
    Effect.callback<{
      readonly url: string
      readonly port: number
      readonly got: ReadonlyArray<Got>
      readonly asked: ReadonlyArray<Got>
      readonly items: () => ReadonlyArray<string>
      readonly answerWith: (answer: Answer) => void
      readonly close: () => void
    }>((resume) => {
      const got: Array<Got> = []
      const asked: Array<Got> = []
      let current = answer
      const server = Http.createServer((request, response) => {
        const chunks: Array<Buffer> = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk))
        request.on("error", () => {})
        request.on("end", () => {
          const one = {
            path: request.url,
            type: request.headers["content-type"],
            bytes: Buffer.concat(chunks),
            at: performance.now()
          }
          asked.push(one)
          current(one, response)
          if (response.statusCode < 300 && response.headersSent) got.push(one)
        })
      })
      server.listen(port, "127.0.0.1", () => {
        const address = server.address()
        const bound = typeof address === "object" && address !== null ? address.port : 0
        resume(
          Effect.succeed({
            port: bound,
            url: `http://127.0.0.1:${bound}`,
            got,
            asked,
            items: () => got.flatMap(({ bytes }) => itemsIn(bytes.toString())),
            answerWith: (answer) => (current = answer),
            close: () => {
              server.closeAllConnections()
              server.close()
            }
          })
        )
      })
    }),
    ({ close }) => Effect.sync(close)
  )

/** The URL of a port without a listener. */
export const unusedUrl = Effect.scoped(Effect.map(collector(), ({ url }) => url))

export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "spool-test-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Lists everything below a directory. */
export const below = (path: string): ReadonlyArray<string> =>
  readdirSync(path, { recursive: true, encoding: "utf8" }).map((name) => join(path, name))

export const filesBelow = (path: string): ReadonlyArray<string> =>
  below(path).filter((name) => statSync(name).isFile())

export const bytesBelow = (path: string): number =>
  filesBelow(path).reduce((sum, file) => sum + statSync(file).size, 0)

export { environment }

export const variables = (url: string, directory: string, more: Settings.Environment = {}) => ({
  CODEX_OTLP_ENABLE: "1",
  CODEX_OTLP_ENDPOINT: url,
  CODEX_OTLP_SPOOL_DIR: directory,
  OTEL_METRICS_EXPORTER: "none",
  OTEL_BSP_SCHEDULE_DELAY: "20",
  OTEL_BLRP_SCHEDULE_DELAY: "20",
  CODEX_HOME: directory,
  HOME: directory,
  ...more
})

/** Captures the log while the layer is in use. */
export const capture = () => {
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(
    ({ logLevel, message }) => void lines.push(`${logLevel} ${[message].flat().join(" ")}`)
  )
  return { lines, layer: Logger.layer([logger]) }
}

/** Waits up to a minute for a condition. The caller asserts the condition afterwards. */
export const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (let left = 6000; left > 0 && !holds(); left--) yield* Effect.sleep("10 millis")
  })
