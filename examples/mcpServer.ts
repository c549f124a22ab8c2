/** An MCP server on stdio with one tool, for examples/mcp.ts. Codex starts it. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import { Effect, Layer, Logger, Schema } from "effect"
import { McpProtocol, McpServer, Tool, Toolkit } from "effect/ai"

// Neither read-only nor idempotent, so Codex asks before it calls the tool.
const AddNote = Tool.make("add_note", {
  description: "Adds a note",
  parameters: Schema.Struct({ text: Schema.String }),
  success: Schema.Struct({ notes: Schema.Int })
})

const Notes = Toolkit.make(AddNote)
const notes: Array<string> = []

const NotesLayer = Notes.toLayer({
  add_note: ({ text }) => Effect.sync(() => ({ notes: notes.push(text) }))
})

const Server = McpServer.layerStdio({
  name: "notes",
  version: "1.0.0",
  protocols: [McpProtocol.v2025_11_25, McpProtocol.v2025_06_18],
  registrations: McpServer.toolkit(Notes)
}).pipe(
  Layer.provide(NotesLayer),
  Layer.provide(NodeStdio.layer),
  // stdout carries the protocol.
  Layer.provide(Layer.succeed(Logger.LogToStderr, true))
)

Layer.launch(Server).pipe(NodeRuntime.runMain)
