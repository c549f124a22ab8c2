/** Sends arbitrary input to the connection and the message router in this process. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Approval from "../../../src/Approval.ts"
import { ThreadId, TurnId } from "../../../src/domain/Ids.ts"
import * as JsonRpcConnection from "../../../src/engine/app-server/JsonRpcConnection.ts"
import * as MessageRouter from "../../../src/engine/app-server/MessageRouter.ts"
import * as RunningTurn from "../../../src/engine/app-server/RunningTurn.ts"
import * as SeededRandom from "../../../src/testing/simulation/SeededRandom.ts"
import type * as Turn from "../../../src/domain/Turn.ts"
import * as TurnState from "../../../src/domain/TurnState.ts"
import { noUsage } from "../../../src/domain/Turn.ts"
import { heapUsed } from "../../support/heap.ts"
import { onSlowClock } from "../../support/live.ts"
import { isSoak } from "../../support/soak.ts"

const notifications = [
  "turn/started",
  "turn/completed",
  "turn/diff/updated",
  "item/started",
  "item/completed",
  "item/agentMessage/delta",
  "item/reasoning/summaryTextDelta",
  "item/reasoning/textDelta",
  "item/commandExecution/outputDelta",
  "item/fileChange/outputDelta",
  "rawResponseItem/completed",
  "rawResponse/completed",
  "thread/tokenUsage/updated",
  "thread/status/changed",
  "thread/started",
  "serverRequest/resolved",
  "error",
  "thread/brandNew"
] as const

const requests = [
  "item/commandExecution/requestApproval",
  "item/fileChange/requestApproval",
  "item/permissions/requestApproval",
  "item/tool/call",
  "item/tool/requestUserInput",
  "mcpServer/elicitation/request",
  "execCommandApproval",
  "brand/new"
] as const

const names = [
  "threadId",
  "turnId",
  "itemId",
  "callId",
  "id",
  "type",
  "turn",
  "thread",
  "item",
  "delta",
  "status",
  "error",
  "tool",
  "arguments",
  "command",
  "changes",
  "questions",
  "permissions",
  "tokenUsage",
  "last",
  "message",
  "codexErrorInfo",
  "willRetry",
  "requestId",
  "rootTurnId",
  "__proto__",
  "constructor"
] as const

const kinds = [
  "agentMessage",
  "userMessage",
  "reasoning",
  "commandExecution",
  "fileChange",
  "mcpToolCall",
  "dynamicToolCall",
  "collabAgentToolCall",
  "webSearch",
  "contextCompaction",
  "plan",
  "novelty"
] as const

/** Generates lines from a seed: some valid, most almost valid, some invalid. */
const fuzz = (seed: number) => {
  const random = SeededRandom.make(seed, "fuzz")

  const value = (depth: number): unknown => {
    switch (random.below(depth > 3 ? 9 : 12)) {
      case 0:
        return null
      case 1:
        return random.chance(50)
      case 2:
        return random.oneOf([0, -1, 1e308, -1e308, 2 ** 53, 0.1, 1e-320, -(2 ** 60)])
      case 3:
        return random.oneOf([
          "t",
          "thread",
          "turn",
          "turn-2",
          "m1",
          "",
          "\u0000",
          "\ud800",
          "🦊",
          "../../x",
          "$(id)"
        ])
      case 4:
        return random.oneOf(kinds)
      case 5:
        return random.oneOf([
          "completed",
          "failed",
          "inProgress",
          "declined",
          "interrupted",
          "idle",
          "active"
        ])
      case 6:
        return "x".repeat(random.below(200))
      case 7:
        return []
      case 8:
        return {}
      case 9:
        return Array.from({ length: random.below(4) }, () => value(depth + 1))
      default:
        return object(depth + 1)
    }
  }
  const object = (depth: number): unknown =>
    Object.fromEntries(Array.from({ length: random.below(6) }, () => [random.oneOf(names), value(depth)]))

  const params = (): unknown => {
    const place = random.chance(80) ? { threadId: "thread", turnId: "turn" } : {}
    const item = {
      item: { id: random.oneOf(["m1", "c1", "f1"]), type: random.oneOf(kinds), ...asObject(object(1)) }
    }
    const turn = { turn: { id: "turn", status: random.oneOf(["inProgress", "odd"]), error: value(2) } }
    const parts = [place, random.chance(60) ? item : {}, random.chance(30) ? turn : {}, asObject(object(0))]
    if (random.chance(10)) return value(0)
    if (random.chance(60)) parts.reverse()
    return Object.assign({ itemId: "m1", delta: "d", callId: "c1" }, ...parts)
  }
  const asObject = (of: unknown): object => (typeof of === "object" && of !== null ? of : {})

  const message = (): string => {
    switch (random.below(10)) {
      case 0:
        return JSON.stringify({ id: random.oneOf([0, 1, 99, "a", -1, 0.5]), result: value(0) })
      case 1:
        return JSON.stringify({ id: random.below(100), error: value(0) })
      case 2:
      case 3:
        return JSON.stringify({
          id: random.oneOf([random.below(1_000), "same", "same", -1]),
          method: random.oneOf(requests),
          params: params()
        })
      default:
        return JSON.stringify({
          method: random.oneOf(notifications),
          params: params(),
          ...(random.chance(20) ? { emittedAtMs: value(3) } : {})
        })
    }
  }

  const line = (): Buffer => {
    const text = message()
    const end = random.oneOf(["\n", "\n", "\n", "\r\n"])
    switch (random.below(12)) {
      case 0:
        return Buffer.from(text.slice(0, random.below(text.length + 1)) + end)
      case 1: {
        const bytes = Buffer.from(text + end)
        bytes[random.below(bytes.length - 2)] = random.oneOf([0xff, 0xc0, 0x80, 0xed, 0x00])
        return bytes
      }
      case 2: {
        const depth = random.below(3_000)
        return Buffer.from(`{"method":"error","params":${"[".repeat(depth)}${"]".repeat(depth)}}${end}`)
      }
      case 3:
        return Buffer.from(
          `${random.oneOf(["", "\r", "null", "[]", "7", '"x"', "{}", "\u2028", "NaN"])}${end}`
        )
      case 4:
        return Buffer.from(text.replace(/\d+/, "1".repeat(400)) + end)
      default:
        return Buffer.from(text + end)
    }
  }
  return { line, random }
}

