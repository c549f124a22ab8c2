import { probe, M, Effect } from "./lib.ts"
let n = 0
probe((r: any, i: number) => {
  if (i === 0) { console.log("TOOLS", JSON.stringify(r.body.tools?.map((t: any) => t.name ?? t.type))); console.log(JSON.stringify(r.body.input).slice(-600)); console.log(JSON.stringify(r.body.tools?.filter((t:any)=>/goal/.test(t.name)))) }
  if (i === 2) return M.reply(M.call("update_goal", { status: "complete" }), M.usage({ input: 10, output: 2 }))
  return M.reply(M.delay("100 millis"), M.text("working " + i), M.usage({ input: 10, output: 2 }))
}, ({ codex, ws, req }) => Effect.gen(function* () {
  const id = yield* codex.startThread({ cwd: ws, sandbox: "read-only", approvalPolicy: "on-request" })
  yield* req("thread/goal/set", { threadId: id, objective: "count to 3" })
  yield* Effect.sleep("2 seconds")
  yield* req("thread/goal/get", { threadId: id })
}), { width: 420 })
