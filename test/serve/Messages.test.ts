import { assert, describe, it } from "@effect/vitest"
import type { RateLimits } from "../../src/domain/RateLimits.ts"
import type { ThreadDetail, ThreadSummary } from "../../src/http/HttpBodies.ts"
import type { RequestPage } from "../../src/serve/InboxApi.ts"
import type { LoginResponse, Me, ServeState } from "../../src/serve/ServeApi.ts"
import type * as Messages from "../../src/web/serve/Messages.ts"
import { makeParser, type ServerEvent } from "../../src/web/serve/EventParser.ts"
import * as TurnModel from "../../src/web/serve/TurnModel.ts"

/** What the server sends must have every field that the page reads. The compiler checks it. */
interface Sent {
  readonly login: typeof LoginResponse.Type
  readonly me: Me
  readonly state: ServeState
  readonly request: RequestPage
  readonly thread: ThreadSummary
  readonly history: ThreadDetail
  readonly limits: RateLimits
}
interface Read {
  readonly login: Messages.LoginMessage
  readonly me: Messages.MeMessage
  readonly state: Messages.StateMessage
  readonly request: Messages.RequestMessage
  readonly thread: Messages.ThreadMessage
  readonly history: Messages.HistoryMessage
  readonly limits: Messages.LimitsMessage
}
export const asRead = (sent: Sent): Read => sent

const fold = (...events: ReadonlyArray<TurnModel.EventLineMessage>) =>
  events.reduce(TurnModel.step, TurnModel.empty)

describe("the page of effect-codex serve", () => {
  it("joins events that arrive in pieces, and ignores comments", () => {
    const events: Array<ServerEvent> = []
    const parse = makeParser((event) => events.push(event))
    for (const part of [
      "id: a.1\nda",
      'ta: {"type":1}\n',
      "\n: keep-alive\n\nid: a.2\ndata: 2\n\nid: a.3\nda"
    ])
      parse(part)
    assert.deepStrictEqual(events, [
      { id: "a.1", data: '{"type":1}' },
      { id: "a.2", data: "2" }
    ])
  })

  it("shows the text of an item as it arrives, and the whole item when it is completed", () => {
    const item = { type: "agent_message", id: "m" }
    const partial = fold(
      { type: "turn.started", turnId: "t" },
      { type: "item.started", item },
      { type: "message.delta", itemId: "m", delta: "Hel" },
      { type: "message.delta", itemId: "m", delta: "lo" }
    )
    assert.strictEqual(partial.items.get("m")?.partial, "Hello")
    const ended = [
      { type: "item.completed", item: { ...item, text: "Hello." } },
      { type: "usage.updated", usage: { input: 5, output: 1 } },
      { type: "turn.failed", usage: { input: 7, output: 2 }, cost: 0.5, error: { message: "no" } }
    ].reduce(TurnModel.step, partial)
    assert.deepInclude(ended.items.get("m"), { partial: "", completed: true })
    assert.deepInclude(ended, {
      id: "t",
      usage: { input: 7, output: 2 },
      end: { outcome: "failed", error: "no", cost: 0.5 }
    })
  })

  it("does not show what a sub-agent says as the turn's own", () => {
    const turn = fold({ type: "agent.event", event: { type: "message.delta", itemId: "m", delta: "x" } })
    assert.strictEqual(turn.items.size, 0)
  })
})
