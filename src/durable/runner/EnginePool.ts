/**
 * The engines of a worker: whether the worker reaches them, and on which of them a turn runs. Each engine is watched by
 * itself, so a dead engine delays nothing on the others.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as CodexError from "../../domain/CodexError.ts"
import type { StorageUnavailable } from "../../domain/StorageErrors.ts"
import type { ThreadRow } from "../store/Rows.ts"
import type { Store } from "../store/Store.ts"
import * as LeftThreads from "./LeftThreads.ts"
import type { RunnerThreads } from "./ThreadOpening.ts"

/** An engine that this worker drives. */
export interface DrivenEngine {
  /** The name of the engine in the database. */
  readonly name: string
  readonly threads: RunnerThreads
}

/** An engine on which a turn runs. */
export interface PoolEngine extends DrivenEngine {
  /**
   * Waits until the threads of the engine have to move and another engine of this worker can take them. Returns why.
   * Without another engine it never ends.
   */
  readonly lost: Effect.Effect<CodexError.EngineUnreachable>
  /** Waits until this worker reaches the engine, or until it does not. Without another engine it never ends. */
  readonly whenReached: (isReached: boolean) => Effect.Effect<void>
}

/** Whether the worker reaches an engine. `lost`: no worker has reached it for so long that its threads move. */
type Health = "unknown" | "reached" | "unreachable" | "lost"

interface WatchedEngine extends DrivenEngine {
  readonly health: SubscriptionRef.SubscriptionRef<Health>
}

export interface PoolOptions {
  readonly store: Store["Service"]
  readonly engines: ReadonlyArray<DrivenEngine>
  /** Identifies the worker in the database. */
  readonly runner: string
  /** How long no worker must have reached an engine before its threads move to another one. */
  readonly takeOverAfter: Duration.Duration
}

export interface EnginePool {
  /**
   * Returns the engine on which the thread runs now, and counts the thread there until the scope closes. Fails with
   * `EngineUnreachable` or `ThreadBusy` while the thread has to wait.
   */
  readonly acquire: (
    thread: ThreadRow
  ) => Effect.Effect<PoolEngine, CodexError.CodexError | StorageUnavailable, Scope.Scope>
  /**
   * Waits until this worker has not reached the engine of the thread for some seconds; for a thread without an engine, until
   * it has reached none. Never ends if only other workers drive the engine.
   */
  readonly unreached: (thread: ThreadRow) => Effect.Effect<void>
}

const maxInterval = Duration.seconds(5)
const minInterval = Duration.millis(100)

/** How long the first threads wait for the engines of a worker that starts, so that not all of them go to the fastest. */
const startGrace = "2 seconds"

/** How long an engine may be away, for example because it restarts, before a turn that is to be interrupted ends without it. */
const absence = "5 seconds"

/** How long an engine that is connected may take to answer. */
const answerTimeout = "5 seconds"

/**
 * Whether an engine answers. `home` starts or connects it, and takes at most its own timeouts. A connection that broke is
 * made again for minutes, in which `home` is known and no request is answered.
 */
const answers = ({ threads }: DrivenEngine): Effect.Effect<boolean> =>
  Effect.andThen(threads.home, Effect.timeout(threads.request("thread/loaded/list", {}), answerTimeout)).pipe(
    Effect.as(true),
    // An engine that refuses the request has answered.
    Effect.catch((error) => Effect.succeed(error._tag === "InvalidRequest")),
    Effect.provideService(References.TracerEnabled, false)
  )

const unreachable = (name: string, detail: string) =>
  new CodexError.EngineUnreachable({ reason: "Lost", endpoint: name, detail })

const healthOf = ({ health }: WatchedEngine): Health => SubscriptionRef.getUnsafe(health)

/** Waits until the health of an engine is as `holds` says. */
const until = ({ health }: WatchedEngine, holds: (health: Health) => boolean): Effect.Effect<void> =>
  Stream.runDrain(Stream.takeUntil(SubscriptionRef.changes(health), holds))

