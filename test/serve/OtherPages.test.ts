import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { connect } from "node:net"
import { test } from "../support/live.ts"
import * as Server from "./server.ts"

describe("another web page", () => {
  test("is refused by its Host, its Origin and its fetch metadata, even with a valid token", () =>
    Effect.gen(function* () {
      const server = yield* Server.start({ allowedHosts: ["approvals.example"] })
      const authorization = `Bearer ${yield* server.add("read", "submit", "approve")}`
      const { host } = new URL(server.url)
      const port = host.slice(host.indexOf(":"))
      const status = (headers: Readonly<Record<string, string>>, path = "/api/me") =>
        Effect.map(Server.raw(server.url, { authorization, ...headers }, { path }), ({ status }) => status)
      for (const name of ["evil.example", `evil.example${port}`, "127.0.0.1.evil.example", "localhost@evil"])
        assert.strictEqual(yield* status({ host: name }), 421, name)
      for (const name of [host, `localhost${port}`, `approvals.example${port}`, "approvals.example"])
        assert.strictEqual(yield* status({ host: name, origin: `http://${name}` }), 200, name)
      for (const origin of [
        "null",
        "http://127.0.0.1:1",
        "http://evil.example",
        `http://localhost${port}`,
        `file://${host}`
      ])
        assert.strictEqual(yield* status({ host, origin }), 403, origin)
      for (const site of ["cross-site", "same-site"])
        assert.strictEqual(
          yield* status({ host, "sec-fetch-site": site, "sec-fetch-mode": "cors" }),
          403,
          site
        )
      // A link on another page may lead to the page, and only to it.
      const link = { host, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }
      assert.strictEqual(yield* status({ ...link, "sec-fetch-dest": "document" }, "/"), 200)
      assert.strictEqual(yield* status({ ...link, "sec-fetch-dest": "iframe" }, "/"), 403)
      assert.strictEqual(yield* status({ ...link, "sec-fetch-dest": "document" }, "/api/me"), 403)
    }))

  test("gets no permission to read, and every response forbids frames, foreign scripts and caches", () =>
    Effect.gen(function* () {
      const server = yield* Server.start()
      for (const path of ["/", "/api/me", "/nothing", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd"]) {
        const response = yield* Effect.promise(() => fetch(`${server.url}${path}`))
        const { headers } = response
        assert.isNull(headers.get("access-control-allow-origin"))
        assert.isNull(headers.get("set-cookie"))
        assert.strictEqual(headers.get("x-content-type-options"), "nosniff")
        assert.strictEqual(headers.get("x-frame-options"), "DENY")
        assert.strictEqual(headers.get("cache-control"), "no-store")
        assert.strictEqual(
          headers.get("content-security-policy"),
          "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
            "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
            "require-trusted-types-for 'script'; trusted-types 'none'"
        )
        assert.notInclude(yield* Effect.promise(() => response.text()), "root:")
      }
      const preflight = yield* Effect.promise(() =>
        fetch(`${server.url}/api/login`, { method: "OPTIONS", headers: { origin: "http://evil.example" } })
      )
      assert.strictEqual(preflight.status, 403)
    }))
})

describe("a proxy", () => {
  test("cannot be imitated: headers such as X-Forwarded-Host change neither the host, the origin nor the sender", () =>
    Effect.gen(function* () {
      const server = yield* Server.start({
        allowedHosts: ["approvals.example"],
        rates: { anonymousRate: { burst: 4, perSecond: 0.001 } }
      })
      const authorization = `Bearer ${yield* server.add("read")}`
      const { host } = new URL(server.url)
      const status = (headers: Readonly<Record<string, string>>) =>
        Effect.map(Server.raw(server.url, headers, { path: "/api/me" }), ({ status }) => status)
      const forwarded = { "x-forwarded-host": host, forwarded: `host=${host}`, "x-forwarded-proto": "https" }
      assert.strictEqual(yield* status({ authorization, host: "evil.example", ...forwarded }), 421)
      assert.strictEqual(
        yield* status({
          authorization,
          host,
          origin: "http://evil.example",
          "x-forwarded-host": "evil.example"
        }),
        403
      )
      // A proxy that ends TLS passes the Host header on, and the browser's Origin has its name.
      const proxied = { host: "approvals.example", origin: "https://approvals.example", ...forwarded }
      assert.strictEqual(yield* status({ authorization, ...proxied }), 200)
      const statuses = yield* Effect.forEach([1, 2, 3, 4, 5], (n) =>
        status({ host, "x-forwarded-for": `10.0.0.${n}`, "x-real-ip": `10.0.0.${n}` })
      )
      assert.deepStrictEqual(statuses, [401, 401, 401, 401, 429])
    }))
})

describe("a flood of requests", () => {
  for (const [name, sent] of [
    ["headers", "GET /api/me HTTP/1.1\r\nHost: "],
    ["a body", "POST /api/login HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\nHost: "]
  ] as const)
    test(`loses its connection when it sends ${name} slowly, and others are answered meanwhile`, () =>
      Effect.gen(function* () {
        const patience = { headersTimeout: 200, requestTimeout: 300, connectionsCheckingInterval: 50 }
        const server = yield* Server.start({ patience })
        const { host, hostname, port } = new URL(server.url)
        const ends = name === "headers" ? "" : `${host}\r\n\r\n{`
        const sockets = yield* Effect.acquireRelease(
          Effect.sync(() =>
            Array.from({ length: 50 }, () => {
              const socket = connect(Number(port), hostname)
              socket.on("error", () => {})
              socket.write(`${sent}${ends}`)
              // A byte now and then, as a patient attacker sends it.
              const dripping = setInterval(() => socket.write("x"), 50)
              const closed = new Promise<void>((resolve) =>
                socket.once("close", () => {
                  clearInterval(dripping)
                  resolve()
                })
              )
              // Reading lets the socket see that the server has closed it.
              socket.resume()
              return { socket, closed }
            })
          ),
          (sockets) => Effect.sync(() => sockets.forEach(({ socket }) => socket.destroy()))
        )
        const client = Server.client(server.url, yield* server.add("read"))
        assert.strictEqual((yield* client.json("GET", "/me")).status, 200)
        yield* Effect.promise(() => Promise.all(sockets.map(({ closed }) => closed)))
      }))

  test("cannot keep the server busy with a body of many values", () =>
    Effect.gen(function* () {
      const server = yield* Server.start()
      const client = Server.client(server.url, yield* server.add("submit", "approve"))
      const deep = `{"hash":"x","decision":"accept","given":{"content":{"a":${"[".repeat(480_000)}${"]".repeat(480_000)}}}}`
      for (const path of ["/threads/x/approvals/y", "/durable/approvals/y", "/login"]) {
        const { status } = yield* client.json("POST", path, undefined, { body: deep })
        assert.strictEqual(status, 413, path)
      }
    }))

  test("is limited for each sender, and senders without a secret do not block the others", () =>
    Effect.gen(function* () {
      const burst = { burst: 3, perSecond: 0.001 }
      const server = yield* Server.start({ rates: { rate: burst, anonymousRate: burst } })
      const client = (token?: string) => Server.client(server.url, token)
      const [one, other] = [yield* server.add("read"), yield* server.add("read")]
      const { body: login } = yield* client().json("POST", "/login", { token: one })
      const statuses = yield* Effect.forEach([1, 2, 3], () =>
        Effect.map(client().json("POST", "/login", { token: "guess" }), ({ status }) => status)
      )
      assert.deepStrictEqual(statuses, [401, 401, 429])
      // A token and its logins together have a limit of their own.
      const own = yield* Effect.forEach([one, login.session, one, login.session], (secret) =>
        Effect.map(client(secret).json("GET", "/me"), ({ status }) => status)
      )
      assert.deepStrictEqual(own, [200, 200, 200, 429])
      assert.strictEqual((yield* client(other).json("GET", "/me")).status, 200)
    }))

  test("cannot open more streams than a token has, nor send large bodies or headers", () =>
    Effect.gen(function* () {
      const server = yield* Server.start()
      const token = yield* server.add("submit")
      const client = Server.client(server.url, token)
      const streams = yield* Effect.forEach(Array.from({ length: 21 }), () => client.send("GET", "/updates"))
      assert.deepStrictEqual(
        streams.map(({ status }) => status),
        [...Array.from({ length: 20 }, () => 200), 429]
      )
      // Another token has places of its own.
      const other = yield* Server.client(server.url, yield* server.add("read")).send("GET", "/updates")
      assert.strictEqual(other.status, 200)
      const large = yield* client.json("POST", "/threads", { instructions: "x".repeat(2_000_000) })
      assert.strictEqual(large.status, 413)
      const headers = yield* Server.raw(server.url, { host: new URL(server.url).host, x: "y".repeat(20_000) })
      assert.strictEqual(headers.status, 431)
      yield* Effect.promise(() => Promise.all([...streams, other].map((stream) => stream.body?.cancel())))
    }))

  test("gets no WebSocket", () =>
    Effect.gen(function* () {
      const server = yield* Server.start()
      const token = yield* server.add("read")
      const answer = yield* Effect.promise(
        () =>
          new Promise<string>((resolve, reject) => {
            const { host, hostname, port } = new URL(server.url)
            const socket = connect(Number(port), hostname)
            socket.on("error", reject)
            let read = ""
            socket.on("data", (part) => (read += part.toString()))
            socket.on("close", () => resolve(read))
            socket.write(
              `GET /api/updates HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
                `Origin: http://evil.example\r\nAuthorization: Bearer ${token}\r\n` +
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
          })
      )
      assert.notInclude(answer, "101 Switching")
    }))
})
