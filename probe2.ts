import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as M from "./src/testing/ModelServer.ts"
import * as Codex from "./test/support/realCodex.ts"
const say = (l: string, v: unknown) => Effect.sync(() => console.log(l, JSON.stringify(v).slice(0, 1500)))
const pick = (r: any) => ({ model: r.model, prov: r.modelProvider, tier: r.serviceTier, cwd: r.cwd, roots: r.runtimeWorkspaceRoots, ap: r.approvalPolicy, rev: r.approvalsReviewer, sb: r.sandbox, prof: r.activePermissionProfile, eff: r.reasoningEffort })
Effect.gen(function* () {
  const server = yield* M.make(() => M.reply(M.text("ok")))
  const env = yield* M.home(server, { config: '[permissions.mine]\nextends = ":workspace"\n' })
  const ws = Fs.mkdtempSync("/tmp/probe-"); const extra = Fs.mkdtempSync("/var/tmp/probe-")
  const c: any = yield* Codex.start({ env: env as any })
  const order: string[] = []
  yield* c.watch((n: any) => { 
    if (n.method === "thread/settings/updated") { const s = n.params.threadSettings; order.push("SETTINGS " + JSON.stringify({cwd: s.cwd, ap: s.approvalPolicy, sb: s.sandboxPolicy, prof: s.activePermissionProfile, model: s.model, eff: s.effort, sum: s.summary, tier: s.serviceTier, rev: s.approvalsReviewer})) }
    else if (/turn\/|warn/i.test(n.method)) order.push(n.method + (/warn/i.test(n.method) ? JSON.stringify(n.params) : ""))
    return false })
  const flush = (l: string) => Effect.sync(() => { console.log(l); for (const o of order.splice(0)) console.log("   ", o.slice(0, 600)) })
  const turn = (threadId: string, more: object) => Effect.gen(function* () {
    const done = yield* c.watch((n: any) => n.method === "turn/completed" && n.params.threadId === threadId)
    order.push("SENT")
    yield* c.request("turn/start", { threadId, input: [{ type: "text", text: "hi", text_elements: [] }], ...more })
    order.push("REPLY")
    yield* done
  }).pipe(Effect.scoped, Effect.catch((e) => Effect.sync(() => { order.push("ERR " + (e as any).message) })))
  const r1 = yield* c.request("thread/start", { cwd: ws, sandbox: "workspace-write", approvalPolicy: "on-request", developerInstructions: "AAA" })
  const id = r1.thread.id
  yield* turn(id, {}); yield* flush("t1 same")
  yield* turn(id, { sandboxPolicy: { type: "readOnly" }, approvalPolicy: "never", model: "gpt-5.1-codex", effort: "low", summary: "concise" }); yield* flush("t2")
  yield* turn(id, { sandboxPolicy: { type: "readOnly" } }); yield* flush("t3 same ro")
  yield* turn(id, { sandboxPolicy: { type: "workspaceWrite", writableRoots: [extra], networkAccess: true }, cwd: extra }); yield* flush("t4")
  yield* turn(id, { permissions: ":read-only" }); yield* flush("t6 :read-only")
  yield* turn(id, { permissions: "mine" }); yield* flush("t6 mine")
  yield* turn(id, { permissions: "nope" }); yield* flush("t6 nope")
  yield* turn(id, { permissions: "mine", sandboxPolicy: { type: "readOnly" } }); yield* flush("t6 both")
  yield* turn(id, { runtimeWorkspaceRoots: [ws, extra] }); yield* flush("t7 roots")
  yield* turn(id, { sandboxPolicy: {type: "workspaceWrite", writableRoots: ["relative/x"]} }); yield* flush("t8 relroot")
  yield* turn(id, { sandboxPolicy: {type: "workspaceWrite"}, serviceTierForTurn: "flex" }); yield* flush("t9 tier for turn")
  yield* turn(id, { serviceTier: "bogus", effort: "weird", approvalsReviewer: "auto_review" }); yield* flush("t10 bogus")
  yield* c.request("thread/settings/update", { threadId: id, model: "gpt-5.4", sandboxPolicy: { type: "dangerFullAccess" } }); order.push("UPD REPLY"); yield* flush("upd")
  yield* Effect.sleep(100); yield* flush("upd later")
  yield* turn(id, {modelProvider: "other", approvalPolicy: {granular:{sandbox_approval:true,rules:false,skill_approval:false,request_permissions:false,mcp_elicitations:false}}}); yield* flush("t11")
  const reqs: any = yield* server.requests
  yield* say("models", reqs.map((r: any) => [r.body.model, r.body.reasoning, r.body.service_tier]))
  for (const more of [{ permissions: "mine" }, { permissions: ":workspace", runtimeWorkspaceRoots: [ws, extra] }, { sandbox: "read-only", permissions: ":workspace" }, { sandbox: "read-only", runtimeWorkspaceRoots: [ws, extra] }, { sandbox: "danger-full-access", config: { "sandbox_workspace_write.network_access": true }}, {sandbox:"read-only", config:{"sandbox_workspace_write.network_access": true}}, {modelProvider: "nope"}, {config: {model_reasoning_summary: "bogus"}}, {config:{sandbox_workspace_write: {network_access: true, writable_roots: ["rel"]}}, sandbox: "workspace-write"}, {sandbox:"workspace-write", config:{"features.network_proxy": true}}, {config: {"tools.web_search": true}}, {serviceTier: "fast"}]) {
    const r: any = yield* c.request("thread/start", { cwd: ws, ...more }).pipe(Effect.catch((e) => Effect.succeed({ err: String((e as any).message) })))
    yield* say("start " + JSON.stringify(more), r.thread ? pick(r) : r)
  }
  yield* flush("end")
  // cold resume of id: unsubscribe then resume
  yield* say("unsub", yield* c.request("thread/unsubscribe", { threadId: id }))
  const r3 = yield* c.request("thread/resume", { threadId: id, sandbox: "read-only", developerInstructions: "BBB", baseInstructions: "BASE2", model: "gpt-5.4" })
  yield* say("resume after unsub", pick(r3))
  yield* turn(id, {})
  const f = yield* c.request("thread/fork", { threadId: id, developerInstructions: "CCC", baseInstructions: "BASE3", sandbox: "workspace-write", permissions: null, runtimeWorkspaceRoots: [ws, extra], config: {"sandbox_workspace_write.network_access": true, web_search: "disabled"} })
  yield* say("fork", pick(f)); yield* turn(f.thread.id, {})
  const reqs2: any = (yield* server.requests).slice(-2)
  for (const r of reqs2) { const s = JSON.stringify(r.body); yield* say("has", ["AAA", "BBB", "CCC", "BASE2", "BASE3"].map((x) => [x, s.split(x).length - 1])); yield* say("instr", String(r.body.instructions).slice(0,100)); yield* say("tools", r.body.tools.map((t: any) => t.name ?? t.type)) }
  yield* flush("end2")
}).pipe(Effect.scoped, Effect.provide(NodeServices.layer), Effect.runPromise).catch((e) => console.error(e))
