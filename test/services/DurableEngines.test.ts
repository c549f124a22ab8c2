/** A worker with two app-servers of the real Codex, one of which is killed while turns run on both. */
import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as WorkflowEngine from "effect/workflow/WorkflowEngine"
import { existsSync, readFileSync } from "node:fs"
import { Codex } from "../../src/Codex.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import { DurableRunner, type RunnerEvent } from "../../src/durable/runner/DurableRunner.ts"
import { Engines } from "../../src/durable/runner/Engines.ts"
import { layerRunner } from "../../src/durable/store/SqliteStore.ts"
import { Store } from "../../src/durable/store/Store.ts"
import * as AppServer from "../../src/engine/AppServer.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as CodexHome from "../support/codexHome.ts"
import * as CodexSocket from "../support/codexSocket.ts"
import { test, until } from "../support/live.ts"

const keys = ["one", "two", "three", "four"]

const lines = (file: string): ReadonlyArray<string> =>
  existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []

/** Runs a turn in each of four threads, and kills an engine while each turn waits for its second reply of the model. */
const scenario = Effect.fnUntraced(
  function* (sharesHome: boolean) {
    const fs = yield* FileSystem.FileSystem
    const gate = yield* Deferred.make<void>()
    /** The key of each request of the model, and whether it follows a death. */
    const requests: Array<{ readonly key: string; readonly continues: boolean }> = []
    const model = yield* M.make((request) => {
      const body = JSON.stringify(request.body)
      const key = keys.find((key) => body.includes(`do ${key}`)) ?? "none"
      const continues = body.includes("The program that ran you stopped")
      requests.push({ key, continues })
      if (continues) return M.reply(M.text(`${key} continues`))
      return requests.filter((request) => request.key === key).length === 1
        ? M.reply(M.shell(`echo ran >> ${key}-runs`))
        : M.reply(M.until(Deferred.await(gate)), M.text(`${key} is done`))
    })
    const home = CodexHome.make(model)
    const first = yield* home
    const servers = {
      a: yield* CodexSocket.serve(first),
      b: yield* CodexSocket.serve(sharesHome ? first : yield* home)
    }
    for (const { path } of Object.values(servers))
      yield* until(
        "codex listens",
        Effect.sync(() => existsSync(path))
      )
    const workspace = yield* Effect.flatMap(fs.makeTempDirectoryScoped(), fs.realPath)
    const worker = DurableRunner.layer({ takeOverAfter: "1 second" }).pipe(
      Layer.provide(WorkflowEngine.layerMemory),
      Layer.provide(
        Engines.layer(
          Object.entries(servers).map(([name, { path }]) => ({
            name,
            engine: AppServer.layerSocket({ path })
          }))
        )
      )
    )
    const events: Array<RunnerEvent> = []
    const store = yield* Store
    const engineOf = (key: string) => Effect.map(store.thread(key), (row) => row?.engine)
    return yield* Effect.gen(function* () {
      const runner = yield* DurableRunner
      yield* Effect.forkScoped(
        Stream.runForEach(runner.events, (event) => Effect.sync(() => events.push(event))),
        { startImmediately: true }
      )
      yield* Effect.forEach(keys, (key) =>
        store.submit({
          key,
          threadId: key,
          threadOptions: { cwd: workspace, sandbox: "workspace-write", approvalMode: "on-request" },
          input: `do ${key}`,
          options: {}
        })
      )
      yield* until(
        "every turn waits for its second reply",
        Effect.sync(() => requests.length === 8)
      )
      const before = yield* Effect.forEach(keys, engineOf)
      yield* servers.a.kill
      const moving = keys.filter((_, index) => before[index] === "a")
      yield* Effect.forEach(moving, (key) =>
        until(
          `the end of ${key}`,
          Effect.map(store.outcome(key), (outcome) => outcome !== undefined)
        )
      )
      yield* Deferred.succeed(gate, undefined)
      const ends = yield* Effect.forEach(
        keys,
        Effect.fnUntraced(function* (key) {
          yield* until(
            `the end of ${key}`,
            Effect.map(store.outcome(key), (outcome) => outcome !== undefined)
          )
          const outcome = yield* store.outcome(key)
          return {
            key,
            end: outcome?._tag === "Completed" ? outcome.turn.message : outcome?.error.message,
            engine: yield* engineOf(key),
            requests: requests.filter((request) => request.key === key).map(({ continues }) => continues),
            runs: lines(`${workspace}/${key}-runs`),
            events: events.flatMap((event) => (event.key === key ? [event._tag] : []))
          }
        })
      )
      return { before, ends, moving }
    }).pipe(Effect.provide(worker))
  },
  Effect.provide(layerRunner({ path: ":memory:" }))
)

