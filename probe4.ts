import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as M from "./src/testing/ModelServer.ts"
import * as Codex from "./test/support/realCodex.ts"
const code = (input: string, id: string) => M.reply(M.item({ type: "custom_tool_call", id: "ctc_" + id, call_id: "call_" + id, name: "exec", status: "completed", input }))
Effect.gen(function* () {
  const script = [code(`const r = await tools.exec_command({cmd: "echo hi > a.txt"}); text(JSON.stringify(r))`, "1"), code(`const r = await tools.exec_command({cmd: "echo y > in.txt; echo x > /root/out.txt"}); text(JSON.stringify(r))`, "2"), code("text('only js')", "3"), code("const r = await tools.update_plan({plan: [{step: 'a', status: 'pending'}]}); text(JSON.stringify(r))", "4"), code("text(JSON.stringify(ALL_TOOLS))", "4b"), M.reply(M.text("ok"))]
  const server = yield* M.make(script)
  const env = yield* M.home(server)
  const ws = Fs.mkdtempSync("/tmp/probe-")
  const c: any = yield* Codex.start({ env: env as any })
  yield* c.watch((n: any) => { if (/item\/(started|completed)|rawResponseItem/.test(n.method)) console.log(n.method, JSON.stringify(n.params.item).slice(0, 1800)); return false })
  const r1 = yield* c.request("thread/start", { cwd: ws, model: "gpt-6-sol", sandbox: "workspace-write", approvalPolicy: "never", experimentalRawEvents: true, config: {"features.executed_tool_call_metadata": true} })
  const done = yield* c.watch((n: any) => n.method === "turn/completed")
  yield* c.request("turn/start", { threadId: r1.thread.id, input: [{ type: "text", text: "hi", text_elements: [] }] })
  yield* done
  console.log(JSON.stringify((yield* server.requests)[0].body.input.find((i: any) => i.type === "additional_tools")).slice(0, 3000))
}).pipe(Effect.scoped, Effect.provide(NodeServices.layer), Effect.runPromise).catch((e) => console.error(e))
