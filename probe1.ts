import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as M from "./src/testing/ModelServer.ts"
import * as Codex from "./test/support/realCodex.ts"
const say = (l: string, v: unknown) => Effect.sync(() => console.log(l, JSON.stringify(v).slice(0, 1500)))
const pick = (r: any) => ({ model: r.model, prov: r.modelProvider, tier: r.serviceTier, cwd: r.cwd, roots: r.runtimeWorkspaceRoots, ap: r.approvalPolicy, rev: r.approvalsReviewer, sb: r.sandbox, prof: r.activePermissionProfile, eff: r.reasoningEffort })
Effect.gen(function* () {
  const server = yield* M.make(() => M.reply(M.text("ok")))
  const env = yield* M.home(server)
  const ws = Fs.mkdtempSync("/tmp/probe-"); const extra = Fs.mkdtempSync("/var/tmp/probe-")
  const c: any = yield* Codex.start({ env: env as any })
  const keys = Object.keys(c); yield* say("keys", keys)
  const turn = (threadId: string, more: object) => Effect.gen(function* () {
    const from = c.log?.length ?? 0
    const done = yield* c.watch((n: any) => n.method === "turn/completed" && n.params.threadId === threadId)
    const seen = yield* c.watch((n: any) => n.method === "thread/settings/updated").pipe(Effect.asVoid)
    void seen
    yield* c.request("turn/start", { threadId, input: [{ type: "text", text: "hi", text_elements: [] }], ...more })
    yield* done
    const log = c.notifications ?? c.log ?? []
    return log.slice(from).filter((n: any) => n.method === "thread/settings/updated").map((n: any) => { const { collaborationMode, environments, ...s } = n.params.threadSettings; return s })
  }).pipe(Effect.scoped)
  const r1 = yield* c.request("thread/start", { cwd: ws, sandbox: "workspace-write", approvalPolicy: "on-request", developerInstructions: "AAA" })
  yield* say("start", pick(r1))
  const id = r1.thread.id
  yield* say("t1 same", yield* turn(id, {}))
  yield* say("t2 ro", yield* turn(id, { sandboxPolicy: { type: "readOnly" }, approvalPolicy: "never", model: "gpt-5.1-codex", effort: "low", summary: "concise" }))
  yield* say("t3 ro again", yield* turn(id, { sandboxPolicy: { type: "readOnly" } }))
  const r2 = yield* c.request("thread/resume", { threadId: id, sandbox: "danger-full-access", approvalPolicy: "untrusted", model: "gpt-5.4", developerInstructions: "BBB", config: { model_reasoning_effort: "high" } })
  yield* say("warm resume", pick(r2))
  yield* say("t4 ww", yield* turn(id, { sandboxPolicy: { type: "workspaceWrite", writableRoots: [extra], networkAccess: true } }))
  yield* say("t5 bogus model etc", yield* turn(id, { approvalsReviewer: "auto_review", serviceTier: "flex" }))
  yield* say("t6 perm", yield* turn(id, { permissions: ":read-only" }).pipe(Effect.catch((e) => Effect.succeed([String((e as any).message)]))))
  yield* say("upd", yield* c.request("thread/settings/update", { threadId: id, model: "gpt-5.4", sandboxPolicy: { type: "dangerFullAccess" }, permissions: null }))
  yield* Effect.sleep(200)
  yield* say("t7", yield* turn(id, {}))
  yield* c.request("thread/inject_items", { threadId: id, items: [{ type: "message", role: "developer", content: [{ type: "input_text", text: "INJ" }] }] })
  yield* say("t8", yield* turn(id, {runtimeWorkspaceRoots: [ws, extra], sandboxPolicy: { type: "workspaceWrite"}}))
  const reqs: any = yield* server.requests
  yield* say("models", reqs.map((r: any) => [r.body.model, r.body.reasoning, r.body.service_tier]))
  const last = JSON.stringify(reqs.at(-1).body.input)
  yield* say("last has", ["AAA", "BBB", "INJ"].map((x) => [x, last.split(x).length - 1]))
  yield* say("roles", reqs.at(-1).body.input.map((i: any) => [i.type, i.role, JSON.stringify(i.content ?? i).slice(0, 300)]))
  const rs = yield* c.request("thread/start", { cwd: ws, sandbox: "workspace-write", runtimeWorkspaceRoots: [ws, extra], config: { "sandbox_workspace_write.network_access": true, "sandbox_workspace_write.writable_roots": ["/var/tmp"], web_search: "live", model_reasoning_summary: "detailed" } , serviceTier: "flex", baseInstructions: "BASE", approvalPolicy: {granular: {sandbox_approval: true, rules: true, skill_approval: false, request_permissions: false, mcp_elicitations: true}}, approvalsReviewer: "auto_review" }).pipe(Effect.catch((e) => Effect.succeed({ err: String((e as any).message) })))
  yield* say("start2", (rs as any).thread ? pick(rs) : rs)
  if ((rs as any).thread) { yield* say("s2t1", yield* turn((rs as any).thread.id, {})); const q: any = (yield* server.requests).at(-1); yield* say("body", { ...q.body, input: undefined, tools: q.body.tools.map((t: any) => t.name ?? t.type), instructions: q.body.instructions?.slice(0, 60) }); yield* say("ws tool", q.body.tools.filter((t: any)=>String(t.type).includes("web")))}
}).pipe(Effect.scoped, Effect.provide(NodeServices.layer), Effect.runPromise).catch((e) => console.error(e))