/** Starts to watch the engines, until the scope closes. */
export const make = Effect.fnUntraced(function* ({ engines, runner, store, takeOverAfter }: PoolOptions) {
  const startedAt = yield* Clock.currentTimeMillis
  const watched = yield* Effect.forEach(engines, (engine) =>
    Effect.map(SubscriptionRef.make<Health>("unknown"), (health): WatchedEngine => ({ ...engine, health }))
  )
  const [only, ...others] = watched
  const isOnly = others.length === 0

  /** Returns for how long no worker has reached an engine. A worker that starts gives each engine the whole time. */
  const silence = Effect.fnUntraced(function* (name: string) {
    const seenAt = Math.max(startedAt, yield* store.engines.lastSeen(name))
    return (yield* Clock.currentTimeMillis) - seenAt
  })
  const isLost = (silent: number) => silent >= Duration.toMillis(takeOverAfter)

  const check = (engine: WatchedEngine) =>
    Effect.gen(function* () {
      if (yield* answers(engine)) {
        yield* SubscriptionRef.set(engine.health, "reached")
        return yield* store.engines.seen(engine.name)
      }
      if (healthOf(engine) !== "lost") yield* SubscriptionRef.set(engine.health, "unreachable")
      // Another worker may reach it.
      const silent = yield* silence(engine.name)
      yield* SubscriptionRef.set(engine.health, isLost(silent) ? "lost" : "unreachable")
    }).pipe(
      // A database that cannot be reached has the engine for a later round.
      Effect.ignore
    )

  const interval = Duration.min(
    maxInterval,
    Duration.max(minInterval, Duration.divideUnsafe(takeOverAfter, 4))
  )
  const isKnown = (health: Health) => health !== "unknown"
  const isReached = (health: Health) => health === "reached"
  const endLeft = (engine: WatchedEngine) =>
    Effect.suspend(() =>
      isReached(healthOf(engine)) ? Effect.ignore(LeftThreads.end(store, engine)) : Effect.void
    )
  yield* Effect.forEach(
    watched.flatMap((engine) => [check(engine), endLeft(engine)]),
    (work) => Effect.forkScoped(Effect.repeat(work, Schedule.spaced(interval)))
  )

  const allKnown = Effect.forEach(watched, (engine) => until(engine, isKnown), {
    concurrency: "unbounded",
    discard: true
  })
  const hasStarted = yield* Deferred.make<void>()
  yield* Effect.timeoutOption(allKnown, startGrace).pipe(
    Effect.andThen(Deferred.succeed(hasStarted, undefined)),
    Effect.forkScoped
  )

  /** The engines of the threads that this worker runs. The database has those of the other workers. */
  const placed = new Map<string, string>()
  const choosing = Semaphore.makeUnsafe(1)

  /** Returns the engine with the fewest running threads. Ignores engines that this worker does not reach. */
  const choose = Effect.fnUntraced(function* (thread: string) {
    const load = new Map(yield* store.engines.running(runner))
    for (const name of placed.values()) load.set(name, (load.get(name) ?? 0) + 1)
    const [engine] = watched
      .filter((engine) => isReached(healthOf(engine)))
      .toSorted((a, b) => (load.get(a.name) ?? 0) - (load.get(b.name) ?? 0))
    if (engine !== undefined) placed.set(thread, engine.name)
    return engine
  }, choosing.withPermits(1))

  /** Returns the engine of a thread if it is to run there, or fails while the thread has to wait for it. */
  const ownerOf = Effect.fnUntraced(function* ({ codexThreadId, engine: owner }: ThreadRow) {
    if (codexThreadId === null || owner === null) return undefined
    const own = watched.find(({ name }) => name === owner)
    if (own !== undefined) {
      if (isOnly) return own
      yield* until(own, isKnown)
      if (isReached(healthOf(own))) return own
      return healthOf(own) === "lost" ? undefined : yield* unreachable(owner, "its threads wait for it")
    }
    const silent = yield* silence(owner)
    if (isLost(silent)) return undefined
    return yield* new CodexError.ThreadBusy({
      method: "thread/resume",
      detail: `the engine ${owner} has the thread and was reached ${Math.round(silent / 1000)} seconds ago`
    })
  })

  const pick = Effect.fnUntraced(function* (thread: ThreadRow) {
    const owner = yield* ownerOf(thread)
    if (owner !== undefined) {
      placed.set(thread.id, owner.name)
      return owner
    }
    if (isOnly && only !== undefined) return only
    yield* Deferred.await(hasStarted)
    const engine = yield* choose(thread.id)
    return engine ?? (yield* unreachable(watched.map(({ name }) => name).join(", "), "none of them answers"))
  })

  /** Waits until the threads of an engine have to move, and another engine can take them. */
  const lost = (engine: WatchedEngine): Effect.Effect<CodexError.EngineUnreachable> =>
    Effect.gen(function* () {
      const rest = watched.filter((other) => other !== engine)
      while (true) {
        yield* until(engine, (health) => health === "lost")
        yield* Effect.raceAllFirst(rest.map((other) => until(other, isReached)))
        if (healthOf(engine) === "lost") return unreachable(engine.name, "its threads move to another engine")
      }
    })

  const isAway = (health: Health) => isKnown(health) && !isReached(health)

  const unreached = ({ codexThreadId, engine: owner }: ThreadRow): Effect.Effect<void> =>
    Effect.gen(function* () {
      const candidates =
        codexThreadId === null || owner === null ? watched : watched.filter(({ name }) => name === owner)
      if (candidates.length === 0) return yield* Effect.never
      do {
        yield* Effect.forEach(candidates, (engine) => until(engine, isAway), { discard: true })
        yield* Effect.sleep(absence)
      } while (!candidates.every((engine) => isAway(healthOf(engine))))
    })

  const toPoolEngine = (engine: WatchedEngine): PoolEngine => ({
    name: engine.name,
    threads: engine.threads,
    lost: isOnly ? Effect.never : lost(engine),
    whenReached: (expected) =>
      isOnly ? Effect.never : until(engine, (health) => isKnown(health) && isReached(health) === expected)
  })

  return {
    acquire: (thread) =>
      Effect.addFinalizer(() => Effect.sync(() => placed.delete(thread.id))).pipe(
        Effect.andThen(pick(thread)),
        Effect.map(toPoolEngine)
      ),
    unreached
  } satisfies EnginePool
})
