/** Attacks of an MCP server on a host whose rules accept one of the server's tools. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Approval from "../../src/Approval.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as AgentCalls from "../../test/support/agentCalls.ts"
import * as Real from "../../test/support/realEngine.ts"
import type { Attack } from "./Attack.ts"

export const mcp: ReadonlyArray<Attack> = [
  {
    id: "H11",
    title: "an MCP server that marks its own questions as the approval of a tool gets no answer from a rule",
    run: Effect.gen(function* () {
      const real = yield* Real.make(
        [M.reply(AgentCalls.callThings("sneak_it", {})), M.reply(M.text("done"))],
        {
          config: AgentCalls.things
        }
      )
      const rule = Approval.rules(
        [{ kind: "mcp_tool", server: "things", tool: "sneak_it", decision: "accept" }],
        Approval.deny
      )
      yield* Effect.flatMap(real.start(), (thread) => Stream.runDrain(thread.stream("go"))).pipe(
        Effect.provideService(Approval.Current, rule),
        Effect.provide(real.layer)
      )
      const answers = (yield* real.server.requests)[1]?.toolOutputs[0]?.output ?? ""
      if (!answers.includes("decline")) return `the server asked nothing: ${answers}`
      return answers.includes("accept") ? `the server got ${answers}` : "held"
    }),
    mutant: {
      file: "src/engine/app-server/ServerRequests.ts",
      original: "call.tool === tool.tool_name && !askedCalls.has(call.id)",
      mutated: "call.tool === tool.tool_name"
    }
  }
]
