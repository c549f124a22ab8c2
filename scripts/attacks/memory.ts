/** Attacks on the memory and the time of the host: endless outputs, many items, and the relay of Codex's own spans. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { execFile, spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { Codex } from "../../src/index.ts"
import { ItemId, TurnId } from "../../src/domain/Ids.ts"
import type * as Engine from "../../src/engine/Engine.ts"
import * as SignalBus from "../../src/instrumentation/SignalBus.ts"
import * as CodexLaunch from "../../src/internal/CodexLaunch.ts"
import * as InMemorySpans from "../../src/telemetry/tracer/InMemorySpans.ts"
import * as Relay from "../../src/telemetry/native-spans/Relay.ts"
import * as Tracer from "../../src/telemetry/tracer/Tracer.ts"
import * as M from "../../src/testing/ModelServer.ts"
import { heapUsed } from "../../test/support/heap.ts"
import * as Real from "../../test/support/realEngine.ts"
import * as SingleThreadEngine from "../../test/support/singleThreadEngine.ts"
import type { Attack } from "./Attack.ts"

const { threadId } = SingleThreadEngine

/** Runs a turn of an engine that emits what `play` says. Returns the turn. */
const runTurn = (play: (handlers: Engine.Handlers) => Promise<void>) => {
  const engine = SingleThreadEngine.layer(async (handlers) => {
    handlers.emit({ _tag: "TurnStarted", threadId, turnId: TurnId.make("turn"), at: Date.now() })
    await play(handlers)
  })
  return Effect.gen(function* () {
    const opened = yield* (yield* Codex).startThread()
    return yield* opened.run("go")
  }).pipe(Effect.provide(Layer.fresh(Codex.layer).pipe(Layer.provide(engine))), Effect.scoped)
}

const command = (index: number, output: string) =>
  ({
    _tag: "CommandExecution",
    id: ItemId.make(`call-${index}`),
    command: "cat large",
    cwd: "/",
    status: "completed",
    operations: [],
    output
  }) as const

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** The CPU time of this thread so far, in milliseconds. */
const cpu = () => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) / 1000
}

/** Runs a promise, and returns the longest block of the event loop meanwhile, in milliseconds of CPU time. */
const longestBlock = async (run: Promise<unknown>): Promise<number> => {
  let longest = 0
  let before = cpu()
  const ending = run.then(() => true)
  while (!(await Promise.race([ending, nextTurn().then(() => false)]))) {
    const now = cpu()
    longest = Math.max(longest, now - before)
    before = now
  }
  return longest
}

/** Reads a file as another user of the machine, if this one may become another. Returns its text, or `undefined`. */
const readAsNeighbour = (path: string): string | undefined => {
  const neighbour = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  const { status, stdout } = spawnSync("cat", [path], { encoding: "utf8", ...neighbour })
  return status === 0 ? stdout.replaceAll("\0", " ") : undefined
}

const parentOf = (pid: string): string | undefined => {
  try {
    return readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) \S /s, "")
      .split(" ")[0]
  } catch {
    return undefined
  }
}

/** The processes below this one, whatever their depth. */
const descendants = (): ReadonlyArray<string> => {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name))
  const parents = new Map(all.map((pid) => [pid, parentOf(pid)]))
  const isBelow = (pid: string | undefined): boolean =>
    pid !== undefined && (parents.get(pid) === `${process.pid}` || isBelow(parents.get(pid)))
  return all.filter(isBelow)
}

const relay = "src/telemetry/native-spans/Relay.ts"
const relayUrl = /http:\/\/127\.0\.0\.1:\d+\/[\w-]+\/v1\/traces/

const megabyte = 1024 * 1024

/** Collects garbage and returns the used memory. Long texts are outside the heap, and are freed after the collection. */
const memoryUsed = Effect.promise(async () => {
  heapUsed()
  await new Promise((resolve) => setTimeout(resolve, 50))
  return heapUsed() + process.memoryUsage().external
})

