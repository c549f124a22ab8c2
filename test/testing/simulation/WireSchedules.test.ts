/** Turns on a Codex that sends and omits messages at random, under virtual time, from seeds. */
import { assert, it } from "@effect/vitest"
import * as BackgroundTerminals from "../../../src/engine/app-server/BackgroundTerminals.ts"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/testing/TestClock"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Approval from "../../../src/Approval.ts"
import * as CodexError from "../../../src/domain/CodexError.ts"
import * as JsonRpcConnection from "../../../src/engine/app-server/JsonRpcConnection.ts"
import * as MessageRouter from "../../../src/engine/app-server/MessageRouter.ts"
import type * as AppServerProcess from "../../../src/engine/app-server/AppServerProcess.ts"
import * as TurnDriver from "../../../src/engine/app-server/TurnDriver.ts"
import type * as RunningTurn from "../../../src/engine/app-server/RunningTurn.ts"
import { ThreadId } from "../../../src/domain/Ids.ts"
import * as SeededRandom from "../../../src/testing/simulation/SeededRandom.ts"
import type * as Turn from "../../../src/domain/Turn.ts"
import { isSoak } from "../../support/soak.ts"

interface Heard {
  readonly id?: string | number
  readonly method?: string
  readonly params?: { readonly threadId?: string; readonly turnId?: string }
}

const timeout = 120_000
/** What an interrupt takes at most, and deaf policies and tools after it. */
const grace = 5_000 + 3_000 + 1_000