/** Whether a line is a message, independently of the code under test. */
const isMessage = (line: string): boolean => {
  try {
    const parsed: unknown = JSON.parse(line)
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return false
    const { id, method } = parsed as { id?: unknown; method?: unknown }
    const goodId = id === undefined || id === null || typeof id === "string" || Number.isFinite(id)
    return goodId && (method === undefined || typeof method === "string")
  } catch {
    return false
  }
}

const threadId = ThreadId.make("thread")

/** Makes a thread with a running turn on a connection without a process. */
const open = () => {
  const sent: Array<string> = []
  const events: Array<string> = []
  const runningTurns = new Map<string, RunningTurn.RunningTurn>()
  const settled: Array<RunningTurn.RunningTurn> = []
  const clock = Context.get(Context.empty(), Clock.Clock)
  let state = TurnState.initial(threadId, 0, noUsage)
  let asked = 0
  let garbage = 0
  const received = (event: Turn.EngineEvent) => {
    ;[state] = TurnState.step(state, event, new Set())
    events.push(event._tag)
  }
  const totals = new Map([["thread", ""]])
  const listener = MessageRouter.make(runningTurns, totals, (runningTurn) => settled.push(runningTurn))
  const connection = JsonRpcConnection.make(
    (line) => void sent.push(line),
    { ...listener, onUnparsable: () => void garbage++ },
    Duration.seconds(30)
  )
  /** Replaces the turn with a new one that has the same id. */
  const begin = () => {
    state = TurnState.initial(threadId, 0, noUsage)
    const runningTurn = RunningTurn.make({
      threadId,
      cwd: "/",
      handlers: {
        emit: received,
        approve: () => Effect.sync(() => (asked++, Approval.decline("no"))),
        callTool: () => Effect.sync(() => (asked++, { success: true, text: "" }))
      },
      fork: Effect.runFork,
      clock
    })
    RunningTurn.step(runningTurn, { _tag: "Accepted", turnId: TurnId.make("turn") })
    runningTurns.set("thread", runningTurn)
    return runningTurn
  }
  begin()
  return {
    connection,
    runningTurns,
    totals,
    sent,
    events,
    begin,
    garbage: () => garbage,
    asked: () => asked,
    clear: () => {
      sent.length = 0
      events.length = 0
      settled.length = 0
    },
    state: () => state
  }
}

/** Returns the size of the live heap in megabytes. */
const heapMegabytes = () => heapUsed() / 2 ** 20

