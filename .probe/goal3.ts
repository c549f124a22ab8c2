import { probe, M, Effect } from "./lib.ts"
// features.goals false; failure of goal turns; resume with active goal
probe((r: any, i: number) => {
  const tools = r.body.tools?.map((t: any) => t.name ?? t.type)
  console.log("tools", i, JSON.stringify(tools))
  if (i === 2) return M.httpError(400, { message: "no" })
  return M.reply(M.delay("150 millis"), M.text("working " + i), M.usage({ input: 10, output: 2 }))
}, ({ codex, ws, req }) => Effect.gen(function* () {
  const off = yield* codex.startThread({ cwd: ws, sandbox: "read-only", config: { "features.goals": false } })
  yield* req("thread/goal/set", { threadId: off, objective: "loop" })
  yield* Effect.sleep("400 millis")
  yield* req("thread/goal/get", { threadId: off })
  yield* req("thread/goal/clear", { threadId: off })
  yield* Effect.sleep("600 millis")
  yield* req("thread/read", { threadId: off })
  console.log("--- failing")
  const id = yield* codex.startThread({ cwd: ws, sandbox: "read-only", config: { features: { goals: true } } })
  yield* req("thread/goal/set", { threadId: id, objective: "loop" })
  yield* Effect.sleep("1500 millis")
  yield* req("thread/goal/get", { threadId: id })
  yield* Effect.sleep("500 millis")
  console.log("--- set false afterwards")
  yield* req("thread/goal/clear", { threadId: id })
}), { width: 200 })
