/**
 * A minimal driver of `codex app-server`: it sends requests, reads notifications and waits for the end of a turn. Without
 * typed errors, approvals, tools, deadlines and traces it shows the minimum cost of any client.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: {
    readonly threadId: string
    readonly item?: { readonly type: string; readonly text: string }
    readonly turn?: { readonly id: string; readonly status: string; readonly error: unknown }
  }
  readonly result?: { readonly thread: { readonly id: string } }
  readonly error?: { readonly message: string }
}

export interface Thread {
  /** Runs one turn to its end and returns the last message of the agent. */
  readonly run: (text: string) => Promise<string>
}

export interface Driver {
  readonly startThread: (options: object) => Promise<Thread>
  readonly close: () => Promise<void>
}

export const start = async (command: string, env: Record<string, string>): Promise<Driver> => {
  const child = spawn(command, ["app-server"], { env, stdio: ["pipe", "pipe", "ignore"] })
  const replies = new Map<number, (message: Message) => void>()
  const turns = new Map<string, (message: Message) => void>()
  let nextId = 0

  createInterface({ input: child.stdout }).on("line", (line) => {
    const message: Message = JSON.parse(line)
    if (message.method === undefined) {
      const reply = replies.get(message.id ?? -1)
      replies.delete(message.id ?? -1)
      reply?.(message)
    } else {
      turns.get(message.params?.threadId ?? "")?.(message)
    }
  })

  const send = (message: object) => child.stdin.write(`${JSON.stringify(message)}\n`)

  const request = async (method: string, params: object) => {
    const id = nextId++
    const message = await new Promise<Message>((resolve) => {
      replies.set(id, resolve)
      send({ id, method, params })
    })
    if (message.error !== undefined) throw new Error(`${method}: ${message.error.message}`)
    return message.result
  }

  await request("initialize", {
    clientInfo: { name: "driver", title: "driver", version: "0.0.0" },
    capabilities: { experimentalApi: true, requestAttestation: false }
  })
  send({ method: "initialized" })

  return {
    startThread: async (options) => {
      const threadId = (await request("thread/start", options))?.thread.id ?? ""
      return {
        run: (text) =>
          new Promise((resolve, reject) => {
            let last = ""
            turns.set(threadId, ({ method, params }) => {
              if (method === "item/completed" && params?.item?.type === "agentMessage")
                last = params.item.text
              if (method !== "turn/completed") return
              turns.delete(threadId)
              if (params?.turn?.status === "completed") resolve(last)
              else reject(new Error(JSON.stringify(params?.turn?.error)))
            })
            request("turn/start", { threadId, input: [{ type: "text", text, text_elements: [] }] }).catch(
              reject
            )
          })
      }
    },
    close: async () => {
      const exit = once(child, "exit")
      child.stdin.end()
      if (child.exitCode === null && child.signalCode === null) await exit
    }
  }
}