describe("arbitrary input from Codex", () => {
  it.live(
    "F21 ends nothing, is counted and does not grow memory in tens of thousands of lines",
    () =>
      Effect.gen(function* () {
        const peer = open()
        const { line, random } = fuzz(20_261_121)
        const asking = Effect.exit(peer.connection.request("thread/read", {}))
        const waiting = yield* Effect.forEach(Array.from({ length: 60 }), () =>
          Effect.forkChild(asking, { startImmediately: true })
        )
        let malformed = 0
        let asks = 0
        let answers = 0
        let inRow = 0
        let rows = 0
        let before = 0
        const lines = isSoak ? 100_000 : 20_000
        for (let sent = 0; sent < lines; sent++) {
          const bytes = line()
          for (const text of bytes.toString("utf8").split("\n")) {
            const whole = text.endsWith("\r") ? text.slice(0, -1) : text
            if (whole === "") continue
            if (isMessage(whole)) {
              inRow = 0
              const { id, method } = JSON.parse(whole) as { id?: unknown; method?: unknown }
              if (method !== undefined && id !== undefined && id !== null) asks++
            } else {
              malformed++
              if (++inRow === 100) rows++
            }
          }
          // Split anywhere, including inside a character.
          const cut = random.below(bytes.length + 1)
          peer.connection.receive(bytes.subarray(0, cut))
          peer.connection.receive(bytes.subarray(cut))
          if (sent % 500 === 499) {
            for (let at = 0; at < 5; at++) yield* Effect.sleep(0)
            answers += peer.sent.filter((text) => !text.includes('"thread/read"')).length
            peer.clear()
            const runningTurn = peer.runningTurns.get("thread")
            if (runningTurn === undefined || RunningTurn.isOver(runningTurn)) peer.begin()
            if (sent === 9_999) before = heapMegabytes()
            // The state of a turn grows with its input, so replace the turn regularly.
            if (sent % 5_000 === 4_999) peer.begin()
          }
        }
        peer.begin()
        const after = heapMegabytes()
        yield* Effect.sync(() =>
          process.stdout.write(
            `${lines} lines: ${malformed} malformed, ${asks} asked, ${peer.asked()} reached a policy or a tool; ` +
              `heap ${before.toFixed(1)} MB after 10,000, ${after.toFixed(1)} MB after all\n`
          )
        )
        const counters = peer.connection.counters()
        assert.strictEqual(counters.malformed, malformed)
        assert.strictEqual(counters.skipped, 0)
        assert.strictEqual(peer.garbage(), rows)
        assert.isAbove(counters.unknownReplies, lines / 100)
        // Every request has exactly one reply.
        assert.strictEqual(answers, asks)
        assert.isAbove(peer.asked(), lines / 1_000)
        assert.isBelow(after - before, 20)
        assert.strictEqual(peer.runningTurns.size, 1)
        assert.strictEqual(peer.totals.size, 1)

        // The connection still processes messages and resolves pending requests.
        const place = { threadId: "thread", turnId: "turn" }
        const item = { id: "last", type: "agentMessage", text: "still here" }
        peer.connection.receive(
          Buffer.from(`${JSON.stringify({ method: "item/completed", params: { ...place, item } })}\n`)
        )
        assert.strictEqual(TurnState.message(peer.state()), "still here")
        peer.connection.close()
        for (const fiber of waiting) assert.isTrue(Exit.isSuccess(yield* Fiber.await(fiber)))
        // On a loaded machine, the pending requests would reach their timeout first.
      }).pipe(onSlowClock),
    600_000
  )

  it.live("F23 loses no message before or after a line of 200 MB", () =>
    Effect.gen(function* () {
      const peer = open()
      const item = (id: string) =>
        Buffer.from(
          `${JSON.stringify({
            method: "item/completed",
            params: { threadId: "thread", turnId: "turn", item: { id, type: "agentMessage", text: id } }
          })}\r\n`
        )
      const chunk = Buffer.alloc(1024 * 1024, "[")
      peer.connection.receive(item("one"))
      for (let megabyte = 0; megabyte < 200; megabyte++) peer.connection.receive(chunk)
      peer.connection.receive(Buffer.from("\n"))
      peer.connection.receive(item("two"))
      assert.deepStrictEqual(peer.events, ["TurnStarted", "ItemCompleted", "ItemCompleted"])
      assert.strictEqual(TurnState.message(peer.state()), "two")
      assert.deepStrictEqual(peer.connection.counters(), { malformed: 0, skipped: 1, unknownReplies: 0 })
      yield* Effect.void
    })
  )
})
