import * as NodeServices from "@effect/platform-node/NodeServices"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as RealCodex from "../test/support/realCodex.ts"
import * as M from "../src/testing/ModelServer.ts"
export { M, Effect }
export const probe = (script: any, body: (x: any) => Effect.Effect<any, any, any>, opts: any = {}) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const server = yield* M.make(script)
    const env = yield* M.home(server, { config: opts.config })
    const ws = yield* fs.makeTempDirectoryScoped()
    const t0 = Date.now()
    const codex = yield* RealCodex.start({ env: env as any, answer: (m: string, p: any) => { console.log(Date.now() - t0, "REQ", m, JSON.stringify(p).slice(0, 200)); return { decision: "decline" } } })
    yield* codex.watch((n: any) => { if (!/delta|rateLimits|raw|mcpServer|readState|remoteControl|skills|configWarning|thread\/started|item\//i.test(n.method)) console.log(Date.now() - t0, n.method, JSON.stringify(n.params).slice(0, opts.width ?? 260)); return false })
    yield* body({ codex, server, ws, req: (m: string, p: any) => codex.request(m, p).pipe(Effect.tap((r) => Effect.sync(() => console.log(Date.now() - t0, "->", m, JSON.stringify(r).slice(0, opts.width ?? 260)))), Effect.catch((e: any) => Effect.sync(() => console.log(Date.now() - t0, "ERR", m, e.message)))) })
    console.log("requests", (yield* server.requests).length, yield* server.unexpected)
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer), Effect.timeout("20 seconds"), NodeRuntime.runMain)
