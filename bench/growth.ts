/**
 * How the cost of an event grows with the number of events before it: turns of commands, of commands that stay open, of
 * file changes and messages, and of sub-agents; with and without spans; from a scripted engine, and from the lines of a
 * process. `node bench/growth.ts [--quick] [--rounds N]`
 *
 * The scripted engine emits the events of one item at a time and yields to the event loop regularly, as the reader of a
 * connection does. The cost of the 100th and of the last item is the median over its neighbours. The longest block of the
 * event loop includes the end of the turn.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { setImmediate as nextTurn } from "node:timers"
import { setImmediate } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { AppServer, Codex } from "../src/index.ts"
import type * as Turn from "../src/domain/Turn.ts"
import { ItemId, ThreadId, TurnId } from "../src/domain/Ids.ts"
import type * as Engine from "../src/engine/Engine.ts"
import * as Tracer from "../src/telemetry/tracer/Tracer.ts"
import * as SingleThreadEngine from "../test/support/singleThreadEngine.ts"
import * as Report from "./report.ts"

const count = Report.roundsOf(100_000, 20_000)
const { threadId } = SingleThreadEngine
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
  "file change and message": ({ emit }, index) => {
    const id = ItemId.make(`change-${index}`)
    const change = { path: `/src/${index}.ts`, kind: "update", diff: "@@ -1 +1 @@\n-a\n+b\n" } as const
    const item = { _tag: "FileChange", id, changes: [change] } as const
    emit({ _tag: "ItemStarted", item: { ...item, status: "inProgress" }, at: at() })
    emit({ _tag: "ItemCompleted", item: { ...item, status: "completed" }, at: at() })
    const messageId = ItemId.make(`message-${index}`)
    emit({ _tag: "MessageDelta", itemId: messageId, delta: "done", at: at() })
    emit({ _tag: "ItemCompleted", item: { _tag: "AgentMessage", id: messageId, text: "done" }, at: at() })
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

/** Receives ended spans as an exporter does, and keeps none. */
const spans = Tracer.layerProcessor(
  Effect.succeed({
    onStart: () => {},
    onEnd: () => {},
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve()
  })
)

/** Collects garbage and returns the used memory: the heap and what it refers to outside. */
const memoryUsed = (): number => {
  setFlagsFromString("--expose-gc")
  runInNewContext("gc")()
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

/** The CPU time of this thread so far, in milliseconds. */
const cpu = () => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) / 1000
}

/**
 * Measures the longest block of the event loop until it is stopped: by the clock, which includes what else the machine
 * does, and in CPU time of this thread.
 */
const watchBlocks = () => {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  let watching = true
  let longest = 0
  let before = cpu()
  const watch = () => {
    const now = cpu()
    longest = Math.max(longest, now - before)
    before = now
    if (watching) nextTurn(watch)
  }
  nextTurn(watch)
  return () => {
    watching = false
    delay.disable()
    return { longestBlock: delay.max / 1e6, longestBlockCpu: longest }
  }
}

interface Run {
  readonly millis: number
  /** The CPU time of this thread, the measurement of blocks included. */
  readonly cpuMillis: number
  readonly longestBlockCpu: number
  readonly longestBlock: number
  /** What a turn that has just ended keeps, its result included. */
  readonly retained: number
}

/** Runs one turn and measures it. */
const run = async (
  engine: Layer.Layer<Engine.Engine>,
  traced: boolean,
  onEvent: (event: Turn.TurnEvent) => void
): Promise<Run> => {
  const before = memoryUsed()
  let blocks = { longestBlock: 0, longestBlockCpu: 0 }
  let retained = 0
  let millis = 0
  let cpuMillis = 0
  await Effect.runPromise(
    Effect.gen(function* () {
      const services = yield* Layer.build(Layer.fresh(Codex.layer).pipe(Layer.provide(engine)))
      const opened = yield* Context.get(services, Codex).startThread({
        budget: { tokens: Number.MAX_SAFE_INTEGER }
      })
      const stop = watchBlocks()
      const start = performance.now()
      const cpuBefore = cpu()
      let last: Turn.TurnEvent | undefined
      yield* Stream.runForEach(opened.stream("go"), (event) =>
        Effect.sync(() => {
          onEvent(event)
          last = event
        })
      )
      millis = performance.now() - start
      cpuMillis = cpu() - cpuBefore
      yield* Effect.promise(() => setImmediate())
      blocks = stop()
      retained = memoryUsed() - before
      if (last?._tag !== "TurnCompleted") return yield* Effect.die("the turn did not complete")
    }).pipe(Effect.scoped, Effect.provide(traced ? spans : Layer.empty))
  )
  return { millis, cpuMillis, ...blocks, retained }
}

