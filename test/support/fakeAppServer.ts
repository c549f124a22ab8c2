/**
 * A scripted and usually faulty app-server that runs as a child process in place of Codex. A scenario file (argument 1)
 * defines its replies to each request; it appends the messages that it receives to a record file (argument 2).
 */
import { spawn } from "node:child_process"
import { appendFileSync, readFileSync } from "node:fs"
import { flushCompileCache } from "node:module"

/** One step of a script. In every text, `$thread`, `$turn` and `$id` are replaced by the ids of the current request. */
export type Step =
  /** Sends a message on its own line. */
  | { readonly send: unknown }
  /** Writes raw bytes, given in base64. */
  | { readonly bytes: string }
  | { readonly reply: unknown }
  | { readonly refuse: unknown }
  /** Waits, in milliseconds. */
  | { readonly wait: number }
  /** Waits for a message with that method, or for a reply to that id. */
  | { readonly received: string | number }
  /** Sends a message 100 ms later from a child process that outlives this one. */
  | { readonly sendAfterExit: unknown }
  /** Closes its input and keeps running. */
  | { readonly closeInput: true }
  | { readonly stderr: string }
  | { readonly exit: number }
  | { readonly signal: NodeJS.Signals }

export interface Scenario {
  /** The steps before the first request. */
  readonly boot?: ReadonlyArray<Step>
  /** The steps for the first, second, ... request of a method; the last entry applies to all later ones. */
  readonly on?: Readonly<Record<string, ReadonlyArray<ReadonlyArray<Step>>>>
  /** Ignores the end of its input and SIGTERM: only SIGKILL ends it. */
  readonly stubborn?: boolean
}

/** An entry of the record file. */
export type Recorded =
  | {
      readonly _tag: "Started"
      readonly pid: number
      readonly argv: ReadonlyArray<string>
      readonly env: Readonly<Record<string, string>>
    }
  | { readonly _tag: "Received"; readonly pid: number; readonly message: Message }
  | { readonly _tag: "InputEnded"; readonly pid: number }

export interface Message {
  readonly id?: string | number
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: unknown
  readonly error?: unknown
  readonly trace?: { readonly traceparent: string; readonly tracestate?: string }
}

