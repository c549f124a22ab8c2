/** `effect-codex serve` with a certificate of its own, and without one on other addresses than loopback. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { connect } from "node:net"
import { request } from "node:https"
import * as Certificates from "../support/certificates.ts"
import * as CommandLine from "../support/commandLine.ts"
import { test } from "../support/live.ts"
import * as Server from "./server.ts"

/** Sends a request over TLS, and checks the certificate of the server. */
const send = (
  url: string,
  ca: string,
  init: {
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
  }
) =>
  Effect.promise(
    () =>
      new Promise<{ readonly status: number | undefined; readonly cookies: unknown; readonly body: string }>(
        (resolve, reject) => {
          const { body, ...options } = init
          const sent = request(url, { ca, agent: false, ...options }, (response) => {
            let text = ""
            response.setEncoding("utf8")
            response.on("data", (part: string) => (text += part))
            response.on("end", () =>
              resolve({ status: response.statusCode, cookies: response.headers["set-cookie"], body: text })
            )
          })
          sent.on("error", reject)
          sent.end(body)
        }
      )
  )

describe("effect-codex serve with a certificate", () => {
  test("serves the page and the API over HTTPS, sets no cookie, and answers no plain HTTP", () =>
    Effect.gen(function* () {
      const { server: certificate } = yield* Certificates.make
      const server = yield* Server.start({ tls: certificate })
      const token = yield* server.add("read")
      const { host, hostname, origin, port } = new URL(server.url)
      assert.strictEqual(origin, `https://${host}`)
      const call = (path: string, init: Parameters<typeof send>[2] = {}) =>
        send(`${server.url}${path}`, certificate.ca, init)
      const json = { origin, "content-type": "application/json" }
      const login = yield* call("/api/login", {
        method: "POST",
        headers: json,
        body: JSON.stringify({ token })
      })
      assert.strictEqual(login.status, 200)
      const authorization = `Bearer ${JSON.parse(login.body)["session"]}`
      const me = yield* call("/api/me", { headers: { authorization } })
      assert.strictEqual(me.status, 200)
      const page = yield* call("/")
      assert.include(page.body, "<!doctype html>")
      // The login is in no cookie, so no cookie can go to another port or over plain HTTP.
      assert.deepStrictEqual(
        [login, me, page].map(({ cookies }) => cookies),
        [undefined, undefined, undefined]
      )
      const plain = yield* Effect.promise(
        () =>
          new Promise<string>((resolve) => {
            const socket = connect(Number(port), hostname)
            let read = ""
            socket.on("data", (part) => (read += part.toString("latin1")))
            // The server may end the connection or reset it.
            socket.on("error", () => {})
            socket.on("close", () => resolve(read))
            socket.write(`GET /api/me HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${authorization}\r\n\r\n`)
          })
      )
      assert.notInclude(plain, "HTTP/")
    }))

  test("does not start on another address without TLS, with half of a certificate, or with files that are no certificate and its key", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-tls-" })
      const certificates = yield* Certificates.make
      const [cert, key] = [certificates.path("server.pem"), certificates.path("server.key")]
      const noPair = "--tls-cert and --tls-key: not a certificate with its private key, as PEM"
      const env = { HOME: directory, XDG_STATE_HOME: `${directory}/state`, CODEX_PATH: "/nowhere/codex" }
      for (const [args, expected] of [
        [["--host", "0.0.0.0"], "--host 0.0.0.0: other machines would send their tokens without encryption"],
        [["--host", "::"], "--host ::: other machines would send their tokens without encryption"],
        [["--host", "192.0.2.1", "--allow-host", "a.example"], "pass --tls-cert and --tls-key"],
        [["--tls-cert", "cert.pem"], "--tls-cert and --tls-key belong together"],
        [["--tls-key", "key.pem"], "--tls-cert and --tls-key belong together"],
        [["--tls-cert", "gone.pem", "--tls-key", "gone.key"], '--tls-cert: cannot read "gone.pem"'],
        [["--tls-cert", cert, "--tls-key", cert], noPair],
        [["--tls-cert", key, "--tls-key", key], noPair],
        [["--tls-cert", cert, "--tls-key", certificates.path("client.key")], noPair]
      ] as const) {
        const ran = yield* CommandLine.runHere({
          args: ["serve", "--port", "0", ...args],
          cwd: directory,
          env
        })
        assert.deepStrictEqual([ran.code, ran.stdout], [2, ""], args.join(" "))
        assert.include(ran.stderr, expected)
      }
      // Nothing was written, such as a directory of tokens.
      assert.isFalse(yield* fs.exists(`${directory}/state`))
    }))
})
