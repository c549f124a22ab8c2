/** A script with promises: a tool, an approval, events, an answer that matches a schema, and a deadline. */
import { Schema } from "effect"
import { Approval, Codex, tool, TurnInterrupted } from "effect-codex/promise"

const lookup = tool({
  name: "lookup_ticket",
  description: "Reads a ticket",
  parameters: Schema.Struct({ id: Schema.String }),
  readOnly: true,
  run: async ({ id }) => ({ title: `The build of ${id} fails` })
})

const codex = new Codex({
  approve: (request) =>
    request._tag === "Command" && request.script === "git status"
      ? Approval.accept
      : Approval.decline("only git status")
})
const thread = codex.startThread({ workingDirectory: ".", sandboxMode: "read-only", tools: [lookup] })

const { events } = await thread.runStreamed("What is T-42 about?")
for await (const event of events) {
  if (event.type === "item.completed" && event.item.type === "tool_call")
    console.log(`called ${event.item.tool}`)
  if (event.type === "turn.completed") console.log(event.message)
}

const Triage = Schema.Struct({ priority: Schema.Literals(["low", "high"]), summary: Schema.String })
const turn = await thread.run("How urgent is it?", {
  output: { schema: Triage, repair: 1 },
  signal: AbortSignal.timeout(600_000)
})
console.log(`${turn.output.priority}: ${turn.output.summary} (${turn.usage.output} tokens)`)

// Interrupting a turn rejects its promise with a class of the library.
const running = thread.run("Look for more.").catch((error: unknown) => error)
await new Promise((resolve) => setTimeout(resolve, 500))
await thread.interrupt()
console.log((await running) instanceof TurnInterrupted ? "interrupted" : "too late")

// Without this line the script ends half a second later, when no call has run for that time.
await codex.close()
