/** Routes messages to turns on a connection without a process. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import * as CodexError from "../../../src/domain/CodexError.ts"
import type * as Turn from "../../../src/domain/Turn.ts"
import { ThreadId, TurnId } from "../../../src/domain/Ids.ts"
import * as JsonRpcConnection from "../../../src/engine/app-server/JsonRpcConnection.ts"
import * as MessageRouter from "../../../src/engine/app-server/MessageRouter.ts"
import * as RunningTurn from "../../../src/engine/app-server/RunningTurn.ts"

/** Makes a running turn whose approval policy never decides. */
const open = (fail: (event: Turn.EngineEvent) => void = () => {}) => {
  const sent: Array<string> = []
  const events: Array<Turn.EngineEvent> = []
  const handlers = {
    emit: (event: Turn.EngineEvent) => {
      fail(event)
      events.push(event)
    },
    approve: () => Effect.never,
    callTool: () => Effect.never
  }
  const turn = RunningTurn.make({
    threadId: ThreadId.make("thread"),
    cwd: "/",
    handlers: { ...handlers, agent: () => ({ ...handlers, end: () => {} }) },
    // The handlers start later than the messages that follow their request.
    fork: (effect) => Effect.runFork(Effect.andThen(Effect.yieldNow, effect)),
    clock: Context.get(Context.empty(), Clock.Clock)
  })
  RunningTurn.step(turn, { _tag: "Accepted", turnId: TurnId.make("turn") })
  const listener = MessageRouter.make(new Map([["thread", turn]]), new Map([["thread", ""]]), () => {})
  const connection = JsonRpcConnection.make(
    (line) => void sent.push(line),
    { ...listener, onUnparsable: () => {} },
    Duration.seconds(1)
  )
  const receive = (...messages: ReadonlyArray<object>) =>
    connection.receive(Buffer.from(messages.map((message) => `${JSON.stringify(message)}\n`).join("")))
  return { events, receive, sent, turn }
}

const ofTurn = { threadId: "thread", turnId: "turn" }
const itemCompleted = (item: object) => ({
  method: "item/completed",
  params: { ...ofTurn, item, completedAtMs: 0 }
})
const modelMessage = (text: string, turnId = "turn") => ({
  method: "rawResponseItem/completed",
  params: {
    ...ofTurn,
    turnId,
    item: { type: "message", role: "assistant", content: [{ type: "output_text", text }] }
  }
})

