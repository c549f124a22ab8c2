/** Attacks on the approval page of `effect-codex serve`: tokens without the role, other web pages, slow clients, huge bodies. */
import * as Effect from "effect/Effect"
import { connect } from "node:net"
import * as Scripted from "../../src/testing/Scripted.ts"
import * as DurableTurns from "../../test/serve/durableTurns.ts"
import * as Server from "../../test/serve/server.ts"
import type { Attack } from "./Attack.ts"

const script = [Scripted.command("npm test", { approval: true }), Scripted.message("Fixed.")]

/** A server on which an agent waits for approval, and the request. */
const waiting = Effect.gen(function* () {
  const server = yield* Server.start()
  yield* server.play(script)
  const submitter = Server.client(server.url, yield* server.add("submit"))
  const { body: thread } = yield* submitter.json("POST", "/threads", {})
  const path = `/threads/${thread.id}`
  const turn = yield* submitter.send("POST", `${path}/turns`, { input: "Fix it", onDisconnect: "continue" })
  yield* Effect.promise(async () => turn.body?.cancel())
  const { body } = yield* submitter.json("GET", `${path}/approvals?wait=60`)
  const [{ hash, id }] = body
  return { server, submitter, answer: `${path}/approvals/${id}`, hash: String(hash) }
})

const held = (status: number | undefined, expected: number): string =>
  status === expected ? "held" : `the server answered with the status ${status}`

export const serve: ReadonlyArray<Attack> = [
  {
    id: "H28",
    title: "the token that starts turns cannot approve what comes of them",
    run: Effect.gen(function* () {
      const { answer, hash, submitter } = yield* waiting
      return held((yield* submitter.json("POST", answer, { hash, decision: "accept" })).status, 403)
    }),
    mutant: {
      file: "src/serve/ServeAccess.ts",
      original: 'answer: ["approve"]',
      mutated: 'answer: ["approve", "submit"]'
    }
  },
  {
    id: "H28",
    title: "the page of another origin cannot approve, even with the secret of the login",
    run: Effect.gen(function* () {
      const { answer, hash, server } = yield* waiting
      const { status } = yield* Server.raw(
        server.url,
        {
          host: new URL(server.url).host,
          origin: "http://evil.example",
          authorization: `Bearer ${yield* server.add("approve")}`,
          "content-type": "application/json"
        },
        { method: "POST", path: `/api${answer}`, body: JSON.stringify({ hash, decision: "accept" }) }
      )
      return held(status, 403)
    }),
    mutant: {
      file: "src/serve/RequestGuard.ts",
      original: "if (isForeign(request.headers, request)) return refuse(403, foreign)",
      mutated: ""
    }
  },
  {
    id: "H28",
    title: "a token cannot continue the durable thread of another program, which may have no sandbox",
    run: Effect.gen(function* () {
      const { durable } = yield* DurableTurns.open
      yield* durable.submit("Deploy", { key: "deploy", thread: "deploys", sandbox: "danger-full-access" })
      const server = yield* Server.start({ durable: { client: durable, submit: {} } })
      const client = Server.client(server.url, yield* server.add("submit"))
      const body = { id: "a", input: "rm -rf /", thread: "deploys" }
      return held((yield* client.json("POST", "/durable/turns", body)).status, 403)
    }),
    mutant: { file: "src/serve/DurableHandlers.ts", original: "thread.startsWith(prefix)", mutated: "true" }
  },
  {
    id: "H29",
    title: "a body of 480,000 values is refused before it is decoded",
    run: Effect.gen(function* () {
      const server = yield* Server.start()
      const client = Server.client(server.url, yield* server.add("approve"))
      const content = `{"a":[${"1,".repeat(480_000)}1]}`
      const body = `{"hash":"x","decision":"accept","given":{"content":${content}}}`
      const { status } = yield* client.json("POST", "/durable/approvals/a", undefined, { body })
      return held(status, 413)
    }),
    mutant: {
      file: "src/http/JsonSize.ts",
      original: "if (values > limits.values) return true",
      mutated: ""
    }
  },
  {
    id: "H29",
    title: "a client that sends its headers byte by byte loses its connection",
    run: Effect.gen(function* () {
      const server = yield* Server.start({
        patience: { headersTimeout: 200, requestTimeout: 300, connectionsCheckingInterval: 50 }
      })
      const { hostname, port } = new URL(server.url)
      const closed = Effect.callback<string>((resume) => {
        const socket = connect(Number(port), hostname)
        socket.write("GET / HTTP/1.1\r\nHost: ")
        const dripping = setInterval(() => socket.write("x"), 50)
        socket.on("error", () => {})
        socket.resume()
        socket.once("close", () => {
          clearInterval(dripping)
          resume(Effect.succeed("held"))
        })
        return Effect.sync(() => {
          clearInterval(dripping)
          socket.destroy()
        })
      })
      return yield* Effect.timeoutOrElse(closed, {
        duration: "20 seconds",
        orElse: () => Effect.succeed("the connection is still open")
      })
    }),
    mutant: {
      file: "src/serve/Server.ts",
      original: "const options = { ...nodeOptions, ...patience }",
      mutated: "const options = { ...nodeOptions, ...patience, headersTimeout: 0, requestTimeout: 0 }"
    }
  }
]