describe("a worker with two app-servers, one of which is killed", () => {
  for (const sharesHome of [false, true])
    test(
      sharesHome
        ? "continues the threads of the dead one, whose files the other one has"
        : "continues the threads of the dead one from their copies",
      () =>
        Effect.gen(function* () {
          const { before, ends, moving } = yield* scenario(sharesHome)
          assert.deepStrictEqual(before.toSorted(), ["a", "a", "b", "b"])
          for (const { end, engine, events, key, requests, runs } of ends) {
            const hasMoved = moving.includes(key)
            assert.strictEqual(end, hasMoved ? `${key} continues` : `${key} is done`)
            assert.strictEqual(engine, "b")
            assert.deepStrictEqual(requests, hasMoved ? [false, false, true] : [false, false])
            assert.deepStrictEqual(runs, ["ran"])
            if (hasMoved) assert.include(events, "Recovering")
            else assert.deepStrictEqual(events, ["Claimed", "Started", "Ended"])
          }
        })
    )
})

describe("a worker of another version", () => {
  test("interrupts a turn that Codex still runs for the first one", () =>
    Effect.gen(function* () {
      const never = yield* Deferred.make<void>()
      const requested = yield* Deferred.make<void>()
      const codex = yield* CodexSocket.make(() =>
        Effect.as(Deferred.succeed(requested, undefined), M.reply(M.until(Deferred.await(never))))
      )
      const store = yield* Store
      const worker = (programVersion: string) =>
        DurableRunner.layer({ programVersion }).pipe(Layer.provide([WorkflowEngine.layerMemory, codex.layer]))
      yield* store.submit({
        key: "k",
        threadId: "t",
        threadOptions: { cwd: codex.workspace, sandbox: "read-only" },
        input: "do it",
        options: {}
      })
      const turnId = Effect.map(store.turn("k"), (row) => row?.turnId ?? null)
      yield* Effect.andThen(
        Deferred.await(requested),
        until(
          "the turn is stored",
          Effect.map(turnId, (id) => id !== null)
        )
      ).pipe(Effect.provide(worker("1")))
      const { codexThreadId } = (yield* store.thread("t")) ?? {}
      const attached = Codex.use(({ attach }) => attach(ThreadId.make(codexThreadId ?? ""))).pipe(
        Effect.scoped,
        Effect.provide(codex.layer)
      )
      // Codex goes on without a worker.
      assert.strictEqual((yield* attached).turnId, yield* turnId)
      const ended = Effect.map(store.outcome("k"), (outcome) => outcome !== undefined)
      yield* Effect.provide(until("the outcome", ended), worker("2"))
      const outcome = yield* store.outcome("k")
      assert.strictEqual(outcome?._tag === "Failed" ? outcome.error._tag : undefined, "IncompatibleJournal")
      assert.deepInclude(yield* Effect.flip(attached), { _tag: "InvalidRequest", reason: "NoTurnRunning" })
    }).pipe(Effect.provide(layerRunner({ path: ":memory:" }))))
})

describe("a turn that is interrupted while its worker is cut off from Codex", () => {
  test("ends within seconds, and Codex stops it before it runs the next turn of the thread", () =>
    Effect.gen(function* () {
      const never = yield* Deferred.make<void>()
      const codex = yield* CodexSocket.make(({ lastUserText }) =>
        lastUserText === "do one" ? M.reply(M.until(Deferred.await(never))) : M.reply(M.text("done"))
      )
      const store = yield* Store
      const submit = (key: string) =>
        store.submit({
          key,
          threadId: "t",
          threadOptions: { cwd: codex.workspace, sandbox: "read-only" },
          input: `do ${key}`,
          options: {}
        })
      const endOf = (key: string) =>
        Effect.andThen(
          until(
            `the end of ${key}`,
            Effect.map(store.outcome(key), (outcome) => outcome !== undefined)
          ),
          store.outcome(key)
        )
      yield* Effect.gen(function* () {
        yield* submit("one")
        yield* until(
          "the turn is stored",
          Effect.map(store.turn("one"), (row) => row?.turnId != null)
        )
        yield* codex.pause
        yield* store.requestInterrupt("one")
        const first = yield* endOf("one")
        assert.strictEqual(first?._tag === "Failed" ? first.error._tag : undefined, "TurnInterrupted")
        yield* submit("two")
        yield* codex.unpause
        const second = yield* endOf("two")
        assert.strictEqual(second?._tag === "Completed" ? second.turn.message : undefined, "done")
        assert.notStrictEqual((yield* store.turn("two"))?.turnId, (yield* store.turn("one"))?.turnId)
        const events = yield* store.events.after("two", 0)
        assert.lengthOf(
          events.filter(({ event }) => event.type === "turn.started"),
          1
        )
      }).pipe(
        Effect.provide(DurableRunner.layer().pipe(Layer.provide([WorkflowEngine.layerMemory, codex.layer])))
      )
    }).pipe(Effect.provide(layerRunner({ path: ":memory:" }))))
})
