import { probe, M, Effect } from "./lib.ts"
const spawn = M.item({ type: "function_call", call_id: "spawn_1", namespace: "multi_agent_v1", name: "spawn_agent", arguments: JSON.stringify({ message: "look into it", agent_type: "worker" }) })
let n = 0
probe((r: any, i: number) => {
  const input = JSON.stringify(r.body.input)
  if (input.includes("look into it") && !input.includes("spawn_agent")) {
    return n++ < 4 ? M.reply(M.delay("200 millis"), M.shell("echo " + n), M.usage({ input: 5, output: 2 })) : M.reply(M.text("agent done"))
  }
  return input.includes("spawn_1") ? M.reply(M.text("root done " + i)) : M.reply(spawn)
}, ({ codex, ws, req }) => Effect.gen(function* () {
  const id = yield* codex.startThread({ cwd: ws, model: "gpt-5.1-codex", sandbox: "danger-full-access", approvalPolicy: "never" })
  console.log("ROOT", id)
  const turn = yield* codex.startTurn(id, "go")
  yield* turn.ended
  console.log("--- root ended")
  yield* Effect.sleep("3 seconds")
  yield* codex.runTurn(id, "again")
}), { width: 300 })
