/**
 * Tools and MCP: a tool that runs a command and reports its progress, and an MCP server whose tool needs an approval.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer, Schema, Stream } from "effect"
import { AppServer, Approval, Codex, ToolCommand, ToolSettings } from "effect-codex"
import { Tool, Toolkit } from "effect/ai"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { fileURLToPath } from "node:url"

const RunChecks = Tool.make("run_checks", {
  description: "Runs the checks of the project",
  parameters: Schema.Struct({ names: Schema.Array(Schema.Literals(["types", "lint"])) }),
  success: Schema.Array(Schema.Struct({ name: Schema.String, passed: Schema.Boolean, output: Schema.String }))
})
  .annotate(Tool.Readonly, true)
  .annotate(ToolSettings.Deadline, "5 minutes")

const Checks = Toolkit.make(RunChecks)

/** The commands of the checks. The model chooses among them, and cannot write one of its own. */
const commands = {
  types: ChildProcess.make("node", ["-e", "console.log('no errors')"]),
  lint: ChildProcess.make("node", ["-e", "console.log('1 warning'); process.exit(1)"])
}

const ChecksLayer = Checks.toLayer(
  Effect.gen(function* () {
    // A handler needs nothing when it runs, so it takes its services here.
    const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
    return {
      run_checks: Effect.fn("run_checks")(
        function* ({ names }, { preliminary }) {
          const results: Array<(typeof RunChecks.successSchema.Type)[number]> = []
          for (const name of names) {
            const { exitCode, stderr, stdout } = yield* ToolCommand.run(commands[name]).pipe(
              // No such program: a mistake of ours, which the model cannot correct.
              Effect.orDie
            )
            results.push({ name, passed: exitCode === 0, output: stdout + stderr })
            // The program sees it as `ToolProgress`, the model does not.
            yield* preliminary([...results])
          }
          return results
        },
        Effect.provideService(ChildProcessSpawner.ChildProcessSpawner, spawner)
      )
    }
  })
)

// A person or a program decides about tools that change something. Everything else is declined.
const policy = Approval.rules([
  { kind: "mcp_tool", server: "notes", tool: "add_note", decision: "accept" },
  { decision: "decline" }
])

const program = Effect.gen(function* () {
  const codex = yield* Codex
  const thread = yield* codex.startThread({
    cwd: ".",
    sandbox: "read-only",
    approvalMode: "on-request",
    tools: yield* Checks,
    mcpServers: {
      notes: {
        command: process.execPath,
        args: [fileURLToPath(new URL("mcpServer.ts", import.meta.url))],
        required: true
      }
    }
  })
  yield* thread.stream("Run the checks and note the result").pipe(
    Stream.runForEach((event) => {
      switch (event._tag) {
        case "ToolProgress":
          return Console.log(`progress: ${event.text}`)
        case "ApprovalDecided":
          return Console.log(`approval: ${event.decision._tag}`)
        case "TurnCompleted":
          return Console.log(event.turn.message)
        default:
          return Effect.void
      }
    })
  )
}).pipe(Effect.scoped)

program.pipe(
  Effect.provide(
    Layer.merge(Codex.layer.pipe(Layer.provide(AppServer.layer)), ChecksLayer).pipe(
      Layer.provide(Approval.layer(policy)),
      Layer.provide(NodeServices.layer)
    )
  ),
  NodeRuntime.runMain
)