/** A Codex in this process. It reports protocol violations of the client to `broken`. */
const codex = (
  name: string,
  random: SeededRandom.Random,
  now: () => number,
  fork: (effect: Effect.Effect<unknown>) => unknown,
  broken: (text: string) => void
) => {
  const runningTurns = new Map<string, RunningTurn.RunningTurn>()
  const totals = new Map<string, string>()
  const running = new Map<string, string>()
  const asked = new Map<string, number>()
  /** When a turn had an error for its last word, by its thread. */
  const failed = new Map<string, number>()
  let ended: CodexError.EngineExited | undefined
  let turns = 0
  let asks = 0
  const tell = (message: object) => {
    if (ended === undefined) connection.receive(Buffer.from(`${JSON.stringify(message)}\n`))
  }
  const later = (ms: number, what: () => void) =>
    ms === 0 ? what() : void fork(Effect.delay(Effect.sync(what), ms))

  const ask = (threadId: string, turnId: string) => {
    const id = `${name}-ask-${++asks}`
    asked.set(id, 0)
    const of = { threadId, turnId, itemId: "c1" }
    tell(
      random.chance(50)
        ? { id, method: "item/tool/call", params: { ...of, callId: "c1", tool: "x", arguments: {} } }
        : {
            id,
            method: "item/commandExecution/requestApproval",
            params: { ...of, command: "ls", cwd: "/", startedAtMs: 0 }
          }
    )
  }

  const complete = (threadId: string, turnId: string, status: string) => {
    if (running.get(threadId) === turnId) running.delete(threadId)
    const error = status === "failed" ? { message: "no", codexErrorInfo: "serverOverloaded" } : null
    tell({ method: "turn/completed", params: { threadId, turn: { id: turnId, status, error, items: [] } } })
  }

  const play = (threadId: string, turnId: string, nameless: boolean) => {
    const of = { threadId, turnId }
    const item = { id: "m1", type: "agentMessage", text: "hello" }
    let at = 0
    const then = (what: () => void) =>
      later((at += random.oneOf([0, 1, 5, 200, 3_000])), () => {
        if (running.get(threadId) === turnId) what()
      })
    // A turn that is named by nothing at all is over when its time is.
    if (nameless || random.chance(95))
      then(() =>
        tell({
          method: "turn/started",
          params: { threadId, turn: { id: turnId, items: [], status: "inProgress" } }
        })
      )
    for (let step = random.below(6); step > 0; step--) {
      const what = random.below(6)
      then(() => {
        if (what === 0) ask(threadId, turnId)
        else if (what === 1)
          tell({ method: "item/completed", params: { threadId, turnId: "an-older-turn", item } })
        else if (what === 2) complete(threadId, "an-older-turn", "completed")
        else if (what === 3)
          tell({ method: "item/agentMessage/delta", params: { ...of, itemId: "m1", delta: "x" } })
        else tell({ method: "item/completed", params: { ...of, item } })
      })
    }
    const fate = random.below(12)
    then(() => {
      switch (fate) {
        case 0:
          return
        case 1:
          running.delete(threadId)
          return tell({ method: "thread/status/changed", params: { threadId, status: { type: "idle" } } })
        case 2:
          running.delete(threadId)
          failed.set(threadId, now())
          return tell({ method: "error", params: { ...of, error: { message: "no" }, willRetry: false } })
        case 3:
          return random.chance(30) ? exit() : undefined
        case 4:
          complete(threadId, turnId, "completed")
          return complete(threadId, turnId, "failed")
        case 5:
          return complete(threadId, turnId, "failed")
        default:
          return complete(threadId, turnId, "completed")
      }
    })
  }

  const hear = ({ id, method, params: { threadId = "", turnId = "" } = {} }: Heard) => {
    if (method === undefined) {
      const times = asked.get(String(id))
      if (times === undefined) return broken(`an answer to ${id}, which has no request`)
      if (times > 0) broken(`a second answer to ${id}`)
      return void asked.set(String(id), times + 1)
    }
    const reply = (result: object) => tell({ id, result })
    const wait = random.oneOf([0, 0, 1, 30])
    switch (method) {
      case "turn/start": {
        const before = running.get(threadId)
        if (before !== undefined) broken(`turn/start on ${threadId} while ${before} runs`)
        const way = random.below(30)
        if (way === 0) return
        if (way === 1) return tell({ id, error: { code: -32602, message: "bad" } })
        if (way === 2) return tell({ id, error: { code: -32001, message: "overloaded" } })
        const own = `${name}-turn-${++turns}`
        running.set(threadId, own)
        return later(wait, () => {
          reply(way === 3 ? {} : { turn: { id: own, status: "inProgress", items: [], error: null } })
          play(threadId, own, way === 3)
        })
      }
      case "turn/interrupt":
        if (random.chance(10)) return
        if (running.get(threadId) !== turnId)
          return tell({ id, error: { code: -32600, message: "no active turn to interrupt" } })
        return later(wait, () => {
          reply({})
          if (random.chance(90)) complete(threadId, turnId, "interrupted")
        })
      case "thread/read": {
        if (random.chance(15)) return
        const own = running.get(threadId)
        const type = own === undefined ? "idle" : "active"
        return later(wait, () =>
          reply({ thread: { id: threadId, status: { type, activeFlags: [] }, turns: [] } })
        )
      }
      default:
        return id === undefined ? undefined : later(wait, () => reply({}))
    }
  }

  const exit = () => {
    if (ended !== undefined) return
    ended = new CodexError.EngineExited({ signal: "SIGKILL", stderr: "" })
    listener.onExit(ended)
    connection.close()
  }
  const listener = MessageRouter.make(runningTurns, totals, (runningTurn) =>
    TurnDriver.confirmEnd(process, runningTurn)
  )
  const connection = JsonRpcConnection.make(
    // A pipe takes its time: no answer comes while the question is still being asked.
    (line) => {
      const said: Heard = JSON.parse(line)
      fork(
        Effect.delay(
          Effect.sync(() => (ended === undefined ? hear(said) : undefined)),
          1
        )
      )
    },
    { ...listener, onUnparsable: () => broken("garbage") },
    Duration.seconds(30)
  )
  const process: AppServerProcess.Process = {
    connection,
    version: undefined,
    mask: (text) => text,
    home: undefined,
    isUsable: () => ended === undefined,
    end: () => ended ?? new CodexError.EngineExited({ stderr: "" }),
    kill: Effect.sync(exit)
  }
  return {
    process,
    runningTurns,
    failed,
    unanswered: () =>
      ended === undefined ? [...asked].filter(([, times]) => times === 0).map(([id]) => id) : []
  }
}

