import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as MissedNotifications from "../../../src/engine/app-server/MissedNotifications.ts"

const threadId = "thread"

interface Played extends MissedNotifications.MissedNotification {
  readonly params: Readonly<Record<string, unknown>>
}

/** Items that start and end in this order: each number is the item, first as its start and then as its end. */
const Schedule = Schema.Array(Schema.Literals([0, 1, 2, 3, 4]))

/** The notifications of a turn whose items start and end in the order of a schedule. */
const play = (turnId: string, schedule: ReadonlyArray<number>, ends: boolean): ReadonlyArray<Played> => {
  const state = new Map<number, "started" | "completed">()
  const played: Array<Played> = [
    { method: "turn/started", params: { threadId, turn: { id: turnId } }, emittedAtMs: 1000 }
  ]
  for (const [at, item] of schedule.entries()) {
    const method = state.has(item) ? "item/completed" : "item/started"
    if (state.get(item) === "completed") continue
    state.set(item, state.has(item) ? "completed" : "started")
    const emittedAtMs = 1001 + at
    played.push({ method, params: { threadId, turnId, item: { id: `${turnId}-${item}` } }, emittedAtMs })
  }
  if (!ends) return played
  for (const [item, reached] of state)
    if (reached === "started")
      played.push({
        method: "item/completed",
        params: { threadId, turnId, item: { id: `${turnId}-${item}` } },
        emittedAtMs: 1900 + item
      })
  return [
    ...played,
    { method: "turn/completed", params: { threadId, turn: { id: turnId } }, emittedAtMs: 2000 }
  ]
}

const idOf = ({ params }: Pick<Played, "params">): string => {
  const item = params["item"]
  return typeof item === "object" && item !== null && "id" in item ? String(item.id) : ""
}

/** The turn in the history after these notifications, as Codex stores it. */
const stored = (turnId: string, played: ReadonlyArray<Played>) => {
  const items = new Map<string, { startedAtMs?: number; completedAtMs?: number }>()
  for (const notification of played) {
    const id = idOf(notification)
    const at = notification.emittedAtMs ?? 0
    if (notification.method === "item/started") items.set(id, { startedAtMs: at })
    if (notification.method === "item/completed") items.set(id, { ...items.get(id), completedAtMs: at })
  }
  return {
    id: turnId,
    status: played.some(({ method }) => method === "turn/completed") ? "completed" : "inProgress",
    startedAt: 1,
    completedAt: 2,
    items: [...items].map(([id, times]) => ({ id, type: "commandExecution", status: "completed", ...times }))
  }
}

const resumed = (turns: ReadonlyArray<unknown>, activeFlags: ReadonlyArray<string> = []) => ({
  thread: { status: { type: "active", activeFlags } },
  // Codex returns the newest turn first.
  initialTurnsPage: { data: turns.toReversed() }
})
const historyOf = (reply: unknown): MissedNotifications.StoredHistory =>
  Option.getOrThrow(MissedNotifications.historyOf(reply))

const names = (notifications: ReadonlyArray<MissedNotifications.MissedNotification>) =>
  notifications.map(({ method, params }) => `${method} ${idOf({ params: Object(params) })}`)

describe("what was missed while a connection was down", () => {
  it.prop(
    "is exactly what was not observed, at any moment of a turn",
    [Schedule, Schema.Boolean, Schema.Natural],
    ([schedule, ends, at]) => {
      const played = play("turn", schedule, ends)
      const cut = at % (played.length + 1)
      const missed = MissedNotifications.make()
      missed.open(threadId)
      for (const { method, params } of played.slice(0, cut)) missed.observe(method, params)
      // A turn that started while the connection was down is new only if it runs, or if its start was observed.
      const isKnown = cut > 0 || !ends
      const found = missed.missed(threadId, historyOf(resumed([stored("turn", played)])))
      const observed = cut === played.length && ends
      assert.sameMembers(names(found), isKnown && !observed ? names(played.slice(cut)) : [])
      // Nothing is reported twice.
      const again = missed.missed(threadId, historyOf(resumed([stored("turn", played)])))
      assert.deepStrictEqual(names(again), [])
    },
    { arbitrary: { runs: 300 } }
  )

  it("starts each item before it completes it, and ends a turn last", () => {
    const played = play("turn", [0, 1, 1, 0, 2], true)
    const missed = MissedNotifications.make()
    missed.open(threadId)
    missed.observe("turn/started", { threadId, turn: { id: "turn" } })
    const found = missed.missed(threadId, historyOf(resumed([stored("turn", played)])))
    assert.deepStrictEqual(names(found), [
      "item/started turn-0",
      "item/completed turn-0",
      "item/started turn-1",
      "item/completed turn-1",
      "item/started turn-2",
      "item/completed turn-2",
      "turn/completed "
    ])
    // An item that has started has not ended yet.
    assert.deepInclude(Object(found[0]?.params).item, { status: "inProgress" })
    assert.strictEqual(found[0]?.emittedAtMs, 1001)
  })

  it("includes turns that Codex started meanwhile, and none that ended before", () => {
    const missed = MissedNotifications.make()
    missed.open(threadId)
    const first = play("first", [0, 0], true)
    for (const { method, params } of first) missed.observe(method, params)
    const second = play("second", [0, 0], true)
    const third = play("third", [0], false)
    const history = historyOf(
      resumed([
        stored("old", play("old", [1], true)),
        stored("first", first),
        stored("second", second),
        stored("third", third)
      ])
    )
    assert.deepStrictEqual(names(missed.missed(threadId, history)), [
      "turn/started ",
      "item/started second-0",
      "item/completed second-0",
      "turn/completed ",
      "turn/started ",
      "item/started third-0"
    ])
  })

  it("leaves it open how a turn ended that looks interrupted: its end may not be stored yet", () => {
    const missed = MissedNotifications.make()
    missed.open(threadId)
    missed.observe("turn/started", { threadId, turn: { id: "turn" } })
    const turn = { ...stored("turn", play("turn", [0, 0], true)), status: "interrupted" }
    const found = missed.missed(threadId, historyOf(resumed([turn])))
    assert.deepStrictEqual(names(found), [
      "item/started turn-0",
      "item/completed turn-0",
      "thread/status/changed "
    ])
    assert.deepStrictEqual(found.at(-1)?.params, { threadId, status: { type: "idle" } })
  })

  it("is nothing for a thread that is not open, and for the history of a thread that was resumed", () => {
    const missed = MissedNotifications.make()
    const history = historyOf(resumed([stored("old", play("old", [0], true))]))
    assert.deepStrictEqual(missed.missed(threadId, history), [])
    missed.open(threadId)
    assert.deepStrictEqual(missed.missed(threadId, history), [])
    missed.observe("turn/started", { threadId, turn: { id: "old" } })
    missed.close(threadId)
    assert.deepStrictEqual(missed.threads(), [])
    assert.deepStrictEqual(missed.missed(threadId, history), [])
  })

  it("finds the turn that a message started, and whether Codex waits for a person", () => {
    const turn = { ...stored("turn", []), items: [{ id: "m", type: "userMessage", clientId: "key" }] }
    const history = historyOf(resumed([turn], ["waitingOnApproval"]))
    assert.strictEqual(MissedNotifications.turnOf(history, "key"), "turn")
    assert.isUndefined(MissedNotifications.turnOf(history, "other"))
    assert.isTrue(history.asks)
    assert.isFalse(historyOf(resumed([turn])).asks)
    assert.isTrue(Option.isNone(MissedNotifications.historyOf({ thread: {} })))
  })
})
