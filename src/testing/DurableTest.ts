/**
 * A test layer for durable programs: a database in a private temporary file, a runner, and a scripted Codex behind a socket
 * that outlives the runner. `Durable.crash` kills one of them at any step and starts the next one.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type * as Tool from "effect/ai/Tool"
import * as TestClock from "effect/testing/TestClock"
import * as WorkflowEngine from "effect/workflow/WorkflowEngine"
import * as WebCrypto from "effect/crypto/WebCrypto"
import { createHash, webcrypto } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Codex } from "../Codex.ts"
import * as DurableClient from "../durable/Durable.ts"
import { type CrashStep, type CrashTarget, DurableCrash } from "../durable/DurableCrash.ts"
import * as DurableRunner from "../durable/runner/DurableRunner.ts"
import * as ChangeFeed from "../durable/store/ChangeFeed.ts"
import * as SqliteClient from "../durable/store/SqliteClient.ts"
import { make as makeStore, Store } from "../durable/store/Store.ts"
import * as Engine from "../engine/Engine.ts"
import * as CrashPoints from "./durable/CrashPoints.ts"
import * as TestProcess from "./durable/TestProcess.ts"
import * as ScriptedEngine from "./scripted/ScriptedEngine.ts"
import * as ScriptedRollouts from "./scripted/ScriptedRollouts.ts"
import * as Scripted from "./Scripted.ts"

/**
 * Options of the runner under test.
 * @since 0.1.0
 * @category models
 */
export interface DurableTestOptions<
  Tools extends Record<string, Tool.Any> = {},
  ToolServices = never,
  PolicyServices = never
> extends Omit<DurableRunner.RunnerOptions<Tools, ToolServices, PolicyServices>, "engine"> {}

/** What the test layer provides. */
type DurableTestServices = DurableClient.Durable | DurableCrash | Scripted.Scripted

/** How long the lock of a runner lasts that does not refresh it. */
const lockExpiry = "6 seconds"

/** A runner with its connection to the database and to the engine. */
interface RunningProcess {
  readonly process: TestProcess.TestProcess
  readonly loseLocks: () => void
  /** Completes when its layer is built, or when it is killed. */
  readonly started: Deferred.Deferred<void>
}

/**
 * Digests within the process. Those of the system come from other threads, in real time, so a test clock would pass them, and
 * a run could not be repeated.
 */
const subtle: Pick<typeof webcrypto.subtle, "digest"> = {
  digest: async (algorithm, data) => {
    const name = typeof algorithm === "string" ? algorithm : algorithm.name
    const bytes = ArrayBuffer.isView(data)
      ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
      : Buffer.from(data)
    return Uint8Array.from(createHash(name.replace("-", "")).update(bytes).digest()).buffer
  }
}
const testCrypto: typeof webcrypto = Object.create(webcrypto, { subtle: { value: subtle } })

/** A private directory that is removed with the scope. */
const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-codex-durable-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

/**
 * Turns off the warning of a test clock that the test does not advance. The warning is a fiber of the process that sleeps
 * first, and the clock would wait for that fiber after the process was killed.
 */
const withoutClockWarning = Effect.flatMap(Clock.Clock, (clock) =>
  "adjust" in clock ? TestClock.adjust(0) : Effect.void
)

/** Opens a connection of its own, as each process has one. */
const openStore = Effect.fnUntraced(function* (
  path: string,
  feed: ChangeFeed.ChangeFeed["Service"]
): Effect.fn.Return<
  {
    readonly store: Store["Service"]
    readonly database: { readonly isTransaction: boolean; readonly close: () => void }
  },
  never,
  Scope.Scope
> {
  const context = yield* Effect.orDie(SqliteClient.make({ path }))
  const { database } = Context.get(context, SqliteClient.Sqlite)
  // The file ends with the test.
  database.exec("PRAGMA synchronous = OFF")
  const store = yield* makeStore.pipe(
    Effect.provideContext(context),
    Effect.provideService(ChangeFeed.ChangeFeed, feed),
    Effect.orDie
  )
  return {
    store,
    database: {
      get isTransaction() {
        return database.isOpen && database.isTransaction
      },
      close: () => (database.isOpen ? database.close() : undefined)
    }
  }
})

