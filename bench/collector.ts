/**
 * A collector on loopback, in its own process so that its work is not measured. It reads requests, responds like a
 * collector, and reports how much arrived.
 */
import { type ChildProcess, fork } from "node:child_process"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"

/** What arrived at one path. `turns` is the number of turn spans, in any encoding. */
export interface Arrived {
  readonly requests: number
  readonly bytes: number
  readonly turns: number
}

export interface Collector {
  readonly url: string
  readonly arrived: Effect.Effect<Readonly<Record<string, Arrived>>>
}

const self = fileURLToPath(import.meta.url)

const firstMessage = async (child: ChildProcess) => {
  const [message] = await Promise.race([once(child, "message"), once(child, "exit").then(() => [undefined])])
  if (message === undefined) throw new Error("the collector is gone")
  return message
}

/** Starts a collector, which runs until the scope closes. */
export const start: Effect.Effect<Collector, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(async () => {
    const child = fork(self, [], { execArgv: [] })
    return { child, url: String(await firstMessage(child)) }
  }),
  ({ child }) =>
    Effect.promise(async () => {
      const exit = once(child, "exit")
      if (child.connected) child.disconnect()
      if (child.exitCode === null && child.signalCode === null) await exit
    })
).pipe(
  Effect.map(({ child, url }) => ({
    url,
    arrived: Effect.promise(() => {
      const answer = firstMessage(child)
      child.send("arrived")
      return answer
    })
  }))
)

const occurrences = (body: string, name: string) => body.split(name).length - 1

if (process.argv[1] === self && process.send !== undefined) {
  process.on("SIGINT", () => {})
  const arrived: Record<string, Arrived> = {}
  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const path = request.url ?? ""
      const body = Buffer.concat(chunks)
      const before = arrived[path] ?? { requests: 0, bytes: 0, turns: 0 }
      arrived[path] = {
        requests: before.requests + 1,
        bytes: before.bytes + body.length,
        turns: before.turns + occurrences(body.toString("latin1"), "invoke_agent codex")
      }
      const type = request.headers["content-type"] ?? "application/json"
      response.writeHead(200, { "content-type": type }).end(type.includes("json") ? "{}" : "")
    })
  })
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo
    process.send?.(`http://127.0.0.1:${port}`)
  })
  process.on("message", () => process.send?.(arrived))
  process.once("disconnect", () => {
    server.close()
    server.closeAllConnections()
  })
}
