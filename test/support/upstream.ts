/** A web service on loopback that records its requests. */
import * as Effect from "effect/Effect"
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http"

export interface Asked {
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

/** Holds every request until `together` requests have arrived, so that they overlap on any machine. */
export const make = (together = 1) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const asked: Array<Asked> = []
      let waiting: Array<ServerResponse> = []
      const server = createServer((request, response) => {
        asked.push({ url: request.url ?? "", headers: request.headers })
        waiting.push(response)
        request.resume()
        if (waiting.length < together) return
        for (const answered of waiting) answered.writeHead(200).end("found")
        waiting = []
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      return { server, url: `http://127.0.0.1:${port}`, asked: Effect.sync(() => asked.slice()) }
    }),
    ({ server }) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )
