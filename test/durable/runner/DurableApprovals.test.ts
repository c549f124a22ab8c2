import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { ApprovalAudit } from "../../../src/approval/ApprovalAudit.ts"
import * as Policy from "../../../src/approval/Policy.ts"
import type { ApprovalRequest } from "../../../src/domain/ApprovalRequest.ts"
import { hash } from "../../../src/domain/ApprovalRequestHash.ts"
import { ItemId, TurnId } from "../../../src/domain/Ids.ts"
import * as DurableApprovals from "../../../src/durable/runner/DurableApprovals.ts"
import * as TurnWatch from "../../../src/durable/runner/TurnWatch.ts"
import { Store } from "../../../src/durable/store/Store.ts"
import { layerStore, submit } from "./support.ts"

const request: ApprovalRequest = {
  _tag: "Tool",
  id: "call_1",
  itemId: ItemId.make("call_1"),
  tool: "charge",
  arguments: { cents: 5 }
}

/** The policy as one process has it. A process that dies leaves what waits. */
const make = (more: Partial<DurableApprovals.DurableApprovalsOptions> = {}) =>
  Effect.gen(function* () {
    const store = yield* Store
    const watch = yield* TurnWatch.make(store, "runner")
    const counts: Array<number> = []
    const policy = DurableApprovals.policy({
      store,
      watch,
      key: "k",
      threadId: "t",
      expiry: Duration.hours(1),
      first: undefined,
      audit: undefined,
      isLeaving: () => true,
      place: { pause: (wait) => wait },
      onWaiting: (count) => Effect.sync(() => void counts.push(count)),
      ...more
    })
    const ask = (asked: ApprovalRequest) =>
      Effect.flatMap(Policy.ApprovalContext, (context) =>
        Effect.provideService(policy(asked), Policy.ApprovalContext, {
          ...context,
          turnId: TurnId.make("turn_1")
        })
      )
    return { ask, counts }
  })

/** Waits until a request waits, without the help of the clock. */
const asked = Effect.gen(function* () {
  const store = yield* Store
  while (true) {
    const [row] = yield* store.approvals.list({ pending: true })
    if (row !== undefined) return row
    yield* Effect.yieldNow
  }
})

