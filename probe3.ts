import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as M from "./src/testing/ModelServer.ts"
import * as Codex from "./test/support/realCodex.ts"
const say = (l: string, v: unknown) => Effect.sync(() => console.log(l, JSON.stringify(v).slice(0, 2500)))
Effect.gen(function* () {
  const server = yield* M.make(() => M.reply(M.text("ok")))
  const env = yield* M.home(server)
  const ws = Fs.mkdtempSync("/tmp/probe-")
  const c: any = yield* Codex.start({ env: env as any })
  const turn = (c: any, threadId: string, more: object) => Effect.gen(function* () {
    const done = yield* c.watch((n: any) => n.method === "turn/completed" && n.params.threadId === threadId)
    yield* c.request("turn/start", { threadId, input: [{ type: "text", text: "hi", text_elements: [] }], ...more })
    yield* done
    const q: any = (yield* server.requests).at(-1)
    const counts = ["AAA", "BBB", "CCC"].map((x) => x + ":" + (JSON.stringify(q.body.input).split(x).length - 1)).join(" ")
    console.log(counts, JSON.stringify(q.body.input.filter((i: any) => /BBB|CCC/.test(JSON.stringify(i)))).slice(0, 900))
  }).pipe(Effect.scoped, Effect.catch((e) => Effect.sync(() => { console.log("ERR " + (e as any).message) })))
  const r1 = yield* c.request("thread/start", { cwd: ws, sandbox: "workspace-write", approvalPolicy: "on-request", developerInstructions: "AAA" })
  const id = r1.thread.id
  const ac = (value: string, kind: string) => ({ additionalContext: { "effect-codex": { value, kind } } })
  yield* turn(c, id, {}); yield* turn(c, id, ac("BBB", "application")); yield* turn(c, id, ac("BBB", "application")); yield* turn(c, id, {}); yield* turn(c, id, ac("CCC", "application")); yield* turn(c, id, ac("BBB", "application"))
  const done = yield* c.watch((n: any) => n.method === "turn/completed")
  yield* c.request("thread/compact/start", { threadId: id }); yield* done
  console.log("compacted")
  yield* turn(c, id, ac("BBB", "application")); yield* turn(c, id, ac("BBB", "application"))
  yield* c.request("thread/unsubscribe", { threadId: id })
  const c2: any = yield* Codex.start({ env: env as any })
  yield* Effect.sleep(100)
  yield* c.request("thread/resume", { threadId: id, developerInstructions: "CCC" })
  yield* turn(c, id, ac("BBB", "application"))
  const d2 = yield* c.watch((n: any) => n.method === "turn/completed")
  yield* c.request("thread/compact/start", { threadId: id }); yield* d2
  console.log("compacted after cold resume with CCC")
  yield* turn(c, id, {})
  const rd: any = yield* c.request("thread/read", { threadId: id, includeTurns: true })
  console.log(rd.thread.path)
  const lines = Fs.readFileSync(rd.thread.path, "utf8").trim().split("\n")
  for (const l of lines) if (/AAA|BBB|CCC/.test(l)) console.log("  ", l.slice(0, 300))
}).pipe(Effect.scoped, Effect.provide(NodeServices.layer), Effect.runPromise).catch((e) => console.error(e))
