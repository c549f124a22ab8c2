/** A proxy in front of a server of a test, whose connections can be cut. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"

export interface Proxy {
  readonly port: number
  /** Breaks all connections. */
  readonly cut: Effect.Effect<void>
  /** Breaks all connections, and refuses every new one until `up`. */
  readonly down: Effect.Effect<void>
  readonly up: Effect.Effect<void>
  /** Holds back everything in both directions: connections stay open and nothing arrives. */
  readonly freeze: Effect.Effect<void>
  /** Drops what the server answers from now on, until the next cut: statements run, and nobody learns of it. */
  readonly mute: Effect.Effect<void>
  /** Lets everything that was held back through. */
  readonly thaw: Effect.Effect<void>
  readonly connections: () => number
}

/** Listens on a random port of loopback and forwards to a port. */
export const make = Effect.fnUntraced(function* (
  target: number
): Effect.fn.Return<Proxy, never, Scope.Scope> {
  const pairs = new Set<readonly [client: Socket, server: Socket]>()
  let connections = 0
  let isFrozen = false
  let isMuted = false
  let isDown = false
  const server = createServer((client) => {
    connections++
    if (isDown) return void client.on("error", () => {}).destroy()
    const upstream = connect(target, "127.0.0.1")
    const pair = [client, upstream] as const
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      client.destroy()
      upstream.destroy()
    }
    client.on("error", end).on("close", end).pipe(upstream)
    upstream.on("error", end).on("close", end)
    upstream.on("data", (chunk) => void (isMuted || client.write(chunk)))
    if (isFrozen) for (const socket of pair) socket.pause()
  })
  yield* Effect.acquireRelease(
    Effect.promise(async () => {
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
    }),
    () =>
      Effect.sync(() => {
        for (const [client] of pairs) client.destroy()
        server.close()
      })
  )
  const address = server.address()
  const cut = Effect.sync(() => {
    isMuted = false
    for (const [client] of pairs) client.destroy()
  })
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    cut,
    down: Effect.andThen(
      Effect.sync(() => void (isDown = true)),
      cut
    ),
    up: Effect.sync(() => void (isDown = false)),
    mute: Effect.sync(() => void (isMuted = true)),
    freeze: Effect.sync(() => {
      isFrozen = true
      for (const pair of pairs) for (const socket of pair) socket.pause()
    }),
    thaw: Effect.sync(() => {
      isFrozen = false
      for (const pair of pairs) for (const socket of pair) socket.resume()
    }),
    connections: () => connections
  }
})
