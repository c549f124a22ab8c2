import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as ApprovalRequestHash from "../../src/domain/ApprovalRequestHash.ts"
import * as Approval from "../../src/Approval.ts"
import { decide } from "../../src/approval/PolicyRunner.ts"
import { asking, tool, question } from "./requests.ts"

const { ApprovalQueue } = Approval

/** Asks, and gives the entry that waits, with the fiber that waits for it. */
const put = Effect.fnUntraced(function* (
  request: Approval.ApprovalRequest,
  policy: Approval.Policy<Approval.ApprovalQueue> = Approval.queue
) {
  const queue = yield* ApprovalQueue
  const before = (yield* queue.pending).length
  const fiber = yield* Effect.forkChild(decide(policy, request, asking("thread")), {
    startImmediately: true
  })
  const pending = yield* queue.pending
  assert.lengthOf(pending, before + 1)
  const entry = pending.at(-1)
  return entry === undefined ? yield* Effect.die("nothing waits") : { entry, fiber }
})

const tagOf = (exit: Exit.Exit<unknown, Approval.AnswerError>): string =>
  Exit.match(exit, {
    onSuccess: () => "answered",
    onFailure: (cause) =>
      cause.reasons.map((reason) => (reason._tag === "Fail" ? reason.error._tag : "Die"))[0] ?? ""
  })