const simulate = Effect.fnUntraced(function* (seed: number) {
  const random = SeededRandom.make(seed, "wire")
  const violations: Array<string> = []
  const endings: Array<string> = []
  const clock = yield* Clock.Clock
  const fork = Effect.runForkWith(yield* Effect.context())
  const peers: Array<ReturnType<typeof codex>> = []
  let active = 0
  const counting: Metric.FiberRuntimeMetricsService = {
    recordFiberStart: () => void active++,
    recordFiberEnd: () => void active--
  }
  const peer = () => {
    const last = peers.at(-1)
    if (last?.process.isUsable() === true) return last
    const next = codex(
      `codex${peers.length}`,
      SeededRandom.make(seed, `codex ${peers.length}`),
      () => clock.currentTimeMillisUnsafe(),
      (effect) => fork(effect),
      (text) => void violations.push(text)
    )
    peers.push(next)
    return next
  }

  const turn = Effect.fnUntraced(function* (threadId: ThreadId, own: SeededRandom.Random) {
    const { failed: failedAt, process, runningTurns } = peer()
    failedAt.delete(threadId)
    let over = false
    const handlers = {
      emit: ({ _tag }: Turn.EngineEvent) => {
        // An abandoned policy still ends; the runtime ignores its result.
        if (over && _tag !== "ApprovalDecided")
          violations.push(`something is said of a turn of ${threadId} that is over: ${_tag}`)
      },
      approve: () =>
        own.chance(30)
          ? Effect.never
          : own.chance(20)
            ? Effect.uninterruptible(Effect.as(Effect.sleep("10 seconds"), Approval.accept))
            : Effect.as(Effect.sleep(own.below(100)), Approval.decline("no")),
      callTool: () => (own.chance(30) ? Effect.never : Effect.succeed({ success: true, text: "" }))
    }
    const failed = (error: JsonRpcConnection.RpcRequestError) =>
      error._tag === "ConnectionClosed" ? process.end() : new CodexError.ProtocolError({ detail: error._tag })
    const terminals = BackgroundTerminals.makeRegistry()
    const location = { threadId, cwd: "/", process, runningTurns, terminals }
    const started = clock.currentTimeMillisUnsafe()
    const patience = own.chance(30) ? own.below(5_000) : timeout
    const exit = yield* TurnDriver.run(location, "turn/start", { threadId }, {}, handlers, failed).pipe(
      Effect.timeoutOption(patience),
      Effect.exit
    )
    over = true
    const took = clock.currentTimeMillisUnsafe() - started
    if (took > patience + grace)
      violations.push(`a turn of ${threadId} took ${took} ms; ${patience} ms were allowed`)
    const settled = clock.currentTimeMillisUnsafe() - (failedAt.get(threadId) ?? Number.POSITIVE_INFINITY)
    if (settled > 1_000 + grace)
      violations.push(`a turn of ${threadId} ended ${settled} ms after it had failed`)
    endings.push(Exit.isSuccess(exit) ? exit.value._tag : "failed")
    if (Exit.isFailure(exit) && exit.cause.reasons.some(({ _tag }) => _tag === "Die"))
      violations.push(`a turn of ${threadId} died: ${String(exit.cause)}`)
    if (runningTurns.has(threadId)) violations.push(`${threadId} is still taken`)
  })

  const threads = Array.from({ length: 1 + random.below(4) }, (_, index) => ThreadId.make(`thread-${index}`))
  const fiber = yield* Effect.forEach(
    threads,
    (threadId) =>
      Effect.forEach(
        [1, 2, 3],
        (number) => turn(threadId, SeededRandom.make(seed, `${threadId} ${number}`)),
        {
          discard: true
        }
      ),
    { concurrency: "unbounded", discard: true }
  ).pipe(Effect.provideService(Metric.FiberRuntimeMetrics, counting), Effect.forkChild)
  for (let minute = 0; fiber.pollUnsafe() === undefined && minute < 20; minute++)
    yield* TestClock.adjust("1 minute")
  if (fiber.pollUnsafe() === undefined) violations.push("it hangs")
  yield* Fiber.interrupt(fiber)
  yield* TestClock.adjust("5 minutes")
  for (const { runningTurns, unanswered } of peers) {
    violations.push(...unanswered().map((id) => `no answer to ${id}`))
    if (runningTurns.size > 0) violations.push("turns are left")
  }
  if (active !== 0) violations.push(`${active} fibers are left`)
  return { violations, endings, processes: peers.length }
})

const schedules = isSoak ? 500 : 150

it.effect(
  "F01 F02 F03 F04 F25 every turn ends in time and once, with one reply to every request, in random schedules of messages",
  () =>
    Effect.gen(function* () {
      const endings = new Map<string, number>()
      let processes = 0
      for (let seed = 1; seed <= schedules; seed++) {
        const run = yield* simulate(seed)
        assert.deepStrictEqual(run.violations, [], `seed ${seed}`)
        for (const ending of run.endings) endings.set(ending, (endings.get(ending) ?? 0) + 1)
        processes += run.processes
      }
      // The schedules are worth something only if turns complete, fail and are given up, and processes end.
      for (const ending of ["Some", "None", "failed"])
        assert.isAbove(endings.get(ending) ?? 0, schedules / 5, ending)
      assert.isAbove(processes, schedules * 1.2)
    }),
  120_000
)
