/** The client of durable turns: submitting, watching, interrupting and answering through a database. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { accept, acceptForSession, answer, decline } from "../../src/domain/ApprovalDecision.ts"
import type { ApprovalRequest } from "../../src/domain/ApprovalRequest.ts"
import { hash } from "../../src/domain/ApprovalRequestHash.ts"
import { ToolFailed } from "../../src/domain/CodexError.ts"
import { ItemId, TurnId } from "../../src/domain/Ids.ts"
import { Durable } from "../../src/durable/Durable.ts"
import * as DurableThread from "../../src/durable/DurableThread.ts"
import { layerRunner } from "../../src/durable/store/SqliteStore.ts"
import { Store } from "../../src/durable/store/Store.ts"
import * as SqlClient from "effect/sql/SqlClient"

const withDurable = <A, E>(effect: Effect.Effect<A, E, Durable | Store | SqlClient.SqlClient>) =>
  Effect.provide(effect, Durable.layerStore.pipe(Layer.provideMerge(layerRunner({ path: ":memory:" }))))

const command: ApprovalRequest = {
  _tag: "Command",
  id: "r1",
  itemId: ItemId.make("item-1"),
  command: "npm publish",
  script: "npm publish",
  cwd: "/srv/app",
  extra: false
}

const asked = (id: string, request: ApprovalRequest = command, expiresAt: number | null = null) => ({
  id,
  key: "a",
  threadId: "t",
  turnId: TurnId.make("turn-1"),
  itemId: request.itemId,
  hash: hash(request),
  request,
  shown: "run npm publish",
  expiresAt
})

const delta = (events: number) => ({ type: "events.omitted", deltas: 0, events, at: 1 }) as const
const failure = new ToolFailed({ tool: "deploy", detail: "no", retryable: false })
const failed = { _tag: "Failed", error: failure } as const

describe("Durable", () => {
  it.effect("submits a turn once, with the options of the thread and of the turn", () =>
    withDurable(
      Effect.gen(function* () {
        const { submit, turns } = yield* Durable
        const options = { key: "a", cwd: "/srv/app", sandbox: "read-only", timeout: "5 minutes" } as const
        const first = yield* submit("Fix the build", options)
        assert.deepStrictEqual(yield* submit("Fix the build", options), first)
        const store = yield* Store
        const row = yield* store.turn("a")
        assert.deepStrictEqual(row?.threadOptions, { cwd: "/srv/app", sandbox: "read-only" })
        assert.deepStrictEqual(row?.options, { timeoutMillis: 300_000 })
        assert.deepStrictEqual(
          (yield* turns({ thread: first.thread })).map(({ key }) => key),
          ["a"]
        )
        const reused = yield* Effect.flip(submit("Fix it", options))
        assert.strictEqual(reused._tag, "KeyReused")
      })
    )
  )

  it.effect("refuses keys and options that cannot be stored or contradict each other", () =>
    withDurable(
      Effect.gen(function* () {
        const { submit, turns } = yield* Durable
        for (const options of [
          { key: "" },
          { key: "a\u0000b" },
          { key: "a".repeat(201) },
          { key: "a", thread: "\n" },
          { key: "a", network: true }
        ]) {
          const error = yield* Effect.flip(submit("Hello", options))
          assert.deepInclude(error, { _tag: "InvalidRequest", reason: "BadParams" })
        }
        assert.deepStrictEqual(yield* turns(), [])
      })
    )
  )

  it.effect("keeps the options that a submission names for the later turns of its thread only", () =>
    withDurable(
      Effect.gen(function* () {
        const thread = yield* DurableThread.make("t", { cwd: "/srv/app" })
        yield* thread.submit("One", { key: "1" })
        yield* thread.submit("Two", { key: "2", model: "gpt-5.4" })
        yield* thread.submit("Three", { key: "3" })
        const store = yield* Store
        const models = yield* Effect.forEach(["1", "2", "3"], (key) =>
          Effect.map(store.turn(key), (row) => row?.threadOptions.model)
        )
        assert.deepStrictEqual(models, [undefined, "gpt-5.4", "gpt-5.4"])
        assert.deepStrictEqual(
          (yield* thread.turns()).map(({ position }) => position),
          [3, 2, 1]
        )
      })
    )
  )

  it.effect("awaits a turn of another process, and fails with its error", () =>
    withDurable(
      Effect.gen(function* () {
        const durable = yield* Durable
        const store = yield* Store
        yield* durable.submit("Fix the build", { key: "a" })
        assert.isTrue(Option.isNone(yield* durable.poll("a")))
        const waiting = yield* Effect.forkChild(Effect.exit(durable.await("a")))
        yield* store.claim("a", "r1")
        yield* store.finish("a", 1, failed)
        const exit = yield* Fiber.join(waiting)
        assert.isTrue(Exit.isFailure(exit))
        const polled = yield* durable.poll("a")
        assert.strictEqual((yield* Effect.flip(Effect.flatten(Effect.fromOption(polled))))._tag, "ToolFailed")
      })
    )
  )

  it.effect("fails with TurnNotFound for a key that was never submitted", () =>
    withDurable(
      Effect.gen(function* () {
        const { await: awaitTurn, interrupt, poll, watch } = yield* Durable
        for (const ask of [awaitTurn("x"), poll("x"), Stream.runDrain(watch("x")), interrupt("x")]) {
          const error = yield* Effect.flip(Effect.asVoid(ask))
          assert.deepInclude(error, { _tag: "InvalidRequest", reason: "TurnNotFound" })
        }
      })
    )
  )

  it.effect("streams the events so far, the live ones and the outcome, and ends", () =>
    withDurable(
      Effect.gen(function* () {
        const durable = yield* Durable
        const store = yield* Store
        yield* durable.submit("Fix the build", { key: "a" })
        yield* store.claim("a", "r1")
        yield* store.events.append("a", [{ event: delta(1) }, { event: delta(2) }])
        const lines = yield* durable.watch("a").pipe(
          // The runner goes on when the watcher has seen what is stored.
          Stream.tap((line) =>
            line.type === "events.omitted" && line.events === 2
              ? Effect.andThen(store.events.append("a", [{ event: delta(3) }]), store.finish("a", 1, failed))
              : Effect.void
          ),
          Stream.runCollect
        )
        assert.deepStrictEqual(
          lines.map((line) => (line.type === "events.omitted" ? line.events : line.type)),
          [1, 2, 3, "turn.failed"]
        )
        assert.deepStrictEqual(yield* Stream.runCollect(durable.watch("a")), lines)
      })
    )
  )

  it.effect("interrupts a turn in the queue at once, and asks the runner of a running one", () =>
    withDurable(
      Effect.gen(function* () {
        const durable = yield* Durable
        const store = yield* Store
        yield* durable.submit("One", { key: "1", thread: "t" })
        yield* durable.submit("Two", { key: "2", thread: "t" })
        yield* store.claim("1", "r1")
        yield* durable.interrupt("1")
        yield* durable.interrupt("2")
        assert.isNotNull((yield* durable.turn("1")).interruptRequestedAt)
        assert.deepStrictEqual(
          [(yield* durable.turn("1")).status, (yield* durable.turn("2")).status],
          ["running", "interrupted"]
        )
        const last = yield* Stream.runLast(durable.watch("2"))
        assert.strictEqual(Option.getOrUndefined(last)?.type, "turn.interrupted")
      })
    )
  )
})

describe("approvals of durable turns", () => {
  it.effect("lists, shows and answers a request, and writes who decided", () =>
    withDurable(
      Effect.gen(function* () {
        const { approvals } = yield* Durable
        const store = yield* Store
        yield* store.approvals.ask(asked("p1"))
        const [pending] = yield* approvals.list()
        assert.deepInclude(pending, { id: "p1", status: "pending", text: "run npm publish" })
        assert.strictEqual((yield* approvals.show("p1")).hash, hash(command))
        yield* approvals.answer("p1", { decision: acceptForSession, hash: hash(command) }, "ada")
        assert.deepStrictEqual(yield* approvals.list(), [])
        const shown = yield* approvals.show("p1")
        assert.deepInclude(shown, { status: "decided", decidedBy: "ada" })
        assert.strictEqual(shown.decision?._tag, "AcceptForSession")
        const error = yield* Effect.flip(
          approvals.answer("p1", { decision: decline("no"), hash: hash(command) }, "bob")
        )
        assert.deepInclude(error, { _tag: "AlreadyDecided", decided: "acceptForSession" })
        const unknown = yield* Effect.flip(approvals.answer("x", { decision: accept, hash: "" }, "ada"))
        assert.strictEqual(unknown._tag, "NotPending")
      })
    )
  )

  it.effect("F18 refuses an answer after the request expired or its turn ended", () =>
    withDurable(
      Effect.gen(function* () {
        const { approvals } = yield* Durable
        const store = yield* Store
        yield* store.approvals.ask({ ...asked("expiring", command, 1000), key: "b" })
        yield* store.approvals.ask(asked("ending"))
        yield* TestClock.setTime(1000)
        yield* store.approvals.end("a")
        for (const id of ["expiring", "ending"]) {
          const error = yield* Effect.flip(
            approvals.answer(id, { decision: accept, hash: hash(command) }, "ada")
          )
          assert.deepInclude(error, { _tag: "AlreadyDecided", decided: "withdrawn" })
          // Past the check of the client, too: the statement itself has the conditions.
          assert.strictEqual(yield* store.approvals.decide(id, accept, "ada"), "ended")
          assert.isNull((yield* store.approvals.get(id))?.decision)
        }
        assert.deepStrictEqual(yield* approvals.list(), [])
      })
    )
  )

  it.effect("F19 decides only the request that was answered while another of the same tool waits", () =>
    withDurable(
      Effect.gen(function* () {
        const { approvals } = yield* Durable
        const store = yield* Store
        const other: ApprovalRequest = { ...command, itemId: ItemId.make("item-2") }
        yield* store.approvals.ask(asked("p1"))
        yield* store.approvals.ask(asked("p2", other))
        yield* approvals.answer("p1", { decision: accept, hash: hash(command) }, "ada")
        assert.strictEqual((yield* approvals.show("p1")).status, "decided")
        assert.strictEqual((yield* approvals.show("p2")).status, "pending")
      })
    )
  )

  it.effect("F20 refuses an answer to other arguments than those that were shown", () =>
    withDurable(
      Effect.gen(function* () {
        const { approvals } = yield* Durable
        const store = yield* Store
        const sql = yield* SqlClient.SqlClient
        yield* store.approvals.ask(asked("p1"))
        const other = { ...command, command: "rm -rf .", script: "rm -rf ." }
        const error = yield* Effect.flip(
          approvals.answer("p1", { decision: accept, hash: hash(other) }, "ada")
        )
        assert.deepInclude(error, { _tag: "ArgumentsChanged", hash: hash(command) })
        // The row itself was changed after it was shown.
        yield* sql`update codex_approvals set request = replace(request, 'npm publish', 'rm -rf .')`
        const changed = yield* Effect.flip(
          approvals.answer("p1", { decision: accept, hash: hash(command) }, "ada")
        )
        assert.deepInclude(changed, { _tag: "ArgumentsChanged", hash: hash(other) })
        assert.strictEqual((yield* approvals.show("p1")).status, "pending")
      })
    )
  )

  it.effect("refuses a decision that does not match the request, and hides the answers to questions", () =>
    withDurable(
      Effect.gen(function* () {
        const { approvals } = yield* Durable
        const store = yield* Store
        const question: ApprovalRequest = {
          _tag: "UserInput",
          id: "r2",
          itemId: ItemId.make("item-3"),
          questions: [{ id: "token", header: "Token", question: "Which token?", other: true, secret: true }]
        }
        yield* store.approvals.ask(asked("q1", question))
        const error = yield* Effect.flip(
          approvals.answer("q1", { decision: accept, hash: hash(question) }, "ada")
        )
        assert.strictEqual(error._tag, "AnswerRejected")
        yield* approvals.answer(
          "q1",
          { decision: answer({ token: ["s3cret"] }), hash: hash(question) },
          "ada"
        )
        assert.notInclude(JSON.stringify(yield* approvals.show("q1")), "s3cret")
        const stored = (yield* store.approvals.get("q1"))?.decision
        assert.deepInclude(stored, {
          _tag: "Accept",
          given: { _tag: "Answers", answers: { token: ["s3cret"] } }
        })
      })
    )
  )
})