describe("the approval queue", () => {
  it.effect("lists the thread, the turn and the content of each request", () =>
    Effect.gen(function* () {
      const queue = yield* ApprovalQueue
      const request = tool("deploy", { to: "a" })
      const { entry, fiber } = yield* put(request)
      const { hash, threadId, turnId } = entry
      assert.deepStrictEqual<ReadonlyArray<unknown>>(
        [threadId, turnId, entry.request, hash],
        ["thread", "turn-1", request, ApprovalRequestHash.hash(request)]
      )
      yield* queue.answer(entry.id, Approval.accept, entry)
      assert.deepStrictEqual(yield* Fiber.join(fiber), {
        _tag: "Accept",
        source: "user",
        policy: "queue"
      })
      assert.lengthOf(yield* queue.pending, 0)
    }).pipe(Effect.provide(ApprovalQueue.layer))
  )

  it.effect("F17 accepts exactly the first of two concurrent answers, a thousand times", () =>
    Effect.gen(function* () {
      const queue = yield* ApprovalQueue
      for (let n = 0; n < 1000; n++) {
        const { entry, fiber } = yield* put(tool("deploy", { n }))
        const gate = yield* Deferred.make<void>()
        const answer = (decision: Approval.ApprovalDecision) =>
          Effect.forkChild(
            Effect.exit(Effect.andThen(Deferred.await(gate), queue.answer(entry.id, decision, entry))),
            { startImmediately: true }
          )
        const both =
          n % 2 === 0
            ? [yield* answer(Approval.accept), yield* answer(Approval.decline("no"))]
            : [yield* answer(Approval.decline("no")), yield* answer(Approval.accept)]
        yield* Deferred.succeed(gate, undefined)
        const exits = yield* Effect.forEach(both, Fiber.join)
        assert.sameMembers(exits.map(tagOf), ["answered", "AlreadyDecided"])
        const yes = exits.findIndex(Exit.isSuccess) === (n % 2 === 0 ? 0 : 1)
        assert.strictEqual((yield* Fiber.join(fiber))._tag, yes ? "Accept" : "Decline")
      }
      assert.lengthOf(yield* queue.pending, 0)
    }).pipe(Effect.provide(ApprovalQueue.layer))
  )

  it.effect(
    "F18 rejects a late answer: after the end of the turn, after the timeout, after another answer",
    () =>
      Effect.gen(function* () {
        const queue = yield* ApprovalQueue
        const late = (entry: Approval.Pending) =>
          Effect.map(Effect.exit(queue.answer(entry.id, Approval.accept, entry)), tagOf)

        const ended = yield* put(tool("deploy", {}))
        yield* Fiber.interrupt(ended.fiber)
        assert.lengthOf(yield* queue.pending, 0)
        assert.strictEqual(yield* late(ended.entry), "AlreadyDecided")

        const expired = yield* put(tool("deploy", {}), Approval.timeout(Approval.queue, "10 minutes"))
        yield* TestClock.adjust("599999 millis")
        assert.lengthOf(yield* queue.pending, 1)
        yield* TestClock.adjust("1 millis")
        assert.deepInclude(yield* Fiber.join(expired.fiber), { _tag: "Decline", source: "timeout" })
        assert.strictEqual(yield* late(expired.entry), "AlreadyDecided")

        const answered = yield* put(tool("deploy", {}))
        yield* queue.answer(answered.entry.id, Approval.decline("no"), answered.entry)
        // The same is asked again: what comes late for the first one must not answer the second.
        const again = yield* put(tool("deploy", {}))
        assert.strictEqual(yield* late(answered.entry), "AlreadyDecided")
        assert.lengthOf(yield* queue.pending, 1)
        assert.isUndefined(again.fiber.pollUnsafe())
        yield* Fiber.interrupt(again.fiber)
      }).pipe(Effect.provide(ApprovalQueue.layer))
  )

  it.effect("F18 accepts an answer just before the timeout", () =>
    Effect.gen(function* () {
      const queue = yield* ApprovalQueue
      const { entry, fiber } = yield* put(tool("deploy", {}), Approval.timeout(Approval.queue, "1 second"))
      yield* Effect.forkChild(
        Effect.andThen(Effect.sleep("999 millis"), queue.answer(entry.id, Approval.accept, entry)),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Accept")
    }).pipe(Effect.provide(ApprovalQueue.layer))
  )

  it.effect("F20 keeps a request pending if an answer has another hash or is invalid", () =>
    Effect.gen(function* () {
      const queue = yield* ApprovalQueue
      const { entry, fiber } = yield* put(question("which"))
      const other = ApprovalRequestHash.hash(question("another"))
      const tags = yield* Effect.forEach(
        [
          queue.answer("nowhere", Approval.accept, entry),
          queue.answer(entry.id, Approval.answer({ which: ["red"] }), { hash: other }),
          queue.answer(entry.id, Approval.accept, entry),
          queue.answer(entry.id, Approval.answer({ which: ["green"] }), entry),
          queue.answer(entry.id, Approval.answer({ which: ["red"] }), entry)
        ],
        (answer) => Effect.map(Effect.exit(answer), tagOf)
      )
      assert.deepStrictEqual(tags, [
        "NotPending",
        "ArgumentsChanged",
        "AnswerRejected",
        "AnswerRejected",
        "answered"
      ])
      assert.deepInclude(yield* Fiber.join(fiber), { _tag: "Accept" })
    }).pipe(Effect.provide(ApprovalQueue.layer))
  )

  it.effect("F20 shows the request as it was asked, even if the caller modifies it later", () =>
    Effect.gen(function* () {
      const queue = yield* ApprovalQueue
      const args = { to: "staging" }
      const { entry, fiber } = yield* put(tool("deploy", args))
      args.to = "production"
      assert.deepInclude(entry.request, { arguments: { to: "staging" } })
      yield* queue.answer(entry.id, Approval.accept, entry)
      assert.deepInclude(yield* Fiber.join(fiber), { _tag: "Decline", source: "default" })
    }).pipe(Effect.provide(ApprovalQueue.layer))
  )

  it.effect("F19 resumes only the request that is answered", () =>
    Effect.gen(function* () {
      const queue = yield* ApprovalQueue
      const a = yield* put(tool("deploy", { to: "a" }))
      const b = yield* put(tool("deploy", { to: "b" }))
      yield* queue.answer(a.entry.id, Approval.accept, a.entry)
      assert.strictEqual((yield* Fiber.join(a.fiber))._tag, "Accept")
      assert.isUndefined(b.fiber.pollUnsafe())
      assert.deepStrictEqual(
        (yield* queue.pending).map(({ id }) => id),
        [b.entry.id]
      )
      yield* Fiber.interrupt(b.fiber)
    }).pipe(Effect.provide(ApprovalQueue.layer))
  )

  it.effect("accepts an answer as soon as the request is visible", () =>
    Effect.gen(function* () {
      const queue = yield* ApprovalQueue
      yield* Effect.forkChild(
        Stream.runForEach(queue.changes, (pending) =>
          Effect.forEach(pending, (entry) => Effect.ignore(queue.answer(entry.id, Approval.accept, entry)))
        ),
        { startImmediately: true }
      )
      yield* Effect.yieldNow
      const asked = Array.from({ length: 50 }, (_, n) => decide(Approval.queue, tool("deploy", { n })))
      const decided = yield* Effect.all(asked, { concurrency: "unbounded" })
      assert.isTrue(decided.every(Approval.isGranted))
    }).pipe(Effect.provide(ApprovalQueue.layer))
  )

  it.effect("publishes every change, and the last state to slow readers", () =>
    Effect.gen(function* () {
      const queue = yield* ApprovalQueue
      const seen: Array<number> = []
      yield* Effect.forkChild(
        Stream.runForEach(queue.changes, (pending) => Effect.sync(() => seen.push(pending.length))),
        { startImmediately: true }
      )
      yield* Effect.yieldNow
      const one = yield* put(tool("deploy", { n: 1 }))
      yield* Effect.yieldNow
      const two = yield* put(tool("deploy", { n: 2 }))
      yield* Effect.yieldNow
      yield* queue.answer(one.entry.id, Approval.accept, one.entry)
      yield* queue.answer(two.entry.id, Approval.accept, two.entry)
      yield* Effect.yieldNow
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual([seen[0], seen.at(-1)], [0, 0])
      assert.includeMembers(seen, [1, 2])
      const slow = yield* Stream.runCollect(Stream.take(queue.changes, 1))
      assert.deepStrictEqual(slow, [[]])
    }).pipe(Effect.provide(ApprovalQueue.layer))
  )
})
