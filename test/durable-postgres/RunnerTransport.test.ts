/** Who may speak to a worker: only processes that have the secret of the database. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { RunnerAddress } from "effect/cluster/RunnerAddress"
import * as Runners from "effect/cluster/Runners"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { connect as connectPlain } from "node:net"
import { connect as connectTls } from "node:tls"
import * as RunnerTransport from "../../src/durable-postgres/RunnerTransport.ts"
import * as Live from "../support/live.ts"

const secret = Redacted.make(randomBytes(32))
const Pings = RpcGroup.make(Rpc.make("Ping"))

/** Starts a worker's server that counts the requests that it answers. */
const serve = Effect.gen(function* () {
  let answered = 0
  const handlers = Pings.toLayer({ Ping: () => Effect.sync(() => void answered++) })
  const context = yield* Layer.build(
    RpcServer.layer(Pings, { disableTracing: true }).pipe(
      Layer.provide(handlers),
      Layer.provide(RpcServer.layerProtocolSocketServer),
      Layer.provideMerge(RunnerTransport.layerServer(secret, { host: "127.0.0.1", port: 0 })),
      Layer.provide(RpcSerialization.layerSchemaBinary())
    )
  )
  const address = yield* RunnerTransport.OwnAddress.pipe(Effect.provide(context))
  return { address, answered: () => answered }
})

/** Sends a ping as a worker with a secret does. */
const ping = (address: RunnerAddress, key: Redacted.Redacted<Buffer>) =>
  Effect.gen(function* () {
    const { make } = yield* Runners.RpcClientProtocol
    const protocol = yield* make(address)
    const client = yield* RpcClient.make(Pings).pipe(Effect.provideService(RpcClient.Protocol, protocol))
    yield* client.Ping()
  }).pipe(
    Effect.scoped,
    Effect.provide(RunnerTransport.layerClient(key).pipe(Layer.provide(RpcSerialization.layerSchemaBinary())))
  )

describe("the port of a worker", () => {
  Live.test("answers a worker of the same database", () =>
    Effect.gen(function* () {
      const { address, answered } = yield* serve
      assert.isAbove(address.port, 0)
      yield* ping(address, secret)
      assert.strictEqual(answered(), 1)
    })
  )

  Live.test("refuses a process that has another secret, and goes on answering workers", () =>
    Effect.gen(function* () {
      const { address, answered } = yield* serve
      const exit = yield* Effect.exit(ping(address, Redacted.make(randomBytes(32))))
      assert.strictEqual(exit._tag, "Failure")
      assert.notInclude(JSON.stringify(exit), Redacted.value(secret).toString("hex"))
      assert.strictEqual(answered(), 0)
      yield* ping(address, secret)
      assert.strictEqual(answered(), 1)
    })
  )

  Live.test("refuses a process without a secret, over TLS and without it", () =>
    Effect.gen(function* () {
      const { address, answered } = yield* serve
      const { host, port } = address
      const tls = yield* Effect.promise(async () => {
        const socket = connectTls({ host, port, rejectUnauthorized: false })
        return String(await once(socket, "secureConnect").catch((error: unknown) => error))
      })
      assert.match(tls, /handshake failure|ECONNRESET/)
      yield* Effect.promise(async () => {
        const socket = connectPlain(port, host, () => socket.write(randomBytes(4096)))
        socket.on("error", () => {}).resume()
        await once(socket, "close")
      })
      assert.strictEqual(answered(), 0)
    })
  )
})