describe("approvals in the database", () => {
  it.effect("wait again when Codex asks again after the runner lost its engine", () =>
    Effect.gen(function* () {
      yield* submit("k")
      const { approvals } = yield* Store
      const { ask } = yield* make({ isLeaving: () => false })
      const lost = yield* Effect.forkChild(ask(request))
      const { id } = yield* asked
      yield* Fiber.interrupt(lost)
      assert.deepStrictEqual(yield* approvals.list({ pending: true }), [])
      const again = yield* Effect.forkChild(ask(request))
      assert.strictEqual((yield* asked).id, id)
      assert.strictEqual(yield* approvals.decide(id, { _tag: "Accept" }, "ada"), "accepted")
      assert.strictEqual((yield* Fiber.join(again))._tag, "Accept")
    }).pipe(Effect.scoped, Effect.provide(layerStore))
  )

  it.effect("F16 expire at their own time, also if the process died in between", () =>
    Effect.gen(function* () {
      yield* submit("k")
      const first = yield* make()
      const dying = yield* Effect.forkChild(first.ask(request))
      const row = yield* asked
      yield* TestClock.adjust("40 minutes")
      yield* Fiber.interrupt(dying)
      const second = yield* make()
      const waiting = yield* Effect.forkChild(second.ask(request))
      yield* TestClock.adjust("19 minutes")
      assert.isUndefined(waiting.pollUnsafe())
      assert.strictEqual((yield* asked).expiresAt, row.expiresAt)
      yield* TestClock.adjust("1 minute")
      const decision = yield* Fiber.join(waiting)
      assert.deepInclude(decision, { _tag: "Decline", reason: "nobody answered in time", source: "timeout" })
      const store = yield* Store
      assert.strictEqual(yield* store.approvals.decide(row.id, { _tag: "Accept" }, "ada"), "already")
    }).pipe(Effect.scoped, Effect.provide(layerStore))
  )

  it.effect("give the answer of an earlier process to the request that is sent again", () =>
    Effect.gen(function* () {
      yield* submit("k")
      const first = yield* make()
      const dying = yield* Effect.forkChild(first.ask(request))
      const { id } = yield* asked
      yield* Fiber.interrupt(dying)
      const store = yield* Store
      yield* store.approvals.decide(id, { _tag: "Accept" }, "ada")
      const second = yield* make()
      assert.deepInclude(yield* second.ask(request), { _tag: "Accept" })
      // The same call with other arguments is another request.
      const other = yield* Effect.forkChild(second.ask({ ...request, arguments: { cents: 500 } }))
      assert.notStrictEqual((yield* asked).id, id)
      yield* Fiber.interrupt(other)
    }).pipe(Effect.scoped, Effect.provide(layerStore))
  )

  it.effect("end when Codex no longer waits for them, and stay when the worker leaves", () =>
    Effect.gen(function* () {
      yield* submit("k")
      for (const isLeaving of [true, false]) {
        const process = yield* make({ isLeaving: () => isLeaving })
        const waiting = yield* Effect.forkChild(process.ask(request))
        while (process.counts.length === 0) yield* Effect.yieldNow
        yield* Fiber.interrupt(waiting)
        assert.deepStrictEqual(process.counts, [1, 0])
        const store = yield* Store
        assert.strictEqual((yield* store.approvals.list({ pending: true })).length, isLeaving ? 1 : 0)
      }
    }).pipe(Effect.scoped, Effect.provide(layerStore))
  )

  it.effect("are recorded in the audit once, by the process that takes the decision", () =>
    Effect.gen(function* () {
      yield* submit("k")
      const audit = yield* ApprovalAudit
      const entries = yield* Effect.forkScoped(Stream.runCollect(Stream.take(audit.entries, 2)), {
        startImmediately: true
      })
      const process = yield* make({ audit })
      const waiting = yield* Effect.forkChild(process.ask(request))
      const { id } = yield* asked
      const store = yield* Store
      yield* store.approvals.decide(id, { _tag: "Accept", source: "user" }, "ada")
      yield* Fiber.join(waiting)
      // Codex sends the request again to a next process.
      yield* (yield* make({ audit })).ask(request)
      const other = { ...request, id: "call_2" }
      const next = yield* Effect.forkChild(process.ask(other))
      yield* store.approvals.decide((yield* asked).id, { _tag: "Cancel" }, "ada")
      yield* Fiber.join(next)
      assert.deepStrictEqual(
        (yield* Fiber.join(entries)).map(({ decision, requestId }) => [requestId, decision]),
        [
          ["call_1", "accept"],
          ["call_2", "cancel"]
        ]
      )
    }).pipe(Effect.scoped, Effect.provide([layerStore, ApprovalAudit.layer]))
  )

  it.effect("ask nobody about what the policy of the worker decides", () =>
    Effect.gen(function* () {
      yield* submit("k")
      const policy: Policy.Policy = (request) =>
        Effect.succeed(request._tag === "Tool" ? { _tag: "Accept" } : Policy.abstain)
      const { ask } = yield* make({ first: policy })
      assert.deepInclude(yield* ask(request), { _tag: "Accept" })
      const store = yield* Store
      assert.strictEqual((yield* store.approvals.list({})).length, 0)
    }).pipe(Effect.scoped, Effect.provide(layerStore))
  )

  it("have an id that follows from the turn, the item, the request and its content", () => {
    const id = (key: string, turn: string, changed: Partial<typeof request> = {}) => {
      const one = { ...request, ...changed }
      return DurableApprovals.idOf(key, turn, one, hash(one))
    }
    const ids = [
      id("k", "1"),
      id("k2", "1"),
      id("k", "2"),
      id("k", "1", { id: "other" }),
      id("k", "1", { itemId: ItemId.make("other") }),
      id("k", "1", { arguments: {} })
    ]
    assert.strictEqual(new Set(ids).size, ids.length)
    assert.strictEqual(id("k", "1"), ids[0])
  })
})