describe("the message router", () => {
  it("adds what the model said to the end of a review, unless it is of another turn or the review failed", () => {
    const answer = JSON.stringify({ findings: [], overall_correctness: "patch is correct" })
    const entered = itemCompleted({ type: "enteredReviewMode", id: "r1", review: "current changes" })
    const exited = (review: string) => itemCompleted({ type: "exitedReviewMode", id: "r2", review })
    const reviewOf = (...messages: ReadonlyArray<object>) => {
      const { events, receive } = open()
      receive(...messages)
      const last = events.at(-1)
      return last?._tag === "ItemCompleted" && last.item._tag === "ExitedReviewMode"
        ? last.item.review
        : "none"
    }
    const shown = { findings: [], explanation: "Fine." }
    assert.deepStrictEqual(reviewOf(entered, modelMessage(answer), exited("Fine.")), {
      findings: [],
      explanation: "",
      verdict: "patch is correct"
    })
    assert.deepStrictEqual(reviewOf(entered, modelMessage(answer, "other"), exited("Fine.")), shown)
    assert.deepStrictEqual(reviewOf(entered, modelMessage("hm {"), exited("Fine.")), shown)
    assert.deepStrictEqual(reviewOf(modelMessage(answer), exited("Fine.")), shown)
    assert.isUndefined(
      reviewOf(entered, modelMessage(answer), exited("Reviewer failed to output a response."))
    )
  })

  it.live("withdraws the later of two requests with the same id", () =>
    Effect.gen(function* () {
      const { events, receive, sent } = open()
      const request = (itemId: string) => ({
        id: 5,
        method: "item/commandExecution/requestApproval",
        params: { threadId: "thread", turnId: "turn", itemId, command: "ls", cwd: "/" }
      })
      const resolved = { method: "serverRequest/resolved", params: { threadId: "thread", requestId: 5 } }
      const replies = (count: number) =>
        Effect.sync(() => sent.length).pipe(
          Effect.repeat({ schedule: Schedule.spaced("1 millis"), until: (length) => length === count })
        )
      receive(request("first"), resolved, request("second"))
      yield* replies(1)
      receive(resolved)
      yield* replies(2)
      assert.deepStrictEqual(
        events.flatMap((event) => (event._tag === "ApprovalDecided" ? [event.itemId] : [])),
        ["first", "second"]
      )
    })
  )

  it("counts a sub-agent's messages as activity of the turn that it works for", () => {
    const { receive, turn } = open()
    receive({
      method: "turn/started",
      params: { threadId: "agent", turn: { id: "agent-turn", rootTurnId: "turn" } }
    })
    const before = turn.messageCount
    receive({
      method: "item/agentMessage/delta",
      params: { threadId: "agent", turnId: "agent-turn", itemId: "m1", delta: "still working" }
    })
    assert.isAbove(turn.messageCount, before)
  })

  it("refuses a request whose handling throws", () => {
    const { receive, sent } = open((event) => {
      if (event._tag === "ApprovalRequested") throw new Error("no")
    })
    receive({
      id: 5,
      method: "item/commandExecution/requestApproval",
      params: { threadId: "thread", turnId: "turn", itemId: "c1", command: "ls", cwd: "/" }
    })
    assert.lengthOf(sent, 1)
    assert.deepInclude(JSON.parse(sent[0] ?? ""), {
      id: 5,
      error: { code: -32603, message: "effect-codex failed on item/commandExecution/requestApproval" }
    })
  })

  it("uses the time that Codex gives for an event, unless it lies far in the past or in the future", () => {
    const { events, receive } = open()
    const now = Date.now()
    for (const emittedAtMs of [now - 1000, now - 3_600_000, now + 3_600_000])
      receive({
        method: "item/agentMessage/delta",
        params: { threadId: "thread", turnId: "turn", itemId: "m1", delta: "x" },
        emittedAtMs
      })
    const [recent, ...others] = events.flatMap((event) => (event._tag === "MessageDelta" ? [event.at] : []))
    assert.strictEqual(recent, now - 1000)
    assert.lengthOf(others, 2)
    for (const at of others) assert.isBelow(Math.abs(at - now), 60_000)
  })

  it("reports each total of used tokens once, and only for the turn that runs", () => {
    const { events, receive } = open()
    const tokens = (inputTokens: number) => ({
      inputTokens,
      cachedInputTokens: 0,
      outputTokens: 1,
      reasoningOutputTokens: 0,
      totalTokens: inputTokens + 1
    })
    const used = (total: number, turnId = "turn") =>
      receive({
        method: "thread/tokenUsage/updated",
        params: { threadId: "thread", turnId, tokenUsage: { total: tokens(total), last: tokens(5) } }
      })
    used(10)
    used(10)
    used(15)
    used(20, "earlier")
    const reported = events.filter(({ _tag }) => _tag === "UsageUpdated")
    assert.lengthOf(reported, 2)
  })
})

describe("a failed turn", () => {
  it("continues until its caller interrupts it; a sub-agent's turn, which has no caller, ends", () => {
    const { turn: root } = open()
    const ends: Array<unknown> = []
    const { clock, cwd, fork, handlers } = root
    const subAgent = RunningTurn.make({
      threadId: ThreadId.make("agent"),
      clock,
      cwd,
      fork,
      handlers,
      root,
      onEnd: (end) => void ends.push(end)
    })
    RunningTurn.step(subAgent, { _tag: "Accepted", turnId: TurnId.make("agent-turn") })
    const error = new CodexError.TurnStalled({ detail: "silent" })
    for (const turn of [root, subAgent]) RunningTurn.fail(turn, error)
    assert.isFalse(RunningTurn.isOver(root))
    assert.isTrue(RunningTurn.isOver(subAgent))
    assert.deepStrictEqual(ends, [error])
  })
})

