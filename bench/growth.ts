/**
 * How the cost of an event grows with the number of events before it: a turn of commands, a turn of commands that stay
 * open, and a turn of sub-agents. `node bench/growth.ts [--quick] [--rounds N]`
 *
 * The engine emits the events of one command at a time and yields to the event loop regularly, as the reader of a
 * connection does. The cost of the 100th and of the last command is the median over its neighbours. The longest block of
 * the event loop includes the end of the turn.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { setImmediate } from "node:timers/promises"
import { Codex } from "../src/index.ts"
import type * as Turn from "../src/domain/Turn.ts"
import { ItemId, ThreadId, TurnId } from "../src/domain/Ids.ts"
import * as Engine from "../src/engine/Engine.ts"
import * as Report from "./report.ts"

const count = Report.roundsOf(100_000, 20_000)
const threadId = ThreadId.make("thread")
const turnId = TurnId.make("turn")

const at = () => performance.timeOrigin + performance.now()

/** The first `half` of the events of a command, and the others. */
const command = (index: number) => {
  const id = ItemId.make(`call-${index}`)
  const item = {
    _tag: "CommandExecution",
    id,
    command: "/bin/bash -lc ls",
    cwd: "/",
    operations: []
  } as const
  const usage = { input: 10, cachedInput: 0, output: 5, reasoning: 0 }
  const opening: ReadonlyArray<Turn.EngineEvent> = [
    { _tag: "ToolRequested", callId: id, tool: "exec_command", at: at() },
    { _tag: "ModelResponded", responseId: `response-${index}`, usage, at: at() },
    { _tag: "UsageUpdated", usage, at: at() },
    { _tag: "ItemStarted", item: { ...item, status: "inProgress" }, at: at() },
    { _tag: "OutputDelta", itemId: id, delta: "a line of output\n", at: at() }
  ]
  const closing: ReadonlyArray<Turn.EngineEvent> = [
    { _tag: "ItemCompleted", item: { ...item, status: "completed", exitCode: 0 }, at: at() },
    { _tag: "ToolReturned", callId: id, at: at() }
  ]
  return { opening, closing }
}

const started: Turn.EngineEvent = { _tag: "TurnStarted", threadId, turnId, at: at() }

/** What the engine does for the item of an index. */
type Step = (handlers: Engine.Handlers, index: number) => void

const shapes: Readonly<Record<string, Step>> = {
  command: ({ emit }, index) => {
    const { closing, opening } = command(index)
    for (const event of [...opening, ...closing]) emit(event)
  },
  "open command": ({ emit }, index) => {
    for (const event of command(index).opening) emit(event)
  },
  "sub-agent turn": (handlers, index) => {
    const agentThread = ThreadId.make(`agent-${index}`)
    const id = ItemId.make(`spawn-${index}`)
    const call = { _tag: "AgentCall", id, tool: "spawn_agent", agents: [agentThread] } as const
    handlers.emit({ _tag: "ItemStarted", item: { ...call, status: "inProgress" }, at: at() })
    const agent = handlers.agent?.({ threadId: agentThread, turnId: TurnId.make(`agent-turn-${index}`) })
    if (agent === undefined) return
    agent.emit({ ...started, threadId: agentThread, at: at() })
    const { closing, opening } = command(index)
    for (const event of [...opening, ...closing]) agent.emit(event)
    agent.end("completed")
    handlers.emit({ _tag: "ItemCompleted", item: { ...call, status: "completed" }, at: at() })
  }
}

const perYield = 20

const measure = async (name: string, step: Step, items: number): Promise<ReadonlyArray<Report.Row>> => {
  const costs = new Float64Array(items)
  const thread: Engine.EngineThread = {
    id: threadId,
    model: "model",
    provider: "openai",
    cwd: "/",
    turn: (_input, _options, handlers) =>
      Effect.promise(async () => {
        handlers.emit({ ...started, at: at() })
        for (let index = 0; index < items; index++) {
          const before = performance.now()
          step(handlers, index)
          costs[index] = performance.now() - before
          if (index % perYield === 0) await setImmediate()
        }
      }),
    compact: () => Effect.void,
    steer: () => Effect.void
  }
  const unused = Effect.die("the benchmark does not use it")
  const engine = Layer.succeed(
    Engine.Engine,
    Engine.Engine.of({
      ready: Effect.void,
      startThread: () => Effect.succeed(thread),
      resumeThread: () => unused,
      forkThread: () => unused,
      listThreads: () => unused,
      readThread: () => unused,
      renameThread: () => unused,
      archiveThread: () => unused,
      unarchiveThread: () => unused,
      deleteThread: () => unused,
      listModels: () => unused,
      request: () => unused
    })
  )
  const heapBefore = process.memoryUsage().heapUsed
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const start = performance.now()
  await Effect.runPromise(
    Effect.gen(function* () {
      const services = yield* Layer.build(Layer.fresh(Codex.layer).pipe(Layer.provide(engine)))
      const opened = yield* Context.get(services, Codex).startThread({
        budget: { tokens: Number.MAX_SAFE_INTEGER }
      })
      yield* Stream.runDrain(opened.stream("go"))
    }).pipe(Effect.scoped)
  )
  const total = performance.now() - start
  delay.disable()
  const heap = process.memoryUsage().heapUsed - heapBefore
  const around = (index: number) =>
    Report.median([...costs.subarray(Math.max(0, index - 100), index + 100)]) * 1000
  const [first, last] = [around(100), around(items - 100)]
  // The first items also pay for the compiler.
  const warm = around(Math.min(5_000, Math.floor(items / 4)))
  return [
    { name: `the 100th ${name}`, unit: "us", value: first },
    { name: `the ${items}th ${name}`, unit: "us", value: last },
    { name: `the ${items}th ${name} / the 100th`, unit: "x", value: last / first, bar: 1.2 },
    { name: `the ${items}th ${name} / one in compiled code`, unit: "x", value: last / warm, bar: 1.2 },
    { name: `20,000 of ${items} x ${name}`, unit: "ms", value: (total / items) * 20_000, bar: 3000 },
    { name: `longest block, ${items} x ${name}`, unit: "ms", value: delay.max / 1e6, bar: 50 },
    { name: `heap growth per ${name}`, unit: "bytes", value: heap / items }
  ]
}

const rows: Array<Report.Row> = []
for (const [name, step] of Object.entries(shapes))
  rows.push(...(await measure(name, step, name === "command" ? count : 20_000)))
Report.finish(rows)
