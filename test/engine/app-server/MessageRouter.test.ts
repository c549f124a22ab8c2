/** Routes messages to turns on a connection without a process. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Turn from "../../../src/domain/Turn.ts"
import { ThreadId, TurnId } from "../../../src/domain/Ids.ts"
import * as JsonRpcConnection from "../../../src/engine/app-server/JsonRpcConnection.ts"
import * as MessageRouter from "../../../src/engine/app-server/MessageRouter.ts"
import * as RunningTurn from "../../../src/engine/app-server/RunningTurn.ts"

/** Makes a running turn whose approval policy never decides. */
const open = () => {
  const sent: Array<string> = []
  const events: Array<Turn.EngineEvent> = []
  const handlers = {
    emit: (event: Turn.EngineEvent) => void events.push(event),
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

describe("the message router", () => {
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
})
