/** Exports through a proxy, and past it. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Http from "node:http"
import * as Net from "node:net"
import * as Otlp from "../../../src/telemetry/Otlp.ts"
import * as Settings from "../../../src/telemetry/config/Settings.ts"

interface Seen {
  readonly line: string
  readonly authorization: string | undefined
}

/** A proxy on loopback that answers for every host there is; `CONNECT` it takes note of and refuses. */
const proxy = Effect.acquireRelease(
  Effect.callback<{ readonly port: number; readonly seen: Array<Seen>; readonly close: () => void }>(
    (resume) => {
      const seen: Array<Seen> = []
      const note = (request: Http.IncomingMessage) =>
        void seen.push({
          line: `${request.method} ${request.url}`,
          authorization: request.headers["proxy-authorization"]
        })
      const server = Http.createServer((request, response) => {
        note(request)
        request.resume()
        request.on("end", () => response.writeHead(200, { "content-type": "application/json" }).end("{}"))
      })
      server.on("connect", (request: Http.IncomingMessage, socket: Net.Socket) => {
        note(request)
        socket.end("HTTP/1.1 403 Forbidden\r\n\r\n")
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        const close = () => {
          server.closeAllConnections()
          server.close()
        }
        resume(Effect.succeed({ port, seen, close }))
      })
    }
  ),
  ({ close }) => Effect.sync(close)
)

const sent = (variables: Settings.Environment) =>
  Effect.withSpan(Effect.void, "traced").pipe(
    Effect.provide(
      Layer.fresh(Otlp.OtlpLayer).pipe(
        Layer.provide(Layer.merge(Layer.succeed(Settings.Environment, variables), Logger.layer([])))
      )
    )
  )

const far = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://collector.invalid:4318/v1/traces" }

it.live("spans go through the configured proxy with its credentials", () =>
  Effect.gen(function* () {
    const { port, seen } = yield* proxy
    yield* sent({ ...far, HTTP_PROXY: `http://ada:pass@127.0.0.1:${port}` })
    assert.deepStrictEqual(seen, [
      {
        line: "POST http://collector.invalid:4318/v1/traces",
        authorization: `Basic ${Buffer.from("ada:pass").toString("base64")}`
      }
    ])
  }).pipe(Effect.scoped)
)

it.live("spans for an https collector go through a CONNECT tunnel", () =>
  Effect.gen(function* () {
    const { port, seen } = yield* proxy
    yield* sent({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://collector.invalid/v1/traces",
      HTTPS_PROXY: `http://127.0.0.1:${port}`
    })
    assert.isAtLeast(seen.length, 1)
    for (const { line } of seen) assert.strictEqual(line, "CONNECT collector.invalid:443")
  }).pipe(Effect.scoped)
)

it.live("spans bypass the proxy for excluded hosts and for a collector on this machine", () =>
  Effect.gen(function* () {
    const { port, seen } = yield* proxy
    const there = `http://127.0.0.1:${port}`
    const collector = yield* proxy
    const direct = { line: "POST /v1/traces", authorization: undefined }
    const at = (host: string) => ({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://${host}:${collector.port}/v1/traces`
    })
    // Every address of this machine, which to a proxy is one like any other.
    yield* sent({ ...at("0.0.0.0"), HTTP_PROXY: there, NO_PROXY: "0.0.0.0" })
    yield* sent({ ...at("0.0.0.0"), HTTPS_PROXY: there })
    yield* sent({ ...at("localhost"), HTTP_PROXY: there })
    yield* sent({ ...at("127.0.0.1"), HTTP_PROXY: there })
    assert.deepStrictEqual([seen.length, collector.seen], [0, [direct, direct, direct, direct]])
    yield* sent({ ...at("0.0.0.0"), HTTP_PROXY: there, NO_PROXY: ".invalid" })
    assert.deepStrictEqual([seen.length, collector.seen.length], [1, 4])
  }).pipe(Effect.scoped)
)
