/** What a store writes, and what it refuses to write twice: the same tests for each database. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { type StateLocked, type StorageUnavailable, TurnInterrupted } from "../../../src/domain/CodexError.ts"
import { ItemId, ThreadId, TurnId } from "../../../src/domain/Ids.ts"
import { Store } from "../../../src/durable/store/Store.ts"
import type { Submission } from "../../../src/durable/store/TurnQueries.ts"

/** A turn to submit. */
export const submission = (key: string, threadId?: string): Submission => ({
  key,
  threadId,
  threadOptions: { cwd: "/srv/app" },
  input: "Fix the build",
  options: { timeoutMillis: 1000 }
})

/** Runs a test with an empty store. */
type WithStore = <A, E>(
  effect: Effect.Effect<A, E, Store>
) => Effect.Effect<A, E | StorageUnavailable | StateLocked>

const failed = { _tag: "Failed", error: new TurnInterrupted({ by: "caller" }) } as const

/** Declares the tests. */
export const storeSuite = (withStore: WithStore): void => {
  it.effect("finds the first turn when the same submission comes again, and refuses another one", () =>
    withStore(
      Effect.gen(function* () {
        const store = yield* Store
        const first = yield* store.submit(submission("a"))
        const again = yield* store.submit(submission("a"))
        assert.deepStrictEqual(
          [first.inserted, again.inserted, again.turn.threadId],
          [true, false, first.turn.threadId]
        )
        const error = yield* Effect.flip(store.submit({ ...submission("a"), input: "Break the build" }))
        assert.strictEqual(error._tag, "KeyReused")
      })
    )
  )

  it.effect("offers one turn of each thread at a time, in the order of their submission", () =>
    withStore(
      Effect.gen(function* () {
        const store = yield* Store
        for (const [key, thread] of [
          ["a1", "a"],
          ["a2", "a"],
          ["b1", "b"]
        ] as const)
          yield* store.submit(submission(key, thread))
        const keys = store.open.heads(10)
        assert.sameMembers([...(yield* keys)], ["a1", "b1"])
        yield* store.claim("a1", "r1")
        assert.sameMembers([...(yield* keys)], ["b1"])
        assert.isTrue(yield* store.finish("a1", 1, failed))
        assert.sameMembers([...(yield* keys)], ["a2", "b1"])
      })
    )
  )

  it.effect("writes an outcome once, and lets only the last owner go on", () =>
    withStore(
      Effect.gen(function* () {
        const store = yield* Store
        yield* store.submit(submission("a", "t"))
        const first = yield* store.claim("a", "r1", { journal: 1, program: "v1" })
        const second = yield* store.claim("a", "r2", { journal: 2, program: "v2" })
        assert.deepStrictEqual(
          [first?.epoch, second?.epoch, second?.journalVersion, second?.programVersion],
          [1, 2, 1, "v1"]
        )
        assert.isUndefined(yield* store.owns("a", "r1", 1))
        assert.isNumber(yield* store.owns("a", "r2", 2))
        const startAs = (epoch: number, name: string) =>
          store.started("a", epoch, {
            codexThreadId: ThreadId.make(`codex-${name}`),
            turnId: TurnId.make(`turn-${name}`),
            engine: "e1"
          })
        yield* startAs(2, "1")
        yield* startAs(1, "of-an-earlier-owner")
        yield* store.setStatus("a", 1, "waiting")
        assert.strictEqual((yield* store.turn("a"))?.status, "running")
        assert.deepStrictEqual(
          [
            yield* store.finish("a", 1, failed),
            yield* store.finish("a", 2, failed),
            yield* store.finish("a", 2, failed)
          ],
          [false, true, false]
        )
        assert.isUndefined(yield* store.claim("a", "r3"))
        yield* startAs(2, "after-the-end")
        const outcome = yield* store.outcome("a")
        assert.strictEqual(outcome?._tag === "Failed" ? outcome.error._tag : undefined, "TurnInterrupted")
        const turn = yield* store.turn("a")
        assert.deepStrictEqual([turn?.status, turn?.turnId], ["interrupted", TurnId.make("turn-1")])
        assert.strictEqual((yield* store.thread("t"))?.codexThreadId, ThreadId.make("codex-1"))
      })
    )
  )

  it.effect("keeps the trace of the submission and of the last attempt, and who left the turn", () =>
    withStore(
      Effect.gen(function* () {
        const store = yield* Store
        yield* store.submit({ ...submission("a", "t"), traceParent: "submitted" })
        yield* store.submit({ ...submission("b", "u"), team: "payments" })
        yield* store.claim("a", "r1", undefined, "first")
        yield* store.left("a", 1)
        yield* store.claim("b", "r1", undefined, "first")
        const known = Effect.map(
          Effect.forEach(["a", "b"], (key) => store.turn(key)),
          (rows) => rows.map((row) => [row?.traceParent, row?.attemptTrace, row?.attempts, row?.leftEpoch])
        )
        assert.deepStrictEqual(yield* known, [
          ["submitted", "first", 1, 1],
          ["first", "first", 1, null]
        ])
        yield* store.recovered("b", 1, "second")
        // An earlier owner changes nothing.
        yield* store.claim("a", "r2", undefined, "third")
        yield* store.left("a", 1)
        yield* store.recovered("a", 1, "late")
        assert.deepStrictEqual(yield* known, [
          ["submitted", "third", 2, 1],
          ["first", "second", 2, null]
        ])
      })
    )
  )

  it.effect("counts the turns that have not ended and the requests that wait, by team", () =>
    withStore(
      Effect.gen(function* () {
        const store = yield* Store
        assert.deepStrictEqual(yield* store.counts, [])
        for (const [key, team] of [
          ["a", "payments"],
          ["b", "payments"],
          ["c", undefined],
          ["ended", "payments"]
        ] as const)
          yield* store.submit({ ...submission(key, key), team })
        yield* store.claim("c", "r1")
        yield* store.claim("ended", "r1")
        yield* store.finish("ended", 1, failed)
        const request = {
          _tag: "Command",
          id: "1",
          itemId: ItemId.make("i"),
          command: "npm publish",
          script: "npm publish",
          cwd: "/srv/app",
          extra: false
        } as const
        for (const id of ["waits", "decided"])
          yield* store.approvals.ask({
            id,
            key: "c",
            threadId: "c",
            turnId: TurnId.make("turn"),
            itemId: ItemId.make("i"),
            hash: "h",
            request,
            shown: "npm publish",
            expiresAt: null
          })
        yield* store.approvals.decide("decided", { _tag: "Accept" }, "ada")
        const counts = yield* store.counts
        assert.sameDeepMembers(
          counts.map(({ n, status, team }) => [status, team, n]),
          [
            ["submitted", "payments", 2],
            ["running", null, 1],
            ["asked", null, 1]
          ]
        )
        assert.isTrue(counts.every(({ since }) => Number.isSafeInteger(since)))
      })
    )
  )

  it.effect("counts the threads that each engine runs for other runners", () =>
    withStore(
      Effect.gen(function* () {
        const store = yield* Store
        for (const [key, engine] of [
          ["a", "e1"],
          ["b", "e1"],
          ["c", "e2"],
          ["ended", "e2"]
        ] as const) {
          yield* store.submit(submission(key, key))
          yield* store.claim(key, "r1")
          yield* store.threadStarted(key, 1, { codexThreadId: ThreadId.make(key), engine })
        }
        yield* store.setStatus("b", 1, "waiting")
        yield* store.finish("ended", 1, failed)
        yield* store.submit(submission("a2", "a"))
        assert.deepStrictEqual([...(yield* store.engines.running("r2"))].toSorted(), [
          ["e1", 2],
          ["e2", 1]
        ])
        assert.deepStrictEqual([...(yield* store.engines.running("r1"))], [])
      })
    )
  )

  it.effect("stores an event that is observed twice once, and nothing of an earlier owner", () =>
    withStore(
      Effect.gen(function* () {
        const store = yield* Store
        yield* store.submit(submission("a", "t"))
        yield* store.claim("a", "r1")
        const event = { type: "events.omitted", deltas: 1, events: 0, at: 1 } as const
        yield* store.events.append("a", [{ id: "e1", event }, { event }], 1)
        yield* store.events.append(
          "a",
          [
            { id: "e1", event },
            { id: "e2", event }
          ],
          1
        )
        yield* store.events.append("a", [{ id: "e3", event }], 0)
        const rows = yield* store.events.after("a", 0)
        assert.deepStrictEqual(
          rows.map(({ seq }) => seq),
          [1, 2, 4]
        )
        assert.deepStrictEqual(rows[0]?.event, event)
        assert.lengthOf(yield* store.events.after("a", 2), 1)
      })
    )
  )

  it.effect("starts no thread and no tool, and stores no conversation, for an earlier owner", () =>
    withStore(
      Effect.gen(function* () {
        const { claim, rollouts, submit, thread, threadStarted, tools } = yield* Store
        const { turn } = yield* submit(submission("a", "t"))
        yield* claim("a", "r1")
        yield* claim("a", "r2")
        const id = ThreadId.make("codex-1")
        const call = {
          turnId: TurnId.make("turn-1"),
          callId: "c1",
          key: "a",
          tool: "deploy",
          sideEffect: "once"
        }
        for (const epoch of [1, 2]) {
          const engine = `e${epoch}`
          yield* threadStarted("a", epoch, { codexThreadId: id, engine })
          yield* rollouts.append(id, 0, new Uint8Array(epoch), { key: "a", epoch })
          const expected = epoch === 2
          assert.strictEqual((yield* thread(turn.threadId))?.engine, expected ? "e2" : null)
          assert.strictEqual(yield* rollouts.size(id), expected ? 2 : 0)
          assert.strictEqual(yield* tools.begin(call, epoch), expected ? "new" : "lost")
        }
      })
    )
  )

  it.effect("journals a tool call and its result once", () =>
    withStore(
      Effect.gen(function* () {
        const { tools } = yield* Store
        const call = {
          turnId: TurnId.make("turn-1"),
          callId: "c1",
          key: "a",
          tool: "deploy",
          sideEffect: "once"
        }
        assert.strictEqual(yield* tools.begin(call), "new")
        const intent = yield* tools.begin(call)
        assert.propertyVal(intent, "state", "intent")
        assert.isTrue(yield* tools.done(call.turnId, "c1", { ok: [1, "two"] }))
        assert.isFalse(yield* tools.done(call.turnId, "c1", "other"))
        assert.deepStrictEqual((yield* tools.get(call.turnId, "c1"))?.result, { ok: [1, "two"] })
      })
    )
  )

  it.effect("returns a rollout as it was written", () =>
    withStore(
      Effect.gen(function* () {
        const { rollouts } = yield* Store
        const id = ThreadId.make("codex-1")
        for (let at = 0; at < 40; at += 2) yield* rollouts.append(id, at, new Uint8Array([at, at + 1]))
        yield* rollouts.append(id, 0, new Uint8Array([9, 9]))
        assert.strictEqual(yield* rollouts.size(id), 40)
        const bytes = (yield* Stream.runCollect(rollouts.read(id))).flatMap((part) => [...part])
        assert.deepStrictEqual(
          bytes,
          Array.from({ length: 40 }, (_, at) => at)
        )
      })
    )
  )

  it.effect("announces a commit to a process that waits", () =>
    withStore(
      Effect.gen(function* () {
        const store = yield* Store
        const seen = yield* store.changes.pipe(
          Stream.mapEffect(() => store.turns({ ended: false })),
          Stream.takeUntil((rows) => rows.length > 0),
          Stream.runDrain,
          Effect.forkChild
        )
        yield* store.submit(submission("a"))
        yield* Fiber.join(seen)
      })
    )
  )
}
