/**
 * The connections between workers. A message between workers can start, interrupt and end any turn, so a connection needs
 * the secret of the database: TLS with a pre-shared key proves that both ends know it, and encrypts what follows. Another
 * user of the machine or of the network can connect to the port, and gets no further than the handshake.
 */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { RunnerAddress } from "effect/cluster/RunnerAddress"
import * as Runners from "effect/cluster/Runners"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Socket from "effect/socket/Socket"
import * as SocketServer from "effect/socket/SocketServer"

const identity = "effect-codex"

/** Suites with forward secrecy: a secret that leaks later does not open what was recorded. */
const handshake = {
  ciphers: "ECDHE-PSK-CHACHA20-POLY1305:ECDHE-PSK-AES256-CBC-SHA384",
  minVersion: "TLSv1.2",
  maxVersion: "TLSv1.2"
} as const

/** Where a worker listens for other workers, and where they find it. */
export interface Listen {
  /** The address to listen on. Default: loopback. */
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  /** The name by which other workers reach this one, if it is not `host`. */
  readonly advertisedHost?: string | undefined
}

/** The address of this worker, as other workers know it. */
export class OwnAddress extends Context.Service<OwnAddress, RunnerAddress>()(
  "effect-codex/durable/postgres/OwnAddress"
) {}

/** Listens for other workers. */
export const layerServer = (secret: Redacted.Redacted<Buffer>, listen: Listen) =>
  Layer.effectContext(
    Effect.gen(function* () {
      const server = yield* NodeSocketServer.makeTls({
        ...handshake,
        host: listen.host,
        port: listen.port,
        pskCallback: (_, name) => (name === identity ? Redacted.value(secret) : null),
        // A connection of a stranger that sends nothing is closed after this time.
        handshakeTimeout: 5000
      })
      const { address } = server
      const port = address._tag === "UnixPathAddress" ? listen.port : address.port
      const own = new RunnerAddress({ host: listen.advertisedHost ?? listen.host, port })
      return Context.make(SocketServer.SocketServer, server).pipe(Context.add(OwnAddress, own))
    })
  )

/** Connects to other workers. */
export const layerClient = (secret: Redacted.Redacted<Buffer>) =>
  Layer.effect(
    Runners.RpcClientProtocol,
    Effect.gen(function* () {
      const serialization = yield* RpcSerialization.RpcSerialization
      return {
        codecFor: serialization.codecFor,
        make: Effect.fnUntraced(function* (address: RunnerAddress) {
          const socket = yield* NodeSocket.makeTls({
            ...handshake,
            host: address.host,
            port: address.port,
            openTimeout: "1 second",
            pskCallback: () => ({ psk: Redacted.value(secret), identity }),
            // There is no certificate: the key proves that the other end is a worker of this database.
            checkServerIdentity: () => undefined
          })
          return yield* RpcClient.makeProtocolSocket().pipe(
            Effect.provideService(Socket.Socket, socket),
            Effect.provideService(RpcSerialization.RpcSerialization, serialization)
          )
        })
      }
    })
  )
