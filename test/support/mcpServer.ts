/** A small MCP server on stdio: `write_it` changes something, `ask_it` asks its client in the given mode. */
import * as Readline from "node:readline"

interface Message {
  readonly id?: string | number
  readonly method?: string
  readonly params?: {
    readonly name?: string
    readonly arguments?: { readonly mode?: string }
    readonly protocolVersion?: string
  }
  readonly result?: unknown
  readonly error?: unknown
}

const send = (message: object) =>
  void process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)

const asked = new Map<string | number, (answer: Message) => void>()
const ask = (params: object) =>
  new Promise<Message>((resolve) => {
    const id = `ask-${asked.size}`
    asked.set(id, resolve)
    send({ id, method: "elicitation/create", params })
  })

const tool = (name: string, readOnlyHint: boolean) => ({
  name,
  description: name,
  inputSchema: { type: "object", properties: { name: { type: "string" }, mode: { type: "string" } } },
  annotations: { readOnlyHint, destructiveHint: !readOnlyHint }
})

const questions: Readonly<Record<string, object>> = {
  form: {
    message: "Who is it?",
    requestedSchema: {
      type: "object",
      properties: {
        name: { type: "string", minLength: 2 },
        age: { type: "integer", minimum: 1 }
      },
      required: ["name"]
    }
  },
  url: { mode: "url", message: "Please open", url: "http://127.0.0.1/sign-in", elicitationId: "e1" }
}

const said = (text: string) => ({ content: [{ type: "text", text }] })

const answer = async ({ method, params }: Message): Promise<object> => {
  switch (method) {
    case "initialize":
      return {
        protocolVersion: params?.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: "things", version: "1" }
      }
    case "tools/list":
      return { tools: [tool("write_it", false), tool("ask_it", true)] }
    case "tools/call": {
      if (params?.name === "write_it") return said(`wrote ${JSON.stringify(params.arguments)}`)
      const { error, result } = await ask(questions[params?.arguments?.mode ?? "form"] ?? {})
      return said(JSON.stringify(result ?? error))
    }
    default:
      return {}
  }
}

Readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const message: Message = JSON.parse(line)
  if (message.method === undefined)
    return message.id === undefined ? undefined : asked.get(message.id)?.(message)
  if (message.id !== undefined) void answer(message).then((result) => send({ id: message.id, result }))
})