const serve = (scenario: Scenario, record: (entry: Recorded) => void) => {
  const { pid } = process
  const received: Array<Message> = []
  const waiting = new Set<() => void>()
  const calls = new Map<string, number>()
  const turns = new Map<string, string>()
  let threads = 0
  let turnCount = 0

  const write = (bytes: string | Buffer) => void process.stdout.write(bytes)

  const isAbout = (what: string | number) => (message: Message) =>
    message.method === undefined ? message.id === what : message.method === what

  const until = (what: string | number) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!received.some(isAbout(what))) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })

  const usual = (request: Message, thread: string, turn: string): ReadonlyArray<Step> => {
    const ended = (status: string) => ({
      send: {
        method: "turn/completed",
        params: { threadId: thread, turn: { id: turn, status, error: null } }
      }
    })
    switch (request.method) {
      case "initialize":
        return [{ reply: { userAgent: "fake/0.169.0 (test)", codexHome: "/nowhere" } }]
      case "thread/start":
      case "thread/resume": {
        const { cwd, threadId } = request.params ?? {}
        const id = typeof threadId === "string" ? threadId : `thread-${++threads}`
        return [
          {
            reply: {
              thread: { id },
              model: "fake-model",
              modelProvider: "fake",
              cwd: cwd ?? "/",
              sandbox: { type: "readOnly" }
            }
          }
        ]
      }
      case "thread/read":
        return [{ reply: { thread: { id: thread, status: { type: "active", activeFlags: [] }, turns: [] } } }]
      case "turn/start":
        return [
          { reply: { turn: { id: turn, status: "inProgress" } } },
          { send: { method: "turn/started", params: { threadId: thread, turn: { id: turn } } } },
          {
            send: {
              method: "item/completed",
              params: {
                threadId: thread,
                turnId: turn,
                item: { type: "agentMessage", id: `m-${turn}`, text: "fine" }
              }
            }
          },
          ended("completed")
        ]
      case "turn/interrupt":
        return [{ reply: {} }, ended("interrupted")]
      default:
        return request.id === undefined ? [] : [{ reply: {} }]
    }
  }

  const play = async (
    steps: ReadonlyArray<Step>,
    id: string | number | undefined,
    thread: string,
    turn: string
  ) => {
    const filled = (value: unknown) =>
      JSON.stringify(value)
        .replaceAll("$thread", thread)
        .replaceAll("$turn", turn)
        .replaceAll("$id", String(id))
    const line = (message: object) => write(`${filled(message)}\n`)
    for (const step of steps) {
      if ("send" in step) write(`${filled(step.send)}\n`)
      else if ("bytes" in step) write(Buffer.from(step.bytes, "base64"))
      else if ("reply" in step) line({ id, result: step.reply })
      else if ("refuse" in step) line({ id, error: step.refuse })
      else if ("wait" in step) await new Promise((resolve) => setTimeout(resolve, step.wait))
      else if ("received" in step) await until(JSON.parse(filled(step.received)))
      else if ("sendAfterExit" in step) {
        spawn("sh", ["-c", `sleep 0.1; printf '%s\\n' "$0"`, filled(step.sendAfterExit)], {
          stdio: ["ignore", "inherit", "ignore"]
        })
      } else if ("closeInput" in step) {
        setInterval(() => {}, 1000)
        process.stdin.removeAllListeners("end").destroy()
      } else if ("stderr" in step)
        await new Promise<void>((resolve) => process.stderr.write(step.stderr, () => resolve()))
      else {
        // Flush the earlier output first, or the fault would happen earlier than the scenario says.
        await new Promise<void>((resolve) => process.stdout.write("", () => resolve()))
        if ("exit" in step) process.exit(step.exit)
        process.kill(pid, step.signal)
        return
      }
    }
  }

  const answer = (request: Message) => {
    const method = request.method ?? ""
    const call = calls.get(method) ?? 0
    calls.set(method, call + 1)
    const named = request.params?.["threadId"]
    const thread = typeof named === "string" ? named : ""
    if (method === "turn/start") turns.set(thread, `turn-${++turnCount}`)
    const turn = turns.get(thread) ?? ""
    const scripts = scenario.on?.[method]
    const script = scripts?.[Math.min(call, scripts.length - 1)] ?? usual(request, thread, turn)
    void play(script, request.id, thread, turn)
  }

  const hear = (line: string) => {
    const message: Message = JSON.parse(line)
    record({ _tag: "Received", pid, message })
    received.push(message)
    for (const look of waiting) look()
    if (message.method !== undefined) answer(message)
  }

  // Not of the caller: it only makes this process start faster.
  delete process.env["NODE_COMPILE_CACHE"]
  flushCompileCache()
  const env = Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value ?? ""]))
  record({ _tag: "Started", pid, argv: process.argv.slice(4), env })
  if (scenario.stubborn === true) {
    process.on("SIGTERM", () => {})
    setInterval(() => {}, 1000)
  } else {
    process.stdin.on("end", () => {
      record({ _tag: "InputEnded", pid })
      process.exit(0)
    })
  }
  let buffered = ""
  process.stdin.setEncoding("utf8").on("data", (chunk) => {
    const lines = (buffered + chunk).split("\n")
    buffered = lines.pop() ?? ""
    lines.forEach(hear)
  })
  void play(scenario.boot ?? [], undefined, "", "")
}

const [, self, scenarioFile, recordFile] = process.argv
if (self === import.meta.filename && scenarioFile !== undefined && recordFile !== undefined) {
  serve(JSON.parse(readFileSync(scenarioFile, "utf8")), (entry) =>
    appendFileSync(recordFile, `${JSON.stringify(entry)}\n`)
  )
}
