/** An MCP server over stdio with a tool that adds and a tool that fails. */
import { createInterface } from "node:readline"

interface Request {
  readonly id?: string | number
  readonly method: string
  readonly params?: {
    readonly name?: string
    readonly arguments?: { readonly a?: number; readonly b?: number }
    readonly protocolVersion?: string
  }
}

const number = { type: "number" }
const tool = (name: string) => ({
  name,
  description: `Does ${name}`,
  inputSchema: { type: "object", properties: { a: number, b: number } },
  annotations: { readOnlyHint: true }
})

const answer = ({ method, params }: Request): object => {
  switch (method) {
    case "initialize":
      return {
        protocolVersion: params?.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: "small", version: "1" }
      }
    case "tools/list":
      return { tools: [tool("add"), tool("fail")] }
    case "tools/call": {
      const { a = 0, b = 0 } = params?.arguments ?? {}
      const failed = params?.name === "fail"
      return { isError: failed, content: [{ type: "text", text: failed ? "it failed" : String(a + b) }] }
    }
    default:
      return {}
  }
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const request: Request = JSON.parse(line)
  if (request.id === undefined) return
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id: request.id, result: answer(request) })}\n`)
})
