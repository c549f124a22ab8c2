/**
 * A small MCP server on stdio that only answers: `echo`, `add`, `fail`, `sleep` and `environment`, all marked as reading
 * only. It writes a line of JSON for every call into the file that is its first argument, before the call is done.
 */
import { appendFileSync } from "node:fs"
import { createInterface } from "node:readline"

interface Request {
  readonly id?: string | number
  readonly method: string
  readonly params?: {
    readonly name?: string
    readonly arguments?: Readonly<Record<string, unknown>>
    readonly protocolVersion?: string
  }
}

interface Result {
  readonly isError?: boolean
  readonly text: string
}

const [calls = "/dev/null"] = process.argv.slice(2)

const object = (properties: object) => ({ type: "object", properties, required: Object.keys(properties) })
const tools = [
  { name: "echo", inputSchema: object({ text: { type: "string" } }) },
  { name: "add", inputSchema: object({ a: { type: "number" }, b: { type: "number" } }) },
  { name: "fail", inputSchema: object({}) },
  { name: "sleep", inputSchema: object({ ms: { type: "number" } }) },
  { name: "environment", inputSchema: object({ name: { type: "string" } }) }
].map((tool) => ({ ...tool, description: `Does ${tool.name}`, annotations: { readOnlyHint: true } }))

const run = async (name: string, args: Readonly<Record<string, unknown>>): Promise<Result> => {
  switch (name) {
    case "echo":
      return { text: String(args["text"]) }
    case "add":
      return { text: String(Number(args["a"]) + Number(args["b"])) }
    case "sleep":
      await new Promise((resolve) => setTimeout(resolve, Number(args["ms"])))
      return { text: "slept" }
    case "environment":
      return { text: process.env[String(args["name"])] ?? "not set" }
    default:
      return { isError: true, text: `${name} failed` }
  }
}

const send = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)

const answer = async ({ method, params = {} }: Request): Promise<object> => {
  switch (method) {
    case "initialize":
      return {
        protocolVersion: params.protocolVersion ?? "2025-06-18",
        capabilities: { tools: {} },
        serverInfo: { name: "test", version: "0" }
      }
    case "tools/list":
      return { tools }
    case "tools/call": {
      const { name = "", arguments: args = {} } = params
      appendFileSync(calls, `${JSON.stringify({ pid: process.pid, name, arguments: args })}\n`)
      const { isError = false, text } = await run(name, args)
      return { content: [{ type: "text", text }], isError }
    }
    default:
      return {}
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === "") continue
  const request: Request = JSON.parse(line)
  if (request.id !== undefined) void answer(request).then((result) => send({ id: request.id, result }))
}