export const memory: ReadonlyArray<Attack> = [
  {
    id: "H13",
    title: "another user finds the relay's URL neither in Codex's command line nor in its environment",
    run: Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.shell("env")), M.reply(M.text("done"))])
      const spans = yield* InMemorySpans.make
      const recording = Tracer.layerProcessor(Effect.succeed(spans.processor))
      const telemetry = Layer.merge(recording, Relay.layer)
      const outcome = yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const turn = yield* thread.run("go")
        const codex = descendants().filter((pid) =>
          readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("app-server")
        )
        if (codex.length === 0) return "no process of Codex found"
        for (const pid of codex) {
          if (relayUrl.test(readAsNeighbour(`/proc/${pid}/cmdline`) ?? ""))
            return "the URL is in the command line"
          if (process.getuid?.() === 0 && relayUrl.test(readAsNeighbour(`/proc/${pid}/environ`) ?? ""))
            return "another user reads the environment"
        }
        const output = turn.items
          .flatMap((item) => (item._tag === "CommandExecution" ? [item.output] : []))
          .join()
        if (!output.includes("PATH=")) return "the command did not show its environment"
        return relayUrl.test(output) ? "a command of the agent inherits the URL" : "held"
      }).pipe(Effect.provide(Layer.provideMerge(real.layer, telemetry)), Effect.scoped)
      const native = (yield* spans.spans).filter(({ attributes }) => attributes["codex.native"] === true)
      return outcome === "held" && native.length === 0 ? "Codex's spans do not arrive" : outcome
    }),
    mutant: {
      file: relay,
      original: `endpoint = "", protocol`,
      mutated: `endpoint = "\${url}", protocol`
    }
  },
  {
    id: "H13",
    title:
      "120 bodies of 7.9 MB and one of 7.6 MB that names a running turn neither fill memory nor block the host",
    run: Effect.gen(function* () {
      const context = yield* Layer.build(Relay.layer)
      const makeExtra = Context.get(context, CodexLaunch.Extra)
      if (makeExtra === undefined) return "the relay did not start"
      const { env } = yield* makeExtra([])
      const url = env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] ?? ""
      SignalBus.emit(
        Context.get(context, SignalBus.Listeners),
        {
          signal: { _tag: "TurnStart", at: Date.now() },
          threadId: "thread",
          turnId: "turn",
          model: undefined,
          provider: undefined,
          sandbox: undefined,
          attributes: {},
          span: { traceId: "a".repeat(32), spanId: "b".repeat(16), sampled: true }
        },
        Context.empty()
      )
      const before = yield* memoryUsed
      const flood = fileURLToPath(new URL("./floodRelay.ts", import.meta.url))
      const block = yield* Effect.promise(() =>
        longestBlock(promisify(execFile)(process.execPath, ["--no-warnings", flood, url, "turn"]))
      )
      const grown = ((yield* memoryUsed) - before) / megabyte
      if (grown > 64) return `the host grew by ${grown.toFixed(0)} MiB`
      return block > 50 ? `the event loop was blocked for ${block.toFixed(0)} ms` : "held"
    }),
    mutant: {
      file: "src/telemetry/native-spans/OtlpReceiver.ts",
      original: "export const maxBody = 1024 * 1024",
      mutated: "export const maxBody = 64 * 1024 * 1024"
    }
  },
  {
    id: "H14",
    title: "the last of 6,000 items costs as much as the first, and none blocks the host",
    run: Effect.gen(function* () {
      const count = 6000
      const costs: Array<number> = []
      let block = 0
      yield* Effect.promise(() =>
        longestBlock(
          Effect.runPromise(
            runTurn(async ({ emit }) => {
              for (let index = 0; index < count; index++) {
                const before = cpu()
                const item = command(index, "a line of output\n")
                emit({ _tag: "ItemStarted", item: { ...item, status: "inProgress" }, at: Date.now() })
                emit({ _tag: "ItemCompleted", item, at: Date.now() })
                costs.push(cpu() - before)
                if (index % 20 === 0) await nextTurn()
              }
            })
          )
        ).then((longest) => {
          block = longest
        })
      )
      // The first items also pay for the compiler.
      const sum = (from: number, to: number) => costs.slice(from, to).reduce((all, cost) => all + cost, 0)
      const ratio = sum(count - 1000, count) / sum(1000, 2000)
      if (ratio > 2) return `the last items cost ${ratio.toFixed(1)} times as much as the first`
      return block > 50 ? `the event loop was blocked for ${block.toFixed(0)} ms` : "held"
    }),
    mutant: {
      file: "src/domain/KeptItems.ts",
      original: "entries: HashMap.set(items.entries, item.id, { order, item, bytes }),",
      mutated:
        "entries: HashMap.set(HashMap.fromIterable(HashMap.toEntries(items.entries)), item.id, { order, item, bytes }),"
    }
  },
  {
    id: "H20",
    title: "60 items of 10 MB stay below the limit of a thread, and say that they are cut",
    run: Effect.gen(function* () {
      const before = yield* memoryUsed
      const turn = yield* runTurn(async ({ emit }) => {
        for (let index = 0; index < 60; index++) {
          const output = Buffer.alloc(10_000_000, `${index} `).toString("latin1")
          emit({ _tag: "ItemCompleted", item: command(index, output), at: Date.now() })
          await nextTurn()
        }
      })
      const grown = ((yield* memoryUsed) - before) / megabyte
      if (grown > 64) return `the host grew by ${grown.toFixed(0)} MiB`
      const unmarked = turn.items.filter((item) => item.omittedCharacters === undefined)
      return turn.items.length !== 60 || unmarked.length > 0 ? "an item is cut without a mark" : "held"
    }),
    mutant: {
      file: "src/domain/KeptItems.ts",
      original: "  while (items.bytes > limit && items.nextToCut < items.next) items = cutNext(items)\n",
      mutated: "  return all\n"
    }
  }
]
