/**
 * A `codex app-server` that plays one turn of many items as fast as its client reads them: `node itemServer.ts COUNT`.
 * Items are commands, file changes and messages in turn, with deltas, usage and the bounds of the calls.
 */
import { once } from "node:events"
import { createInterface } from "node:readline"

const count = Number(process.argv[2])
const threadId = "thread"
const turnId = "turn"
const of = { threadId, turnId }

const note = (method: string, params: object) => ({ method, params: { ...of, ...params } })

const usage = {
  inputTokens: 10,
  cachedInputTokens: 0,
  outputTokens: 5,
  reasoningOutputTokens: 0,
  totalTokens: 15
}

const itemOf = (index: number) => {
  const id = `call-${index}`
  switch (index % 4) {
    case 0:
      return { type: "agentMessage", id, text: `message ${index}` } as const
    case 1:
      return {
        type: "fileChange",
        id,
        status: "completed",
        changes: [{ path: `/src/${index}.ts`, kind: { type: "update" }, diff: "@@ -1 +1 @@\n-a\n+b\n" }]
      } as const
    default:
      return {
        type: "commandExecution",
        id,
        command: "/bin/bash -lc ls",
        cwd: "/",
        status: "completed",
        exitCode: 0,
        aggregatedOutput: "a line of output\n",
        commandActions: []
      } as const
  }
}

const eventsOf = (index: number): ReadonlyArray<object> => {
  const item = itemOf(index)
  const started = note("item/started", { item: { ...item, status: "inProgress" } })
  const completed = note("item/completed", { item })
  if (item.type === "agentMessage")
    return [
      started,
      note("item/agentMessage/delta", { itemId: item.id, delta: `message ${index}` }),
      completed
    ]
  const raw = (type: string) =>
    note("rawResponseItem/completed", { item: { type, call_id: item.id, name: "exec_command" } })
  return [
    raw("function_call"),
    note("rawResponse/completed", { responseId: `response-${index}`, usage }),
    note("thread/tokenUsage/updated", {
      tokenUsage: { last: usage, total: { ...usage, totalTokens: 15 * index } }
    }),
    started,
    note("item/commandExecution/outputDelta", { itemId: item.id, delta: "a line of output\n" }),
    completed,
    raw("function_call_output")
  ]
}

const write = async (messages: ReadonlyArray<object>) => {
  const text = messages.map((message) => `${JSON.stringify(message)}\n`).join("")
  if (!process.stdout.write(text)) await once(process.stdout, "drain")
}

const play = async () => {
  for (let index = 0; index < count; index += 50) {
    const size = Math.min(50, count - index)
    await write(Array.from({ length: size }, (_, at) => eventsOf(index + at)).flat())
  }
  await write([
    { method: "turn/completed", params: { threadId, turn: { id: turnId, status: "completed", error: null } } }
  ])
}

const reply = async (id: number, method: string) => {
  switch (method) {
    case "initialize":
      return write([{ id, result: { userAgent: "fake/0.169.0 (bench)", codexHome: "/nowhere" } }])
    case "thread/start":
      return write([
        { id, result: { thread: { id: threadId }, model: "model", modelProvider: "fake", cwd: "/" } }
      ])
    case "turn/start":
      await write([
        { id, result: { turn: { id: turnId, status: "inProgress" } } },
        { method: "turn/started", params: { threadId, turn: { id: turnId } } }
      ])
      return play()
    default:
      return write([{ id, result: {} }])
  }
}

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { id, method } = JSON.parse(line)
    if (id !== undefined && method !== undefined) void reply(id, method)
  })
  .on("close", () => process.exit(0))