const rowsOf = (
  name: string,
  items: number,
  { cpuMillis, longestBlock, longestBlockCpu, millis, retained }: Run,
  costs: { readonly first: number; readonly warm: number; readonly last: number }
): ReadonlyArray<Report.Row> => [
  { name: `the 100th ${name}`, unit: "us", value: costs.first },
  { name: `the ${items}th ${name}`, unit: "us", value: costs.last },
  { name: `the ${items}th ${name} / the 100th`, unit: "x", value: costs.last / costs.first, bar: 1.2 },
  {
    name: `the ${items}th ${name} / one in compiled code`,
    unit: "x",
    value: costs.last / costs.warm,
    bar: 1.2
  },
  { name: `20,000 of ${items} x ${name}`, unit: "ms", value: (millis / items) * 20_000, bar: 3000 },
  { name: `20,000 of ${items} x ${name}, CPU`, unit: "ms", value: (cpuMillis / items) * 20_000, bar: 3000 },
  { name: `longest block, ${items} x ${name}`, unit: "ms", value: longestBlock, bar: 50 },
  { name: `longest block, ${items} x ${name}, CPU`, unit: "ms", value: longestBlockCpu, bar: 50 },
  { name: `kept per ${name}`, unit: "bytes", value: retained / items }
]

const measure = async (
  name: string,
  step: Step,
  items: number,
  traced: boolean
): Promise<ReadonlyArray<Report.Row>> => {
  const costs = new Float64Array(items)
  const engine = SingleThreadEngine.layer(async (handlers) => {
    handlers.emit({ ...started, at: at() })
    for (let index = 0; index < items; index++) {
      const before = performance.now()
      step(handlers, index)
      costs[index] = performance.now() - before
      if (index % perYield === 0) await setImmediate()
    }
  })
  const measured = await run(engine, traced, () => {})
  const around = (index: number) =>
    Report.median([...costs.subarray(Math.max(0, index - 100), index + 100)]) * 1000
  // The first items also pay for the compiler.
  const warm = around(Math.min(5_000, Math.floor(items / 4)))
  return rowsOf(name, items, measured, { first: around(100), warm, last: around(items - 100) })
}

/** Measures a turn whose events come as lines from a process, which writes them as fast as they are read. */
const measureLines = async (items: number): Promise<ReadonlyArray<Report.Row>> => {
  const directory = mkdtempSync(join(tmpdir(), "effect-codex-bench-"))
  try {
    const codexPath = join(directory, "codex")
    const server = fileURLToPath(new URL("./itemServer.ts", import.meta.url))
    writeFileSync(codexPath, `#!/bin/sh\nexec "${process.execPath}" --no-warnings "${server}" ${items}\n`, {
      mode: 0o755
    })
    const engine = AppServer.layerOptions({ codexPath })
    const completed: Array<number> = []
    const measured = await run(engine, false, (event) => {
      if (event._tag === "ItemCompleted") completed.push(performance.now())
    })
    /** The cost of an item, from the time that a run of them takes. */
    const cost = (from: number, count: number) =>
      (((completed[from + count - 1] ?? Number.NaN) - (completed[from] ?? Number.NaN)) / count) * 1000
    const window = Math.floor(items / 10)
    return rowsOf("item from a process", items, measured, {
      first: cost(100, 500),
      warm: cost(window, window),
      last: cost(items - window, window)
    })
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Whether to measure a shape: all, or those named on the command line. */
const isChosen = (name: string) =>
  Report.positionals.length === 0 || Report.positionals.some((part) => name.startsWith(part))

const rows: Array<Report.Row> = []
for (const [name, step] of Object.entries(shapes)) {
  if (!isChosen(name)) continue
  rows.push(...(await measure(name, step, name === "command" ? count : 20_000, false)))
  rows.push(...(await measure(`${name} with spans`, step, 20_000, true)))
}
if (isChosen("item from a process")) rows.push(...(await measureLines(count)))
Report.finish(rows)