/** Lists no turns to a runner that has lost its locks. The workflow engine of a cluster gives it none. */
const withLocks = (store: Store["Service"], hasLocks: () => boolean): Store["Service"] => {
  const { claimed, heads, left } = store.open
  const unless = <E>(keys: Effect.Effect<ReadonlyArray<string>, E>) =>
    Effect.suspend(() => (hasLocks() ? keys : Effect.succeed([])))
  return {
    ...store,
    open: {
      ...store.open,
      heads: (limit) => unless(heads(limit)),
      claimed: unless(claimed),
      left: unless(left)
    }
  }
}

const make = Effect.fnUntraced(function* <
  Tools extends Record<string, Tool.Any>,
  ToolServices,
  PolicyServices
>(options: DurableTestOptions<Tools, ToolServices, PolicyServices>, generate?: ScriptedEngine.GenerateTurn) {
  yield* withoutClockWarning
  const directory = yield* temporaryDirectory
  const scripted = yield* ScriptedEngine.make(true, generate, ScriptedRollouts.make(directory))
  const path = join(directory, "turns.db")
  // All processes of the test announce their commits here.
  const feed = yield* ChangeFeed.make(() => Effect.void)
  const client = yield* openStore(path, feed)
  const points = CrashPoints.make()
  const services = yield* Effect.context<DurableRunner.RunnerServices<Tools, ToolServices, PolicyServices>>()
  const processes = new Set<TestProcess.TestProcess>()
  let machine = 1
  let current: RunningProcess | undefined

  /** Starts a runner. Returns when it has started, or has been killed meanwhile. */
  const start = Effect.gen(function* () {
    let database: { readonly isTransaction: boolean; readonly close: () => void } | undefined
    /** Whether the runner has lost its locks, so that its workflow engine starts nothing more. */
    let isOut = false
    const connection = scripted.connect({
      onStart: () => points.reach("before-turn-start"),
      onEvent: (event) => CrashPoints.onEvent(points, event)
    })
    const started = yield* Deferred.make<void>()
    const process = yield* TestProcess.make({
      onKill: () => {
        processes.delete(process)
        connection.drop()
        points.clear()
        database?.close()
        // It may be killed before it has started.
        Deferred.doneUnsafe(started, Exit.void)
      },
      isInTransaction: () => database?.isTransaction === true
    })
    processes.add(process)
    const running = { process, started, loseLocks: () => void (isOut = true) }
    current = running
    // It never closes: a process that is killed runs no finalizers.
    const scope = Scope.makeUnsafe()
    const runner = Effect.gen(function* () {
      const opened = yield* Scope.provide(openStore(path, feed), scope)
      database = opened.database
      const store = withLocks(CrashPoints.probe(opened.store, points), () => !isOut)
      const layer = DurableRunner.DurableRunner.layer({ ...options, engine: `scripted-${machine}` }).pipe(
        Layer.provide(Codex.layer),
        Layer.provide(WorkflowEngine.layerMemory),
        Layer.provide(Layer.succeed(Engine.Engine, connection.engine)),
        Layer.provide(Layer.succeed(Store, store))
      )
      yield* Layer.buildWithMemoMap(layer, Layer.makeMemoMapUnsafe(), scope)
      yield* Deferred.succeed(running.started, undefined)
    })
    const fiber = yield* Effect.forkDetach(
      process
        .run(runner)
        .pipe(Effect.provideService(WebCrypto.WebCrypto, testCrypto), Effect.provideContext(services))
    )
    yield* Effect.raceFirst(Deferred.await(running.started), Fiber.join(fiber))
  })
  const killAll = () => {
    for (const process of processes) process.kill()
  }

  /** Stops something at a step, or now, and then starts what goes on. Without a runner, an interrupted test would wait for nothing. */
  const at = <A, E, R>(step: CrashStep | undefined, act: () => void, after: Effect.Effect<A, E, R>) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.andThen(restore(step === undefined ? Effect.sync(act) : points.at(step, act)), after)
    )

  const crash = (step?: CrashStep, target: CrashTarget = "runner") => {
    switch (target) {
      case "runner":
        return at(step, () => current?.process.kill(), start)
      case "engine":
        return at(step, scripted.crash, Effect.void)
      case "machine":
        return at(
          step,
          () => {
            killAll()
            scripted.crashMachine()
            machine++
          },
          start
        )
    }
  }

  const freeze = (step?: CrashStep) => {
    let frozen: RunningProcess | undefined
    const act = () => {
      frozen = current
      frozen?.process.freeze()
    }
    const takeOver = Effect.andThen(
      Effect.sleep(lockExpiry),
      // A crash may have started a runner meanwhile.
      Effect.suspend(() => (current === frozen ? start : Effect.void))
    )
    return at(
      step,
      act,
      Effect.map(Effect.forkDetach(takeOver, { startImmediately: true }), (fiber) =>
        Effect.andThen(
          Fiber.join(fiber),
          Effect.sync(() => {
            frozen?.loseLocks()
            frozen?.process.thaw()
          })
        )
      )
    )
  }

  // A runner that leaves its turns waits for tools in virtual time, which no longer passes.
  yield* Effect.addFinalizer(() => Effect.sync(killAll))
  yield* start
  return Context.make(DurableClient.Durable, DurableClient.make(client.store)).pipe(
    Context.add(DurableCrash, DurableCrash.of({ crash, freeze })),
    Context.add(Scripted.Scripted, Scripted.services(scripted))
  )
})