describe("a turn that ends", () => {
  it("keeps none of its open items", () => {
    const { receive, turn } = open()
    receive({
      method: "item/started",
      params: {
        threadId: "thread",
        turnId: "turn",
        item: { type: "agentMessage", id: "m1", text: "" }
      }
    })
    assert.strictEqual(turn.openItems.items.size, 1)
    RunningTurn.end(turn, "completed")
    assert.strictEqual(turn.openItems.items.size, 0)
  })

  it.effect("declines a pending request once, and abandons a handler that ignores its interruption", () =>
    Effect.gen(function* () {
      const { turn } = open()
      const replies: Array<unknown> = []
      const request = { id: 1, reply: (reply: unknown) => void replies.push(reply), refuse: () => {} }
      const started = yield* Deferred.make<void>()
      const deaf = Effect.andThen(Deferred.succeed(started, undefined), Effect.never)
      RunningTurn.answerRequest(turn, request, Effect.uninterruptible(deaf), "declined")
      yield* Deferred.await(started)
      const declining = yield* Effect.forkChild(RunningTurn.declinePending(turn), { startImmediately: true })
      assert.deepStrictEqual(replies, ["declined"])
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(declining)
      assert.strictEqual(turn.pendingRequests.size, 0)
      // A second attempt finds nothing to wait for.
      yield* RunningTurn.declinePending(turn)
      assert.deepStrictEqual(replies, ["declined"])
    }).pipe(Effect.provide(Logger.layer([])))
  )
})

describe("two running calls with the same id", () => {
  const of = { threadId: "thread", turnId: "turn" }
  const calls = (id: string, type = "function_call") => ({
    method: "rawResponseItem/completed",
    params: { ...of, item: { type, call_id: id, name: "exec_command" } }
  })
  const asks = (id: number, command: string, itemId = "same") => ({
    id,
    method: "item/commandExecution/requestApproval",
    params: { ...of, itemId, command, cwd: "/" }
  })
  const patches = (path: string) => ({
    method: "item/started",
    params: {
      ...of,
      item: {
        type: "fileChange",
        id: "same",
        status: "inProgress",
        changes: [{ path, kind: { type: "add" }, diff: "" }]
      }
    }
  })
  const asksForPatch = (id: number) => ({
    id,
    method: "item/fileChange/requestApproval",
    params: { ...of, itemId: "same" }
  })
  /** The decided requests, once there are that many. */
  const decided = ({ events, sent }: ReturnType<typeof open>, count: number) =>
    Effect.sync(() => sent.length).pipe(
      Effect.repeat({ schedule: Schedule.spaced("1 millis"), until: (length) => length >= count }),
      Effect.timeout("1 minute"),
      Effect.map(() =>
        events.flatMap((event) =>
          event._tag === "ApprovalDecided" && event.decision._tag === "Decline" ? [event.decision.reason] : []
        )
      )
    )
  const ambiguous = "two running calls of the model have the same id"

  it.live("decline the request that waits, because Codex would run the other call", () =>
    Effect.gen(function* () {
      const opened = open()
      opened.receive(calls("same"), asks(1, "ls"), calls("same"))
      assert.deepStrictEqual(yield* decided(opened, 1), [ambiguous])
    })
  )

  it.live("decline every later request for the id", () =>
    Effect.gen(function* () {
      const opened = open()
      opened.receive(calls("same"), calls("same"), calls("same", "function_call_output"), asks(1, "ls"))
      assert.deepStrictEqual(yield* decided(opened, 1), [ambiguous])
    })
  )

  it.live("decline both requests if Codex reports the requests alone", () =>
    Effect.gen(function* () {
      const opened = open()
      opened.receive(asks(1, "ls"), asks(2, "rm x"))
      assert.deepStrictEqual(yield* decided(opened, 2), [ambiguous, ambiguous])
    })
  )

  it.live("decline patches, whose requests show only the last item", () =>
    Effect.gen(function* () {
      const opened = open()
      opened.receive(patches("/a"), patches("/b"), asksForPatch(1), asksForPatch(2))
      assert.deepStrictEqual(yield* decided(opened, 2), [ambiguous, ambiguous])
    })
  )

  it.live("are not what a repeated request, a repeated item or an id that is used again later are", () =>
    Effect.gen(function* () {
      const { events, receive, sent } = open()
      receive(calls("same"), calls("same", "function_call_output"), calls("same"))
      receive(patches("/a"), patches("/a"), asksForPatch(1), asksForPatch(2))
      receive(asks(3, "ls", "other"), asks(4, "ls", "other"))
      yield* Effect.sleep("20 millis")
      assert.deepStrictEqual(sent, [])
      assert.lengthOf(
        events.filter(({ _tag }) => _tag === "ApprovalRequested"),
        4
      )
    })
  )
})