/** @internal The same as `layer`, with what the turns do that have no script. */
export const layerGenerated = <
  Tools extends Record<string, Tool.Any> = {},
  ToolServices = never,
  PolicyServices = never
>(
  options: DurableTestOptions<Tools, ToolServices, PolicyServices>,
  generate?: ScriptedEngine.GenerateTurn
): Layer.Layer<
  DurableTestServices,
  never,
  DurableRunner.RunnerServices<Tools, ToolServices, PolicyServices>
> => Layer.effectContext(make(options, generate))

/**
 * Provides `Durable` on a private database, with a runner and a scripted Codex behind a socket. Script the agent with
 * `Scripted.play`, crash the runner or the engine with `Durable.crash`, and pass deadlines, expiries and retries with
 * `TestClock.adjust`. The options are those of `DurableRunner`.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { assert, it } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { Approval } from "effect-codex"
 * import { Durable } from "effect-codex/durable"
 * import { DurableTest, Scripted } from "effect-codex/testing"
 *
 * it.effect("waits for its approval over a crash", () =>
 *   Effect.gen(function* () {
 *     yield* Scripted.play([Scripted.command("git push", { approval: true }), Scripted.message("Pushed.")])
 *     const { approvals, await: outcome, submit } = yield* Durable
 *     yield* submit("Push the release", { key: "push-1" })
 *     yield* Durable.crash("approval-waits")
 *     const [request] = yield* approvals.list()
 *     assert.isDefined(request)
 *     yield* approvals.answer(request.id, { decision: Approval.accept, hash: request.hash }, "ada")
 *     assert.strictEqual((yield* outcome("push-1")).message, "Pushed.")
 *   }).pipe(Effect.provide(DurableTest.layer()))
 * )
 * ```
 */
export const layer = <
  Tools extends Record<string, Tool.Any> = {},
  ToolServices = never,
  PolicyServices = never
>(
  options: DurableTestOptions<Tools, ToolServices, PolicyServices> = {}
): Layer.Layer<
  DurableTestServices,
  never,
  DurableRunner.RunnerServices<Tools, ToolServices, PolicyServices>
> => layerGenerated(options)
